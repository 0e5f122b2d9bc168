"""`hiqa bench`: how fast scoring is on this machine, where the time goes, and how near to its limit that is."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.atomic import write_bytes
from hiqa_cli.console.messages import Messages
from hiqa_cli.errors import UsageError
from hiqa_cli.rows.codec import encode_csv
from hiqa_cli.rows.row import scored_row
from hiqa_cli.scoring.inputs import find_inputs
from hiqa_cli.scoring.items import load_scorer
from hiqa_cli.scoring.options import BackendOptions, make_limits, make_scoring
from hiqa_cli.scoring.row_printer import write

from . import options as common
from .options import whole_number

if TYPE_CHECKING:
    from hiqa_cli.engine.benchmark import BenchResult
    from hiqa_cli.engine.results import ScoreResult

DEFAULT_SIZE, DEFAULT_COUNT = (1080, 800), 20


def size(option: str) -> Any:
    """A parser for WIDTHxHEIGHT."""

    def parse(value: str) -> tuple[int, int]:
        width, cross, height = str(value).partition("x")
        if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            raise UsageError(f"{option}: expected WIDTHxHEIGHT in px, such as 1080x800; found {value!r}")
        return int(width), int(height)

    return parse


def bench(
    images: common.Images = None,
    recursive: common.Recursive = False,
    made: Annotated[
        str | None,
        typer.Option(
            "--size", metavar="WxH", help="Without images: the size of those that are generated; 1080x800 if not given."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", metavar="N", parser=whole_number("--count"), help="How many are generated; 20 if not given."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write all numbers too; - for standard output alone.")
    ] = None,
    mode: common.Mode = None,
    all_tiles: Annotated[bool, typer.Option("--all-tiles", help="Score every tile of large images too.")] = False,
    device: common.Device = "auto",
    precision: common.Precision = "auto",
    batch_size: common.BatchSize = None,
    threads: common.Threads = None,
    weights: common.WeightsFolder = None,
    quiet: common.Quiet = False,
) -> None:
    """Measure speed on images of yours, or on generated ones: the stages alone and the whole way.

    \b
    hiqa bench photos/
    hiqa bench --size 512x384 --count 50 --precision fp32 --json -
    """
    if images and (made or count):
        raise UsageError("--size and --count are of generated images", "give images or these, not both")
    if out is not None and out != "-" and os.path.lexists(out):
        raise UsageError(f"--json: {out} exists", "give a new file, or remove it")
    say = Messages(quiet=quiet)
    width, height = DEFAULT_SIZE if made is None else size("--size")(made)
    scorer = load_scorer(BackendOptions(device, precision, batch_size, threads, weights), say)
    from hiqa_cli.engine.benchmark import bench as measure
    from hiqa_cli.engine.benchmark import generated_images

    if images:
        found = find_inputs(tuple(images), recursive=recursive, files_from=None, nul_separated=False).images
        for entry in found:
            if entry.problem or entry.is_standard_input:
                raise UsageError(f"{entry.name}: {entry.problem or 'bench reads files several times, no pipe'}")
        sources: list[Path | bytes] = [Path(entry.path) for entry in found]
    else:
        sources = list(generated_images(width, height, DEFAULT_COUNT if count is None else count))

    def written(name: str, result: ScoreResult) -> None:
        encode_csv(scored_row(name, result, {}))

    scoring = make_scoring(mode, None, None, None, all_tiles)
    result = measure(scorer, sources, scoring, make_limits(None, None), written, say.warn)
    facts = {**asdict(result), **derived(result), "settings": scorer.settings | {"mode": scoring.mode}}
    text = json.dumps(facts, indent=2) + "\n"
    if out == "-":
        write(text)
        return
    write("\n".join(as_lines(result, facts["settings"])) + "\n")
    if out is not None:
        write_bytes(Path(out), text.encode("utf-8"))


def derived(result: BenchResult) -> dict[str, float]:
    return {
        "images_a_second": result.images_a_second,
        "megapixels_a_second": result.megapixels_a_second,
        "network_share": result.network_share,
    }


def as_lines(result: BenchResult, settings: dict[str, Any]) -> list[str]:
    """The numbers for people."""
    names = ("mode", "device", "precision", "batch_size", "threads", "torch")
    lines = [
        ", ".join(f"{name.replace('_', ' ')} {settings[name]}" for name in names),
        f"{result.images:,} images, {result.megapixels:.1f} megapixels, {result.tiles:,} tiles through the networks",
        f"{result.images_a_second:8.2f} images a second",
        f"{result.megapixels_a_second:8.2f} megapixels a second",
        "",
        f"{'stage':8} {'ms an image':>12} {'of the whole':>13}",
    ]
    for stage, seconds in result.stages.items():
        lines.append(f"{stage:8} {1000 * seconds / result.images:12.2f} {100 * seconds / result.seconds:11.0f} %")
    lines += [
        f"{'whole':8} {1000 * result.seconds / result.images:12.2f} {100:11.0f} %",
        "",
        f"The networks alone take {100 * result.network_share:.0f} % of the whole way.",
        f"Plain convolutions of the same shapes take {100 * result.convolution_share:.0f} % of the networks' time, "
        f"at {result.tera_operations:.2f} TFLOP/s.",
    ]
    if result.peak_bytes:
        lines.append(f"Peak memory {result.peak_bytes / 2**20:,.0f} MiB.")
    return lines
