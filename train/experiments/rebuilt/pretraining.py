"""Pretrains the two Rs that are compared on the rebuilt databases, in lockstep on synthetic patches.

    PRETRAINING="python -m hiqa_train.experiments.rebuilt.pretraining"
    $PRETRAINING --clean-images CID22 --clean-images BIQ --out PRE [--generator DIR] [--only alone]

The R on the image alone and the R with hallucination train on the same patches in the same order. The same command
resumes a stopped training. `hiqa evaluate splits --init-from PRE` starts from the result, and refuses test scenes that
it was trained on. `--only alone` trains the R on the image alone, with the same result; the ablation needs no other.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_train.data.leakage import RUN_RECORD, all_trained_scenes, trained_scenes
from hiqa_train.distributed import join_processes
from hiqa_train.experiments import lockstep
from hiqa_train.experiments.script_main import report
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import RegressorStage
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.sources import open_photographs
from hiqa_train.sources.protocol import DataSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import TrainedNetworks, load_generator
from hiqa_train.stages.regressor import RegressorTraining
from hiqa_train.trainer.checkpoint import LAST
from hiqa_train.trainer.loop import StopSignal, run_stage
from hiqa_train.trainer.metrics_log import ProgressListener

RECIPE = Path(__file__).with_name("pretraining.toml")


def pretrain(folders: list[Path], recipe: Recipe, out: Path, options: RunOptions) -> bool:
    """Train the recipe's regressor stages in lockstep in OUT, with the G of the options. Returns False if a signal
    ended it early. Raises UsageError if a stage is of another kind, starts from another stage, or has other shares of
    distortions.
    """
    shares = next(iter(recipe.stages.values())).shares
    for name, stage in recipe.stages.items():
        if not isinstance(stage, RegressorStage) or stage.begin or stage.shares != shares:
            raise UsageError(
                f"the stage {name}: expected an R from random weights, on the same distortions as the others"
            )
    data = open_photographs(folders, recipe, options, report)
    with join_processes(options.device, options.precision) as run_device:
        factory = StageFactory(recipe, data, run_device, options.seed, None)
        networks = TrainedNetworks(out, load_generator(options.generator))
        stages = [factory.build(name, networks) for name in recipe.stages]
        out.mkdir(parents=True, exist_ok=True)
        write_record(out, recipe, data, options)
        together = lockstep.LockstepTraining([stage for stage in stages if isinstance(stage, RegressorTraining)])
        listener = ProgressListener(out, None, board=False)
        resume = (out / lockstep.NAME / LAST).exists()
        done = run_stage(
            together,
            out / lockstep.NAME,
            recipe.watch,
            run_device,
            listener,
            resume=resume,
            stop=StopSignal(),
            report=report,
        )
    if done:
        lockstep.split_checkpoint(out, together.stages)
    return done


def write_record(out: Path, recipe: Recipe, data: DataSource, options: RunOptions) -> None:
    """Write run.json: recipe, seed, data, G, and all scenes that any network was trained on."""
    of_generator = trained_scenes(options.generator)
    scenes = all_trained_scenes(data.scenes(), of_generator)
    record = {
        "recipe": recipe.to_dict(),
        "seed": options.seed,
        "material": data.describe(),
        "generator": of_generator.weights_id,
        "seen_scenes": None if scenes is None else sorted(scenes),
    }
    write_json(out / RUN_RECORD, record)


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m hiqa_train.experiments.rebuilt.pretraining")
    parser.add_argument("--clean-images", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--generator", type=Path, help="weights, or a run with a trained G; hiqa's own if not given")
    parser.add_argument("--recipe", default=str(RECIPE), metavar="TOML")
    parser.add_argument("--only", nargs="+", metavar="STAGE", help="some of the recipe's Rs")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    options = RunOptions(generator=given.generator, seed=given.seed)
    recipe = load_recipe(given.recipe)
    unknown = [name for name in given.only or () if name not in recipe.stages]
    if unknown:
        parser.error(f"--only: no stage {unknown[0]!r}, expected some of {', '.join(recipe.stages)}")
    pretrain(given.clean_images, recipe.only(*(given.only or recipe.stages)), given.out, options)


if __name__ == "__main__":
    main()
