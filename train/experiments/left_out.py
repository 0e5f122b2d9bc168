"""Measures the trunk stage on a source of photographs that it was not trained on.

    python -m hiqa_train.experiments.left_out OUT --table TRAIN.csv|biq2021 --root DIR --clean-images DIR
        [--without ss01,ss02] [--steps 750] [--frozen] [--seed 1] [--precision auto]

Trains the trunk stage of the recipe `release` on all subsets of the photographs but one, in turn, with the same number
of steps, and prints the SROCC of the image head on the subset left out, on all tiles and the reduced image, with the
averaged weights of the last step. --frozen gives the baseline: the head alone is trained, on ImageNet's filters, with
the same steps, views and losses. The same command resumes a stopped training in OUT.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.engine.tiling.whole import whole_tiles
from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_train.data.image_cache import default_cache_folder, open_array
from hiqa_train.data.patches import to_tensor
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.data.training_split import split_databases
from hiqa_train.datasets import open_dataset
from hiqa_train.distributed import RunDevice, join_processes
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import TrunkStage
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.sources import open_mixed
from hiqa_train.sources.mixed import MixedSource
from hiqa_train.sources.protocol import VALIDATION_SEED, evenly_spaced, stage_seed
from hiqa_train.stages.trunk.objective import TrunkObjective
from hiqa_train.stages.trunk.stage import TrunkTraining
from hiqa_train.stages.trunk.views import TrunkViews
from hiqa_train.trainer.loop import StopSignal, run_stage
from hiqa_train.trainer.metrics_log import ProgressListener

from .script_main import report, run_command

MEASURED = 1000  # maximum number of photographs of the subset left out
FROZEN = 1e-9  # factor on the learning rate of the filters, with which they do not change


def measure(
    data: MixedSource,
    recipe: Recipe,
    stage: TrunkStage,
    without: Sequence[str],
    out: Path,
    seed: int,
    run_device: RunDevice,
) -> int:
    """Train without each subset in turn, and print the SROCC on it. Returns the exit code.

    without: the subsets to leave out; all if empty.
    """
    stop = StopSignal()
    photographs = [image for image in data.databases.training if image.reference is None]
    of_subsets = []
    for subset in without or sorted({image.subset for image in photographs}):
        regressor = train_without(subset, data, recipe, stage, out / subset, seed, run_device, stop)
        if regressor is None:
            return 128 + stop.signal
        left_out = evenly_spaced([image for image in photographs if image.subset == subset], MEASURED)
        of_subsets.append(agreement(regressor, left_out))
        report(f"left out: {subset}, {len(left_out):,} photographs: SROCC {of_subsets[-1]:.3f}")
    report(f"mean {np.mean(of_subsets):.3f}")
    return 0


def train_without(
    subset: str,
    data: MixedSource,
    recipe: Recipe,
    stage: TrunkStage,
    folder: Path,
    seed: int,
    run_device: RunDevice,
    stop: StopSignal,
) -> PairRegressor | None:
    """Train the trunk stage on the photographs of all other subsets. Returns None if a signal ended it early."""
    training, validating = (
        [image for image in images if image.reference is None and image.subset != subset]
        for images in (data.databases.training, data.databases.validating)
    )
    views = TrunkViews(training, data.photographs.training, stage, stage_seed(seed, subset))
    few = evenly_spaced(validating, recipe.watch.validation_pictures)
    validation = TrunkViews(few, data.photographs.validating, stage, VALIDATION_SEED)
    databases = len(data.databases.names)
    trained = TrunkTraining("trunk", stage, views, validation, run_device, databases=databases, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    listener = ProgressListener(folder, None, board=False)
    try:
        done = run_stage(trained, folder, recipe.watch, run_device, listener, resume=True, stop=stop, report=report)
    finally:
        listener.close()
    objective = trained.trainer.averaged_network
    assert isinstance(objective, TrunkObjective)
    return objective.regressor if done else None


@torch.no_grad()
def agreement(regressor: PairRegressor, images: Sequence[ScoredImage]) -> float:
    """The SROCC of the image head's logits with the human scores of photographs."""
    scores = []
    for image in images:
        pixels = open_array(image.file)
        height, width = pixels.shape[:2]
        tiles = [cut_tile(pixels, x, y) for x, y in plan_tiles(width, height, TILE).places()]
        views = [regressor.view_statistics(to_tensor(view)) for view in (tiles, whole_tiles(pixels))]
        statistics, whole = (view.mean(dim=0, keepdim=True) for view in views)
        scores.append(float(regressor.logits(statistics, whole).joined))
    return float(spearmanr(scores, [image.quality for image in images])[0])


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--table", required=True)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--clean-images", type=Path, required=True)
    parser.add_argument("--without", default="")
    parser.add_argument("--steps", type=int, default=750)
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--cache-dir", type=Path, default=None)
    given = parser.parse_args()

    def go() -> int:
        recipe = load_recipe("release")
        stage = recipe.stages["trunk"]
        assert isinstance(stage, TrunkStage)
        stage = dataclasses.replace(stage, steps=given.steps)
        if given.frozen:
            learning = dataclasses.replace(stage.learning, rate=FROZEN * stage.learning.rate)
            stage = dataclasses.replace(stage, learning=learning, head_rate=stage.head_rate / FROZEN)
        parts, _, _ = split_databases([open_dataset(given.table, given.root)], given.seed)
        options = RunOptions(device="cpu", precision=given.precision, cache=given.cache_dir or default_cache_folder())
        data = open_mixed(parts, (), [given.clean_images], recipe, options, StopSignal(), report)
        without = [name for name in given.without.split(",") if name]
        with join_processes(options.device, options.precision) as run_device:
            report(f"trains in {run_device.precision}, measures in fp32")
            return measure(data, recipe, stage, without, given.out, given.seed, run_device)

    run_command(go)


if __name__ == "__main__":
    main()
