"""`hiqa bench`: the speed of scoring, where the time goes, and how close the networks are to plain convolutions."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_bytes
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.row import scored_row
from hiqa_cli.scoring.inputs import InputOptions, find_inputs
from hiqa_cli.scoring.jobs import load_scorer
from hiqa_cli.scoring.options import STDOUT

from . import options as common
from .usage.help import INPUT, on_command_line
from .usage.values import whole_number

if TYPE_CHECKING:
    from hiqa_cli.engine.results import ScoreResult
    from hiqa_cli.engine.speed.benchmark import BenchResult

DEFAULT_SIZE, DEFAULT_COUNT = "1080x800", 20


def size_of(value: str) -> tuple[int, int]:
    """(width, height) of WIDTHxHEIGHT; UsageError for anything else."""
    width, cross, height = value.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise UsageError(f"--size: expected WIDTHxHEIGHT in px, such as {DEFAULT_SIZE}; found {value!r}")
    return int(width), int(height)


Size = Annotated[
    str,
    typer.Option("--size", metavar="WxH", help="Size of generated images.", rich_help_panel=INPUT),
]
Count = Annotated[
    int,
    typer.Option(
        "--count",
        metavar="N",
        parser=whole_number("--count"),
        help="Number of generated images.",
        rich_help_panel=INPUT,
    ),
]


def bench(
    context: typer.Context,
    backend: common.AnyBackend,
    inputs: common.FilesAndFolders,
    size: Size = DEFAULT_SIZE,
    count: Count = DEFAULT_COUNT,
    json_file: common.JsonOutput = None,
    mode: common.Mode = Scoring.mode,
    all_tiles: common.AllTiles = False,
    quiet: common.Quiet = False,
) -> int:
    """Measure speed and where the time goes.

    Uses the given images, or generates some.

    \b
    hiqa bench photos/
    hiqa bench --size 512x384 --count 50 --precision fp32 --json -
    """
    if inputs.paths and on_command_line(context, "size", "count"):
        raise UsageError("--size and --count are for generated images", "give images or these, not both")
    if json_file not in (None, STDOUT) and os.path.lexists(str(json_file)):
        raise UsageError(f"--json: {json_file} exists", "give a new file, or remove it")
    say = Messages(quiet=quiet)
    width, height = size_of(size)
    scorer = load_scorer(backend, say)
    from hiqa_cli.engine.speed.benchmark import bench as measure
    from hiqa_cli.engine.speed.benchmark import generated_images

    sources: list[Path | bytes]
    sources = [*files_of(inputs)] if inputs.paths else [*generated_images(width, height, count)]

    def format_row(name: str, result: ScoreResult) -> None:
        CSV.encode(scored_row(name, result, {}))

    scoring = Scoring(mode, max_tiles=None) if all_tiles else Scoring(mode)
    result = measure(scorer, sources, scoring, Limits(), format_row, say.warn)
    facts = {**asdict(result), **derived(result), "settings": {"mode": scoring.mode} | scorer.settings}
    text = json.dumps(facts, indent=2) + "\n"
    if json_file == STDOUT:
        write_output(text)
        return ExitCode.OK
    write_output("\n".join(as_lines(result, facts["settings"])) + "\n")
    if json_file is not None:
        write_bytes(Path(json_file), text.encode("utf-8"))
    return ExitCode.OK


def files_of(options: InputOptions) -> list[Path]:
    """The files that the arguments name; UsageError for one that cannot be read several times."""
    inputs = find_inputs(options).images
    for one in inputs:
        if one.problem or one.is_standard_input:
            problem = one.problem or "bench reads its input several times and cannot use a pipe"
            raise UsageError(f"{one.name}: {problem}")
    return [Path(one.path) for one in inputs]


def derived(result: BenchResult) -> dict[str, float]:
    """Rates and shares that follow from the measured seconds."""
    return {
        "images_a_second": result.images_a_second,
        "megapixels_a_second": result.megapixels_a_second,
        "network_share": result.network_share,
    }


def as_lines(result: BenchResult, settings: dict[str, Any]) -> list[str]:
    """The numbers as text."""
    lines = [
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items()),
        f"{result.images:,} images, {result.megapixels:.1f} megapixels, {result.tiles:,} tiles",
        f"{result.images_a_second:8.2f} images/s",
        f"{result.megapixels_a_second:8.2f} megapixels/s",
        "",
        f"{'stage':8} {'ms/image':>12} {'share':>13}",
    ]
    for stage, seconds in result.stages.items():
        lines.append(f"{stage:8} {1000 * seconds / result.images:12.2f} {100 * seconds / result.seconds:11.0f} %")
    lines += [
        f"{'all':8} {1000 * result.seconds / result.images:12.2f} {100:11.0f} %",
        "",
        f"Networks: {100 * result.network_share:.0f} % of the pipeline's time.",
    ]
    if result.convolutions is not None:
        share, rate = result.convolutions.share, result.convolutions.tera_operations
        lines.append(
            f"Plain convolutions of the same shapes: {100 * share:.0f} % of the networks' time, {rate:.2f} TFLOP/s."
        )
    if result.peak_bytes:
        lines.append(f"Peak memory {result.peak_bytes / 2**20:,.0f} MiB.")
    return lines
