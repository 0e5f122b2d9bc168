"""What came of a run: counts, the gate, the worst image, the exit code."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_cli.console.exit_codes import ExitCode, code_for_counts
from hiqa_cli.console.text import count
from hiqa_cli.rows.row import Row


@dataclass
class RunSummary:
    """Counts what a run of `hiqa score` gives, whether scored now or found finished.

    gate: the least score that passes, or None.
    """

    gate: float | None = None
    scored: int = 0
    failed: int = 0
    below_gate: int = 0
    finished_before: int = 0
    own_skipped: int = 0
    worst: Row | None = None

    def add(self, row: Row) -> None:
        """Count one row."""
        if row.score is None:
            self.failed += 1
            return
        self.scored += 1
        if self.gate is not None and row.score < self.gate:
            self.below_gate += 1
        if self.worst is None or self.worst.score is None or row.score < self.worst.score:
            self.worst = row

    @property
    def exit_code(self) -> ExitCode:
        """See exit_codes.py."""
        return code_for_counts(self.scored, self.failed, self.below_gate)

    @property
    def is_remarkable(self) -> bool:
        """There is something to say that the rows themselves do not."""
        return bool(self.failed or self.below_gate or self.own_skipped or self.finished_before or not self.scored)

    def summary(self) -> str:
        """One line for standard error."""
        parts = [f"{count(self.scored, 'image')} scored" if self.scored else "no image scored"]
        if self.finished_before:
            parts.append(f"{self.finished_before:,} of them finished before")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.own_skipped:
            parts.append(f"{count(self.own_skipped, 'picture')} of hiqa's own skipped")
        if self.below_gate and self.gate is not None and self.worst is not None:
            parts.append(f"{self.below_gate:,} below {self.gate:g}, worst {self.worst.score:.2f} {self.worst.path}")
        return ", ".join(parts)
