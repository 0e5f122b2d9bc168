"""Which networks a head of reasons belongs to: G and R's trunk, not R's heads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hiqa_cli.engine.manifest import GENERATOR_FILE, REGRESSOR_FILE, read_manifest, read_verified
from hiqa_cli.engine.pipeline.reasons.description import Layout
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_cli.networks.statistics import IMAGE_CHANNELS, PAIR_CHANNELS

TRUNK = "trunk."  # how the names of its tensors begin


def layout_of(weights: Path) -> Layout:
    """The layout of the statistics of these weights. Raises UsageError for an R without a hallucination to compare, and
    WeightsError."""
    regressor = load_weights(weights).regressor
    if not isinstance(regressor, PairRegressor) or not regressor.config.compares:
        raise UsageError(f"{weights}: its R has no statistics of a pair", "give weights of the recipe release")
    return Layout(IMAGE_CHANNELS, PAIR_CHANNELS, regressor.config.semantic_channels)


def networks_of(weights: Path) -> str:
    """16 hex digits that are the same for all weights with this G and this trunk. Raises WeightsError."""
    from safetensors.numpy import load

    manifest = read_manifest(weights)
    found = hashlib.sha256(read_verified(weights, manifest, GENERATOR_FILE))
    tensors = load(read_verified(weights, manifest, REGRESSOR_FILE))
    for name in sorted(tensors):
        if name.startswith(TRUNK):
            found.update(name.encode())
            found.update(tensors[name].tobytes())
    return found.hexdigest()[:16]
