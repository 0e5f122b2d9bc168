"""The page of one run: an entry for every image."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.engine.config import GRADES
from hiqa_cli.engine.outputs.false_colour import DISCREPANCY_SCALE, QUALITY_SCALE, ColourScale
from hiqa_cli.engine.outputs.webp_stamp import check_webp
from hiqa_cli.engine.results import TILE
from hiqa_cli.report.entry import ReportEntry, RunFacts, TileScores

from .document import Document
from .writer import PageWriter

FIELDS = ("path", "score", "uncertainty", "width", "height", "size", "error")  # of a row; page/data.js reads them
STEPS = 16  # colours of a scale that the page shows between its ends


class RunPage:
    """Takes the entries of a run as they are ready; nothing of them is kept in memory."""

    def __init__(self, target: Path, title: str, budget: int, expected: int) -> None:
        """budget: bytes that the page itself may have. Raises OutputError, DependencyError."""
        check_webp()
        document = Document(title, "run.html", ("run.js",))
        self._writer = PageWriter(target, document, budget, expected)

    def wants(self, score: float | None) -> bool:
        """Whether the pictures of an entry of this score are needed."""
        return score is not None

    def add(self, entry: ReportEntry) -> None:
        """One image."""
        preview = entry.preview
        thumbnails = {} if preview is None else {"thumbnail": preview.thumbnail}
        detail = entry_detail(entry)
        self._writer.add([getattr(entry, name) for name in FIELDS], thumbnails, detail, large_pictures(entry))

    def finish(self, facts: RunFacts) -> Path | None:
        """Put the page in place; gives the folder beside it, where there is one."""
        self._writer.finish({**asdict(facts), **page_facts()})
        return self._writer.folder

    def abandon(self) -> None:
        """Leave nothing behind; harmless after finish()."""
        self._writer.abandon()


def page_facts() -> dict[str, Any]:
    """What every page knows of hiqa's scales, so that nothing of them is written twice."""
    return {
        "fields": FIELDS,
        "created": datetime.now().astimezone().isoformat(timespec="minutes"),
        "grades": GRADES,
        "tile": TILE,
        "scales": {"discrepancy": _scale(DISCREPANCY_SCALE), "quality": _scale(QUALITY_SCALE)},
    }


def large_pictures(entry: ReportEntry) -> dict[str, bytes]:
    """What opens large of an entry: kind -> WebP."""
    preview = entry.preview
    if preview is None:
        return {}
    kinds = {
        "distorted": preview.distorted,
        "hallucination": preview.hallucination,
        "discrepancy": preview.discrepancy,
        "quality": preview.quality,
        "closeup": preview.closeup,
        "closeup_hallucination": preview.closeup_hallucination,
    }
    return {kind: data for kind, data in kinds.items() if data is not None}


def entry_detail(entry: ReportEntry) -> dict[str, Any]:
    """What the page shows of an entry when it is opened."""
    if entry.score is None:
        return {}
    return {
        "notes": entry.notes,
        "exif": entry.exif,
        "missing": entry.missing,
        "closeup_score": None if entry.preview is None else entry.preview.closeup_score,
        "tiles": None if entry.tiles is None else _tiles(entry.tiles),
    }


def _tiles(tiles: TileScores) -> dict[str, Any]:
    return {"xs": tiles.xs, "ys": tiles.ys, "scores": [round(score, 1) for score in tiles.scores]}


def _scale(scale: ColourScale) -> dict[str, Any]:
    """A colour scale for the page: its colours at even places, its ticks as (place 0..1, label)."""
    colours = scale.colours(np.linspace(0.0, 1.0, STEPS)).tolist()
    return {
        "title": scale.title,
        "unit": scale.unit,
        "colours": [f"rgb({red} {green} {blue})" for red, green, blue in colours],
        "ticks": [(round(scale.share(number), 4), label) for number, label in scale.ticks],
    }
