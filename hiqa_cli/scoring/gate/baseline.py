"""An earlier run that a run is compared with: `hiqa score --baseline`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import is_same_target
from hiqa_cli.report.gate import DropLimits
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.saved_run import RunSettings, SavedRun, read_saved_run

from ..inputs import Input
from ..options import ScoreOptions
from ..tables import table_targets

if TYPE_CHECKING:
    from hiqa_cli.report.gate import GateResult
    from hiqa_cli.report.versions import Version

THIS_RUN = "this run"


def scored_run(name: str, what: str) -> SavedRun:
    """A finished run to compare with. what: the option or argument that names it. UsageError if it cannot be read or
    has no score."""
    run = read_saved_run(name, what)
    if not run.scored:
        raise UsageError(f"{name} has no scored image")
    return run


def open_baseline(options: ScoreOptions, images: Sequence[Input]) -> Baseline | None:
    """The earlier run, or None if the options name none. UsageError if it cannot be read, is to be written as well, or
    has none of the images."""
    if options.baseline is None:
        return None
    from hiqa_cli.report.compare import align_versions

    name = options.baseline.table
    report = options.report
    targets = [*table_targets(options), *([] if report is None else [(report.option, report.path)])]
    for option, target in targets:
        if target is not None and is_same_target(name, target):
            raise UsageError(f"--baseline and {option} are the same file: {name}", "give another file")
    run = scored_run(name, "--baseline")
    first = name_text(name)
    rows = [(row.path, row.score) for _, row in run.rows()]
    if images:
        align_versions([first, THIS_RUN], [[path for path, _ in rows], [image.name for image in images]])
    return Baseline(first, rows, run.settings, options.baseline.limits)


class Baseline:
    """Collects the scores of a run to compare them with those of an earlier one.

    name: of the earlier run. earlier: (path, score or None) of its rows. settings: with what it scored.
    """

    def __init__(
        self, name: str, earlier: Sequence[tuple[str, float | None]], settings: RunSettings, limits: DropLimits
    ) -> None:
        self._name = name
        self._earlier = earlier
        self._earlier_settings = settings
        self._limits = limits
        self._rows: list[tuple[str, float | None]] = []
        self._settings = RunSettings()
        self._result: GateResult | None = None
        self._problem = self._warning = ""

    def add(self, row: Row) -> None:
        """Note a row of the run, or of an earlier part of it."""
        self._rows.append((row.path, row.score))
        self._settings.add(row)

    def compare(self) -> GateResult | None:
        """The run against the earlier one; None if no scored images match, see tell()."""
        from hiqa_cli.report.compare import settings_warning
        from hiqa_cli.report.gate import check_drop

        names = self._name, THIS_RUN
        try:
            self._result = check_drop(_version(names[0], self._earlier), _version(names[1], self._rows), self._limits)
        except UsageError as error:
            self._problem = str(error)
            return None
        self._warning = settings_warning(names, (self._earlier_settings, self._settings))
        return self._result

    def tell(self, messages: Messages, *, verdict: bool) -> bool:
        """Write the result to standard error, as `hiqa compare` does. verdict: in words, too. Returns False if scored
        images could not be compared."""
        if self._problem:
            messages.error(self._problem)
        if self._result is not None:
            lines = [self._warning, self._result.unmatched, self._result.verdict if verdict else ""]
            for line in filter(None, lines):
                messages.warn(line)
            for problem in self._result.problems:
                messages.error(problem)
        return not self._problem


def _version(name: str, rows: Sequence[tuple[str, float | None]]) -> Version:
    from hiqa_cli.report.versions import Version

    return Version(name, tuple(path for path, _ in rows), tuple(score for _, score in rows))
