"""Options that several commands share, and the checks of their values.

A wrong value is refused in one line: the option, what was expected, what was found, the nearest right word.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.console.messages import did_you_mean
from hiqa_cli.engine.backends.devices import DEVICES, PRECISIONS
from hiqa_cli.engine.config import BACKENDS, DEFAULT_MAX_TILES, MODES, TILE, Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.scoring.options import BackendOptions, sampled_scoring
from hiqa_cli.scoring.shard import Shard

from .groups import OptionGroup
from .help import ADVANCED, INPUT, OUTPUT, SCORING

SORT_ORDERS = ("score", "path")


def one_of(option: str, words: tuple[str, ...], variable: str = "") -> Callable[[str], str]:
    """A parser for an option whose value is one of a few words.

    variable: the environment variable that sets the option too; it is named where its value is wrong.
    """

    def parse(value: str) -> str:
        if value in words:
            return value
        guess = did_you_mean(value, words) if value else ""
        source = variable if variable and os.environ.get(variable) == value else option
        raise UsageError(f"{source}: expected {', '.join(words)}; found {value!r}{guess}")

    return parse


def whole_number(option: str, least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """A parser for a whole number in decimal digits."""
    span = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"

    def parse(value: str) -> int:
        # Typer passes defaults through the parser as well: they are numbers already
        text = str(value)
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
        if number is None or number < least or (most is not None and number > most):
            raise UsageError(f"{option}: expected a whole number {span}; found {value!r}")
        return number

    return parse


def points(option: str) -> Callable[[str], float]:
    """A parser for a score or a difference of scores, 0 to 100."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 100:  # NaN fails this as well
            raise UsageError(f"{option}: expected a score from 0 to 100; found {value!r}")
        return number

    return parse


def shard(value: str) -> Shard:
    """A parser for I/N, 1/N to N/N."""
    number, slash, total = value.partition("/")
    digits = number + total
    if not (slash and digits.isascii() and digits.isdecimal() and number and total and len(digits) < 19):
        raise UsageError(f"--shard: expected I/N, from 1/N to N/N, found {value!r}")
    if not 1 <= int(number) <= int(total):
        raise UsageError(f"--shard: expected a number from 1 to {int(total):,} before the slash, found {value!r}")
    return Shard(int(number), int(total))


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
    str,
    typer.Option(
        "--mode",
        metavar="|".join(MODES),
        parser=one_of("--mode", MODES),
        autocompletion=lambda: list(MODES),
        help="fast: one pass; exact: every overlapping tile, as in the paper.",
        rich_help_panel=SCORING,
    ),
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
        help="Sample at most N tiles of images that are larger than N tiles.",
        rich_help_panel=ADVANCED,
    ),
]
AllTiles = Annotated[
    bool, typer.Option("--all-tiles", help="Score every tile of large images too.", rich_help_panel=ADVANCED)
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="|".join(BACKENDS),
        parser=one_of("--backend", BACKENDS, "HIQA_BACKEND"),
        autocompletion=lambda: list(BACKENDS),
        envvar="HIQA_BACKEND",
        help="Library that runs the networks. openvino (CPU only) starts faster: pip install 'hiqa[openvino]'.",
        rich_help_panel=ADVANCED,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="|".join(DEVICES),
        parser=one_of("--device", DEVICES, "HIQA_DEVICE"),
        autocompletion=lambda: list(DEVICES),
        envvar="HIQA_DEVICE",
        help="Where the networks run.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="|".join(PRECISIONS),
        parser=one_of("--precision", PRECISIONS),
        autocompletion=lambda: list(PRECISIONS),
        help="Number format of the networks.",
        rich_help_panel=ADVANCED,
    ),
]
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
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.", rich_help_panel=OUTPUT)]

# general
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more detail on standard error.")]

# groups
Torch = Annotated[
    BackendOptions,
    OptionGroup(
        BackendOptions,
        device=Device,
        precision=Precision,
        batch_size=BatchSize,
        threads=Threads,
        weights=WeightsFolder,
    ),
]
Networks = Annotated[
    BackendOptions,
    OptionGroup(
        BackendOptions,
        device=Device,
        backend=Backend,
        precision=Precision,
        batch_size=BatchSize,
        threads=Threads,
        weights=WeightsFolder,
    ),
]
FileLimits = Annotated[Limits, OptionGroup(Limits, max_pixels=MaxPixels, max_bytes=MaxBytes)]
SampledScoring = Annotated[
    Scoring,
    OptionGroup(sampled_scoring, mode=Mode, stride=Stride, tolerance=Tolerance, max_tiles=MaxTiles, all_tiles=AllTiles),
]
