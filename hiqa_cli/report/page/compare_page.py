"""The page that compares versions: the verdict over all pairs, and which images got better or worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from hiqa_cli.engine.calibration import PAIR_SCALE
from hiqa_cli.engine.outputs.webp import check_webp
from hiqa_cli.report.change import NEGLIGIBLE, measure_change
from hiqa_cli.report.entry import ReportEntry, RunFacts

from .document import Document
from .run_page import entry_detail, entry_pictures, entry_pieces, entry_row, page_facts
from .writer import PageWriter


class ComparePage:
    """Writes images as they arrive; of each, only its scores stay in memory, for the verdicts."""

    def __init__(self, target: Path, title: str, versions: int, budget: int, expected: int) -> None:
        """versions: how many are compared. budget: size limit of the page in bytes. expected: about how many images.

        Raises OutputError; DependencyError if Pillow lacks WebP.
        """
        check_webp()
        self._versions = versions
        self._scores: list[tuple[float | None, ...]] = []
        document = Document(
            title, "compare", ("compare/scatter", "compare/curve", "compare/versions", "compare/compare")
        )
        self._writer = PageWriter(target, document, budget, expected, versions)

    def add(self, name: str, entries: Sequence[ReportEntry | None]) -> None:
        """Write one image. Raises OutputError.

        name: of the image. entries: of each version; None where a version lacks it. An image that only one version has
        is written with its path and score only.
        """
        is_matched = sum(entry is not None for entry in entries) > 1
        thumbnails: dict[str, bytes] = {}
        pictures: dict[str, bytes] = {}
        pieces: dict[str, Sequence[bytes]] = {}
        detail: dict[str, Any] = {}
        for number, entry in enumerate(entries):
            if entry is None or not is_matched:
                continue
            detail[str(number)] = entry_detail(entry)
            if entry.preview is not None:
                thumbnails[str(number)] = entry.preview.thumbnail
            pictures |= {f"{number}.{kind}": data for kind, data in entry_pictures(entry).items()}
            pieces |= {f"{number}.{kind}": data for kind, data in entry_pieces(entry).items()}
        if is_matched:
            self._scores.append(tuple(None if entry is None else entry.score for entry in entries))
        row = [name, [None if entry is None else entry_row(entry) for entry in entries]]
        self._writer.add(row, thumbnails, detail, pictures, pieces)

    def finish(self, facts: RunFacts) -> Path | None:
        """Put the page in place; return the assets folder next to it, None if there is none. Raises OutputError."""
        own = {"changes": list(self._changes(facts)), "negligible": NEGLIGIBLE, "pair_scale": PAIR_SCALE}
        return self._writer.finish({**asdict(facts), **page_facts(), **own})

    def _changes(self, facts: RunFacts) -> Iterator[dict[str, Any]]:
        """The change from every version to every later one that shares scored images with it."""
        for first, second in combinations(range(self._versions), 2):
            pairs = [(scores[first], scores[second]) for scores in self._scores]
            both = [(one, other) for one, other in pairs if one is not None and other is not None]
            if both:
                change = measure_change(*zip(*both, strict=True))
                words = {"verdict": change.verdict, "sentence": change.sentence(facts.versions[second].title)}
                yield {"first": first, "second": second, **asdict(change), **words}

    def abandon(self) -> None:
        """Remove temporary files; does nothing after finish()."""
        self._writer.abandon()
