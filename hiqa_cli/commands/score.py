"""`hiqa score`: the options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.distributed.cluster.share import Bounds
from hiqa_cli.errors import UsageError
from hiqa_cli.report.options import EMBED_LIMIT_MB, ReportTarget
from hiqa_cli.scoring.options import ONLY_WORDS, ClusterOptions, RowFilter, ScoreOptions, if_exists_policy, row_filter
from hiqa_cli.scoring.shard import Shard

from . import gate
from . import options as common
from .usage.groups import OptionGroup
from .usage.help import ADVANCED, OUTPUT, on_command_line
from .usage.values import actor_bounds, points, shard, some_of, whole_number

CsvFile = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE|-", help="Write CSV rows; - for standard output.", rich_help_panel=OUTPUT),
]
CsvSafe = Annotated[
    bool,
    typer.Option(
        "--csv-safe",
        help="In CSV, write ' before text that a spreadsheet would take for a formula.",
        rich_help_panel=ADVANCED,
    ),
]
JsonLinesFile = Annotated[
    str | None,
    typer.Option(
        "--jsonl", metavar="FILE|-", help="Write JSON lines, with every tile's score.", rich_help_panel=OUTPUT
    ),
]
ParquetFile = Annotated[
    str | None,
    typer.Option(
        "--parquet",
        metavar="FILE|DIR",
        help="Write Parquet, one .parquet file or a folder of parts: pip install 'hiqa[parquet]'.",
        rich_help_panel=ADVANCED,
    ),
]
SqliteFile = Annotated[
    str | None,
    typer.Option(
        "--sqlite",
        metavar="FILE",
        help="Update an SQLite table: score only what is new or changed.",
        rich_help_panel=ADVANCED,
    ),
]
Prune = Annotated[
    bool,
    typer.Option("--prune", help="Drop the rows of files that are gone.", rich_help_panel=ADVANCED),
]
MapsFolder = Annotated[
    Path | None,
    typer.Option(
        "--maps",
        metavar="DIR",
        help="Write hallucinations, discrepancy and quality maps.",
        rich_help_panel=OUTPUT,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Write an HTML page, see hiqa report.", rich_help_panel=OUTPUT),
]
ShardOption = Annotated[
    Shard | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        parser=shard,
        help="Score only share I of N, by a hash of the path; see hiqa merge.",
        rich_help_panel=ADVANCED,
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Skip scored images, retry failures.", rich_help_panel=OUTPUT),
]
Ray = Annotated[
    bool,
    typer.Option("--ray", help="Score on a Ray cluster: pip install 'hiqa[ray]'.", rich_help_panel=ADVANCED),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        show_default="as Ray finds it",
        help="Address of the Ray cluster; implies --ray.",
        rich_help_panel=ADVANCED,
    ),
]
RayActors = Annotated[
    Bounds | None,
    typer.Option(
        "--ray-actors",
        metavar="MIN:MAX",
        parser=actor_bounds,
        show_default="1 to what the cluster has room for",
        help="How many Ray actors may score at once.",
        rich_help_panel=ADVANCED,
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score",
        metavar="X",
        parser=points("--min-score"),
        help="Exit with 3 if an image scores below X.",
        rich_help_panel=OUTPUT,
    ),
]
Sort = Annotated[
    str | None,
    common.choice("--sort", common.SORT_ORDERS, "Print at the end, lowest score first or by path.", OUTPUT),
]
Worst = Annotated[
    int | None,
    typer.Option(
        "--worst",
        metavar="N",
        parser=whole_number("--worst"),
        help="Print only the N lowest scores, at the end.",
        rich_help_panel=OUTPUT,
    ),
]

Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="WORD,...",
        parser=some_of("--only", ONLY_WORDS),
        autocompletion=lambda: list(ONLY_WORDS),
        help=f"Print only images of these kinds, or with these reasons: {', '.join(ONLY_WORDS)}.",
        rich_help_panel=ADVANCED,
    ),
]
Below = Annotated[
    float | None,
    typer.Option(
        "--below",
        metavar="X",
        parser=points("--below"),
        help="Print only images that score below X.",
        rich_help_panel=ADVANCED,
    ),
]
Above = Annotated[
    float | None,
    typer.Option(
        "--above",
        metavar="X",
        parser=points("--above"),
        help="Print only images that score X or more.",
        rich_help_panel=ADVANCED,
    ),
]
Rows = Annotated[RowFilter, OptionGroup(row_filter, only=Only, below=Below, above=Above)]


def score(
    context: typer.Context,
    scoring: common.SampledScoring,
    backend: common.NetworksOfWorkers,
    limits: common.FileLimits,
    inputs: common.Inputs,
    rows: Rows,
    baseline: gate.Baseline,
    share: ShardOption = None,
    csv: CsvFile = None,
    jsonl: JsonLinesFile = None,
    maps: MapsFolder = None,
    report: ReportFile = None,
    overwrite: common.Overwrite = False,
    resume: Resume = False,
    sort: Sort = None,
    worst: Worst = None,
    min_score: MinScore = None,
    form: gate.FormatOfRows = None,
    embed_limit_mb: common.EmbedLimitMb = EMBED_LIMIT_MB,
    full_size: common.FullSize = True,
    csv_safe: CsvSafe = False,
    parquet: ParquetFile = None,
    sqlite: SqliteFile = None,
    prune: Prune = False,
    ray: Ray = False,
    ray_address: RayAddress = None,
    ray_actors: RayActors = None,
    print0: common.Print0 = False,
    quiet: common.Quiet = False,
    verbose: common.Verbose = False,
) -> int:
    """Score images from 0 (bad) to 100 (good).

    Prints a table on a terminal, "score TAB path" lines in a pipe. Names images
    that cannot be scored on standard error and continues.

    \b
    hiqa score photos/*.jpg --csv out.csv
    find . -name '*.jpg' -print0 | hiqa score --files-from - -0
    hiqa score build/ -r --min-score 60 --worst 5

    Exit codes: 0 all images scored, none below --min-score; 1 an image could not be scored, none was found, or
    output failed; 2 wrong usage, or nothing could start; 3 an image scored below --min-score, or images fell by more
    than --max-drop or --max-drop-p95.
    """
    from hiqa_cli.scoring.run import run_score

    if report is None and on_command_line(context, "embed_limit_mb"):
        raise UsageError("--embed-limit-mb limits the size of a report", "give --report FILE")
    if report is None and on_command_line(context, "full_size"):
        raise UsageError("--full-size and --no-full-size apply to a report", "give --report FILE")
    return run_score(
        ScoreOptions(
            inputs=inputs,
            shard=share,
            format=form or "",
            csv=csv,
            jsonl=jsonl,
            parquet=parquet,
            sqlite=sqlite,
            prune=prune,
            baseline=baseline,
            cluster=ClusterOptions(ray, ray_address, ray_actors),
            csv_safe=csv_safe,
            print0=print0,
            maps=maps,
            if_exists=if_exists_policy(overwrite, resume),
            min_score=min_score,
            order=sort or "",
            worst=worst,
            filter=rows,
            scoring=scoring,
            limits=limits,
            backend=backend,
            quiet=quiet,
            verbose=verbose,
            report=None if report is None else ReportTarget(report, "--report", embed_limit_mb, full_size),
        )
    )
