"""Reads pictures through child processes, which decode them with fewer rights than this one.

A child that dies, takes too long, or answers nonsense costs its picture only, and is replaced.
"""

from __future__ import annotations

import io
import os
import threading
from typing import BinaryIO

from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import Reserve, no_reserve
from hiqa_cli.images.source import DEFAULT_LIMITS, Limits, read_bytes

from .process import Child

MEMORY = 4 * 2**30
"""Bytes that a child may use for one picture; a picture of 200 megapixels needs up to 3 GiB."""

SECONDS = 60.0
"""Seconds that a child has for one picture: once for its header, once for its pixels."""


class IsolatedReader:
    """Reads pictures as `read_picture` and `decode_picture` do; every thread that reads meanwhile has its own child."""

    def __init__(self, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        """Start the first child, without waiting for it. Raises DependencyError."""
        self._memory = memory
        self._seconds = seconds
        self._lock = threading.Lock()
        self._idle = [Child(memory, seconds)]

    def ready(self) -> tuple[str, ...]:
        """Wait until the first child has started; the names of the restrictions in effect, see `restrict`.

        Raises DependencyError where it does not start.
        """
        child = self._take()
        child.ready()
        self._give_back(child)
        return child.restrictions

    def read_picture(
        self,
        source: str | bytes | os.PathLike | BinaryIO | io.RawIOBase,
        limits: Limits = DEFAULT_LIMITS,
        reserve: Reserve = no_reserve,
    ) -> Picture:
        """Read an image from a path or a stream. Raises ImageError; DependencyError where no child starts."""
        return self.decode_picture(read_bytes(source, limits), limits, reserve)

    def decode_picture(
        self, data: bytes | bytearray, limits: Limits = DEFAULT_LIMITS, reserve: Reserve = no_reserve
    ) -> Picture:
        """Like `read_picture`, from bytes in memory."""
        child = self._take()
        try:
            return child.decode(data, limits, reserve)
        finally:
            self._give_back(child)

    def close(self) -> None:
        """End the children that are idle; others end when they are."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _take(self) -> Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_running:  # in a fork of this process, it is the parent's
                    return child
        return Child(self._memory, self._seconds)

    def _give_back(self, child: Child) -> None:
        if child.is_running:
            with self._lock:
                self._idle.append(child)
