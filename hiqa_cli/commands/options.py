"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from hiqa_cli.engine.backends.devices import DEVICES, PRECISIONS
from hiqa_cli.engine.config import BACKENDS, DEFAULT_MAX_TILES, MODES, TILE, Scoring
from hiqa_cli.images.source import Limits
from hiqa_cli.scoring.inputs import InputOptions
from hiqa_cli.scoring.options import BackendOptions, sampled_scoring

from .usage.groups import OptionGroup
from .usage.help import ADVANCED, INPUT, OUTPUT, SCORING
from .usage.values import devices, one_of, points, whole_number

SORT_ORDERS = ("score", "path")


def choice(
    option: str,
    words: tuple[str, ...],
    help: str,
    panel: str | None = None,
    *,
    variable: str = "",
    parser: Callable[[str], str] | None = None,
) -> Any:
    """An option whose value is one of a few words; variable: the environment variable that sets it too."""
    return typer.Option(
        option,
        metavar="|".join(words),
        parser=parser or one_of(option, words, variable),
        autocompletion=lambda: list(words),
        envvar=variable or None,
        help=help,
        rich_help_panel=panel,
    )


def seed(panel: str) -> Any:
    """The option --seed. panel: the heading that lists it in the help."""
    parser = whole_number("--seed", 0, 2**31)
    return typer.Option("--seed", metavar="N", parser=parser, help="Seed of all random draws.", rich_help_panel=panel)


# input
Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IMAGE",
        help="Files, folders, quoted patterns; - for standard input.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Search folders recursively.", rich_help_panel=INPUT)
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="FILE|-",
        help="Read more paths from a file or stdin, one per line.",
        rich_help_panel=INPUT,
    ),
]
NulSeparated = Annotated[
    bool,
    typer.Option("--null", "-0", help="Paths of --files-from end in NUL (find -print0).", rich_help_panel=INPUT),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="PATTERN",
        help="Leave out what matches, as in .gitignore; repeatable.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]

# scoring
Mode = Annotated[
    str, choice("--mode", MODES, "fast: one pass; exact: every overlapping tile, as in the paper.", SCORING)
]
Stride = Annotated[
    int,
    typer.Option(
        "--stride",
        metavar="PX",
        parser=whole_number("--stride"),
        help=f"Distance between tiles, 1 to {TILE}; smaller is slower.",
        rich_help_panel=ADVANCED,
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        "--tolerance",
        metavar="POINTS",
        parser=points("--tolerance"),
        help="Stop sampling the tiles of a large image at this standard error.",
        rich_help_panel=ADVANCED,
    ),
]
MaxTiles = Annotated[
    int | None,
    typer.Option(
        "--max-tiles",
        metavar="N",
        parser=whole_number("--max-tiles"),
        show_default=str(DEFAULT_MAX_TILES),
        help="Sample at most N tiles of images that have more than N tiles.",
        rich_help_panel=ADVANCED,
    ),
]
AllTiles = Annotated[
    bool, typer.Option("--all-tiles", help="Score every tile of large images too.", rich_help_panel=ADVANCED)
]
KeepBorders = Annotated[
    bool, typer.Option("--keep-borders", help="Score borders of one colour, too.", rich_help_panel=ADVANCED)
]
Backend = Annotated[
    str,
    choice(
        "--backend",
        BACKENDS,
        "Library that runs the networks. auto: openvino on processors, torch on GPUs.",
        ADVANCED,
        variable="HIQA_BACKEND",
    ),
]
_where = partial(choice, "--device", DEVICES, "Where the networks run.", variable="HIQA_DEVICE")
Device = Annotated[str, _where()]
DeviceOrGpus = Annotated[str, _where(parser=devices("--device", DEVICES, "HIQA_DEVICE"))]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        parser=whole_number("--workers"),
        show_default="1, or one per numbered GPU",
        help="Score in N processes that share the cores. --device cuda:all or cuda:0,cuda:1: one a GPU.",
        rich_help_panel=ADVANCED,
    ),
]
Precision = Annotated[str, choice("--precision", PRECISIONS, "Number format of the networks.", ADVANCED)]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        parser=whole_number("--batch-size"),
        show_default="by device",
        help="Tiles per batch; halved when memory runs out.",
        rich_help_panel=ADVANCED,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        parser=whole_number("--threads"),
        show_default="all cores",
        help="CPU threads.",
        rich_help_panel=ADVANCED,
    ),
]
WeightsFolder = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="DIR",
        envvar="HIQA_WEIGHTS",
        show_default="installed weights",
        help="Folder of weights with a manifest.",
        rich_help_panel=ADVANCED,
    ),
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        parser=whole_number("--max-pixels"),
        show_default=f"{Limits.max_pixels:,}",
        help="Refuse larger images.",
        rich_help_panel=ADVANCED,
    ),
]
MaxBytes = Annotated[
    int,
    typer.Option(
        "--max-bytes",
        metavar="N",
        parser=whole_number("--max-bytes"),
        show_default=f"{Limits.max_bytes:,}",
        help="Refuse larger files.",
        rich_help_panel=ADVANCED,
    ),
]

Isolate = Annotated[
    bool | None,
    typer.Option(
        "--isolate/--no-isolate",
        help="Decode in limited child processes.",
        show_default="only what has an address, as s3://",
        rich_help_panel=ADVANCED,
    ),
]

# output
EmbedLimitMb = Annotated[
    int,
    typer.Option(
        "--embed-limit-mb",
        metavar="N",
        parser=whole_number("--embed-limit-mb"),
        help="Largest page in MB; further images go to a folder next to it.",
        rich_help_panel=ADVANCED,
    ),
]
FullSize = Annotated[
    bool,
    typer.Option(
        "--full-size/--no-full-size",
        help="Keep large images at full size in the page, for 1:1; about 0.4 MB a megapixel.",
        rich_help_panel=ADVANCED,
    ),
]
Print0 = Annotated[
    bool, typer.Option("--print0", help="Print only paths, each ended by NUL (xargs -0).", rich_help_panel=ADVANCED)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=OUTPUT)]
JsonOutput = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE|-",
        help="Write all numbers as JSON; - for standard output, instead of text.",
        rich_help_panel=OUTPUT,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.", rich_help_panel=OUTPUT)]

# general
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more detail on standard error.")]


# groups
def input_group(paths: Any) -> OptionGroup:
    """All options that name inputs; paths: the argument's annotation."""
    return OptionGroup(
        InputOptions,
        paths=paths,
        recursive=Recursive,
        files_from=FilesFrom,
        nul_separated=NulSeparated,
        exclude=Exclude,
    )


Inputs = Annotated[InputOptions, input_group(Images)]
FilesAndFolders = Annotated[InputOptions, OptionGroup(InputOptions, paths=Images, recursive=Recursive)]
COMPUTING = {"precision": Precision, "batch_size": BatchSize, "threads": Threads, "weights": WeightsFolder}
DECODING = {"backend": Backend, "isolate": Isolate}
Computing = Annotated[BackendOptions, OptionGroup(BackendOptions, device=Device, **COMPUTING)]
AnyBackend = Annotated[BackendOptions, OptionGroup(BackendOptions, device=Device, **COMPUTING, backend=Backend)]
Networks = Annotated[BackendOptions, OptionGroup(BackendOptions, device=Device, **COMPUTING, **DECODING)]
NetworksOfWorkers = Annotated[
    BackendOptions, OptionGroup(BackendOptions, device=DeviceOrGpus, **COMPUTING, workers=Workers, **DECODING)
]
FileLimits = Annotated[Limits, OptionGroup(Limits, max_pixels=MaxPixels, max_bytes=MaxBytes)]
SampledScoring = Annotated[
    Scoring,
    OptionGroup(
        sampled_scoring,
        mode=Mode,
        stride=Stride,
        tolerance=Tolerance,
        max_tiles=MaxTiles,
        all_tiles=AllTiles,
        keep_borders=KeepBorders,
    ),
]
