"""Trains the four Gs of the ablation on synthetic pairs, from the same initial G and on equal budgets.

    GENERATORS="python -m hiqa_train.experiments.rebuilt.generators"
    $GENERATORS --clean-images CID22 --clean-images BIQ --pretrained PRE --generator WEIGHTS --out GS

Writes the runs HCM, QPL, ADV and QADV to GS, whose Gs `tables ablation --generators GS` uses. All four start from the G
of WEIGHTS and train on the same pairs in the same order for the same number of steps. psi of formula (5) is PRE's R on
images alone; the two-input R of formula (7) starts from it, with weight zero on the map. The same command resumes a
stopped training. At the end, all four and the initial G are measured on the same validation pairs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_cli.networks.generator import Generator
from hiqa_train.data.batch import Batch
from hiqa_train.data.leakage import RUN_RECORD, all_trained_scenes, trained_scenes
from hiqa_train.distributed import RunDevice, join_processes
from hiqa_train.evaluation.protocols.ablation import variant
from hiqa_train.experiments.script_main import report, run_command
from hiqa_train.losses.terms import PIXEL_LOSSES, feature_loss
from hiqa_train.recipes.checks import check_recipe
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import GeneratorStage
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.sources import open_photographs
from hiqa_train.sources.protocol import DataSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import TrainedNetworks, load_generator
from hiqa_train.stages.plan import generator_stage
from hiqa_train.trainer.checkpoint import LAST, first_difference
from hiqa_train.trainer.loop import StopSignal, run_stage
from hiqa_train.trainer.metrics_log import ProgressListener
from hiqa_train.trainer.validation import hallucination_measures

from .markdown import decimals, table_head, table_line

RECIPE = Path(__file__).with_name("generators.toml")
GENERATORS = ("HCM", "QPL", "ADV", "QADV")  # names of `ablation.VARIANTS`


@dataclasses.dataclass(frozen=True)
class GeneratorStudy:
    """What the four trainings share. pretrained: the OUT of `pretraining`; out: the folder of their runs."""

    recipe: Recipe
    data: DataSource
    pretrained: Path
    out: Path
    options: RunOptions

    @property
    def stage(self) -> str:
        return generator_stage(self.recipe)

    def only(self, name: str) -> tuple[Recipe, GeneratorStage]:
        """The recipe with only the ideas of that G, and its stage."""
        recipe = variant(self.recipe, name)
        stage = recipe.stages[self.stage]
        assert isinstance(stage, GeneratorStage)
        return recipe, stage

    def train(self, name: str, run_device: RunDevice, stop: StopSignal) -> bool:
        """Train a G to the end. Returns False if a signal ended it early."""
        recipe, stage = self.only(name)
        folder = self.out / name
        self._record(folder, stage)
        pretrained = TrainedNetworks(self.pretrained, None)
        factory = StageFactory(
            recipe,
            self.data,
            run_device,
            self.options.seed,
            None,
            load_generator(self.options.generator),
            init_two_input=pretrained.regressor(stage.psi),
        )
        training = factory.build(self.stage, pretrained)
        return run_stage(
            training,
            folder / self.stage,
            recipe.watch,
            run_device,
            ProgressListener(folder, None, board=False),
            resume=(folder / self.stage / LAST).exists(),
            stop=stop,
            report=lambda line: report(f"{name}: {line}"),
        )

    def _record(self, folder: Path, stage: GeneratorStage) -> None:
        """Write what a G depends on, or compare it on resume. Raises UsageError if it differs."""
        origins = [trained_scenes(self.options.generator), trained_scenes(self.pretrained)]
        scenes = all_trained_scenes(self.data.scenes(), origins[0])
        pretrained_scenes = origins[1].scenes
        scenes = None if scenes is None or pretrained_scenes is None else scenes | pretrained_scenes
        record = {
            "stage": dataclasses.asdict(stage),
            "networks": dataclasses.asdict(self.recipe.networks),
            "seed": self.options.seed,
            "material": self.data.describe(),
            "begin": origins[0].weights_id,
            "pretrained": origins[1].weights_id,
            "seen_scenes": None if scenes is None else sorted(scenes),
        }
        record = json.loads(json.dumps(record))
        file = folder / RUN_RECORD
        if not file.exists():
            write_json(file, record)
            return
        difference = first_difference(json.loads(file.read_text(encoding="utf-8")), record)
        if difference:
            raise UsageError(f"{file} is of another run: {difference}", "give another --out")

    def measures(self, network: Generator, run_device: RunDevice) -> dict[str, float]:
        """Measure a G on the validation pairs: `pixel`, `psi` (even if it did not train with it), `gain_db`."""
        _, stage = self.only("QPL")
        psi = TrainedNetworks(self.pretrained, None).regressor(stage.psi).regressor.to(run_device.device)
        layer = stage.psi_layer - 1

        def losses(batch: Batch, hallucination: Tensor) -> dict[str, Tensor]:
            assert batch.reference is not None
            features = (psi.trunk_features(image)[layer] for image in (hallucination, batch.reference))
            pixel = PIXEL_LOSSES[stage.pixel](hallucination, batch.distorted, batch.reference)
            return {"pixel": pixel, "psi": feature_loss(*features)}

        validation = self.data.validation(self.stage, stage, run_device, with_references=True)
        return hallucination_measures(network.to(run_device.device).eval(), losses, validation)


def fake_shares(folder: Path) -> tuple[float, float, float] | None:
    """The mean of d_fake over all steps of D, and the lowest and highest mean of one line of metrics.jsonl. None
    without D."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    last = {row["step"]: row for row in map(json.loads, lines) if "d_fake" in row}  # count a repeated step once
    shares = [row["d_fake"] for row in last.values()]
    return (sum(shares) / len(shares), min(shares), max(shares)) if shares else None


def train_generators(
    folders: list[Path],
    recipe: Recipe,
    pretrained: Path,
    out: Path,
    options: RunOptions,
    names: Sequence[str] = GENERATORS,
) -> bool:
    """Train the named Gs one after another in OUT/NAME. Returns False if a signal ended it early.

    options: device, precision, seed, and the initial G. Raises UsageError if OUT holds another run, if PRE has no
    finished R on images alone, or if the recipe lacks stages.
    """
    if any(name not in GENERATORS for name in names):
        raise UsageError(f"no such G among {', '.join(names)}", f"some of {', '.join(GENERATORS)}")
    stop = StopSignal()
    with join_processes(options.device, options.precision) as run_device:
        check_recipe(recipe, run_device)
        study = GeneratorStudy(recipe, open_photographs(folders, recipe, options, report), pretrained, out, options)
        for name in names:
            if not study.train(name, run_device, stop):
                return False
        report("\n".join(table(study, names, run_device)))
    return True


@torch.no_grad()
def table(study: GeneratorStudy, names: Sequence[str], run_device: RunDevice) -> list[str]:
    """The Gs on the same validation pairs, the initial one first."""
    networks = {"initial": load_generator(study.options.generator)}
    networks |= {name: TrainedNetworks(study.out / name, None).generator(study.stage) for name in names}
    lines = table_head(["G", "pixel loss", "psi loss", "gain, dB", "d_fake = 1 (lowest, highest)"])
    for name, network in networks.items():
        measures = study.measures(network, run_device)
        shares = fake_shares(study.out / name) if name in names else None
        fake = "" if shares is None else f"{decimals(shares[0])} ({decimals(shares[1])}, {decimals(shares[2])})"
        cells = [f"{measures['pixel']:.4f}", f"{measures['psi']:.4f}", f"{measures['gain_db']:+.3f}", fake]
        lines.append(table_line([name, *cells]))
    return lines


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m hiqa_train.experiments.rebuilt.generators")
    parser.add_argument("--clean-images", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--pretrained", type=Path, required=True, metavar="PRE", help="the OUT of `pretraining`")
    parser.add_argument("--generator", type=Path, help="weights with the initial G; hiqa's own if not given")
    parser.add_argument("--out", type=Path, required=True, metavar="GS")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=GENERATORS, help="some of them, in this order")
    parser.add_argument("--recipe", default=str(RECIPE), metavar="TOML")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    run_command(lambda: go(given))


def go(given: argparse.Namespace) -> int:
    """Run and return the exit code: 1 if a signal stopped it."""
    options = RunOptions(generator=given.generator, seed=given.seed)
    recipe = load_recipe(given.recipe)
    if train_generators(given.clean_images, recipe, given.pretrained, given.out, options, given.only):
        return 0
    report("stopped; run the same command to resume")
    return 1


if __name__ == "__main__":
    main()
