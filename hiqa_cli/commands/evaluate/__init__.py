"""`hiqa evaluate`: measure weights, or train and test methods by the protocols of the field."""

from __future__ import annotations

import typer

from hiqa_cli.commands.usage.help import add_command, command_group
from hiqa_cli.errors import UsageError

from .clean_images import gains, ladders, people, uncertainty
from .database import database
from .modes import modes, sampling, speed
from .protocols import cross, official, splits
from .reasons import reasons

evaluate = command_group("evaluate")


@evaluate.callback(invoke_without_command=True)
def describe(context: typer.Context) -> None:
    """Measure weights, or train and test by a protocol.

    "database" compares scores with people's on a database or on your own table.
    "splits", "official" and "cross" train and test on databases. The others
    measure properties of the weights on photographs.
    """
    if context.invoked_subcommand is None:
        raise UsageError("nothing to measure", "hiqa evaluate --help lists the subcommands")


MEASURES = (
    database, splits, official, cross, ladders, gains, uncertainty, reasons, people, modes, sampling, speed
)  # fmt: skip
for function in MEASURES:
    add_command(evaluate, function.__name__, function)
