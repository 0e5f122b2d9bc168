"""Options about a change for the worse, and the formats in which CI systems read it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hiqa_cli.report.gate import DropLimits
from hiqa_cli.scoring.gate.formats import FORMATS
from hiqa_cli.scoring.options import BaselineOptions, baseline_options

from . import options as common
from .usage.groups import OptionGroup
from .usage.help import ADVANCED, OUTPUT
from .usage.values import points


def _limit(option: str, help: str, panel: str) -> Any:
    return typer.Option(option, metavar="X", parser=points(option), help=help, rich_help_panel=panel)


def _max_drop(panel: str) -> Any:
    return _limit("--max-drop", "Exit with 3 if the mean score falls by more than X.", panel)


def _max_drop_p95(panel: str) -> Any:
    return _limit("--max-drop-p95", "Exit with 3 if more than 5 % of the images fall by more than X.", panel)


def _format(instead_of: str, panel: str) -> Any:
    help = f"Print annotations, JUnit XML or a summary, for CI, instead of {instead_of}."
    return common.choice("--format", tuple(FORMATS), help, panel)


FormatOfRows = Annotated[str | None, _format("rows", ADVANCED)]
FormatOfVerdict = Annotated[str | None, _format("the verdict", OUTPUT)]
Limits = Annotated[
    DropLimits,
    OptionGroup(
        DropLimits,
        max_drop=Annotated[float | None, _max_drop(OUTPUT)],
        max_drop_p95=Annotated[float | None, _max_drop_p95(OUTPUT)],
    ),
]
BaselineTable = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="TABLE",
        help="Compare with an earlier run of the same images, see hiqa compare.",
        rich_help_panel=ADVANCED,
    ),
]
Baseline = Annotated[
    BaselineOptions | None,
    OptionGroup(
        baseline_options,
        baseline=BaselineTable,
        max_drop=Annotated[float | None, _max_drop(ADVANCED)],
        max_drop_p95=Annotated[float | None, _max_drop_p95(ADVANCED)],
    ),
]
