"""The whole of a training without human scores: from a folder of undistorted photographs to weights.

    R alone (psi)  ->  G (pixel loss, then VGG19 and psi too)  ->  R on image, map and G's features, on
    patches, then on tiles  ->  half-width fitted on validation pictures  ->  OUT/weights

Each stage keeps its checkpoint in OUT; a stopped run goes on with `resume`. A stage that is finished is
not run again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.regressor import Regressor, RegressorConfig

from . import stage_generator, stage_regressor
from .checkpoint import load_checkpoint
from .loop import StopSignal
from .pristine import Pristine, divide, load_pristine
from .stage_generator import Features, GeneratorRecipe, train_generator
from .stage_regressor import ALONE, FINAL, JOINED, RegressorRecipe, train_regressor
from .uncertainty import draw_cases, fit_calibration
from .vgg import Vgg19Features

VALIDATION_SHARE = 0.12
CASES_A_PICTURE = 24  # distorted windows of each validation picture that the half-width is fitted on
UNFITTED = Calibration((0.0, 0.0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class SyntheticRecipe:
    """The recipe of each stage; the defaults made the first released weights."""

    alone: RegressorRecipe = ALONE
    generator: GeneratorRecipe = field(default_factory=GeneratorRecipe)
    joined: RegressorRecipe = JOINED
    final: RegressorRecipe = FINAL
    generator_config: GeneratorConfig = field(default_factory=GeneratorConfig)
    regressor_width: int = RegressorConfig().width
    cases_a_picture: int = CASES_A_PICTURE


def train_synthetic(
    pristine: Path, vgg: Path, out: Path, recipe: SyntheticRecipe, *, resume: bool, stop: StopSignal,
    tell: Callable[[str], None],
) -> Path | None:  # fmt: skip
    """Run what is left of the stages; the folder of weights, or None where `stop` ended it early."""
    if not resume and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", "give --resume to go on with it, or another --out")
    training, validation = divide(load_pristine(pristine), VALIDATION_SHARE)
    if not training or not validation:
        raise UsageError(f"{pristine} is too small to divide into training and validation", "give more photographs")
    tell(f"{len(training)} photographs to train on, {len(validation)} to validate on; writes to {out}")
    width = recipe.regressor_width
    semantic = recipe.generator_config.channels[-1]
    alone_config = RegressorConfig(width, semantic, discrepancy=False, semantic=False)

    alone = _regressor_stage(out / "alone", training, recipe.alone, alone_config, None, None, resume, stop, tell)
    if alone is None:
        return None
    features = Features(Vgg19Features(vgg), alone.requires_grad_(False))
    generator = _generator_stage(out / "generator", training, recipe, features, resume, stop, tell)
    if generator is None:
        return None
    config = RegressorConfig(width, semantic)
    joined = _regressor_stage(
        out / "joined", training, recipe.joined, config, generator, dict(alone.state_dict()), resume, stop, tell
    )
    if joined is None:
        return None
    final = _regressor_stage(
        out / "final", training, recipe.final, config, generator, dict(joined.state_dict()), resume, stop, tell
    )
    if final is None:
        return None
    return release(out / "weights", generator, final, validation, recipe, tell)


def _generator_stage(
    folder: Path, images: list[Pristine], recipe: SyntheticRecipe, features: Features, resume: bool,
    stop: StopSignal, tell: Callable[[str], None],
) -> Generator | None:  # fmt: skip
    path = folder / "generator.ckpt"
    begun = resume and path.exists()
    tell(f"G: {recipe.generator.steps} steps{', going on' if begun else ''}")
    done = train_generator(
        images, recipe.generator, recipe.generator_config, folder, features=features, resume=begun, stop=stop
    )
    return load_generator(path) if done else None


def _regressor_stage(
    folder: Path, images: list[Pristine], recipe: RegressorRecipe, config: RegressorConfig,
    generator: Generator | None, begin: dict[str, Any] | None, resume: bool, stop: StopSignal,
    tell: Callable[[str], None],
) -> Regressor | None:  # fmt: skip
    path = folder / "regressor.ckpt"
    begun = resume and path.exists()
    tell(f"R ({folder.name}): {recipe.steps} steps{', going on' if begun else ''}")
    done = train_regressor(
        images, recipe, config, folder, generator=generator, begin=begin, resume=begun, stop=stop
    )
    return load_regressor(path) if done else None


def load_generator(path: Path) -> Generator:
    """G of a checkpoint, its averaged weights, frozen."""
    state = load_checkpoint(path, stage_generator.KIND)
    network = Generator(GeneratorConfig.from_dict(state["config"]))
    network.load_state_dict(state["averaged"])
    return network.eval().requires_grad_(False)


def load_regressor(path: Path) -> Regressor:
    """R of a checkpoint, its averaged weights, frozen."""
    state = load_checkpoint(path, stage_regressor.KIND)
    network = Regressor(RegressorConfig.from_dict(state["config"]))
    network.load_state_dict(state["averaged"])
    return network.eval().requires_grad_(False)


def release(
    folder: Path, generator: Generator, regressor: Regressor, validation: list[Pristine],
    recipe: SyntheticRecipe, tell: Callable[[str], None],
) -> Path:  # fmt: skip
    """Fit the half-width on validation pictures with the weights as released (float16), and write the folder."""
    about = {
        "name": "hiqa-synthetic", "version": "1", "licence": "Apache-2.0",
        "training_data": [{"name": "photographs given with --pristine", "terms": "theirs", "use": "all stages"}],
        "measured": {"recipe": asdict(recipe)},
    }  # fmt: skip
    save_weights(folder, generator, regressor, UNFITTED, **about)  # type: ignore[arg-type]
    scorer = Scorer.load(folder, device="cpu", precision="fp32")
    cases = draw_cases(scorer, validation, recipe.cases_a_picture, seed=7, stride=128, tell=tell)
    save_weights(folder, generator, regressor, fit_calibration(cases), **about)  # type: ignore[arg-type]
    tell(f"weights in {folder}")
    return folder
