"""The page of one run, with an entry for each image."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.engine.config import GRADES, TILE
from hiqa_cli.engine.outputs.colour_scale import DISCREPANCY_SCALE, QUALITY_SCALE, ColourScale
from hiqa_cli.engine.outputs.full_size import PIECE
from hiqa_cli.engine.outputs.webp import check_webp
from hiqa_cli.report.entry import ReportEntry, RunFacts, TileScores

from .document import Document
from .writer import PageWriter

FIELDS = (
    "path",
    "score",
    "uncertainty",
    "width",
    "height",
    "size",
    "error",
    "reasons",
)  # of a row; the page gets this list
SCALE_COLOURS = 16  # of a colour scale in the page's legend


class RunPage:
    """Writes the entries of a run as they arrive; keeps none in memory."""

    def __init__(self, target: Path, title: str, budget: int, expected: int) -> None:
        """budget: size limit of the page in bytes. Raises OutputError; DependencyError if Pillow lacks WebP."""
        check_webp()
        document = Document(title, "run", ("run",))
        self._writer = PageWriter(target, document, budget, expected)

    def needs_preview(self, score: float | None) -> bool:
        """Whether an entry with this score must carry its preview: every scored one."""
        return score is not None

    def add(self, entry: ReportEntry) -> None:
        """Write one image. Raises OutputError."""
        preview = entry.preview
        thumbnails = {} if preview is None else {"thumbnail": preview.thumbnail}
        self._writer.add(entry_row(entry), thumbnails, entry_detail(entry), entry_pictures(entry), entry_pieces(entry))

    def finish(self, facts: RunFacts) -> Path | None:
        """Put the page in place; return the assets folder next to it, None if there is none. Raises OutputError."""
        return self._writer.finish({**asdict(facts), **page_facts()})

    def abandon(self) -> None:
        """Remove temporary files; does nothing after finish()."""
        self._writer.abandon()


def page_facts() -> dict[str, Any]:
    """hiqa's scales and constants for the scripts, so that none is defined twice."""
    return {
        "id": secrets.token_hex(8),  # of the page, for what the browser remembers about it
        "fields": FIELDS,
        "created": datetime.now().astimezone().isoformat(timespec="minutes"),
        "grades": GRADES,
        "tile": TILE,
        "piece": PIECE,
        "scales": {"discrepancy": _scale(DISCREPANCY_SCALE), "quality": _scale(QUALITY_SCALE)},
    }


def entry_row(entry: ReportEntry) -> list[Any]:
    """What the page needs to list an entry: the values of FIELDS."""
    return [getattr(entry, name) for name in FIELDS]


def entry_pictures(entry: ReportEntry) -> dict[str, bytes]:
    """The large images of an opened entry: kind -> WebP."""
    preview = entry.preview
    if preview is None:
        return {}
    pictures = {
        "distorted": preview.distorted,
        "hallucination": preview.hallucination,
        "discrepancy": preview.discrepancy,
        "quality": preview.quality,
    }
    return {kind: data for kind, data in pictures.items() if data is not None}


def entry_pieces(entry: ReportEntry) -> Mapping[str, Sequence[bytes]]:
    """The pieces of a large image at full size: kind -> WebP files."""
    preview = entry.preview
    return {} if preview is None or preview.full is None else preview.full.pieces


def entry_detail(entry: ReportEntry) -> dict[str, Any]:
    """JSON that an opened entry shows next to its images; empty for a failed image."""
    if entry.score is None:
        return {}
    return {
        "notes": entry.notes,
        "exif": entry.exif,
        "missing": entry.missing,
        "tiles": None if entry.tiles is None else _tiles(entry.tiles),
    }


def _tiles(tiles: TileScores) -> dict[str, Any]:
    return {"xs": tiles.xs, "ys": tiles.ys, "scores": [round(score, 1) for score in tiles.scores]}


def _scale(scale: ColourScale) -> dict[str, Any]:
    """A colour scale for the legend: evenly spaced colours, and ticks as (position 0..1, label)."""
    colours = scale.colours(np.linspace(0.0, 1.0, SCALE_COLOURS)).tolist()
    return {
        "title": scale.title,
        "unit": scale.unit,
        "colours": [f"rgb({red} {green} {blue})" for red, green, blue in colours],
        "ticks": [(round(scale.position(number), 4), label) for number, label in scale.ticks],
    }
