"""`hiqa evaluate modes|sampling|speed`: what fast scoring changes in the scores, and what the networks cost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hiqa_cli.commands import options as common
from hiqa_cli.commands.usage.groups import OptionGroup
from hiqa_cli.commands.usage.help import INPUT
from hiqa_cli.commands.usage.values import whole_number
from hiqa_cli.console.text import count
from hiqa_cli.engine.config import Scoring
from hiqa_cli.scoring.options import BackendOptions

from .clean_images import SHARED, MeasurementOptions, PlainMeasurement, start

WithoutStride = Annotated[
    MeasurementOptions,
    OptionGroup(MeasurementOptions, **{name: option for name, option in SHARED.items() if name != "stride"}),
]


def modes(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="BIQ2021's folder.", file_okay=False, exists=True, rich_help_panel=INPUT),
    ],
    given: PlainMeasurement,
    backend: common.Computing,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            metavar="N",
            parser=whole_number("--images", 10),
            show_default="all",
            help="Number of photographs to draw.",
            rich_help_panel=INPUT,
        ),
    ] = None,
) -> int:
    """Compare the modes fast and exact on BIQ2021's training photographs."""
    from hiqa_train.data.leakage import shared_scenes
    from hiqa_train.datasets.readers.biq2021 import read_biq2021
    from hiqa_train.evaluation.clean.mode_comparison import draw, measure_modes

    run = start(given, backend)
    samples = draw([sample for sample in read_biq2021(folder).samples if sample.split == "training"], images)
    trained = shared_scenes(run.trained_scenes, [sample.scene for sample in samples])
    if trained:
        run.messages.warn(
            f"{folder}: the weights were trained on {len(trained):,} of {count(len(samples), 'image')}; use other "
            "images to measure agreement with people"
        )
    result = measure_modes(run.scorer, samples, stride=run.stride, report=run.messages.warn)
    differences, (low, high) = result.differences, result.gain_interval
    lines = [
        f"modes, {count(result.pictures, 'image')}: fast minus exact, in points",
        f"  mean {differences.mean:+.3f}, mean absolute {differences.mean_absolute:.3f}, "
        f"largest {differences.largest:.2f}",
        f"  SROCC with people: exact {result.srocc['exact']:.4f}, fast {result.srocc['fast']:.4f}",
        f"  gain of fast {result.gain:+.4f}, 95 % interval {low:+.4f} to {high:+.4f}: {result.better}",
    ]
    return run.finish("modes", lines, asdict(result) | {"better": result.better})


def sampling(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of large photographs.", file_okay=False, exists=True, rich_help_panel=INPUT
        ),
    ],
    given: PlainMeasurement,
    backend: common.Computing,
) -> int:
    """Compare sampled tiles of large photographs with all their tiles."""
    from hiqa_train.evaluation.clean.mode_comparison import measure_sampling

    run = start(given, backend)
    result = measure_sampling(run.scorer, folder, Scoring(stride=run.stride), report=run.messages.warn)
    differences, (low, high) = result.differences, result.megapixels
    lines = [
        f"sampling, {count(result.pictures, 'image')} of {low:.1f} to {high:.1f} megapixels: sample minus all tiles",
        f"  mean {differences.mean:+.2f}, mean absolute {differences.mean_absolute:.2f}, "
        f"largest {differences.largest:.2f} points",
        f"  {100 * result.share:.0f} % of the tiles scored; mean standard error {result.standard_error:.2f};",
        f"  {100 * result.within:.0f} % of the differences within two standard errors",
    ]
    return run.finish("sampling", lines, asdict(result))


def speed(
    given: WithoutStride,
    weights: common.WeightsFolder = BackendOptions.weights,
) -> int:
    """Time 8 tiles on the CPU relative to a plain convolution."""
    from hiqa_train.trainer.convolution_rate import TILES, measure_speed

    run = start(given, BackendOptions(weights=weights))
    lines: list[str] = []
    facts: dict[str, Any] = {}
    for precision in ("fp32", "bf16"):
        result = measure_speed(weights, precision)
        lines.append(
            f"speed, {precision}: {TILES} tiles of {result.gmac:.2f} GMAC in {result.seconds:.3f} s; a plain 3x3 "
            f"convolution with as many multiplications {result.convolution_seconds:.3f} s, ratio {result.ratio:.2f}"
        )
        facts[precision] = asdict(result) | {"ratio": result.ratio}
    return run.finish("speed", lines, facts)
