"""A result as notebooks show it: a small table, and the panel."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping

import numpy as np

from .area import AreaReducer, to_uint8
from .colour_scale import DISCREPANCY_SCALE
from .panel import draw_panel, lay_out
from .png_writer import PngWriter, own_text
from .preview import fit
from .sinks import Canvas, Verdict

PICTURE_SIDE = 480  # px, the longer side of each picture of the panel: a notebook stores every byte that it shows
ROWS = 256  # reduced at once


def panel_png(distorted: np.ndarray, hallucination: np.ndarray, verdict: Verdict, weights_id: str) -> bytes:
    """The panel as a PNG file, of two pictures (H, W, 3) uint8 RGB."""
    height, width = distorted.shape[:2]
    columns, rows = fit(width, height, PICTURE_SIDE)
    parts = [AreaReducer(width, height, columns, rows, channels) for channels in (3, 3, 1)]
    for y in range(0, height, ROWS):
        shown, imagined = distorted[y : y + ROWS], hallucination[y : y + ROWS]
        levels = np.abs(shown.astype(np.float32) - imagined).mean(axis=2)
        for part, strip in zip(parts, (shown, imagined, levels), strict=True):
            part.add(y, strip)
    one, two, map_ = (part.result() for part in parts)
    pictures = (to_uint8(one), to_uint8(two), DISCREPANCY_SCALE.paint(map_[:, :, 0]))
    panel = draw_panel(lay_out(columns, rows), pictures, verdict, Canvas(width, height))
    file = io.BytesIO()
    png = PngWriter(file, panel.shape[1], panel.shape[0], 3, own_text("panel", weights_id))
    png.write(panel)
    png.finish()
    return file.getvalue()


def table_html(facts: Mapping[str, str], panel: bytes | None) -> str:
    """The facts as a table, and below it the panel, a PNG file."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    picture = "" if panel is None else base64.b64encode(panel).decode("ascii")
    shown = picture and (
        "<img style='max-width:100%' alt='distorted image, hallucination, discrepancy map and score' "
        f"src='data:image/png;base64,{picture}'>"
    )
    return f"<table>{rows}</table>{shown}"
