"""`hiqa evaluate`: measure weights on clean pictures (and on published human scores), reproducibly.

What is measured and how stands in the training suite's modules `ladders`, `gains`, `uncertainty` and `people`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .messages import Messages
from .options import BatchSize, Device, Precision, Quiet, Threads, WeightsFolder, whole_number

if TYPE_CHECKING:
    from ..engine.scorer import Scorer

Folder = Path | None


def folder_option(name: str, help_text: str) -> Any:
    return typer.Option(name, metavar="DIR", help=help_text, file_okay=False, exists=True)


def evaluate(
    ladders: Annotated[
        Folder, folder_option("--ladders", "Rank correlation of score with strength, on clean pictures.")
    ] = None,
    gains: Annotated[
        Folder, folder_option("--gains", "PSNR that hallucinations gain, beside OpenCV's filters.")
    ] = None,
    uncertainty: Annotated[
        Folder, folder_option("--uncertainty", "Coverage of the stated uncertainty, on clean pictures.")
    ] = None,
    people: Annotated[
        Folder, folder_option("--people", "Agreement with TID2013's scores, on Kodak's photographs.")
    ] = None,
    scores: Annotated[
        Folder, typer.Option("--scores", metavar="CSV", help="TID2013's scores: reference,type,level,mos.")
    ] = None,
    offsets: Annotated[
        Folder,
        typer.Option("--offsets", metavar="CSV", help="Its crops: reference,kodak,x,y,width,height."),
    ] = None,
    modes: Annotated[
        Folder, folder_option("--modes", "Mode fast beside exact, on BIQ2021's training photographs.")
    ] = None,
    sampling: Annotated[
        Folder, folder_option("--sampling", "Samples of large photographs beside all their tiles.")
    ] = None,
    pictures: Annotated[
        int | None,
        typer.Option("--pictures", metavar="N", parser=whole_number("--pictures", 10), help="Of --modes: draw N."),
    ] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Time of 8 tiles beside a plain convolution's, on the CPU.")
    ] = False,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="NAME", help="A picture of the folders to leave out; repeat it."),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option("--stride", metavar="N", parser=whole_number("--stride", 1, 256), help="Px between tiles."),
    ] = None,
    out: Annotated[
        Folder, typer.Option("--json", metavar="FILE", help="Write all numbers to a new file too.")
    ] = None,
    weights: WeightsFolder = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Measure the weights: --ladders, --gains, --uncertainty, --people, --speed, --modes, --sampling, or several.

    Each takes a folder of clean pictures; --people Kodak's 24, with --scores and --offsets.
    """
    if not (ladders or gains or uncertainty or people or speed or modes or sampling):
        raise UsageError("nothing to measure", "see hiqa evaluate --help for what there is")
    if people and not (scores and offsets):
        raise UsageError("--people needs --scores and --offsets", "see hiqa evaluate --help")
    if out is not None and out.exists():
        raise UsageError(f"{out} exists", "give a new file, or remove it")
    from ..engine.results import DEFAULT_STRIDE
    from ..engine.scorer import Scorer

    say = Messages(quiet=quiet)
    scorer = Scorer.load(
        weights, device=device, precision=precision, batch_size=batch_size, threads=threads, notice=say.warn
    )
    measure = Measurement(scorer, stride or DEFAULT_STRIDE, tuple(leave_out or ()), say)
    if ladders:
        measure.ladders(ladders)
    if gains:
        measure.gains(gains)
    if uncertainty:
        measure.uncertainty(uncertainty)
    if people and scores and offsets:
        measure.people(people, scores, offsets)
    if modes:
        measure.modes(modes, pictures)
    if sampling:
        measure.sampling(sampling)
    if speed:
        measure.speed(str(weights) if weights else None)
    if out is not None:
        out.write_text(json.dumps(measure.found, indent=2) + "\n", encoding="utf-8")


class Measurement:
    """The measurements of one run: each prints its table and adds to `found`."""

    def __init__(self, scorer: Scorer, stride: int, left_out: tuple[str, ...], say: Messages) -> None:
        self.scorer, self.stride, self.left_out, self.say = scorer, stride, left_out, say
        self.found: dict[str, Any] = {"settings": scorer.settings | {"stride": stride}}

    def images(self, folder: Path) -> list[Any]:
        from hiqa_train.pristine import load_pristine

        images = load_pristine(folder)
        names = {image.name for image in images} | {Path(image.name).stem for image in images}
        for name in self.left_out:
            if name not in names:
                raise UsageError(f"--leave-out {name}: no such picture in {folder}")
        return [i for i in images if not {i.name, Path(i.name).stem} & set(self.left_out)]

    def ladders(self, folder: Path) -> None:
        from hiqa_train.ladders import LADDERS, measure_ladders

        images = self.images(folder)
        result = measure_ladders(self.scorer, images, stride=self.stride, tell=self.say.warn)
        print(f"ladders, {len(images)} pictures: rank correlation of score with strength, mean")
        for kind, mean in result.mean_srocc.items():
            lowest = min(result.srocc[kind])
            steps = " ".join(f"{strength:g}" for strength in LADDERS[kind])
            print(f"  {kind:<9} {mean:.3f} (lowest picture {lowest:.3f})   steps {steps}")
        for strength, rates in result.rates.items():
            print(f"  jpeg2000 at {strength:g} bit a pixel reached {sum(rates) / len(rates):.3f}")
        print(f"  clean above distorted in {100 * result.share_above:.1f} % of pairs")
        self.found["ladders"] = {
            "pictures": len(images), "mean_srocc": result.mean_srocc, "share_above": result.share_above,
            "reached_rates": {f"{k:g}": sum(v) / len(v) for k, v in result.rates.items()},
            "scores": result.scores,
        }  # fmt: skip

    def gains(self, folder: Path) -> None:
        from hiqa_train.gains import measure_gains

        images = self.images(folder)
        gains, clean = measure_gains(
            self.scorer, images, stride=self.stride, with_filters=True, tell=self.say.warn
        )
        print(f"gains, {len(images)} pictures: PSNR against the clean picture, mean")
        for name, gain in gains.items():
            print(
                f"  {name:<9} {gain.before:6.2f} dB, hallucination {gain.gain:+.2f} dB, "
                f"best filter {gain.filter_gain:+.2f} dB ({gain.filter_name})"
            )
        print(f"  clean     against its own hallucination {clean:.2f} dB")
        self.found["gains"] = {
            "pictures": len(images), "clean": clean, **{name: asdict(gain) for name, gain in gains.items()}
        }  # fmt: skip

    def uncertainty(self, folder: Path) -> None:
        from hiqa_train.uncertainty import COVERED, check, draw_cases

        images = self.images(folder)
        cases = draw_cases(self.scorer, images, 12, seed=11, stride=self.stride, tell=self.say.warn)
        result = check(cases)
        print(f"uncertainty, {result.cases} randomly distorted pictures from {len(images)}")
        print(f"  covered {100 * result.covered:.1f} % (meant: {100 * COVERED:.0f} %)")
        print(f"  mean error {result.mean_error:.1f} points, mean half-width {result.mean_half_width:.1f}")
        print(f"  mean error, widest third over narrowest third {result.error_ratio:.2f}")
        self.found["uncertainty"] = asdict(result)

    def modes(self, folder: Path, count: int | None) -> None:
        from hiqa_train.datasets.biq2021 import read_biq2021
        from hiqa_train.modes import draw, measure_modes

        training = [sample for sample in read_biq2021(folder).samples if sample.split == "training"]
        result = measure_modes(self.scorer, draw(training, count), stride=self.stride, tell=self.say.warn)
        gaps, (low, high) = result.differences, result.gain_interval
        print(f"modes, {result.pictures:,} pictures: fast minus exact, in points")
        print(f"  mean {gaps.mean:+.3f}, mean absolute {gaps.mean_absolute:.3f}, largest {gaps.largest:.2f}")
        print(f"  SROCC with people: exact {result.srocc['exact']:.4f}, fast {result.srocc['fast']:.4f}")
        print(f"  gain of fast {result.gain:+.4f}, 95 % of resamples {low:+.4f} to {high:+.4f}: {result.better}")
        self.found["modes"] = asdict(result) | {"better": result.better}

    def sampling(self, folder: Path) -> None:
        from hiqa_train.modes import measure_sampling

        from ..engine.scoring import Scoring

        result = measure_sampling(self.scorer, folder, Scoring(stride=self.stride), tell=self.say.warn)
        gaps, (low, high) = result.differences, result.megapixels
        print(f"sampling, {result.pictures} photographs of {low:.1f} to {high:.1f} megapixels: sample minus all tiles")
        print(f"  mean {gaps.mean:+.2f}, mean absolute {gaps.mean_absolute:.2f}, largest {gaps.largest:.2f} points")
        print(f"  {100 * result.share:.0f} % of the tiles scored; mean standard error {result.standard_error:.2f};")
        print(f"  {100 * result.within:.0f} % of the differences within two of them")
        self.found["sampling"] = asdict(result)

    def speed(self, weights: str | None) -> None:
        from hiqa_train.speed import TILES, measure_speed

        self.found["speed"] = {}
        for name in ("fp32", "bf16"):
            result = measure_speed(weights, name)
            print(
                f"speed, {name}: {TILES} tiles of {result.gmac:.2f} GMAC in {result.seconds:.3f} s; a plain 3x3 "
                f"convolution takes {result.convolution_seconds:.3f} s for as much, ratio {result.ratio:.2f}"
            )
            self.found["speed"][name] = asdict(result) | {"ratio": result.ratio}

    def people(self, folder: Path, scores: Path, offsets: Path) -> None:
        from hiqa_train.people import measure_people

        result = measure_people(
            self.scorer, folder, scores, offsets, stride=self.stride, tell=self.say.warn
        )
        print(f"people, {result.pictures} pictures: SROCC with TID2013's published scores")
        print(f"  blur and JPEG pooled {result.pooled:.3f}, blur {result.blur:.3f}, JPEG {result.jpeg:.3f}")
        self.found["people"] = asdict(result)
