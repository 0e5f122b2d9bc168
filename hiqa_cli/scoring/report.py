"""The report of a run that scores: `hiqa score --report`, and `hiqa report` on images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hiqa_cli._version import __version__
from hiqa_cli.console.messages import Messages
from hiqa_cli.errors import HiqaError, OutputError, UsageError
from hiqa_cli.report.entry import RunFacts
from hiqa_cli.report.options import ReportTarget
from hiqa_cli.report.output import RunReport, check_report, finish_report, open_report, report_title
from hiqa_cli.rows.codec import JSON_LINES
from hiqa_cli.rows.row import Row, key_text
from hiqa_cli.rows.saved_run import WHOLE_LINES
from hiqa_cli.rows.table import Existing, Table

from .inputs import Input, real_paths
from .items import Work
from .options import ScoreOptions
from .resume import ResumePlan

if TYPE_CHECKING:
    from hiqa_cli.engine.outputs.outputs import Outputs
    from hiqa_cli.engine.results import ScoreResult


def check_report_target(options: ScoreOptions, images: Sequence[Input]) -> None:
    """UsageError, before any work, where the report that the options want must not be written."""
    target = options.report
    if target is None:
        return
    tables = {os.path.realpath(name) for name in (options.csv, options.jsonl) if name}
    if os.path.realpath(target.path) in tables:
        raise UsageError(f"{target.option} and a table are the same file: {target.path}", "give another file")
    may_exist = options.existing is not Existing.REFUSE
    check_report(target, sources_of(images, target), may_exist=may_exist)


def sources_of(images: Sequence[Input], target: ReportTarget) -> set[str]:
    """The real paths of the inputs, looked up only where the report could be one of them."""
    return real_paths(images) if os.path.lexists(target.path) else set()


def with_preview(artefacts: Outputs | None) -> Outputs:
    """What is to be written of an image, with the pictures for a report besides."""
    from hiqa_cli.engine.outputs.outputs import Outputs
    from hiqa_cli.engine.outputs.preview import PreviewSlot

    return replace(artefacts or Outputs(), preview=PreviewSlot())


def begin_report(options: ScoreOptions, images: Sequence[Input], messages: Messages) -> ScoreReport | None:
    """The report that the options want, or None."""
    if options.report is None:
        return None
    title = report_title(options.images or tuple(filter(None, [options.files_from])))
    report = open_report(options.report, title, len(images))
    return ScoreReport(options, options.report, report, RunFacts(title, __version__, gate=options.min_score), messages)


@dataclass
class ScoreReport:
    """A report while a run scores. facts: what is known of the run so far."""

    options: ScoreOptions
    target: ReportTarget
    report: RunReport
    facts: RunFacts
    messages: Messages

    def add_finished(self, tables: Sequence[Table], images: Sequence[Input], plan: ResumePlan) -> None:
        """The images that an earlier run finished, and the rows of its that stay; their pictures are read again."""
        from hiqa_cli.report.entries import entries_from_rows

        paths = [entry.path for entry in images]
        rows = [(row, path) for row, path in zip(plan.finished, paths, strict=True) if row is not None]
        for row in plan.finished:
            if row is not None and not self.facts.weights:
                self._learn(row.weights, row.mode, row.precision)
        everything = _whole_rows(tables, [*rows, *((row, None) for row in plan.kept)])
        for entry in entries_from_rows(everything, self.report.needs_preview, self.options.limits):
            self.report.add(entry)

    def add(self, row: Row, work: Work, outcome: ScoreResult | HiqaError) -> None:
        """An image that this run has come to the end of."""
        from hiqa_cli.report.entries import entry_from_error, entry_from_result

        if isinstance(outcome, HiqaError):
            self.report.add(entry_from_error(row))
            return
        slot = work.artefacts.preview if work.artefacts is not None else None
        preview = slot.take() if slot is not None else None
        self.report.add(
            entry_from_result(row, None if work.entry.is_standard_input else work.entry.path, outcome, preview)
        )
        self._learn(outcome.weights, outcome.mode, outcome.precision)

    def _learn(self, weights: str, mode: str, precision: str) -> None:
        """What the run is scored with; rows of an earlier one were checked to agree."""
        stride = self.options.scoring.stride
        self.facts = replace(self.facts, weights=weights, mode=mode, precision=precision, stride=stride)

    def finish(self) -> None:
        """Put it in place."""
        finish_report(self.report, self.target, self.facts, self.messages)

    def finish_what_is_there(self, done: int, total: int) -> None:
        """After a stop: a report of what is finished, where that can still be written."""
        self.facts = replace(self.facts, warning=f"stopped after {done:,} of {total:,} images")
        try:
            self.finish()
        except OutputError:
            return
        self.messages.warn(f"what is done stands in {self.target.path}")

    def abandon(self) -> None:
        """Leave nothing behind; harmless after finish()."""
        self.report.abandon()


def _whole_rows(tables: Sequence[Table], rows: Sequence[tuple[Row, str | None]]) -> Iterator[tuple[Row, str | None]]:
    """Rows with all that the JSON lines tell of them, read one by one; as they are where there are none."""
    lines = next((table for table in tables if table.form is JSON_LINES), None)
    records = {} if lines is None else {key_text(record.row.path): record for record in lines.records}
    for row, path in rows:
        record = records.get(key_text(row.path))
        if lines is not None and record is not None and record.row.is_finished:
            row = WHOLE_LINES.decode(lines.bytes_of(record.start, record.end))
        yield row, path
