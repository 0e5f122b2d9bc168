"""Options that `score` and `hallucinate` share, and the checks of their values.

A wrong value is refused in one line: the option, what was expected, what was found, the nearest
right word. Defaults of the engine stay in the engine: an option that was not given is None here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.console.messages import did_you_mean
from hiqa_cli.engine.config import BACKENDS, DEFAULT_MODE, MODES
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.report.options import EMBED_LIMIT_MB

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
ORDERS = ("score", "path")


def one_of(option: str, words: tuple[str, ...], variable: str = "") -> Callable[[str], str]:
    """A parser for an option whose value is one of a few words.

    variable: the environment variable that sets it too, to be named where it is to blame.
    """

    def parse(value: str) -> str:
        if value in words:
            return value
        guess = did_you_mean(value, words) if value else ""
        blamed = variable if variable and os.environ.get(variable) == value else option
        raise UsageError(f"{blamed}: expected {', '.join(words)}; found {value!r}{guess}")

    return parse


def whole_number(option: str, least: int = 1, most: int | None = None) -> Callable[[str], int]:
    """A parser for a whole number in decimal digits."""
    span = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"

    def parse(value: str) -> int:
        # a default comes through here as the number that it is
        text = str(value)
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
        if number is None or number < least or (most is not None and number > most):
            raise UsageError(f"{option}: expected a whole number {span}; found {value!r}")
        return number

    return parse


def points(option: str) -> Callable[[str], float]:
    """A parser for a score, 0 to 100."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 100:  # NaN fails this as well
            raise UsageError(f"{option}: expected a score from 0 to 100; found {value!r}")
        return number

    return parse


Images = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IMAGE",
        help="Files, folders, patterns that the shell did not expand; - for one image on standard input.",
        show_default=False,
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Look into the subfolders of folders too.")]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="FILE|-",
        help="Read more paths from a file, or from standard input (-): one a line, taken literally.",
    ),
]
NulSeparated = Annotated[
    bool,
    typer.Option("--null", "-0", help="Paths of --files-from end in NUL, as of find -print0."),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="|".join(MODES),
        parser=one_of("--mode", MODES),
        autocompletion=lambda: list(MODES),
        help="exact: every overlapping tile by itself, as in the paper; fast: "
        f"one pass over the image. {DEFAULT_MODE} if not given.",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="|".join(BACKENDS),
        parser=one_of("--backend", BACKENDS, "HIQA_BACKEND"),
        autocompletion=lambda: list(BACKENDS),
        envvar="HIQA_BACKEND",
        help="What computes. openvino starts sooner, on processors: pip install 'hiqa[openvino]'.",
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
        help="Where to compute.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="|".join(PRECISIONS),
        parser=one_of("--precision", PRECISIONS),
        autocompletion=lambda: list(PRECISIONS),
        help="What the networks compute in.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        parser=whole_number("--batch-size"),
        help="Tiles at once; halved, with a line, where memory runs out.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        parser=whole_number("--threads"),
        help="Processor threads; all of them if not given.",
    ),
]
WeightsFolder = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="DIR",
        envvar="HIQA_WEIGHTS",
        help="A folder of weights with its manifest; the installed ones if not given.",
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="N",
        parser=whole_number("--max-pixels"),
        help=f"Refuse images of more pixels; {Limits().max_pixels:,} if not given.",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        metavar="N",
        parser=whole_number("--max-bytes"),
        help=f"Refuse files of more bytes; {Limits().max_bytes:,} if not given.",
    ),
]
EmbedLimitMb = Annotated[
    int | None,
    typer.Option(
        "--embed-limit-mb",
        metavar="N",
        parser=whole_number("--embed-limit-mb"),
        help="How many million bytes a report's page may have, the rest lies in a folder beside it; "
        f"{EMBED_LIMIT_MB} if not given.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress, no warnings; results and errors stay."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]
