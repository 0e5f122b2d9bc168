"""Predictions by an R that was trained on what a frozen G makes of whole images: the test images are seen so too.

R goes over overlapping tiles as in scoring (section 3.4); the discrepancy map and G's features are cut with the tiles.
The oracle, which is shown the true reference, is scored here as well: no weights can be released of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from hiqa_cli.engine.backends.devices import place
from hiqa_cli.errors import HiqaError
from hiqa_train.data.feature_cache import FeatureCache
from hiqa_train.data.image_cache import decode_images, default_cache_folder
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import Recipe, RegressorStage
from hiqa_train.runs.plan import last_regressor
from hiqa_train.stages.initialise import TrainedNetworks, load_generator
from hiqa_train.trainer.distributed import RunDevice

from .predict import UnscoredImage
from .tile_scores import score


@dataclass(frozen=True)
class CachedPredictor:
    """See `predict.Predictor`. views: None where R looks at the image alone, or at the reference's map alone."""

    network: MappedRegressor
    stage: RegressorStage
    views: FeatureCache | None
    machine: RunDevice
    cache: Path
    stride: int

    @property
    def id(self) -> str:
        """8 hex digits of R's weights and of G's."""
        digest = hashlib.sha256(("" if self.views is None else self.views.id).encode())
        for value in self.network.state_dict().values():
            digest.update(value.cpu().numpy().tobytes())
        return digest.hexdigest()[:8]

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[float | HiqaError]:
        """0..100 for each image."""
        for image in images:
            try:
                yield 100 * self._score(image)
            except HiqaError as error:
                yield error

    def _score(self, image: UnscoredImage) -> float:
        reference = image.reference if self.stage.sees == "reference" else None
        files = decode_images([image.path, *([reference] if reference else [])], self.cache, lambda: None)
        file = files[image.path]
        shown = ScoredImage(str(image.path), file, files[reference] if reference else None, 0.0, 0, "")
        view = None if self.views is None else self.views.features(file)
        return score(shown, self.network, self.stage, self.machine, view=view, stride=self.stride)


def viewed_predictor(
    trained: Path, recipe: Recipe, generator: Path | None, *, device: str, precision: str, stride: int
) -> CachedPredictor:
    """trained: the folder of a finished run. generator: whose G it was trained with, None for hiqa's own."""
    name = last_regressor(recipe)
    stage = recipe.stages[name]
    assert isinstance(stage, RegressorStage)
    placed = place(device, precision)
    machine = RunDevice(torch.device(placed.device), placed.precision)
    looks = stage.fusion or stage.sees == "hallucination"
    cache = default_cache_folder()
    views = FeatureCache(load_generator(generator), cache, machine) if looks else None
    network = TrainedNetworks(trained, None).regressor(name).to(machine.device)
    return CachedPredictor(network, stage, views, machine, cache, stride)
