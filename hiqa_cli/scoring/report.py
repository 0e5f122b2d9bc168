"""The report of a scoring run: `hiqa score --report`, and `hiqa report` on images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hiqa_cli._version import __version__
from hiqa_cli.console.messages import Messages
from hiqa_cli.errors import HiqaError, OutputError, UsageError
from hiqa_cli.files.output_checks import FileId, is_same_target
from hiqa_cli.files.remote.address import is_address
from hiqa_cli.report.entry import ReportEntry, RunFacts
from hiqa_cli.report.options import ReportTarget
from hiqa_cli.report.output import (
    INPUTS_HINT,
    RunReport,
    check_report,
    finish_report,
    open_report,
    report_title,
)
from hiqa_cli.rows.codec import path_key
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.table import IfExists, Table

from .inputs import Input, input_files
from .options import ScoreOptions
from .resume import ResumePlan
from .tables import table_targets

if TYPE_CHECKING:
    from hiqa_cli.engine.job import Job, Outputs
    from hiqa_cli.engine.results import ScoreResult


def check_report_target(options: ScoreOptions, images: Sequence[Input]) -> None:
    """Raise UsageError, before any work, if the report cannot or must not be written."""
    target = options.report
    if target is None:
        return
    if any(name is not None and is_same_target(target.path, name) for _, name in table_targets(options)):
        raise UsageError(f"{target.option} and a table are the same file: {target.path}", "give another file")
    may_exist = options.if_exists is not IfExists.REFUSE
    check_report(target, sources_of(images, target), may_exist=may_exist)


def sources_of(images: Sequence[Input], target: ReportTarget) -> set[FileId]:
    """The files of the inputs, if the report could be one of them."""
    return input_files(images) if os.path.lexists(target.path) else set()


def with_preview(outputs: Outputs, target: ReportTarget) -> Outputs:
    """The same outputs, and the pictures for a report."""
    from hiqa_cli.engine.outputs.preview import PreviewSlot

    return replace(outputs, preview=PreviewSlot(full_size=target.full_size and not target.png))


def begin_report(options: ScoreOptions, images: Sequence[Input], messages: Messages) -> ScoreReport | None:
    """The report, or None if the options have none."""
    if options.report is None:
        return None
    title = report_title(options.inputs.paths or tuple(filter(None, [options.inputs.files_from])))
    report = open_report(options.report, title, len(images))
    return ScoreReport(options, options.report, report, RunFacts(title, __version__, gate=options.min_score), messages)


@dataclass
class ScoreReport:
    """The report of a run in progress. facts: what is known of the run so far. scored: images with a score."""

    options: ScoreOptions
    target: ReportTarget
    report: RunReport
    facts: RunFacts
    messages: Messages
    scored: int = 0

    def add_finished(self, tables: Sequence[Table], images: Sequence[Input], plan: ResumePlan) -> None:
        """Add the rows of an earlier run; their images are read again."""
        from hiqa_cli.engine.pipeline.sources import picture_reader
        from hiqa_cli.report.entries import entries_from_rows

        paths = [image.path for image in images]
        rows = [(row, path) for row, path in zip(plan.finished, paths, strict=True) if row is not None]
        for row in plan.finished:
            if row is not None and not self.facts.weights:
                self._update_facts(row.weights, row.mode, row.precision)
        full_rows = _full_rows(tables, [*rows, *((row, None) for row in plan.kept)])
        with picture_reader(isolate=self.options.backend.isolate) as reader:
            needed, limits = self.report.needs_preview, self.options.limits
            for entry in entries_from_rows(full_rows, needed, limits, reader, full_size=self.target.full_size):
                self.report.add(entry)
                self.scored += entry.score is not None

    def add(self, row: Row, job: Job, outcome: ScoreResult | HiqaError) -> None:
        """Add an image that this run has scored, or failed to score."""
        self.report.add(new_entry(row, job, outcome))
        if isinstance(outcome, HiqaError):
            return
        self.scored += 1
        self._update_facts(outcome.weights, outcome.mode, outcome.precision)

    def _update_facts(self, weights: str, mode: str, precision: str) -> None:
        """Set the run's settings; rows of an earlier run were checked to have the same."""
        stride = self.options.scoring.stride
        self.facts = replace(self.facts, weights=weights, mode=mode, precision=precision, stride=stride)

    def finish(self) -> None:
        """Write the report to its place; without a single score there is none."""
        if not self.scored:
            self.messages.error(f"{self.target.path} is not written: no image has a score; {INPUTS_HINT}")
            self.report.abandon()
            return
        finish_report(self.report, self.target, self.facts, self.messages)

    def finish_partial(self, done: int, total: int) -> None:
        """After an interruption, write a report of what is finished, if possible."""
        if not self.scored:
            return
        self.facts = replace(self.facts, warning=f"stopped after {done:,} of {total:,} images")
        try:
            self.finish()
        except OutputError:
            return
        self.messages.warn(f"a report of the finished images is in {self.target.path}")

    def abandon(self) -> None:
        """Remove unfinished files; does nothing after finish()."""
        self.report.abandon()


def new_entry(row: Row, job: Job, outcome: ScoreResult | HiqaError) -> ReportEntry:
    """The entry of an image that a job has scored, or failed to score; takes the job's preview."""
    from hiqa_cli.report.entries import entry_from_error, entry_from_result

    if isinstance(outcome, HiqaError):
        return entry_from_error(row)
    preview = job.outputs.preview.take() if job.outputs.preview is not None else None
    file = job.source if isinstance(job.source, str) and not is_address(job.source) else None
    return entry_from_result(row, file, outcome, preview)


def _full_rows(tables: Sequence[Table], rows: Sequence[tuple[Row, str | None]]) -> Iterator[tuple[Row, str | None]]:
    """Rows with all extra fields, read again one by one from a table that has them."""
    full = next((table for table in tables if table.has_tile_scores), None)
    numbers = {} if full is None else {path_key(row.path): number for number, row in enumerate(full.rows)}
    for row, path in rows:
        number = numbers.get(path_key(row.path))
        if full is not None and number is not None and full.rows[number].is_scored:
            row = full.full_row(number)
        yield row, path
