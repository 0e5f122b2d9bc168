"""The page of two runs side by side: what got better, what worse, and by how much more than the uncertainty."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.engine.outputs.webp_stamp import check_webp
from hiqa_cli.report.entry import ReportEntry, RunFacts

from .document import Document
from .run_page import FIELDS, entry_detail, large_pictures, page_facts
from .writer import PageWriter


@dataclass(frozen=True)
class Pair:
    """An image of the first run and its partner in the second, None where there is none.

    name: its path below the roots, without suffix; of an unmatched image its whole path.
    """

    name: str
    first: ReportEntry | None
    second: ReportEntry | None


class ComparePage:
    """Takes pairs as they are ready; nothing of them is kept in memory."""

    def __init__(self, target: Path, title: str, runs: tuple[RunFacts, RunFacts], budget: int, expected: int) -> None:
        """runs: what is said of each. budget: bytes that the page itself may have.

        Raises OutputError, DependencyError.
        """
        check_webp()
        self._runs = runs
        document = Document(title, "compare.html", ("scatter.js", "compare.js"))
        self._writer = PageWriter(target, document, budget, expected)

    def add(self, pair: Pair) -> None:
        """One pair, or one image without a partner, of which only its path and score are shown."""
        sides = {"first": pair.first, "second": pair.second}
        row: list[Any] = [pair.name]
        thumbnails: dict[str, bytes] = {}
        pictures: dict[str, bytes] = {}
        detail: dict[str, Any] = {}
        for side, entry in sides.items():
            row.append(None if entry is None else [getattr(entry, name) for name in FIELDS])
            if entry is None or None in sides.values():
                continue
            detail[side] = entry_detail(entry)
            if entry.preview is not None:
                thumbnails[side] = entry.preview.thumbnail
                # the closeups of two runs show different places
                shown = {kind: data for kind, data in large_pictures(entry).items() if not kind.startswith("closeup")}
                pictures |= {f"{side}.{kind}": data for kind, data in shown.items()}
        self._writer.add(row, thumbnails, detail, pictures)

    def finish(self, facts: RunFacts) -> Path | None:
        """Put the page in place; gives the folder beside it, where there is one."""
        runs: dict[str, Any] = {"runs": [asdict(run) for run in self._runs]}
        self._writer.finish({**asdict(facts), **page_facts(), **runs})
        return self._writer.folder

    def abandon(self) -> None:
        """Leave nothing behind; harmless after finish()."""
        self._writer.abandon()
