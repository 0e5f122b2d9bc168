"""An earlier run that a run is compared with: `hiqa score --baseline`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import count, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import is_same_target
from hiqa_cli.report.gate import DropLimits
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.saved_run import RunSettings, SavedRun, read_saved_run

from ..inputs import Input
from ..options import ScoreOptions
from ..shard import Shard
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
    others = NO_OTHERS
    if images:
        aligned = align_versions([first, THIS_RUN], [[path for path, _ in rows], [image.name for image in images]])
        if options.shard is not None:
            others = _other_shards(options.shard, rows, images, [image.indices for image in aligned])
    return Baseline(first, rows, run.settings, options.baseline.limits, others)


@dataclass(frozen=True)
class OtherShards:
    """What of a comparison belongs to other shards, which compare it themselves.

    own: the shard of this run, None if it has all images. rows: numbers of earlier rows. images: names of images.
    leave_no_pair: whether none of the pairs with a score in the earlier run is this shard's.
    """

    own: Shard | None = None
    rows: frozenset[int] = frozenset()
    images: tuple[str, ...] = ()
    leave_no_pair: bool = False


NO_OTHERS = OtherShards()


def _other_shards(
    shard: Shard,
    rows: Sequence[tuple[str, float | None]],
    images: Sequence[Input],
    pairs: Sequence[tuple[int | None, ...]],
) -> OtherShards:
    """What belongs to other shards. pairs: (number of the row, number of the image), None for one without the other.

    An earlier row belongs to the shard of its image; one without an image to the shard of its own path, so that exactly
    one shard counts it.
    """
    own = shard.holds_each(images)
    image_of = {row: image for row, image in pairs if row is not None and image is not None}
    is_own = {path: own[image_of[row]] for row, (path, _) in enumerate(rows) if row in image_of}
    return OtherShards(
        shard,
        frozenset(row for row, (path, _) in enumerate(rows) if not is_own.get(path, shard.holds(path))),
        tuple(image.name for image, is_in in zip(images, own, strict=True) if not is_in),
        not any(own[image] and rows[row][1] is not None for row, image in image_of.items()),
    )


class Baseline:
    """Collects the scores of a run to compare them with those of an earlier one.

    name: of the earlier run. earlier: (path, score or None) of its rows. settings: with what it scored. others: what of
    both runs belongs to other shards; it takes part in matching paths, but is neither compared nor counted.
    """

    def __init__(
        self,
        name: str,
        earlier: Sequence[tuple[str, float | None]],
        settings: RunSettings,
        limits: DropLimits,
        others: OtherShards = NO_OTHERS,
    ) -> None:
        self._name = name
        self._earlier = [(path, None if row in others.rows else score) for row, (path, score) in enumerate(earlier)]
        self._others = others
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
        if self._others.leave_no_pair:
            return None
        from hiqa_cli.report.compare import settings_warning
        from hiqa_cli.report.gate import check_drop

        names = self._name, THIS_RUN
        rows = [*self._rows, *((name, None) for name in self._others.images)]
        try:
            self._result = check_drop(_version(names[0], self._earlier), _version(names[1], rows), self._limits)
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
        if self._others.leave_no_pair:
            unmatched = sum(score is not None for _, score in (*self._earlier, *self._rows))
            messages.warn(
                f"shard {self._others.own} has no image to compare with {self._name}"
                + (f"; {count(unmatched, 'image')} without a pair" if unmatched else "")
            )
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
