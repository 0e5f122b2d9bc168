"""Chains of faults on a clean image, and what each of them costs.

The points of a fault are those that leaving it out would give: the quality of the image made by the rest of the chain,
minus that of the whole chain, both by MDSI on hiqa's scale (data/mdsi.py). A fault that others hide costs little: noise
after a blur leaves hardly anything to gain from focus. MDSI compares gradients and chromaticities, and takes the spread
of what it finds: it hardly sees brightness that is the same everywhere, or a faint cast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.pipeline.reasons.names import (
    ARTEFACTS,
    BLUR,
    COLOUR,
    COMPRESSION,
    LOW_CONTRAST,
    LOW_RESOLUTION,
    NOISE,
    OVEREXPOSED,
    UNDEREXPOSED,
    WORDS,
)
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import to_tensor
from hiqa_train.distortions import RandomDistortion

COUNTS = (0.55, 0.3, 0.15)  # share of chains of one, two and three faults
OFTEN = {BLUR: 1.6, NOISE: 1.6, COMPRESSION: 1.6, LOW_RESOLUTION: 1.6}  # against 1 of another word
# as they happen to a photograph: optics, light, sensor, development, storage
ORDER = (BLUR, UNDEREXPOSED, OVEREXPOSED, NOISE, LOW_CONTRAST, COLOUR, LOW_RESOLUTION, ARTEFACTS, COMPRESSION)
OUT_OF_ORDER = 0.25  # share of chains whose last two faults change places

Step = tuple[str, Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class Version:
    """An image with faults. pixels: (H, W, 3) uint8. points: of each word of WORDS, 0..100, NaN where it is not in the
    chain."""

    pixels: np.ndarray
    points: tuple[float, ...]


def draw_chain(faults: Mapping[str, Mapping[str, RandomDistortion]], seed: list[int]) -> list[Step]:
    """One to three faults of different words, in their order. seed: of numpy's generator."""
    random = np.random.default_rng(seed)
    words = list(faults)
    shares = np.array([OFTEN.get(word, 1.0) for word in words])
    count = 1 + int(random.choice(len(COUNTS), p=COUNTS))
    chosen = list(random.choice(len(words), size=count, replace=False, p=shares / shares.sum()))
    chain = sorted((words[place] for place in chosen), key=ORDER.index)
    if UNDEREXPOSED in chain and OVEREXPOSED in chain:
        chain.remove(OVEREXPOSED)
    if len(chain) > 1 and random.random() < OUT_OF_ORDER:
        chain[-2:] = chain[:-3:-1]
    return [(word, _step(faults[word], [*seed, WORDS.index(word)])) for word in chain]


def _step(kinds: Mapping[str, RandomDistortion], seed: list[int]) -> Callable[[np.ndarray], np.ndarray]:
    """A kind of a word at a random strength, the same for whatever it is applied to."""
    kind = list(kinds.values())[int(np.random.default_rng(seed).integers(len(kinds)))]
    return lambda image: kind(image, np.random.default_rng([*seed, 1]))


class FaultyImage:
    """A clean image (H, W, 3) uint8 with a chain of faults, any of which may be left out."""

    def __init__(self, clean: np.ndarray, chain: list[Step]) -> None:
        self.chain = chain
        self._clean = clean
        self._reference = to_tensor([clean])
        self._made: dict[tuple[str, ...], np.ndarray] = {(): clean}
        self._quality: dict[tuple[str, ...], float] = {(): 100.0}

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the whole chain, in its order."""
        return tuple(word for word, _ in self.chain)

    def version(self, words: tuple[str, ...]) -> Version:
        """The image with these faults of the chain, in the chain's order."""
        points = dict.fromkeys(WORDS, float("nan"))
        for word in words:
            rest = tuple(other for other in words if other != word)
            points[word] = max(0.0, self._points(rest) - self._points(words))
        return Version(self._pixels(words), tuple(points.values()))

    def _pixels(self, words: tuple[str, ...]) -> np.ndarray:
        if words not in self._made:
            self._made[words] = np.ascontiguousarray(dict(self.chain)[words[-1]](self._pixels(words[:-1])))
        return self._made[words]

    def _points(self, words: tuple[str, ...]) -> float:
        if words not in self._quality:
            self._quality[words] = 100 * float(mdsi_quality(to_tensor([self._pixels(words)]), self._reference))
        return self._quality[words]
