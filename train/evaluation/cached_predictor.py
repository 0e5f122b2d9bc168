"""Predictions by an R that was trained on G's cached outputs for whole images, on such outputs for the test images.

R scores overlapping tiles, as in scoring (section 3.4); discrepancy map and features are cut along with the tiles. The
oracle, which needs the true reference and cannot be released as weights, is scored here, too.
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
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import RegressorStage
from hiqa_train.stages.initialise import TrainedNetworks, load_generator
from hiqa_train.stages.plan import last_regressor

from .predict import UnscoredImage
from .tile_scores import score


@dataclass(frozen=True)
class CachedPredictor:
    """See `predict.Predictor`. features: None if R takes the image alone, or with the reference's map only."""

    network: MappedRegressor
    stage: RegressorStage
    features: FeatureCache | None
    run_device: RunDevice
    cache: Path
    stride: int

    @property
    def id(self) -> str:
        """8 hex digits of R's weights and of G's."""
        digest = hashlib.sha256(("" if self.features is None else self.features.id).encode())
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
        scored = ScoredImage(str(image.path), file, files[reference] if reference else None, 0.0, 0, "")
        features = None if self.features is None else self.features.features(file)
        return score(scored, self.network, self.stage, self.run_device, features=features, stride=self.stride)


def cached_predictor(
    trained: Path, recipe: Recipe, generator: Path | None, *, device: str, precision: str, stride: int
) -> CachedPredictor:
    """The predictor of a finished run in the folder `trained`. generator: the G that it used, None for hiqa's own."""
    name = last_regressor(recipe)
    stage = recipe.stages[name]
    assert isinstance(stage, RegressorStage)
    placed = place(device, precision)
    run_device = RunDevice(torch.device(placed.device), placed.precision)
    uses_g = stage.fusion or stage.sees == "hallucination"
    cache = default_cache_folder()
    features = FeatureCache(load_generator(generator), cache, run_device) if uses_g else None
    network = TrainedNetworks(trained, None).regressor(name).to(run_device.device)
    return CachedPredictor(network, stage, features, run_device, cache, stride)
