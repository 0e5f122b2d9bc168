"""A run of `hiqa score`: check everything, load the weights once, then score image after image."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

from hiqa_cli._version import __version__
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.interrupts import Interrupted
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count, name_text
from hiqa_cli.engine.config import AUTO
from hiqa_cli.engine.job import NO_OUTPUTS, Job
from hiqa_cli.errors import HiqaError, OutputError
from hiqa_cli.files.output_checks import claimed_outputs
from hiqa_cli.rows.row import DISCREPANCY, HALLUCINATION, QUALITY, Row, error_row, scored_row, shared_fields
from hiqa_cli.rows.table import IfExists, Table

from .gate.baseline import Baseline, open_baseline
from .gate.formats import make_gate_printer
from .inputs import Input, Inputs, find_inputs
from .jobs import check_standard_input, job_for, load_workers, score_jobs
from .options import STDOUT, ScoreOptions, check_conflicts
from .output_paths import OutputPaths, check_output_paths, map_names, map_outputs, plan_output_paths
from .report import ScoreReport, begin_report, check_report_target, with_preview
from .resume import ResumePlan, check_rows_fit, plan_resume
from .row_printer import RowPrinter, SilentPrinter, make_printer
from .summary import RunSummary
from .tables import table_forms, table_targets, tables_of

if TYPE_CHECKING:
    from hiqa_cli.engine.results import ScoreResult

    from .jobs import Scorers

MAP_KINDS = (HALLUCINATION, DISCREPANCY, QUALITY)


def run_score(options: ScoreOptions) -> int:
    """Score what the options name; returns the exit code. Raises HiqaError if it cannot start or its output fails."""
    check_conflicts(options)
    report = options.report
    with claimed_outputs(*table_targets(options), *([] if report is None else [(report.option, report.path)])):
        return _run_claimed(options)


def _run_claimed(options: ScoreOptions) -> int:
    messages = Messages(quiet=options.quiet, verbose=options.verbose)
    inputs = find_inputs(options.inputs)
    if inputs.excluded:
        messages.detail(f"{count(inputs.excluded, 'file or folder', 'files and folders')} left out")
    check_standard_input(inputs.images)
    check_report_target(options, inputs.images)
    baseline = open_baseline(options, inputs.images)
    tables = tables_of(options, inputs.images)
    targets = _own_share(options, inputs)
    plan = plan_resume(tables, inputs.images, targets, prune=_may_prune(options, inputs, messages))
    if plan.pruned:
        messages.warn(f"{count(plan.pruned, 'row')} of files that are gone dropped")
    jobs = _jobs(options, inputs.images, targets, plan)
    scorer = _scorer(options, tables, jobs, messages)
    settings = _settings(options, scorer)
    if scorer is not None:
        check_rows_fit(tables, scorer.weights_id, __version__, settings)
    report = begin_report(options, inputs.images, messages)
    run = ScoreRun(
        options=options,
        messages=messages,
        tables=tables,
        printer=_printer(options),
        summary=RunSummary(gate=options.min_score, outputs_skipped=inputs.outputs_skipped),
        maps={
            image.name: map_names(target)
            for image, target in zip(inputs.images, targets, strict=True)
            if target is not None
        },
        settings=settings,
        report=report,
        baseline=baseline,
    )
    try:
        run.count_finished(plan)
        if report is not None:
            report.add_finished(tables, inputs.images, plan)
        run.score(scorer, jobs)
    finally:
        if report is not None:
            report.abandon()
    return run.end(inputs)


def _scorer(options: ScoreOptions, tables: Sequence[Table], jobs: Sequence[Job], messages: Messages) -> Scorers | None:
    """The scorer; None if no image can be scored and no earlier row must be checked.

    What is `auto`, backend and precision, is that of earlier rows: neither a measurement nor another machine must make
    a resumed run disagree with its beginning.
    """
    earlier = next((row for table in tables for row in table.rows if row.is_scored), None)
    if earlier is None and all(job.problem for job in jobs):
        return None
    backend = options.backend
    if earlier is not None and backend.precision == "auto":
        backend = replace(backend, precision=earlier.precision)
    if earlier is not None and earlier.has_settings and backend.backend == AUTO:
        backend = replace(backend, backend=earlier.setting("backend"))
    return load_workers(backend, options.cluster, messages, len(jobs))


def _may_prune(options: ScoreOptions, inputs: Inputs, messages: Messages) -> bool:
    """Whether to drop the rows of files that are gone: not where an input is gone, as a disk may be missing."""
    problem = next((image for image in inputs.images if image.problem), None)
    if options.prune and problem is not None:
        messages.warn(f"--prune drops nothing: {problem.name}: {problem.problem}")
    return options.prune and problem is None


def _printer(options: ScoreOptions) -> RowPrinter:
    if not options.shows_rows:
        return SilentPrinter()
    if options.format:
        return make_gate_printer(options.format, options.min_score)
    forms = [form for name, form in table_forms(options) if name == STDOUT]
    return make_printer(
        form=forms[0] if forms else None,
        paths_only=options.print0,
        order=options.order,
        worst=options.worst,
        row_filter=options.filter,
    )


def _own_share(options: ScoreOptions, inputs: Inputs) -> list[OutputPaths | None]:
    """Leave the images of this run's shard in `inputs`. Returns where their maps go, which depends on all images."""
    targets: list[OutputPaths | None] = [None] * len(inputs.images)
    if options.maps is not None:
        targets = plan_output_paths(inputs.images, options.maps, MAP_KINDS)
    if options.shard is not None:
        own = options.shard.holds_each(inputs.images)
        inputs.elsewhere = own.count(False)
        inputs.images = list(compress(inputs.images, own))
        targets = list(compress(targets, own))
    if options.maps is not None:
        check_output_paths(
            targets,
            inputs.images,
            options.maps,
            may_exist=options.if_exists is not IfExists.REFUSE,
            hint="keep it by --resume, replace it by --overwrite, or give another folder",
        )
    return targets


def _jobs(
    options: ScoreOptions, images: Sequence[Input], targets: Sequence[OutputPaths | None], plan: ResumePlan
) -> list[Job]:
    """What is left to do. The maps of a file that is given twice are written once."""
    jobs = []
    planned: set[os.PathLike[str]] = set()
    for image, target, finished in zip(images, targets, plan.finished, strict=True):
        if finished is not None:
            continue
        outputs = NO_OUTPUTS
        if target is not None and target.pictures[QUALITY] not in planned:
            planned.add(target.pictures[QUALITY])
            outputs = map_outputs(target, keep=options.if_exists is IfExists.RESUME)
        if options.report is not None:
            outputs = with_preview(outputs, options.report)
        jobs.append(job_for(image, options.limits, outputs))
    return jobs


def _settings(options: ScoreOptions, scorer: Scorers | None) -> dict[str, Any]:
    """The settings of the run: what scores depend on, and what the user chose."""
    backend = options.backend
    chosen = {"batch_size": backend.batch_size, "threads": backend.threads}
    settings = {
        **asdict(options.scoring),
        **asdict(options.limits),
        **{name: value for name, value in chosen.items() if value is not None},
    }
    if scorer is not None:
        settings |= {"backend": scorer.settings["engine"], "device": scorer.device, "precision": scorer.precision}
    return settings


@dataclass
class ScoreRun:
    """Writes results to tables, standard output, summary and report. maps: names of the maps by the input's name."""

    options: ScoreOptions
    messages: Messages
    tables: list[Table]
    printer: RowPrinter
    summary: RunSummary
    maps: dict[str, dict[str, str]]
    settings: dict[str, Any]
    report: ScoreReport | None = None
    baseline: Baseline | None = None

    def count_finished(self, plan: ResumePlan) -> None:
        """Count the rows of an earlier run, also for the gate, and print them if the output is sorted or tells what
        fails."""
        shows_all = bool(self.options.order or self.options.format) or self.options.worst is not None
        for row in [*(row for row in plan.finished if row is not None), *plan.kept]:
            self._count(row)
            self.summary.scored_before += row.is_scored
            if shows_all:
                self.printer.show(row)

    def score(self, scorer: Scorers | None, jobs: Sequence[Job]) -> None:
        """Score the jobs and write their rows; after an interrupt, the rows so far stay and are shown."""
        progress = ImageProgress(len(jobs), enabled=not self.options.quiet)
        self.messages.clear = progress.cleared
        try:
            for table in self.tables:
                table.open()
            with score_jobs(scorer, jobs, self.options.scoring) as outcomes:
                for job, outcome in outcomes:
                    self._add(job, outcome, progress)
        except (Interrupted, OutputError):
            progress.close()
            self._report_progress(len(jobs))
            self.printer.end(self.summary)
            if self.report is not None:
                self.report.finish_partial(self._done, len(jobs))
            raise
        finally:
            progress.close()
            for table in self.tables:
                table.close()
        if self.baseline is not None and self.summary.scored:
            self.summary.against_baseline = self.baseline.compare()
        self.printer.end(self.summary)
        if self.report is not None:
            self.report.finish()

    def _add(self, job: Job, outcome: ScoreResult | HiqaError, progress: ImageProgress) -> None:
        extra = shared_fields(self.settings)
        if isinstance(outcome, HiqaError):
            row = error_row(job.name, name_text(str(outcome)), extra)
            self.messages.error(f"{job.name}: {row.error}")
        else:
            if job.name in self.maps:
                extra = {"maps": self.maps[job.name], **extra}
            row = scored_row(job.name, outcome, extra)
            for note in outcome.notes:
                self.messages.detail(f"{job.name}: {note}")
        self._write(row, progress)
        if self.report is not None:
            self.report.add(row, job, outcome)

    def _write(self, row: Row, progress: ImageProgress) -> None:
        for table in self.tables:
            table.append(row)
        self._count(row)
        with progress.cleared_for_results():
            self.printer.show(row)
        progress.advance()

    def _count(self, row: Row) -> None:
        self.summary.add(row)
        if self.baseline is not None:
            self.baseline.add(row)

    def _report_progress(self, total: int) -> None:
        names = " and ".join(table.name for table in self.tables)
        kept = f"; their rows are in {names}, continue with --resume" if names else ""
        self.messages.warn(f"{self._done:,} of {total:,} images done{kept}")

    @property
    def _done(self) -> int:
        """Number of images that this run has finished."""
        return self.summary.scored + self.summary.failed - self.summary.scored_before

    def end(self, inputs: Inputs) -> int:
        """Write the summary to standard error; returns the exit code."""
        if not inputs.images and inputs.elsewhere:
            self.messages.warn(f"shard {self.options.shard} has none of {count(inputs.elsewhere, 'image')}")
            if self.baseline is not None:
                self.baseline.tell(self.messages, verdict=False)
            return ExitCode.OK
        if not inputs.images:
            self.messages.error(f"no image found: {inputs.why_empty}")
            return self.summary.exit_code
        for line in () if sys.stdout.isatty() else self.summary.distribution():
            self.messages.detail(line)
        if self.summary.needs_summary:
            for line in self.summary.gate_messages() if not self.options.format else ():
                self.messages.error(line)
            self.messages.warn(self.summary.summary())
        if self.baseline is not None and not self.baseline.tell(self.messages, verdict=not self.options.format):
            return self.summary.exit_code or ExitCode.USAGE
        return self.summary.exit_code
