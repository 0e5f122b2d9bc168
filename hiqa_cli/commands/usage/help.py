"""Help in groups with headings, and groups of subcommands that refuse an unknown one in a single line."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from hiqa_cli.console.messages import did_you_mean
from hiqa_cli.errors import UsageError

from .groups import expand_groups

# headings, in the order of the help; options without one are listed under GENERAL
HEADINGS = INPUT, OUTPUT, SCORING, TRAINING, GENERAL, ADVANCED = (
    "Input",
    "Output",
    "Scoring",
    "Training",
    "General",
    "Advanced",
)
HELP_NAMES = {"help_option_names": ["-h", "--help"]}
EXIT_CODES = "Exit codes:"


class GroupedCommand(TyperCommand):
    """A command whose help lists arguments and options under the heading that each names (`rich_help_panel`)."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The sections in the order of HEADINGS."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = _help_record(param, ctx)
            if record is not None:
                sections.setdefault(getattr(param, "rich_help_panel", None) or GENERAL, []).append(record)
        for heading in sorted(sections, key=HEADINGS.index):
            with formatter.section(heading):
                formatter.write_dl(sections[heading])


def _help_record(param: Any, ctx: Any) -> tuple[str, str] | None:
    """(names and value, description) of a parameter. Typer puts a default that is a text in brackets of its own, and
    some versions escape the bracket before "default" for rich, which does not print this help."""
    if param.param_type_name == "argument":
        name = param.metavar or param.human_readable_name
        return f"{name}..." if param.nargs == -1 else name, param.help or ""
    record = param.get_help_record(ctx)
    return record and (record[0], re.sub(r"default: \((.*)\)\]$", r"default: \1]", record[1]).replace("\\[", "["))


class CommandGroup(TyperGroup):
    """A group of subcommands; an unknown one is refused with the nearest known one."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Every subcommand with the first line of its help, uncut."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, (one.help or "").split("\n")[0]) for name, one in commands.items() if one])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer's, but UsageError for an unknown subcommand."""
        known = self.list_commands(ctx)
        if args[0] not in known and not ctx.resilient_parsing:
            guess = did_you_mean(args[0], known) or f"; see {ctx.command_path} --help"
            expected = f"{', '.join(known[:-1])} or {known[-1]}"
            raise UsageError(f"{ctx.command_path}: expected {expected}, found {args[0]!r}{guess}")
        return super().resolve_command(ctx, args)


def command_group(name: str) -> typer.Typer:
    """An empty group of subcommands."""
    return typer.Typer(
        name=name,
        cls=CommandGroup,
        rich_markup_mode=None,  # plain help: greps well, and costs a third of the time
        add_completion=False,
        context_settings=HELP_NAMES,
    )


def add_command(group: typer.Typer, name: str, function: Callable[..., int]) -> None:
    """Add a command to a group. Its docstring is its help; a last paragraph of exit codes follows the options."""
    text, mark, codes = inspect.cleandoc(function.__doc__ or "").partition(EXIT_CODES)
    group.command(name, cls=GroupedCommand, help=text.rstrip(), epilog=mark + codes or None)(expand_groups(function))


def on_command_line(context: typer.Context, *parameters: str) -> bool:
    """Whether any of the parameters was given as an option; neither its default nor the environment counts."""
    sources = (context.get_parameter_source(parameter) for parameter in parameters)
    return any(source is not None and source.name == "COMMANDLINE" for source in sources)
