"""The options of a scoring run as plain records, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.distributed.cluster.share import Bounds
from hiqa_cli.engine.config import DEFAULT_BACKEND, DEFAULT_MAX_TILES, Scoring
from hiqa_cli.engine.pipeline.kinds.names import KINDS, NOT_A_PHOTOGRAPH, UMBRELLA
from hiqa_cli.engine.pipeline.reasons.names import WORDS
from hiqa_cli.engine.pipeline.reasons.reason import word_of
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.report.gate import DropLimits
from hiqa_cli.report.options import ReportTarget
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.table import IfExists

from .inputs import STANDARD_INPUT, InputOptions
from .shard import Shard

STDOUT = "-"
ONLY_WORDS = (*KINDS, UMBRELLA, *WORDS)  # that --only takes


@dataclass(frozen=True)
class BackendOptions:
    """Where and how the networks run. None: the engine's default.

    device: of `hiqa score`, also "cuda:all" or "cuda:0,cuda:1". workers: processes; None: one, or one a GPU named.
    """

    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    threads: int | None = None
    weights: Path | None = None
    backend: str = DEFAULT_BACKEND
    isolate: bool | None = None
    workers: int | None = None


@dataclass(frozen=True)
class ClusterOptions:
    """Whether and where Ray scores. address: None: the cluster that Ray finds or starts. actors: None: the default."""

    ray: bool = False
    address: str | None = None
    actors: Bounds | None = None

    @property
    def is_used(self) -> bool:
        """An address asks for the cluster, too."""
        return self.ray or self.address is not None


NO_CLUSTER = ClusterOptions()


@dataclass(frozen=True)
class RowFilter:
    """Which rows go to standard output.

    only: words of ONLY_WORDS, of which one must apply; () for any. below, above: points; None: no bound.

    A row passes with a score lower than `below`, and of at least `above`. A row without a score never passes.
    """

    only: tuple[str, ...] = ()
    below: float | None = None
    above: float | None = None

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.only) or self.below is not None or self.above is not None

    def passes(self, row: Row) -> bool:
        """Whether to print the row."""
        if row.score is None:
            return False
        if (self.below is not None and row.score >= self.below) or (self.above is not None and row.score < self.above):
            return False
        words = {row.kind, *map(word_of, row.reasons), *([UMBRELLA] if row.kind in NOT_A_PHOTOGRAPH else [])}
        return not self.only or not words.isdisjoint(self.only)


EVERY_ROW = RowFilter()


@dataclass(frozen=True)
class BaselineOptions:
    """The table of an earlier run, and by how much this run may score lower."""

    table: str
    limits: DropLimits


@dataclass(frozen=True)
class ScoreOptions:
    """The options of `hiqa score`. Empty or None: not given.

    csv, jsonl: a file, or - for standard output. parquet: a file or a folder. order: see `SortedPrinter`. worst: number
    of images. min_score: points, the gate. format: a key of `gate.formats.FORMATS`. filter: which rows are printed.
    shows_rows: whether rows go to standard output; `hiqa report` scores without showing them.
    """

    inputs: InputOptions
    scoring: Scoring
    limits: Limits
    backend: BackendOptions
    if_exists: IfExists
    csv: str | None = None
    jsonl: str | None = None
    csv_safe: bool = False
    print0: bool = False
    maps: Path | None = None
    min_score: float | None = None
    order: str = ""
    worst: int | None = None
    quiet: bool = False
    verbose: bool = False
    report: ReportTarget | None = None
    shard: Shard | None = None
    format: str = ""
    shows_rows: bool = True
    parquet: str | None = None
    sqlite: str | None = None
    prune: bool = False
    filter: RowFilter = EVERY_ROW
    cluster: ClusterOptions = NO_CLUSTER
    baseline: BaselineOptions | None = None


def sampled_scoring(
    mode: str = Scoring.mode,
    stride: int = Scoring.stride,
    tolerance: float = Scoring.tolerance,
    max_tiles: int | None = None,
    all_tiles: bool = False,
    keep_borders: bool = False,
) -> Scoring:
    """Scoring as the options describe it. UsageError for values out of range and for options that contradict."""
    if all_tiles and max_tiles is not None:
        raise UsageError("--all-tiles and --max-tiles contradict each other", "give one of them")
    sample = DEFAULT_MAX_TILES if max_tiles is None else max_tiles
    return Scoring(mode, stride, tolerance, None if all_tiles else sample, keep_borders)


def row_filter(only: str | None = None, below: float | None = None, above: float | None = None) -> RowFilter:
    """The filter that the options describe. only: words of ONLY_WORDS, separated by commas. Raises UsageError where no
    score passes."""
    if below is not None and above is not None and below <= above:
        raise UsageError(
            f"no score is below {below:g} and at least {above:g}", "give --above a number lower than --below"
        )
    return RowFilter(tuple(only.split(",")) if only else (), below, above)


def baseline_options(
    baseline: str | None = None, max_drop: float | None = None, max_drop_p95: float | None = None
) -> BaselineOptions | None:
    """The baseline that the options describe. Raises UsageError for limits without one."""
    limits = DropLimits(max_drop, max_drop_p95)
    if baseline is None:
        if limits:
            raise UsageError(
                "--max-drop and --max-drop-p95 limit the fall from an earlier run", "give --baseline TABLE"
            )
        return None
    return BaselineOptions(baseline, limits)


def if_exists_policy(overwrite: bool, resume: bool) -> IfExists:
    """What to do with output files that exist. Raises UsageError."""
    if overwrite and resume:
        raise UsageError("--overwrite and --resume contradict each other", "give one of them")
    if overwrite:
        return IfExists.OVERWRITE
    return IfExists.RESUME if resume else IfExists.REFUSE


def check_conflicts(options: ScoreOptions) -> None:
    """Raise UsageError for options that contradict each other."""
    _check_format(options)
    _check_ray(options)
    if options.shard is not None and STANDARD_INPUT in options.inputs.paths:
        raise UsageError("--shard divides images by their paths, and standard input (-) has none", "give a file")
    _check_tables(options)


def _check_format(options: ScoreOptions) -> None:
    """Raise UsageError for what --format cannot be combined with: it has standard output, and an order of its own."""
    if not options.format:
        return
    if STDOUT in (options.csv, options.jsonl):
        raise UsageError(f"--format {options.format} uses standard output, as - does", "give --csv or --jsonl a file")
    if options.order or options.worst is not None:
        raise UsageError(f"--format {options.format} has a fixed order", "remove --sort and --worst")
    if options.filter:
        raise UsageError(f"--format {options.format} prints what fails", "remove --only, --below and --above")
    if options.print0:
        raise UsageError(f"--format {options.format} and --print0 both use standard output", "give one of them")


def _check_tables(options: ScoreOptions) -> None:
    """Raise UsageError for tables that clash, and for options of tables without one."""
    files = [name for name in (options.csv, options.jsonl) if name is not None]
    if files.count(STDOUT) > 1:
        raise UsageError("--csv - and --jsonl - both use standard output", "give a file to one of them")
    if options.print0 and STDOUT in files:
        raise UsageError("--print0 writes to standard output, as does the table", "give the table a file")
    if options.csv_safe and options.csv is None:
        raise UsageError("--csv-safe changes how --csv writes", "give --csv FILE")
    if "" in files:
        option = "--csv" if options.csv == "" else "--jsonl"
        raise UsageError(f"{option}: expected a file or -, found an empty name")
    stored = (("--parquet", options.parquet), ("--sqlite", options.sqlite))
    for option, name in stored:
        if name in ("", STDOUT):
            raise UsageError(f"{option}: expected a file, found {name!r}", "rows go to standard output by --jsonl -")
    resumable = [name for name in files if name != STDOUT] + [name for _, name in stored if name is not None]
    if options.if_exists is IfExists.RESUME and not resumable and options.maps is None:
        raise UsageError("--resume needs files to continue", "give --csv, --jsonl, --parquet, --sqlite or --maps")
    if options.prune and options.sqlite is None and not (resumable and options.if_exists is IfExists.RESUME):
        raise UsageError("--prune drops rows of an earlier run", "give --sqlite, or --resume with a table")


def _check_ray(options: ScoreOptions) -> None:
    """Raise UsageError for what a cluster cannot do: its nodes see files by name and write none."""
    if not options.cluster.is_used:
        if options.cluster.actors is not None:
            raise UsageError("--ray-actors needs --ray", "give --ray or --ray-address")
        return
    if options.backend.workers is not None:
        raise UsageError("--workers are processes of this machine, --ray uses a cluster", "give one of them")
    if options.maps is not None:
        raise UsageError("--maps writes files on this machine, and --ray scores on others", "leave out one of them")
    if options.report is not None:
        raise UsageError("--report keeps pictures, which --ray leaves on its nodes", "give --jsonl, then hiqa report")
    if STANDARD_INPUT in options.inputs.paths:
        raise UsageError("standard input (-) cannot be read by the nodes of --ray", "give a file")
