"""The page that compares two runs: the verdict over all pairs, and which images got better or worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.engine.outputs.webp import check_webp
from hiqa_cli.report.change import NEGLIGIBLE, difference_half_width, measure_change
from hiqa_cli.report.entry import ReportEntry, RunFacts

from .document import Document
from .run_page import entry_detail, entry_pictures, entry_pieces, entry_row, page_facts
from .writer import PageWriter


@dataclass(frozen=True)
class Pair:
    """An image of the first run and its match in the second; one of them is None for an unmatched image.

    name: path below the roots, without suffix; the full path for an unmatched image.
    """

    name: str
    first: ReportEntry | None
    second: ReportEntry | None


class ComparePage:
    """Writes pairs as they arrive; of each, only both scores stay in memory, for the verdict."""

    def __init__(self, target: Path, title: str, runs: tuple[RunFacts, RunFacts], budget: int, expected: int) -> None:
        """runs: facts about both. budget: size limit of the page in bytes.

        Raises OutputError; DependencyError if Pillow lacks WebP.
        """
        check_webp()
        self._runs = runs
        self._scores: list[tuple[float, float]] = []
        document = Document(title, "compare", ("compare/scatter", "compare/compare"))
        self._writer = PageWriter(target, document, budget, expected)

    def add(self, pair: Pair) -> None:
        """Write one pair, or an unmatched image with its path and score only. Raises OutputError."""
        sides = {"first": pair.first, "second": pair.second}
        is_matched = None not in sides.values()
        row: list[Any] = [pair.name]
        thumbnails: dict[str, bytes] = {}
        pictures: dict[str, bytes] = {}
        pieces: dict[str, Sequence[bytes]] = {}
        detail: dict[str, Any] = {}
        for side, entry in sides.items():
            row.append(None if entry is None else entry_row(entry))
            if entry is None or not is_matched:
                continue
            detail[side] = entry_detail(entry)
            if entry.preview is not None:
                thumbnails[side] = entry.preview.thumbnail
            pictures |= {f"{side}.{kind}": data for kind, data in entry_pictures(entry).items()}
            pieces |= {f"{side}.{kind}": data for kind, data in entry_pieces(entry).items()}
        half_width = None
        if pair.first is not None and pair.second is not None:
            half_width = _half_width(pair.first, pair.second)
            if pair.first.score is not None and pair.second.score is not None:
                self._scores.append((pair.first.score, pair.second.score))
        row.append(half_width)
        self._writer.add(row, thumbnails, detail, pictures, pieces)

    def finish(self, facts: RunFacts) -> Path | None:
        """Put the page in place; return the assets folder next to it, None if there is none. Raises OutputError."""
        own: dict[str, Any] = {"runs": [asdict(run) for run in self._runs], "change": None, "negligible": NEGLIGIBLE}
        if self._scores:
            change = measure_change(*zip(*self._scores, strict=True))
            own["change"] = {
                **asdict(change),
                "verdict": change.verdict,
                "sentence": change.sentence(self._runs[1].title),
            }
        return self._writer.finish({**asdict(facts), **page_facts(), **own})

    def abandon(self) -> None:
        """Remove temporary files; does nothing after finish()."""
        self._writer.abandon()


def _half_width(first: ReportEntry, second: ReportEntry) -> float | None:
    """The uncertainty of a pair's change, None unless both are scored."""
    if first.uncertainty is None or second.uncertainty is None:
        return None
    return difference_half_width(first.uncertainty, second.uncertainty)
