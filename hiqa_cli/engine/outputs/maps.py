"""Maps in false colour, full resolution, their scale beside them, written strip by strip."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiqa_cli.engine.tiling.blending import STRIP_ROWS
from hiqa_cli.engine.tiling.grid import TileGrid

from .draw_text import PAPER
from .false_colour import DISCREPANCY_SCALE, QUALITY_SCALE, ColourScale
from .legend import LEGEND_HEIGHT, upright_legend
from .png_writer import PngWriter, own_text
from .sinks import Strip

LETTERING_PER_SIDE = 600.0  # a picture whose shorter side has so many px gets letters of unit size
LARGEST_UNIT = 10.0


class _MapPicture:
    """Numbers (H, W) in strips -> a PNG: their colours at the left, the scale at the right."""

    def __init__(self, target: Path, grid: TileGrid, scale: ColourScale, text: str) -> None:
        self._scale = scale
        self._width, self._height = grid.width, grid.height
        unit = min(max(min(grid.width, grid.height) / LETTERING_PER_SIDE, 1.0), LARGEST_UNIT)
        self._rows = max(grid.height, round(LEGEND_HEIGHT * unit))
        self._legend = upright_legend(scale, unit, self._rows)
        width = self._width + self._legend.shape[1]
        self._y = 0
        self._png = PngWriter(target, width, self._rows, 3, text, false_colour=True)

    def add(self, numbers: np.ndarray) -> None:
        """The next rows (n, W)."""
        self._write(self._scale.paint(numbers))

    def _write(self, colours: np.ndarray) -> None:
        rows = np.full((len(colours), self._width + self._legend.shape[1], 3), PAPER, np.uint8)
        rows[:, : self._width] = colours
        beside = self._legend[self._y : self._y + len(colours)]
        rows[: len(beside), self._width :] = beside
        self._png.write(rows)
        self._y += len(colours)

    def finish(self, score: float, uncertainty: float) -> None:
        while self._y < self._rows:  # a picture lower than its scale: paper below it
            rows = min(STRIP_ROWS, self._rows - self._y)
            self._write(np.full((rows, self._width, 3), PAPER, np.uint8))
        self._png.finish()

    def commit(self) -> None:
        self._png.commit()

    def abandon(self) -> None:
        self._png.abandon()


class DiscrepancyPicture(_MapPicture):
    """The discrepancy map, formula (10), as the mean over the channels, in 8-bit levels."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, target: Path, grid: TileGrid, weights_id: str) -> None:
        text = own_text("discrepancy map", weights_id)
        super().__init__(target, grid, DISCREPANCY_SCALE, text)

    def strip(self, strip: Strip) -> None:
        self.add(strip.levels)

    def quality(self, quality: np.ndarray) -> None:
        """Never called."""


class QualityPicture(_MapPicture):
    """The map of quality: the tiles' scores, blended with the window that blends their pictures."""

    needs_corrections = False
    needs_quality = True

    def __init__(self, target: Path, grid: TileGrid, weights_id: str) -> None:
        super().__init__(target, grid, QUALITY_SCALE, own_text("quality map", weights_id))

    def strip(self, strip: Strip) -> None:
        """Never called."""

    def quality(self, quality: np.ndarray) -> None:
        self.add(quality)
