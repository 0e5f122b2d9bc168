"""`hiqa evaluate` on clean pictures: ladders, gains, uncertainty, agreement with people on rebuilt TID2013, speed.

What is measured and how stands in the training suite's modules `ladders`, `gains`, `uncertainty` and `people`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiqa_cli.atomic import write_json
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import count
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.items import load_scorer
from hiqa_cli.scoring.options import BackendOptions

if TYPE_CHECKING:
    from hiqa_cli.engine.scorer import Scorer


@dataclass(frozen=True)
class PictureMeasures:
    """What was asked for: a folder of clean pictures for each measure, None for those that were not."""

    ladders: Path | None
    gains: Path | None
    uncertainty: Path | None
    people: Path | None
    scores: Path | None
    offsets: Path | None
    modes: Path | None
    modes_pictures: int | None
    sampling: Path | None
    speed: bool
    leave_out: tuple[str, ...]

    @property
    def asked(self) -> bool:
        measures = (self.ladders, self.gains, self.uncertainty, self.people, self.modes, self.sampling, self.speed)
        return any(measures)


def evaluate_pictures(
    asked: PictureMeasures, engine: BackendOptions, stride: int, out: Path | None, say: Messages
) -> None:
    """Take every measure that was asked for, print each, and write all numbers to `out`."""
    if asked.people and not (asked.scores and asked.offsets):
        raise UsageError("--people needs --scores and --offsets", "see hiqa evaluate --help")
    from hiqa_train.data.leakage import trained_scenes

    seen = trained_scenes(engine.weights)
    measure = Measurement(load_scorer(engine, say), stride, asked.leave_out, seen.scenes or frozenset(), say)
    if asked.ladders:
        measure.ladders(asked.ladders)
    if asked.gains:
        measure.gains(asked.gains)
    if asked.uncertainty:
        measure.uncertainty(asked.uncertainty)
    if asked.people and asked.scores and asked.offsets:
        measure.people(asked.people, asked.scores, asked.offsets)
    if asked.modes:
        measure.modes(asked.modes, asked.modes_pictures)
    if asked.sampling:
        measure.sampling(asked.sampling)
    if asked.speed:
        measure.speed(str(engine.weights) if engine.weights else None)
    if out is not None:
        write_json(out, measure.found)


class Measurement:
    """The measurements of one run: each prints its table and adds to `found`.

    seen: scenes that the weights were trained on; none of them is measured, and how many that leaves out is said.
    """

    def __init__(
        self, scorer: Scorer, stride: int, left_out: tuple[str, ...], seen: frozenset[str], say: Messages
    ) -> None:
        self.scorer, self.stride, self.left_out, self.seen, self.say = scorer, stride, left_out, seen, say
        self.found: dict[str, Any] = {"settings": scorer.settings | {"stride": stride}}

    def images(self, folder: Path) -> list[Any]:
        from hiqa_train.data.clean_images import load_clean_images
        from hiqa_train.data.leakage import photograph_scenes, shared_scenes

        images = load_clean_images(folder)
        names = {image.name for image in images} | {Path(image.name).stem for image in images}
        for name in self.left_out:
            if name not in names:
                raise UsageError(f"--leave-out {name}: no such picture in {folder}")
        images = [i for i in images if not {i.name, Path(i.name).stem} & set(self.left_out)]
        scenes = [next(iter(photograph_scenes(folder.name, [image.name]))) for image in images]
        shared = set(shared_scenes(self.seen, scenes))
        if shared:
            self.say.warn(f"{folder}: {count(len(shared), 'picture')} left out, which the weights were trained on")
        unseen = [image for image, scene in zip(images, scenes, strict=True) if scene not in shared]
        if not unseen:
            raise UsageError(f"{folder}: no picture is left that the weights were not trained on", "give others")
        return unseen

    def ladders(self, folder: Path) -> None:
        from hiqa_train.evaluation.clean.ladders import LADDERS, measure_ladders

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
            "pictures": len(images),
            "mean_srocc": result.mean_srocc,
            "share_above": result.share_above,
            "reached_rates": {f"{k:g}": sum(v) / len(v) for k, v in result.rates.items()},
            "scores": result.scores,
        }

    def gains(self, folder: Path) -> None:
        from hiqa_train.evaluation.clean.psnr_gain import measure_gains

        images = self.images(folder)
        gains, clean = measure_gains(self.scorer, images, stride=self.stride, with_filters=True, tell=self.say.warn)
        print(f"gains, {len(images)} pictures: PSNR against the clean picture, mean")
        for name, gain in gains.items():
            print(
                f"  {name:<9} {gain.before:6.2f} dB, hallucination {gain.gain:+.2f} dB, "
                f"best filter {gain.filter_gain:+.2f} dB ({gain.filter_name})"
            )
        print(f"  clean     against its own hallucination {clean:.2f} dB")
        self.found["gains"] = {
            "pictures": len(images),
            "clean": clean,
            **{name: asdict(gain) for name, gain in gains.items()},
        }

    def uncertainty(self, folder: Path) -> None:
        from hiqa_train.uncertainty.activations import observe_scores
        from hiqa_train.uncertainty.coverage import COVERED, check, draw_cases

        images = self.images(folder)
        cases = draw_cases(observe_scores(self.scorer, self.stride), images, 12, seed=11, tell=self.say.warn)
        result = check(cases)
        print(f"uncertainty, {result.cases} randomly distorted pictures from {len(images)}")
        print(f"  covered {100 * result.covered:.1f} % (meant: {100 * COVERED:.0f} %)")
        print(f"  mean error {result.mean_error:.1f} points, mean half-width {result.mean_half_width:.1f}")
        print(f"  mean error, widest third over narrowest third {result.error_ratio:.2f}")
        self.found["uncertainty"] = asdict(result)

    def modes(self, folder: Path, pictures: int | None) -> None:
        from hiqa_train.data.leakage import shared_scenes
        from hiqa_train.datasets.readers.biq2021 import read_biq2021
        from hiqa_train.evaluation.clean.mode_comparison import draw, measure_modes

        samples = draw([sample for sample in read_biq2021(folder).samples if sample.split == "training"], pictures)
        known = shared_scenes(self.seen, [sample.scene for sample in samples])
        if known:
            of_all = f"{len(known):,} of {count(len(samples), 'picture')}"
            self.say.warn(
                f"{folder}: the weights were trained on {of_all}; how well the modes agree with people, "
                "other pictures would tell"
            )
        result = measure_modes(self.scorer, samples, stride=self.stride, tell=self.say.warn)
        gaps, (low, high) = result.differences, result.gain_interval
        print(f"modes, {result.pictures:,} pictures: fast minus exact, in points")
        print(f"  mean {gaps.mean:+.3f}, mean absolute {gaps.mean_absolute:.3f}, largest {gaps.largest:.2f}")
        print(f"  SROCC with people: exact {result.srocc['exact']:.4f}, fast {result.srocc['fast']:.4f}")
        print(f"  gain of fast {result.gain:+.4f}, 95 % of resamples {low:+.4f} to {high:+.4f}: {result.better}")
        self.found["modes"] = asdict(result) | {"better": result.better}

    def sampling(self, folder: Path) -> None:
        from hiqa_cli.engine.config import Scoring
        from hiqa_train.evaluation.clean.mode_comparison import measure_sampling

        result = measure_sampling(self.scorer, folder, Scoring(stride=self.stride), tell=self.say.warn)
        gaps, (low, high) = result.differences, result.megapixels
        print(f"sampling, {result.pictures} photographs of {low:.1f} to {high:.1f} megapixels: sample minus all tiles")
        print(f"  mean {gaps.mean:+.2f}, mean absolute {gaps.mean_absolute:.2f}, largest {gaps.largest:.2f} points")
        print(f"  {100 * result.share:.0f} % of the tiles scored; mean standard error {result.standard_error:.2f};")
        print(f"  {100 * result.within:.0f} % of the differences within two of them")
        self.found["sampling"] = asdict(result)

    def speed(self, weights: str | None) -> None:
        from hiqa_train.trainer.convolution_rate import TILES, measure_speed

        self.found["speed"] = {}
        for name in ("fp32", "bf16"):
            result = measure_speed(weights, name)
            print(
                f"speed, {name}: {TILES} tiles of {result.gmac:.2f} GMAC in {result.seconds:.3f} s; a plain 3x3 "
                f"convolution takes {result.convolution_seconds:.3f} s for as much, ratio {result.ratio:.2f}"
            )
            self.found["speed"][name] = asdict(result) | {"ratio": result.ratio}

    def people(self, folder: Path, scores: Path, offsets: Path) -> None:
        from hiqa_train.evaluation.clean.tid_agreement import measure_people

        result = measure_people(
            self.scorer, folder, scores, offsets, seen=self.seen, stride=self.stride, tell=self.say.warn
        )
        print(f"people, {result.pictures} pictures: SROCC with TID2013's published scores")
        print(f"  blur and JPEG pooled {result.pooled:.3f}, blur {result.blur:.3f}, JPEG {result.jpeg:.3f}")
        self.found["people"] = asdict(result)
