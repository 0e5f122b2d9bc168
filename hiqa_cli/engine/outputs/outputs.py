"""The pictures that show why: written while an image is scored, in strips, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hiqa_cli.engine.tiling.grid import TileGrid

from .maps import DiscrepancyPicture, QualityPicture
from .panel import PanelPicture
from .png_writer import PngWriter, own_text
from .preview import PreviewPicture, PreviewSlot
from .sinks import Sink, Strip


@dataclass(frozen=True)
class Outputs:
    """Which pictures to write of one image, and where; None: not this one.

    hallucination: full resolution, 8-bit RGB; a path, or a binary stream such as standard output.
    discrepancy: the discrepancy map in false colour, its scale beside it.
    quality: the map of tile scores in false colour, its scale beside it.
    panel: distorted, hallucination, discrepancy map and score in one picture.
    preview: takes the small pictures for a report, held in memory.

    An existing file at a path is replaced when the new one is whole: whether it may be is for the
    caller to settle before.
    """

    hallucination: Path | BinaryIO | None = None
    discrepancy: Path | None = None
    quality: Path | None = None
    panel: Path | None = None
    preview: PreviewSlot | None = None


def open_sinks(artefacts: Outputs, grid: TileGrid, weights_id: str) -> list[Sink]:
    """Begin every picture that is asked for; OutputError where one cannot be, and then none is."""
    sinks: list[Sink] = []
    try:
        if artefacts.hallucination is not None:
            sinks.append(HallucinationPicture(artefacts.hallucination, grid, weights_id))
        if artefacts.discrepancy is not None:
            sinks.append(DiscrepancyPicture(artefacts.discrepancy, grid, weights_id))
        if artefacts.quality is not None:
            sinks.append(QualityPicture(artefacts.quality, grid, weights_id))
        if artefacts.panel is not None:
            sinks.append(PanelPicture(artefacts.panel, grid, weights_id))
        if artefacts.preview is not None:
            sinks.append(PreviewPicture(artefacts.preview, grid, weights_id))
    except BaseException:
        for sink in sinks:
            sink.abandon()
        raise
    return sinks


class HallucinationPicture:
    """The hallucination itself, every pixel of it."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, target: Path | BinaryIO, grid: TileGrid, weights_id: str) -> None:
        text = own_text("hallucination", weights_id)
        self._png = PngWriter(target, grid.width, grid.height, 3, text)

    def strip(self, strip: Strip) -> None:
        self._png.write(strip.hallucination)

    def quality(self, quality: np.ndarray) -> None:
        """Never called."""

    def finish(self, score: float, uncertainty: float) -> None:
        self._png.finish()

    def commit(self) -> None:
        self._png.commit()

    def abandon(self) -> None:
        self._png.abandon()
