"""`hiqa datasets`: list, locate, verify and rebuild image-quality databases."""

from __future__ import annotations

import typer

from hiqa_cli.commands.options import AsJson
from hiqa_cli.commands.usage.help import add_command, command_group
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.errors import UsageError

from .listing import list_datasets, set_dataset
from .rebuilt import build_dataset, measure_dataset
from .verify import verify_dataset

datasets = command_group("datasets")


@datasets.callback(invoke_without_command=True)
def list_or_continue(context: typer.Context, as_json: AsJson = False) -> int:
    """List the databases that hiqa reads; locate and verify them.

    Without a subcommand, lists size, kind of score, source and folder of every
    database. A folder is set by --root, by HIQA_NAME_ROOT or by "hiqa datasets
    set", in this order.
    """
    if context.invoked_subcommand is None:
        return list_datasets(as_json)
    if as_json:
        raise UsageError("--json goes after the subcommand", f"hiqa datasets {context.invoked_subcommand} --json")
    return ExitCode.OK


add_command(datasets, "verify", verify_dataset)
add_command(datasets, "set", set_dataset)
add_command(datasets, "build", build_dataset)
add_command(datasets, "measure", measure_dataset)
