"""Pictures that are written while an image is scored, strip by strip, completely or not at all.

Here: the PNG files of full resolution, and open_sinks() for all outputs of an image.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from hiqa_cli.engine.job import Outputs
from hiqa_cli.engine.tiling.blending import STRIP_ROWS

from .colour_scale import DISCREPANCY_SCALE, LEGEND_HEIGHT, QUALITY_SCALE, ColourScale, paint_left_out, vertical_legend
from .draw_text import PAPER
from .panel import PanelSink
from .png_writer import PngWriter, own_text
from .preview import PreviewSink
from .sinks import ArraySink, Canvas, Sink, Strip, Verdict

LETTERING_PER_SIDE = 600.0  # px, the shorter side of an image whose legend has unit 1
LARGEST_UNIT = 10.0


def open_sinks(outputs: Outputs, canvas: Canvas, weights_id: str) -> list[Sink]:
    """Open every requested output; raises OutputError where one cannot be written, and then leaves none behind."""
    sinks: list[Sink] = []
    try:
        if outputs.hallucination is not None:
            sinks.append(HallucinationSink(outputs.hallucination, canvas, weights_id))
        if outputs.discrepancy is not None:
            sinks.append(DiscrepancySink(outputs.discrepancy, canvas, weights_id))
        if outputs.quality is not None:
            sinks.append(QualitySink(outputs.quality, canvas, weights_id))
        if outputs.panel is not None:
            sinks.append(PanelSink(outputs.panel, canvas, weights_id))
        if outputs.preview is not None:
            sinks.append(PreviewSink(outputs.preview, canvas, weights_id))
        if outputs.arrays is not None:
            sinks.append(ArraySink(outputs.arrays, canvas.width, canvas.height))
    except BaseException:
        for sink in sinks:
            sink.abandon()
        raise
    return sinks


class HallucinationSink:
    """The hallucination, 8-bit RGB."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, target: Path | BinaryIO, canvas: Canvas, weights_id: str) -> None:
        text = own_text("hallucination", weights_id)
        self._png = PngWriter(target, canvas.width, canvas.height, 3, text)

    def add_strip(self, strip: Strip) -> None:
        self._png.write(strip.hallucination)

    def add_quality(self, quality: np.ndarray) -> None:
        """Not used."""

    def finish(self, verdict: Verdict) -> None:
        self._png.finish()

    def commit(self) -> None:
        self._png.commit()

    def abandon(self) -> None:
        self._png.abandon()


class _MapSink:
    """A map (H, W) in false colour with its legend to the right."""

    def __init__(self, target: Path, canvas: Canvas, scale: ColourScale, text: str) -> None:
        self._canvas = canvas
        unit = min(max(min(canvas.width, canvas.height) / LETTERING_PER_SIDE, 1.0), LARGEST_UNIT)
        self._rows = max(canvas.height, round(LEGEND_HEIGHT * unit))
        self._legend = vertical_legend(scale, unit, self._rows)
        width = canvas.width + self._legend.shape[1]
        self._y = 0
        self._png = PngWriter(target, width, self._rows, 3, text, false_colour=True)

    def _write(self, colours: np.ndarray) -> None:
        """Write the next rows (n, W, 3)."""
        rows = np.full((len(colours), self._canvas.width + self._legend.shape[1], 3), PAPER, np.uint8)
        rows[:, : self._canvas.width] = colours
        legend = self._legend[self._y : self._y + len(colours)]
        rows[: len(legend), self._canvas.width :] = legend
        self._png.write(rows)
        self._y += len(colours)

    def finish(self, verdict: Verdict) -> None:
        while self._y < self._rows:  # an image lower than its legend
            rows = min(STRIP_ROWS, self._rows - self._y)
            self._write(np.full((rows, self._canvas.width, 3), PAPER, np.uint8))
        self._png.finish()

    def commit(self) -> None:
        self._png.commit()

    def abandon(self) -> None:
        self._png.abandon()


class DiscrepancySink(_MapSink):
    """The discrepancy map, formula (10): its mean over the channels, in 8-bit levels."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, target: Path, canvas: Canvas, weights_id: str) -> None:
        text = own_text("discrepancy map", weights_id)
        super().__init__(target, canvas, DISCREPANCY_SCALE, text)

    def add_strip(self, strip: Strip) -> None:
        self._write(DISCREPANCY_SCALE.paint(strip.levels))

    def add_quality(self, quality: np.ndarray) -> None:
        """Not used."""


class QualitySink(_MapSink):
    """The quality map: tile scores, blended with the same window as the hallucination."""

    needs_corrections = False
    needs_quality = True

    def __init__(self, target: Path, canvas: Canvas, weights_id: str) -> None:
        super().__init__(target, canvas, QUALITY_SCALE, own_text("quality map", weights_id))

    def add_strip(self, strip: Strip) -> None:
        """Not used."""

    def add_quality(self, quality: np.ndarray) -> None:
        colours = QUALITY_SCALE.paint(quality)
        paint_left_out(colours, self._canvas.borders, self._y, self._canvas.height)
        self._write(colours)
