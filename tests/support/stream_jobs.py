"""Jobs of a stream whose reading a test controls."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np

from hiqa_cli.engine.scorer import Job
from hiqa_cli.images.picture import Picture

PATIENCE = 60.0  # s; a test that waits longer has found a stream that holds results back


def grey(level: int, width: int = 40, height: int = 30) -> Picture:
    return Picture(np.full((height, width, 3), level, np.uint8), "array")


class Pipe(io.BytesIO):
    """A stream that runs `before_reading` on the reading thread, then gives a picture's file."""

    def __init__(self, before_reading: Callable[[], object], picture: Picture) -> None:
        ok, data = cv2.imencode(".png", picture.pixels)
        assert ok
        super().__init__(data.tobytes())
        self._before_reading = before_reading

    def readinto(self, buffer: object) -> int:
        if self.tell() == 0:
            self._before_reading()
        return super().readinto(buffer)  # type: ignore[arg-type]


def job(name: str, before_reading: Callable[[], object], picture: Picture) -> Job:
    return Job(Pipe(before_reading, picture), name, token=name.upper())


def good(name: str, level: int = 100) -> Job:
    return Job(grey(level), name, token=name.upper())
