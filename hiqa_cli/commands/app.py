"""The Typer app: which commands there are, and wrong usage as one line with the closest correct word.

A command's module is imported when the command is asked for, so that `hiqa --help` costs nothing; what
the list of commands says about each stands here.

Typer carries its own copy of Click since 0.22 and leans on the real one before: this module takes the
classes of both from Typer's public names, so that it works with either.
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

from .help import HELP_NAMES, add_command

COMMANDS = {  # name, which is also the name of its module and function -> one line of help
    "score": "Score images: 0 to 100, high is good.",
    "hallucinate": "Show the picture that an image should have been, and what is wrong with it.",
    "report": "Make a page that shows scores, pictures and what is wrong with them.",
    "bench": "Measure speed: images a second, and where the time goes.",
    "weights": "What weights are installed: checked, with licence, training data, quality.",
    "evaluate": "Measure the weights on a folder of clean pictures.",
    "train": "Train the networks.",
    "datasets": "Image-quality databases: what hiqa reads, where it lies, whether it is whole.",
}
COMPLETION_VARIABLE = "_HIQA_COMPLETE"  # Typer's name for it: the shell asks for completions

# UsageError and ClickException of Typer's (or Click's) own, by way of the one every Typer exports
FrameworkUsageError = cast(type[Exception], typer.BadParameter.__mro__[1])
FrameworkError = cast(type[Exception], typer.BadParameter.__mro__[2])


class LazyCommands(TyperGroup):
    """The group of COMMANDS; a command is built when it is called, helped or completed."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """The command of that name, or None."""
        return build_command(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """The list of commands in `hiqa --help`, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """As Typer's, with a name that is not a command refused in one line."""
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
    "2 wrong usage or nothing could start; 3 below --min-score.",
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"hiqa {__version__}")
        raise typer.Exit()


@app.callback()
def hiqa(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """No-reference image quality with evidence: scores a photograph, 0 to 100, and shows the picture
    it should have been."""


def run(arguments: list[str]) -> int:
    """Run the command line given without the program's name; its exit code.

    Raises HiqaError, of which UsageError for everything that Typer finds wrong.
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
    """What Typer has to say about wrong usage, in hiqa's words, with the closest option."""
    command = error.ctx.command_path if error.ctx is not None else "hiqa"
    wrong = getattr(error, "option_name", "")
    if wrong and type(error).__name__ == "NoSuchOption":
        known = [name for param in error.ctx.command.get_params(error.ctx) for name in param.opts]
        asked = _as_typed(wrong, arguments)
        guess = closest_match(asked if asked.startswith("--") else f"-{asked}", known)
        ending = f"did you mean {guess}?" if guess else f"see {command} --help"
        return f"no such option: {asked}; {ending}"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; see {command} --help"


def _as_typed(option: str, arguments: list[str]) -> str:
    """The whole word of a one-dash typo, `-device`, of which the parser names the first letter only."""
    if option.startswith("--"):
        return option
    words = [word for word in arguments if word.startswith(option) and len(word) > 2]
    return words[0].partition("=")[0] if words else option
