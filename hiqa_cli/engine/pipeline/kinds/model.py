"""The model that names the kind of a picture from its features: one hidden layer, fitted by
`hiqa_train.data.kinds.fit`.

Its weights, some kilobytes beside this file, are no part of the released weights: they depend on the features alone,
and training of G and R changes nothing in them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from hiqa_cli.engine.pipeline.product import product

from .features import features
from .names import KINDS, PHOTOGRAPH

MODEL = Path(__file__).parent / "kinds.safetensors"


@cache
def _weights() -> dict[str, np.ndarray]:
    return load_file(MODEL)


def logits(measures: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """(n, FEATURES) -> (n, kinds), in the order of KINDS."""
    scaled = np.clip((measures - weights["mean"]) / weights["spread"], -5, 5)
    hidden = np.maximum(product(scaled, weights["hidden.weight"]) + weights["hidden.bias"], 0)
    return np.asarray(product(hidden, weights["kind.weight"]) + weights["kind.bias"])


def name_kinds(measures: np.ndarray, weights: dict[str, np.ndarray]) -> list[str]:
    """The kinds of n pictures: a photograph unless the evidence against it is above the threshold."""
    numbers = logits(measures, weights)
    photograph = KINDS.index(PHOTOGRAPH)
    others = np.delete(numbers, photograph, axis=1)
    names = [kind for kind in KINDS if kind != PHOTOGRAPH]
    top = others.max(axis=1, keepdims=True)
    against = top[:, 0] + np.log(np.exp(others - top).sum(axis=1)) - numbers[:, photograph]
    return [
        names[int(one.argmax())] if evidence > weights["threshold"][0] else PHOTOGRAPH
        for one, evidence in zip(others, against, strict=True)
    ]


def kind_of(pixels: np.ndarray) -> str:
    """The kind of a picture (H, W, 3) uint8 or uint16, one of KINDS."""
    return name_kinds(features(pixels)[None], _weights())[0]
