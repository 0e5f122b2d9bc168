"""The Typer app: the commands, and wrong usage as one line with the closest correct word.

The module of a command is imported when the command runs, so that `hiqa --help` imports none; the summaries of the
commands are therefore written here.

Typer 0.22 and later contain a copy of Click, earlier versions depend on it: this module takes Click's classes from
Typer's public names and works with both.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from hiqa_cli._version import __version__
from hiqa_cli.console.messages import closest_match, did_you_mean
from hiqa_cli.errors import UsageError

from .usage.help import HELP_NAMES, add_command

COMMANDS = {  # name, also of its module and function -> summary, the first line of its help
    "score": "Score images from 0 (bad) to 100 (good).",
    "hallucinate": "Write the hallucinated reference and discrepancy map of images.",
    "report": "Write an HTML page of scores, images and maps.",
    "compare": "Compare versions of the same images, such as settings of a codec.",
    "merge": "Join the tables of several runs, such as the shards of one.",
    "bench": "Measure speed and where the time goes.",
    "weights": "Show the weights: checksums, licence, training data, accuracy.",
    "evaluate": "Measure weights, or train and test by a protocol.",
    "train": "Train G and R on databases, tables or photographs.",
    "datasets": "List the databases that hiqa reads; locate and verify them.",
}
COMPLETION_VARIABLE = "_HIQA_COMPLETE"  # set by the shell, under the name that Typer chooses, to ask for completions

# Click's UsageError and ClickException: base classes of the exception that every version of Typer exports
FrameworkUsageError = cast(type[Exception], typer.BadParameter.__mro__[1])
FrameworkError = cast(type[Exception], typer.BadParameter.__mro__[2])


class LazyCommands(TyperGroup):
    """The group of COMMANDS; builds a command when it is run, or its help or completion is requested."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command of that name, or None."""
        return build_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """The summaries of all commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """As Typer's, but UsageError for an unknown command."""
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            guess = did_you_mean(args[0], COMMANDS)
            raise UsageError(f"no such command: {args[0]}{guess or '; see hiqa --help'}")
        return super().resolve_command(ctx, args)


def build_command(name: str) -> Any:
    """Typer's command for `name` of the module `commands/name.py`: a function, or a group of subcommands."""
    function: Callable[..., int] | typer.Typer = getattr(import_module(f".{name}", __package__), name)
    if isinstance(function, typer.Typer):
        return typer.main.get_command(function)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    add_command(single, name, function)
    return typer.main.get_command(single)


app = typer.Typer(
    name="hiqa",
    cls=LazyCommands,
    rich_markup_mode=None,  # plain help: greps well, and costs a third of the time
    context_settings=HELP_NAMES,
    epilog=f"hiqa {__version__}. Exit codes: 0 all scored; 1 an image could not be scored; "
    "2 wrong usage, or nothing could start; 3 an image scored below --min-score, "
    "or scores fell by more than --max-drop.",
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"hiqa {__version__}")
        raise typer.Exit()


@app.callback()
def hiqa(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Score how good photographs look, without a reference, and show why."""


def run(arguments: list[str]) -> int:
    """Run a command line, without the program's name; the exit code.

    Raises HiqaError; UsageError for what Typer rejects.
    """
    if not arguments and COMPLETION_VARIABLE not in os.environ:
        raise UsageError(f"no command given; one of {', '.join(COMMANDS)}: see hiqa --help")
    try:
        command = typer.main.get_command(app)
        code = command.main(args=arguments, prog_name="hiqa", standalone_mode=False)
    except FrameworkUsageError as error:
        raise UsageError(usage_message(error, arguments)) from error
    except FrameworkError as error:
        raise UsageError(str(error)) from error
    except typer.Abort as error:
        raise UsageError("input ended") from error
    return int(code or 0)


def usage_message(error: Any, arguments: list[str]) -> str:
    """A usage error of Typer as one line, with the closest option."""
    command = error.ctx.command_path if error.ctx is not None else "hiqa"
    wrong = getattr(error, "option_name", "")
    if wrong and type(error).__name__ == "NoSuchOption":
        known = [name for param in error.ctx.command.get_params(error.ctx) for name in _names(param)]
        asked = _as_typed(wrong, arguments)
        guess = closest_match(asked if asked.startswith("--") else f"-{asked}", known)
        ending = f"did you mean {guess}?" if guess else f"see {command} --help"
        return f"no such option: {asked}; {ending}"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see {command} --help"


def _names(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def _as_typed(option: str, arguments: list[str]) -> str:
    """The complete word of a typo with one dash, `-device`; the parser reports only its first letter."""
    if option.startswith("--"):
        return option
    words = [word for word in arguments if word.startswith(option) and len(word) > 2]
    return words[0].partition("=")[0] if words else option
