"""Scores images of a database tile by tile, as the scorer does, with networks that are not released as weights.

Here R may take the true reference, or G's cached outputs for the whole image.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from hiqa_cli.engine.config import DEFAULT_STRIDE, TILE
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.networks.generator import Generator
from hiqa_train.data.batch import Batch, RegressorInputs, stack_images
from hiqa_train.data.feature_cache import ImageFeatures
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.objectives import regressor_inputs, regressor_score
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.stages import RegressorStage

TILES_AT_ONCE = 16


@torch.no_grad()
def score(
    image: ScoredImage,
    network: MappedRegressor,
    stage: RegressorStage,
    run_device: RunDevice,
    *,
    generator: Generator | None = None,
    features: ImageFeatures | None = None,
    stride: int = DEFAULT_STRIDE,
) -> float:
    """Mean score over the tiles of an image, 0..1. generator: runs on each tile, unless `features` has its outputs."""
    pixels = open_array(image.file)
    reference = open_array(image.reference) if image.reference is not None else pixels
    height, width = pixels.shape[:2]
    places = list(plan_tiles(width, height, stride).places())
    scores: list[float] = []
    for first in range(0, len(places), TILES_AT_ONCE):
        some = places[first : first + TILES_AT_ONCE]
        batch = Batch(
            stack_images([cut_tile(pixels, x, y) for x, y in some]),
            stack_images([cut_tile(reference, x, y) for x, y in some]),
            None,
            torch.zeros(len(some), dtype=torch.int64),
            torch.zeros(len(some), dtype=torch.int64),
            tuple(image.name for _ in some),
        )
        if features is not None:
            cut = [features.cut(x, y, TILE) for x, y in some]
            cached = RegressorInputs(
                stack_images([discrepancy for discrepancy, _ in cut]), stack_images([semantic for _, semantic in cut])
            )
            batch = dataclasses.replace(batch, cached_inputs=cached)
        batch = batch.to(run_device.device)
        with run_device.autocast():
            inputs = regressor_inputs(generator, batch, stage.sees, fusion=stage.fusion)
            maps = network.regressor.trunk_features(batch.distorted, inputs.discrepancy)
        scores += regressor_score(network.regressor, maps[-1], inputs.semantic).tolist()
    return float(np.mean(scores))
