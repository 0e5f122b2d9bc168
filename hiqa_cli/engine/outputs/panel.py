"""One picture that shows it all: distorted, hallucination, discrepancy map, score in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiqa_cli.engine.tiling.grid import TileGrid

from .draw_text import PAPER, draw_text
from .false_colour import DISCREPANCY_SCALE
from .panel_layout import PanelLayout, lay_out
from .png_writer import PngWriter, own_text
from .reduction import AreaReducer, eight_bits
from .score_card import draw_score_card
from .sinks import Strip

LABELS = ("distorted", "hallucination", "discrepancy map", "score")


class PanelPicture:
    """Gathers its three pictures at their reduced size while strips come; drawn at the end."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, target: Path, grid: TileGrid, weights_id: str) -> None:
        layout = lay_out(grid.width, grid.height)
        self._layout = layout
        columns, rows = layout.reduced
        self._parts = [AreaReducer(grid.width, grid.height, columns, rows, channels) for channels in (3, 3, 1)]
        self._png = PngWriter(target, layout.width, layout.height, 3, own_text("panel", weights_id))

    def strip(self, strip: Strip) -> None:
        shown = (strip.distorted, strip.hallucination, strip.levels)
        for part, rows in zip(self._parts, shown, strict=True):
            part.add(strip.y, rows)

    def quality(self, quality: np.ndarray) -> None:
        """Never called."""

    def finish(self, score: float, uncertainty: float) -> None:
        distorted, hallucination, levels = (part.result() for part in self._parts)
        pictures = (
            eight_bits(distorted),
            eight_bits(hallucination),
            DISCREPANCY_SCALE.paint(levels[:, :, 0]),
        )
        self._png.write(draw_panel(self._layout, pictures, score, uncertainty))
        self._png.finish()

    def commit(self) -> None:
        self._png.commit()

    def abandon(self) -> None:
        self._png.abandon()


def draw_panel(layout: PanelLayout, pictures: tuple[np.ndarray, ...], score: float, uncertainty: float) -> np.ndarray:
    """The panel (H, W, 3) uint8 RGB from three pictures of the layout's reduced size."""
    canvas = np.full((layout.height, layout.width, 3), PAPER, np.uint8)
    for label, (x, y) in zip(LABELS, layout.corners, strict=True):
        draw_text(canvas, label, x, y + 5 * layout.unit, 10 * layout.unit, bold=True)
    top = layout.label_height
    for picture, (x, y) in zip(pictures, layout.corners[:3], strict=True):
        larger = picture.repeat(layout.enlarged, axis=0).repeat(layout.enlarged, axis=1)
        canvas[y + top : y + top + larger.shape[0], x : x + larger.shape[1]] = larger
    x, y = layout.corners[3]
    draw_score_card(canvas, x, y + top, layout.card_width, layout.unit, score, uncertainty)
    return canvas
