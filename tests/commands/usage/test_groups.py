"""A command takes records; the command line has an option for each of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from hiqa_cli.commands.usage.groups import OptionGroup, expand_groups

Width = Annotated[int, typer.Option("--width", help="Px.")]
Names = Annotated[list[str] | None, typer.Option("--name", help="May be repeated.")]
Out = Annotated[Path, typer.Option("--out")]


@dataclass(frozen=True)
class Frame:
    out: Path
    width: int = 3
    names: tuple[str, ...] = ("first",)


FrameOptions = Annotated[Frame, OptionGroup(Frame, out=Out, width=Width, names=Names)]


def app_of(command) -> typer.Typer:
    app = typer.Typer()
    app.command()(expand_groups(command))
    return app


@pytest.fixture
def taken() -> list:
    return []


@pytest.fixture
def app(taken) -> typer.Typer:
    def command(frame: FrameOptions, quiet: bool = False) -> int:
        taken.append((frame, quiet))
        return 0

    return app_of(command)


def test_fields_that_are_not_given_keep_the_defaults_of_the_record(app, taken):
    assert CliRunner().invoke(app, ["--out", "a"]).exit_code == 0
    assert taken == [(Frame(Path("a")), False)]


def test_options_reach_the_record_and_a_repeated_one_becomes_a_tuple(app, taken):
    given = ["--out", "a", "--width", "5", "--name", "x", "--name", "y", "--quiet"]
    assert CliRunner().invoke(app, given).exit_code == 0
    assert taken == [(Frame(Path("a"), 5, ("x", "y")), True)]


def test_a_field_without_a_default_is_a_required_option(app, taken):
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "--out" in result.output
    assert not taken


def test_the_help_shows_the_default_of_the_record(app):
    assert "[default: 3]" in CliRunner().invoke(app, ["--help"], env={"TERM": "dumb", "COLUMNS": "200"}).output


def test_two_options_of_one_name_are_refused_when_the_command_is_made():
    def command(frame: FrameOptions, width: Width = 1) -> int:
        return 0

    with pytest.raises(TypeError, match="command: two options are named width"):
        expand_groups(command)
