"""The versions that `hiqa compare` takes: folders, which it scores, and tables of finished runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import name_text
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import NO_OUTPUTS, Job, Outputs
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.codec import TABLE_HINT
from hiqa_cli.rows.row import Row, error_row, scored_row, shared_fields
from hiqa_cli.rows.saved_run import RunSettings, SavedRun
from hiqa_cli.rows.stored import is_table, open_table
from hiqa_cli.scoring.gate.baseline import scored_run
from hiqa_cli.scoring.inputs import Input, InputOptions, find_inputs
from hiqa_cli.scoring.jobs import job_for, load_scorer, score_jobs
from hiqa_cli.scoring.options import BackendOptions

if TYPE_CHECKING:
    from hiqa_cli.engine.results import ScoreResult
    from hiqa_cli.report.versions import Version


@dataclass(frozen=True)
class Settings:
    """How to score and to read, and where messages go."""

    scoring: Scoring
    backend: BackendOptions
    limits: Limits
    say: Messages


@dataclass
class Folder:
    """A version to score. name: as given. images: below it. settings, failed: known once its images are scored; failed
    has the rows of those that could not be."""

    name: str
    images: list[Input]
    settings: RunSettings = field(default_factory=RunSettings)
    failed: list[Row] = field(default_factory=list)


@dataclass
class Table:
    """A version that was scored. name: as given."""

    name: str
    run: SavedRun

    @property
    def settings(self) -> RunSettings:
        """With what its run scored."""
        return self.run.settings


def open_versions(names: Sequence[str]) -> list[Folder | Table]:
    """The versions by their names. UsageError if one cannot be read or holds no score; nothing is scored before."""
    folders = [os.path.isdir(name) and not is_table(name) for name in names]
    for name, is_folder in zip(names, folders, strict=True):
        if not is_folder:
            open_table(name, "version", TABLE_HINT).close()
    return [_folder(name) if is_folder else _table(name) for name, is_folder in zip(names, folders, strict=True)]


def _folder(name: str) -> Folder:
    return Folder(name, find_inputs(InputOptions((name,), recursive=True)).images)


def _table(name: str) -> Table:
    return Table(name, scored_run(name, "version"))


def read_scores(versions: Sequence[Folder | Table], settings: Settings) -> list[Version]:
    """The scores of every version: of a folder by scoring it, of a table by reading it."""
    from hiqa_cli.report.compare import settings_warning
    from hiqa_cli.report.versions import Version

    rows: list[list[Row]] = [[] for _ in versions]
    for number, version in enumerate(versions):
        if isinstance(version, Table):
            rows[number] = [row for _, row in version.run.rows()]
    folders = [(number, version) for number, version in enumerate(versions) if isinstance(version, Folder)]
    wanted = [(number, version, image, NO_OUTPUTS) for number, version in folders for image in version.images]
    progress = ImageProgress(len(wanted), enabled=bool(wanted) and not settings.say.quiet)
    settings.say.clear = progress.cleared
    try:
        for number, row, _, _ in score_images(wanted, settings) if wanted else ():
            progress.advance()
            rows[number].append(row)
    finally:
        progress.close()
    for version, found in zip(versions, rows, strict=True):
        if not any(row.is_scored for row in found):
            raise UsageError(f"{version.name} has no image that can be scored")
    names = [name_text(version.name) for version in versions]
    warning = settings_warning(names, [version.settings for version in versions])
    if warning:
        settings.say.warn(warning)
    return [
        Version(name, tuple(row.path for row in one), tuple(row.score for row in one))
        for name, one in zip(names, rows, strict=True)
    ]


def score_images(
    wanted: Sequence[tuple[int, Folder, Input, Outputs]], settings: Settings
) -> Iterator[tuple[int, Row, Job, ScoreResult | HiqaError]]:
    """Score images of folders in the given order; one that cannot be scored is named.

    wanted: (number of the version, its folder, the image, what to make of it). Yields the number of the version, and
    what became of the image.
    """
    scorer = load_scorer(settings.backend, settings.say)
    extra = shared_fields(asdict(settings.scoring))
    jobs = [job_for(image, settings.limits, outputs) for _, _, image, outputs in wanted]
    with score_jobs(scorer, jobs, settings.scoring) as outcomes:
        for (number, folder, _, _), (job, outcome) in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, HiqaError):
                row = error_row(job.name, name_text(str(outcome)), extra)
                settings.say.error(f"{job.name}: {row.error}")
                folder.failed.append(row)
            else:
                row = scored_row(job.name, outcome, extra)
            folder.settings.add(row)
            yield number, row, job, outcome
