"""R's description of its statistics in numpy, so that backends without torch have it, too.

It computes what `networks.pair_regressor.PairRegressor.described` does, image and comparison in one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hiqa_cli.networks.description import (
    LEAST_VARIANCE,
    MAP_NUMBERS,
    MAP_SCALES,
    MAP_UNITS,
    PAIR_FLOOR,
    SPREAD_FLOOR,
)


class Layout(NamedTuple):
    """Channels of the trunk's features, of those that are compared, and of G's `H_{5,2}`."""

    image: int
    pair: int
    semantic: int

    @property
    def statistics(self) -> int:
        """Statistics of a tile."""
        return 2 * self.image + 3 * self.pair + MAP_NUMBERS + 2 * self.semantic

    @property
    def whole(self) -> int:
        """Statistics of the reduced image."""
        return 2 * self.image

    @property
    def described(self) -> int:
        """Numbers of the description."""
        return 4 * self.image + 3 * self.pair + MAP_NUMBERS + 2 * self.semantic


class Moments(NamedTuple):
    """Means over positions of features and of their squares, (n, C) each."""

    mean: np.ndarray
    square: np.ndarray

    @classmethod
    def joined(cls, numbers: np.ndarray) -> Moments:
        """From (n, 2 C)."""
        half = numbers.shape[1] // 2
        return cls(numbers[:, :half], numbers[:, half:])

    @property
    def spread(self) -> np.ndarray:
        """The standard deviation over positions, (n, C)."""
        return np.sqrt(np.maximum(self.square - self.mean**2, LEAST_VARIANCE))

    def described(self) -> np.ndarray:
        """Mean and logarithm of the spread, (n, 2 C)."""
        return np.concatenate([self.mean, np.log(self.spread + SPREAD_FLOOR)], axis=1)


def describe(statistics: np.ndarray, whole: np.ndarray, layout: Layout) -> np.ndarray:
    """Statistics (n, N) of tiles or images, and (n, M) or (1, M) of reduced images -> (n, described) float32."""
    statistics, whole = np.asarray(statistics, np.float32), np.asarray(whole, np.float32)
    sizes = [2 * layout.image, 2 * layout.pair, layout.pair, MAP_NUMBERS]
    image, imagined, absolute, of_map, semantic = np.split(statistics, np.cumsum(sizes), axis=1)
    distorted, hallucination = Moments.joined(image), Moments.joined(imagined)
    compared = Moments(distorted.mean[:, : layout.pair], distorted.square[:, : layout.pair])
    view = np.broadcast_to(Moments.joined(whole).described(), (len(statistics), 2 * layout.image))
    parts = [
        distorted.described(),
        view,
        _pair(compared, hallucination, absolute),
        _map(of_map),
        Moments.joined(semantic).described(),
    ]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _pair(distorted: Moments, hallucination: Moments, absolute: np.ndarray) -> np.ndarray:
    """See `networks.statistics.describe_pair`."""
    both = distorted.spread + hallucination.spread + PAIR_FLOOR
    ratio = np.log((distorted.spread + SPREAD_FLOOR) / (hallucination.spread + SPREAD_FLOOR))
    parts = [np.log(absolute / both + PAIR_FLOOR), (distorted.mean - hallucination.mean) / both, ratio]
    return np.concatenate(parts, axis=1)


def _map(numbers: np.ndarray) -> np.ndarray:
    """See `networks.statistics.describe_map`."""
    parts = numbers.reshape(len(numbers), MAP_SCALES, 3, 3)
    mean, absolute, square = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    described = np.stack([mean, absolute, spread], axis=2).reshape(len(numbers), -1)
    return np.asarray(np.sign(described) * np.log1p(np.abs(described) * MAP_UNITS))
