"""`hiqa evaluate ladders|gains|uncertainty|people`: measures on undistorted photographs that hiqa distorts itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.commands import options as common
from hiqa_cli.commands.usage.groups import OptionGroup
from hiqa_cli.commands.usage.help import INPUT
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import count
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_cli.files.output_checks import check_new_file
from hiqa_cli.scoring.jobs import load_scorer
from hiqa_cli.scoring.options import BackendOptions

from . import options as own

if TYPE_CHECKING:
    from hiqa_cli.engine.scorer import Scorer
    from hiqa_train.data.clean_images import CleanImage


@dataclass(frozen=True)
class MeasurementOptions:
    """What the measures have in common. leave_out: names of photographs. json: None for no file."""

    leave_out: tuple[str, ...] = ()
    stride: int = Scoring.stride
    json: Path | None = None
    overwrite: bool = False
    quiet: bool = False


SHARED: dict[str, Any] = {
    "stride": common.Stride,
    "json": own.JsonFile,
    "overwrite": common.Overwrite,
    "quiet": common.Quiet,
}
PlainMeasurement = Annotated[MeasurementOptions, OptionGroup(MeasurementOptions, **SHARED)]
PhotographMeasurement = Annotated[MeasurementOptions, OptionGroup(MeasurementOptions, leave_out=own.LeaveOut, **SHARED)]


@dataclass(frozen=True)
class Measurement:
    """Loaded weights, how they score, and where the numbers go.

    trained_scenes: scenes the weights were trained on; images of these are left out. json_file: None for no file.
    """

    scorer: Scorer
    stride: int
    trained_scenes: frozenset[str]
    json_file: Path | None
    messages: Messages

    def images(self, folder: Path, leave_out: Sequence[str]) -> list[CleanImage]:
        """The photographs of a folder without those named and without those the weights were trained on.

        UsageError if a name is unknown or no photograph remains.
        """
        from hiqa_train.data.clean_images import load_clean_images
        from hiqa_train.data.leakage import photograph_scenes, shared_scenes

        images = load_clean_images(folder)
        names = {image.name for image in images} | {Path(image.name).stem for image in images}
        for name in leave_out:
            if name not in names:
                raise UsageError(f"--leave-out {name}: no such image in {folder}")
        images = [image for image in images if not {image.name, Path(image.name).stem} & set(leave_out)]
        scenes = [next(iter(photograph_scenes(folder.name, [image.name]))) for image in images]
        shared = set(shared_scenes(self.trained_scenes, scenes))
        if shared:
            self.messages.warn(f"{folder}: left out {count(len(shared), 'image')} that the weights were trained on")
        remaining = [image for image, scene in zip(images, scenes, strict=True) if scene not in shared]
        if not remaining:
            raise UsageError(f"{folder}: the weights were trained on every image", "give other images")
        return remaining

    def finish(self, name: str, lines: Sequence[str], facts: dict[str, Any]) -> int:
        """Print the result and write the JSON file; the exit code."""
        write_output("\n".join(lines) + "\n")
        if self.json_file is not None:
            write_json(self.json_file, {"settings": self.scorer.settings | {"stride": self.stride}, name: facts})
        return ExitCode.OK


def start(given: MeasurementOptions, backend: BackendOptions) -> Measurement:
    """Check the output file and load the weights."""
    from hiqa_train.data.leakage import trained_scenes

    Scoring(stride=given.stride)
    check_new_file(given.json, "--json", given.overwrite)
    messages = Messages(quiet=given.quiet)
    scorer = load_scorer(backend, messages)
    scenes = trained_scenes(backend.weights).scenes or frozenset()
    return Measurement(scorer, given.stride, scenes, given.json, messages)


def ladders(
    folder: own.Folder,
    given: PhotographMeasurement,
    backend: common.Computing,
) -> int:
    """Correlate scores with the strength of synthetic distortions."""
    from hiqa_train.evaluation.clean.ladders import LADDERS, measure_ladders

    run = start(given, backend)
    images = run.images(folder, given.leave_out)
    result = measure_ladders(run.scorer, images, stride=run.stride, report=run.messages.warn)
    lines = [f"ladders, {count(len(images), 'image')}: mean rank correlation of score and distortion strength"]
    for kind, mean in result.mean_srocc.items():
        steps = " ".join(f"{strength:g}" for strength in LADDERS[kind])
        lines.append(f"  {kind:<9} {mean:.3f} (lowest of an image {min(result.srocc[kind]):.3f})   strengths {steps}")
    rates = {f"{rate:g}": sum(reached) / len(reached) for rate, reached in result.rates.items()}
    lines += [f"  jpeg2000 at {rate} bit/px reached {reached:.3f}" for rate, reached in rates.items()]
    lines.append(f"  undistorted above distorted in {100 * result.share_above:.1f} % of pairs")
    facts = {
        "pictures": len(images),
        "mean_srocc": result.mean_srocc,
        "share_above": result.share_above,
        "reached_rates": rates,
        "scores": result.scores,
    }
    return run.finish("ladders", lines, facts)


def gains(
    folder: own.Folder,
    given: PhotographMeasurement,
    backend: common.Computing,
) -> int:
    """Measure the PSNR that hallucinations gain over distorted images.

    Compares the gain with that of OpenCV's filters.
    """
    from hiqa_train.evaluation.clean.psnr_gain import measure_gains

    run = start(given, backend)
    images = run.images(folder, given.leave_out)
    found, clean = measure_gains(run.scorer, images, stride=run.stride, with_filters=True, report=run.messages.warn)
    lines = [f"gains, {count(len(images), 'image')}: mean PSNR against the undistorted image"]
    lines += [
        f"  {name:<9} {gain.before:6.2f} dB, hallucination {gain.gain:+.2f} dB, "
        f"best filter {gain.filter_gain:+.2f} dB ({gain.filter_name})"
        for name, gain in found.items()
    ]
    lines.append(f"  clean     hallucination against the undistorted image {clean:.2f} dB")
    facts = {"pictures": len(images), "clean": clean, **{name: asdict(gain) for name, gain in found.items()}}
    return run.finish("gains", lines, facts)


def uncertainty(
    folder: own.Folder,
    given: PhotographMeasurement,
    backend: common.Computing,
) -> int:
    """Measure how often the stated uncertainty covers the error."""
    from hiqa_train.uncertainty.activations import observe_scores
    from hiqa_train.uncertainty.coverage import COVERED, draw_cases, measure_coverage

    run = start(given, backend)
    images = run.images(folder, given.leave_out)
    cases = draw_cases(observe_scores(run.scorer, run.stride), images, 12, seed=11, report=run.messages.warn)
    result = measure_coverage(cases)
    lines = [
        f"uncertainty, {result.cases} randomly distorted images made from {len(images)}",
        f"  covered {100 * result.covered:.1f} % (target: {100 * COVERED:.0f} %)",
        f"  mean error {result.mean_error:.1f} points, mean half-width {result.mean_half_width:.1f}",
        f"  mean error, widest third over narrowest third {result.error_ratio:.2f}",
    ]
    return run.finish("uncertainty", lines, asdict(result))


def people(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Kodak's 24 photographs.", file_okay=False, exists=True, rich_help_panel=INPUT
        ),
    ],
    scores: Annotated[
        Path,
        typer.Option(
            "--scores",
            metavar="CSV",
            help="TID2013's scores: reference,type,level,mos.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ],
    offsets: Annotated[
        Path,
        typer.Option(
            "--offsets",
            metavar="CSV",
            help="TID2013's crops: reference,kodak,x,y,width,height.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ],
    given: PlainMeasurement,
    backend: common.Computing,
) -> int:
    """Correlate scores of rebuilt TID2013 images with its published scores."""
    from hiqa_train.evaluation.clean.tid_agreement import measure_people

    run = start(given, backend)
    result = measure_people(
        run.scorer, folder, scores, offsets, excluded=run.trained_scenes, stride=run.stride, report=run.messages.warn
    )
    lines = [
        f"people, {result.pictures} images: SROCC with TID2013's published scores",
        f"  blur and JPEG pooled {result.pooled:.3f}, blur {result.blur:.3f}, JPEG {result.jpeg:.3f}",
    ]
    return run.finish("people", lines, asdict(result))
