"""The output pictures of one image: tiles blended row by row, and handed to the sinks as strips of the whole image.

Borders that were left out of the tiles are part of the pictures: there, the hallucination is the distorted image, and
the quality map has no value (`colour_scale.paint_left_out`).
"""

from __future__ import annotations

import numpy as np

from hiqa_cli.engine.job import Outputs
from hiqa_cli.engine.outputs.pictures import open_sinks
from hiqa_cli.engine.outputs.sinks import Canvas, Verdict, compose_strip
from hiqa_cli.engine.tiling.blending import STRIP_ROWS, CorrectionBlender, ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid
from hiqa_cli.engine.tiling.sides import Borders


class ImageOutputs:
    """Takes the outputs of every tile of a grid, row by row, then finish(), or abandon().

    needs_corrections: whether add() needs the tiles' corrections.
    """

    def __init__(self, outputs: Outputs, pixels: np.ndarray, borders: Borders, grid: TileGrid, weights_id: str) -> None:
        """Open the sinks. pixels: (H, W, 3), the whole image. grid: within its borders. Raises OutputError."""
        self._pixels, self._borders, self._grid = pixels, borders, grid
        self._canvas = Canvas(pixels.shape[1], pixels.shape[0], borders)
        self._sinks = open_sinks(outputs, self._canvas, weights_id)
        self.needs_corrections = any(sink.needs_corrections for sink in self._sinks)
        self._corrections = CorrectionBlender(grid) if self.needs_corrections else None
        self._quality = ScoreBlender(grid) if any(sink.needs_quality for sink in self._sinks) else None
        self._rows_left = len(grid.ys)
        self._row: list[float] = []  # scores of the current row

    @property
    def is_complete(self) -> bool:
        """Whether every row of tiles has arrived."""
        return self._rows_left == 0

    def __bool__(self) -> bool:
        """Whether there is a picture to write."""
        return bool(self._sinks)

    def add(self, x: int, score: float, correction: np.ndarray | None) -> None:
        """Take the next tile of the grid: its left edge, score (0..100) and correction (TILE, TILE, 3)."""
        self._row.append(score)
        if self._corrections is not None and correction is not None:
            self._corrections.add(x, correction)
        if len(self._row) == len(self._grid.xs):
            self._finish_row()
            self._row = []
            self._rows_left -= 1

    def _finish_row(self) -> None:
        is_first, is_last = self._rows_left == len(self._grid.ys), self._rows_left == 1
        if self._corrections is not None:
            if is_first:
                self._copy_rows(0, self._borders.top)
            for y, correction in self._corrections.finish_row():
                self._add_strip(y + self._borders.top, self._canvas.widened(correction))
            if is_last:
                self._copy_rows(self._borders.top + self._grid.height, len(self._pixels))
        if self._quality is not None:
            for y, quality in self._quality.finish_row(self._row):
                for rows in self._canvas.quality_rows(y, quality):
                    for sink in self._sinks:
                        if sink.needs_quality:
                            sink.add_quality(rows)

    def _add_strip(self, y: int, correction: np.ndarray) -> None:
        strip = compose_strip(y, self._pixels[y : y + len(correction)], correction)
        for sink in self._sinks:
            if sink.needs_corrections:
                sink.add_strip(strip)

    def _copy_rows(self, first: int, after: int) -> None:
        """Rows of a border: nothing is corrected there."""
        for y in range(first, after, STRIP_ROWS):
            self._add_strip(y, np.zeros((min(STRIP_ROWS, after - y), *self._pixels.shape[1:]), np.float32))

    def finish(self, verdict: Verdict) -> None:
        """Complete the pictures, then move all of them into place. Raises OutputError."""
        for sink in self._sinks:
            sink.finish(verdict)
        for sink in self._sinks:
            sink.commit()

    def abandon(self) -> None:
        """Remove pictures that were not finished."""
        for sink in self._sinks:
            sink.abandon()
        self._sinks = []
