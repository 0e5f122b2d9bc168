"""The head of reasons in numpy: which faults an image has, and the points that each costs.

Its inputs are R's description of the statistics and the measures of the pixels; it depends on G and R's trunk, and on
nothing that R's own heads have learned. It has one hidden layer, and two outputs for each word: a logit, whether the
fault is there, and the points. It is fitted by `hiqa train reasons`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from hiqa_cli.engine.pipeline.product import product
from hiqa_cli.engine.pipeline.statistics import ImageStatistics, pooled

from .description import Layout, describe
from .measures import MEASURES
from .names import WORDS

NETWORK = "reasons"  # `hiqa.network` in the file
LIMIT = 5.0  # standard deviations: an input beyond counts as this far from the mean
POINTS_UNIT = 10.0  # points per unit of the output


class Judgement(NamedTuple):
    """Of n images or tiles, (n, words) each. evidence: the logit minus the threshold: above 0 the fault is called.
    points: what undoing the fault would give, at least 0."""

    evidence: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class ReasonsHead:
    """Weights of the head, float32; D inputs, H hidden units, one row of outputs a word.

    centre, scale: (D,), of the inputs in the fit. hidden, hidden_bias: (H, D), (H,). logit, logit_bias: (words, H),
    (words,). points, points_bias: same. threshold: (words,), the logit from which a fault is called.
    layout: of the statistics. made_for: the networks whose statistics it was fitted to (`hiqa_train.stages.reasons`).
    """

    centre: np.ndarray
    scale: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    logit: np.ndarray
    logit_bias: np.ndarray
    points: np.ndarray
    points_bias: np.ndarray
    threshold: np.ndarray
    layout: Layout
    made_for: str

    def judge(self, image: ImageStatistics, measured: np.ndarray) -> Judgement:
        """Judge an image by all of its tiles. measured: (MEASURES,), its measures."""
        return self.outputs(self.inputs(pooled(image.tiles, image.weights), image.whole, measured[None]))

    def judge_tiles(self, image: ImageStatistics, measured: np.ndarray) -> Judgement:
        """Judge each tile by its own statistics, with the reduced image and the measures of the whole in view."""
        return self.outputs(self.inputs(image.tiles, image.whole, measured[None]))

    def inputs(self, statistics: np.ndarray, whole: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Statistics (n, N), (n, M) or (1, M), and measures (n, MEASURES) or (1, MEASURES) -> standardised inputs
        (n, D)."""
        described = describe(statistics, whole, self.layout)
        alongside = np.broadcast_to(np.asarray(measured, np.float32), (len(described), MEASURES))
        numbers = np.concatenate([described, alongside], axis=1)
        return np.clip((numbers - self.centre) / self.scale, -LIMIT, LIMIT)

    def outputs(self, inputs: np.ndarray) -> Judgement:
        """Standardised inputs (n, D) -> the judgement."""
        hidden = np.maximum(product(inputs, self.hidden) + self.hidden_bias, 0)
        logits = product(hidden, self.logit) + self.logit_bias
        points = (product(hidden, self.points) + self.points_bias) * POINTS_UNIT
        return Judgement(logits - self.threshold, np.clip(points, 0, 100))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape that every tensor must have, by its name."""
        inputs, units, words = self.layout.described + MEASURES, len(self.hidden_bias), len(WORDS)
        of_words = (words,)
        return {
            "centre": (inputs,),
            "scale": (inputs,),
            "hidden": (units, inputs),
            "hidden_bias": (units,),
            "logit": (words, units),
            "logit_bias": of_words,
            "points": (words, units),
            "points_bias": of_words,
            "threshold": of_words,
        }


TENSORS = tuple(field.name for field in fields(ReasonsHead) if field.name not in ("layout", "made_for"))


def head_from(data: bytes, metadata: dict[str, str], refuse: Callable[[str], Exception]) -> ReasonsHead:
    """The head in the bytes of a safetensors file with this metadata. Raises what `refuse` makes of a problem, where
    the file is not one of hiqa's, or was fitted for other words or measures."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if metadata.get("hiqa.network") != NETWORK:
        raise refuse(f"has hiqa.network {metadata.get('hiqa.network')!r}, expected {NETWORK!r}")
    try:
        tensors = load(data)
        config: dict[str, Any] = json.loads(metadata["hiqa.config"])
        layout = Layout(*(int(config[name]) for name in Layout._fields))
        words, made_for = tuple(config["words"]), str(config["made_for"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise refuse(f"is not a head of reasons ({type(error).__name__}: {error})") from error
    if words != WORDS:
        raise refuse(f"has the words {', '.join(map(str, words))}, this hiqa has {', '.join(WORDS)}")
    if tensors.keys() != set(TENSORS):
        raise refuse(f"has the tensors {', '.join(sorted(tensors))}, expected {', '.join(sorted(TENSORS))}")
    head = ReasonsHead(
        **{name: one.astype(np.float32) for name, one in tensors.items()}, layout=layout, made_for=made_for
    )
    for name, shape in head.shapes().items():
        found = getattr(head, name)
        if found.shape != shape:
            raise refuse(f"has {name} of shape {found.shape}, expected {shape}")
        if not np.isfinite(found).all():
            raise refuse(f"has NaN or Inf in {name}")
    return head


def packed(head: ReasonsHead) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a head, for its file: float16, except what standardises the inputs."""
    exact = ("centre", "scale", "threshold")
    tensors = {
        name: np.ascontiguousarray(getattr(head, name), np.float32 if name in exact else np.float16) for name in TENSORS
    }
    config = {**head.layout._asdict(), "words": list(WORDS), "made_for": head.made_for}
    return tensors, {"hiqa.network": NETWORK, "hiqa.config": json.dumps(config)}
