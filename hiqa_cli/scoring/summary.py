"""The summary of a run: counts, gate, worst image, exit code."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hiqa_cli.console.exit_codes import ExitCode, code_for_counts
from hiqa_cli.console.text import count
from hiqa_cli.engine.config import GRADES
from hiqa_cli.engine.pipeline.reasons.reason import word_of
from hiqa_cli.rows.row import Row

if TYPE_CHECKING:
    from hiqa_cli.report.gate import GateResult

LEAST_FOR_LOW_QUANTILES = 20  # images: 5 % of them are one


@dataclass
class RunSummary:
    """Counts the rows of a `hiqa score` run, new ones and those of an earlier run.

    gate: the lowest score that passes, or None. scored_before: rows that an earlier run scored.
    outputs_skipped: hiqa's own pictures among the inputs. failing: (score, path) of the images below the gate.
    scores, grades, words: of the scored images; words are their kinds and reasons, photographs not counted.
    against_baseline: the finished run against an earlier one, or None.
    """

    gate: float | None = None
    scored: int = 0
    failed: int = 0
    below_gate: int = 0
    scored_before: int = 0
    outputs_skipped: int = 0
    worst: Row | None = None
    failing: list[tuple[float, str]] = field(default_factory=list)
    scores: array[float] = field(default_factory=lambda: array("d"))
    grades: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    against_baseline: GateResult | None = None

    def add(self, row: Row) -> None:
        """Count one row."""
        if row.score is None:
            self.failed += 1
            return
        self.scored += 1
        self.scores.append(row.score)
        self.grades[row.grade] += 1
        self.words.update(map(word_of, row.words))
        if self.gate is not None and row.score < self.gate:
            self.below_gate += 1
            self.failing.append((row.score, row.path))
        if self.worst is None or self.worst.score is None or row.score < self.worst.score:
            self.worst = row

    @property
    def exit_code(self) -> ExitCode:
        """See ExitCode."""
        problems = 0 if self.against_baseline is None else len(self.against_baseline.problems)
        return code_for_counts(self.scored, self.failed, self.below_gate + problems)

    @property
    def needs_summary(self) -> bool:
        """Whether there is something to report that the rows do not show."""
        return bool(self.failed or self.below_gate or self.outputs_skipped or self.scored_before or not self.scored)

    def gate_messages(self) -> list[str]:
        """A line for every image below the gate, the worst first."""
        return [f"{path}: score {score:.2f} is below {self.gate:g}" for score, path in sorted(self.failing)]

    def distribution(self) -> list[str]:
        """Lines on two images or more: median and low quantiles, images of each grade, of each kind and reason."""
        if self.scored < 2:
            return []
        ordered = sorted(self.scores)
        lines = [f"median {quantile(ordered, 0.5):.2f}"]
        if self.scored >= LEAST_FOR_LOW_QUANTILES:
            lines[0] += f"; 10 % score below {quantile(ordered, 0.1):.2f}, 5 % below {quantile(ordered, 0.05):.2f}"
        lines.append(", ".join(f"{self.grades[name]:,} {name}" for name in GRADES if self.grades[name]))
        if self.words:
            lines.append(", ".join(f"{number:,} {word}" for word, number in self.words.most_common()))
        return lines

    def summary(self) -> str:
        """The summary as one line."""
        parts = [f"{count(self.scored, 'image')} scored" if self.scored else "no image scored"]
        if self.scored_before:
            parts.append(f"{self.scored_before:,} of them by an earlier run")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.outputs_skipped:
            parts.append(f"{count(self.outputs_skipped, 'picture')} written by hiqa skipped")
        if self.below_gate and self.gate is not None and self.worst is not None:
            parts.append(f"{self.below_gate:,} below {self.gate:g}, worst {self.worst.score:.2f} {self.worst.path}")
        return ", ".join(parts)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The score below which a share of the ascending scores lies, interpolated between neighbours."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
