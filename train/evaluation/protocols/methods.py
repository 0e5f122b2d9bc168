"""The methods that a protocol trains and tests: hiqa by a recipe, given weights, or a baseline.

A method gets the training and validation parts with their scores, and later the test images without scores.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.manifest import read_manifest
from hiqa_cli.engine.scorer import Scorer
from hiqa_train.data.leakage import RUN_RECORD, TrainedScenes, manifest_scenes, refuse_leakage, trained_scenes
from hiqa_train.evaluation.cached_predictor import cached_predictor
from hiqa_train.evaluation.predict import Predictor, WeightsPredictor
from hiqa_train.losses.perceptual import TRUNK, load_perceptual
from hiqa_train.recipes.schema import Recipe
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.run import train_databases
from hiqa_train.stages.initialise import initial_trained_scenes
from hiqa_train.stages.plan import vgg_layers
from hiqa_train.trainer.loop import StopSignal
from hiqa_train.trainer.metrics_log import Progress

from .eval_splits import EvaluationSplit

Report = Callable[[str], None]


@dataclass(frozen=True)
class FittedMethod:
    """A method that is ready for the test images of one split.

    id: changes with anything that changes predictions. predictor: creates the predictor.
    """

    id: str
    predictor: Callable[[], Predictor]


class Method(Protocol):
    """name: of its folder, and in tables. settings: everything that determines its results, as plain values."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def check(self, eval_splits: list[EvaluationSplit]) -> None:
        """UsageError, before any work, if a split cannot be run, or not without leakage."""

    def fit(self, eval_split: EvaluationSplit, folder: Path, stop: StopSignal, report: Report) -> FittedMethod | None:
        """Train on the parts of a split, in a folder that may hold files of an earlier, stopped call. Returns None if
        stopped."""


@dataclass(frozen=True)
class Loading:
    """How to load weights (see `Scorer.load`), and how to score."""

    device: str
    precision: str
    batch_size: int | None
    threads: int | None
    scoring: Scoring

    @property
    def settings(self) -> dict[str, Any]:
        """What scores depend on, except the weights."""
        return {"precision": self.precision, **asdict(self.scoring)}

    def predictor(self, weights: Path | None) -> Predictor:
        """The predictor of a folder of weights; None: of the installed ones."""
        scorer = Scorer.load(
            weights, device=self.device, precision=self.precision, batch_size=self.batch_size, threads=self.threads
        )
        return WeightsPredictor(scorer, self.scoring)


def no_progress() -> AbstractContextManager[Callable[[Progress], None]]:
    """Ignore progress."""
    return nullcontext(lambda now: None)


@dataclass(frozen=True)
class TrainedHiqa:
    """hiqa, trained by a recipe on every split.

    kind: "hiqa" for the whole recipe, "baseline" for its R on distorted images alone (BL of the ablation).
    generator, init_regressor: a trained G, and an R to start from; neither may have been trained on a test scene.
    cached_features: run G once on each whole image, in training and in the test.
    progress: a context manager that yields the callback for a training's progress.
    has_references: whether any training image has a reference, so that a G can be trained.
    """

    recipe: Recipe
    loading: Loading
    seed: int
    generator: Path | None = None
    vgg: Path | None = None
    kind: Literal["hiqa", "baseline"] = "hiqa"
    progress: Callable[[], AbstractContextManager[Callable[[Progress], None]]] = no_progress
    init_regressor: Path | None = None
    cached_features: bool = False
    has_references: bool = True

    @cached_property
    def perceptual(self) -> dict[str, Any] | None:
        """The identity of the perceptual loss's network, None if no G is trained with one."""
        trains_g = self.has_references and self.generator is None
        layers = vgg_layers(self.recipe, list(self.recipe.stages)) if trains_g else ()
        return load_perceptual(self.vgg, layers).identity if layers else None

    @property
    def name(self) -> str:
        # a row of its own: results with another perceptual loss are those of another method
        uses_trunk = self.perceptual is not None and self.perceptual["network"] == TRUNK
        return f"{self.kind}-{self.recipe.name}{'-trunk' if uses_trunk else ''}"

    @property
    def settings(self) -> Mapping[str, Any]:
        settings = {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            **self.loading.settings,
            "generator": None if self.generator is None else trained_scenes(self.generator).weights_id,
        }
        if self.init_regressor is not None:
            settings["begin"] = initial_trained_scenes(self.init_regressor).weights_id
        if self.perceptual is not None:
            settings["perceptual"] = self.perceptual
        return settings | ({"whole_views": True} if self.cached_features else {})

    def check(self, eval_splits: list[EvaluationSplit]) -> None:
        tested = frozenset[str]().union(*(eval_split.tested_scenes for eval_split in eval_splits))
        # without references no G can be trained, and the installed weights' G is used
        uses_own = self.kind == "hiqa" and not all(_has_references(eval_split) for eval_split in eval_splits)
        if self.generator is not None or uses_own:
            whose = "the G of hiqa's weights" if self.generator is None else f"--generator {self.generator}"
            refuse_leakage(trained_scenes(self.generator), tested, whose, "give a G that was trained on other scenes")
        if self.init_regressor is not None:
            hint = "give an R that was trained on other scenes"
            refuse_leakage(
                initial_trained_scenes(self.init_regressor), tested, f"--init-from {self.init_regressor}", hint
            )

    def fit(self, eval_split: EvaluationSplit, folder: Path, stop: StopSignal, report: Report) -> FittedMethod | None:
        resume = (folder / RUN_RECORD).exists()
        if not resume and folder.exists():  # killed before the run started
            shutil.rmtree(folder)
        with self.progress() as on_progress:
            options = RunOptions(
                device=self.loading.device,
                precision=self.loading.precision,
                seed=self.seed + eval_split.number,
                resume=resume,
                generator=self.generator,
                cached_features=self.cached_features,
                init_regressor=self.init_regressor,
                vgg=self.vgg,
                record={"split": eval_split.number, "tested": sorted(eval_split.tested_scenes)},
                on_progress=on_progress,
            )
            weights = train_databases(eval_split.parts, self.recipe, folder, options, stop, report)
        if weights is None:
            return None
        seen = trained_scenes(folder) if self.cached_features else manifest_scenes(read_manifest(weights))
        refuse_leakage(
            TrainedScenes(seen.weights_id, self._scored_by(seen.scenes, eval_split)),
            eval_split.tested_scenes,
            f"the network trained for split {eval_split.number}",
            "this is a bug of hiqa, please report it",
        )
        if self.cached_features:
            found = cached_predictor(
                folder,
                self.recipe,
                self.generator,
                device=self.loading.device,
                precision=self.loading.precision,
                stride=self.loading.scoring.stride,
            )
            return FittedMethod(found.id, lambda: found)
        return FittedMethod(seen.weights_id, lambda: self.loading.predictor(weights))

    def _scored_by(self, seen: frozenset[str] | None, eval_split: EvaluationSplit) -> frozenset[str] | None:
        """Scenes that the scoring networks were trained on: those of all networks of the run, but for an R on images
        alone without those of the G of hiqa's weights, which only makes its hallucinations."""
        if seen is None:
            return None
        if self.kind == "baseline" and self.generator is None:
            initial = None if self.init_regressor is None else initial_trained_scenes(self.init_regressor).scenes
            seen = seen - (trained_scenes(None).scenes or frozenset()) | (initial or frozenset())
        return seen | eval_split.known_scenes


@dataclass(frozen=True)
class GivenWeights:
    """Given weights, on the test images of every split, without training. They must not have been trained on these."""

    weights: Path | None
    loading: Loading

    @property
    def name(self) -> str:
        return "weights"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"weights": trained_scenes(self.weights).weights_id, **self.loading.settings}

    def check(self, eval_splits: list[EvaluationSplit]) -> None:
        tested = frozenset[str]().union(*(eval_split.tested_scenes for eval_split in eval_splits))
        refuse_leakage(
            trained_scenes(self.weights), tested, "these weights", "give weights that were trained on other scenes"
        )

    def fit(self, eval_split: EvaluationSplit, folder: Path, stop: StopSignal, report: Report) -> FittedMethod | None:
        return FittedMethod(trained_scenes(self.weights).weights_id, lambda: self.loading.predictor(self.weights))


def _has_references(eval_split: EvaluationSplit) -> bool:
    """Whether a G can be trained and validated on the split: both parts have images with references."""
    sides = ([part.training for part in eval_split.parts], [part.validation for part in eval_split.parts])
    return all(any(sample.reference is not None for samples in side for sample in samples) for side in sides)


def digest(value: object) -> str:
    """8 hex digits that change with a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
