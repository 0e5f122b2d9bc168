"""Options that several subcommands of `hiqa evaluate` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.commands.datasets.options import AllowMissing, DatasetOptions, HigherIsBetter, NominalRange, Roots
from hiqa_cli.commands.options import Mode, Stride, seed
from hiqa_cli.commands.usage.groups import OptionGroup
from hiqa_cli.commands.usage.help import INPUT, OUTPUT, SCORING
from hiqa_cli.commands.usage.values import whole_number
from hiqa_cli.engine.config import Scoring

# input
Databases = Annotated[
    list[str],
    typer.Argument(metavar="NAME|TABLE", help="Databases, or paths of tables (CSV).", rich_help_panel=INPUT),
]
Types = Annotated[
    str | None,
    typer.Option(
        "--types",
        metavar="A,B",
        help="Test these distortion types only: jpeg, jpeg2000, noise, blur, or the database's names.",
        rich_help_panel=INPUT,
    ),
]
Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="Folder of undistorted photographs.", file_okay=False, exists=True, rich_help_panel=INPUT
    ),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="NAME", help="Leave out a photograph; may be repeated.", rich_help_panel=INPUT),
]

# measures
Seed = Annotated[int, seed(SCORING)]
Resamples = Annotated[
    int,
    typer.Option(
        "--resamples",
        metavar="N",
        parser=whole_number("--resamples", 0),
        help="Bootstrap samples for the confidence intervals; 0 for none.",
        rich_help_panel=SCORING,
    ),
]
DEFAULT_RESAMPLES = 1000

# output
ShowLiterature = Annotated[
    bool,
    typer.Option("--show-literature", help="Also print published results, with their sources.", rich_help_panel=OUTPUT),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers as JSON.", rich_help_panel=OUTPUT)
]
CsvFile = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the table as CSV.", rich_help_panel=OUTPUT)
]

# groups
Tested = Annotated[
    DatasetOptions,
    OptionGroup(
        DatasetOptions,
        names=Databases,
        roots=Roots,
        higher_is_better=HigherIsBetter,
        nominal=NominalRange,
        allow_missing=AllowMissing,
    ),
]


def score_all_tiles(mode: str = Scoring.mode, stride: int = Scoring.stride) -> Scoring:
    """Scoring without sampling: a measurement looks at all of every image."""
    return Scoring(mode, stride, max_tiles=None)


AllTilesScoring = Annotated[Scoring, OptionGroup(score_all_tiles, mode=Mode, stride=Stride)]


def words(text: str | None) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b")."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
