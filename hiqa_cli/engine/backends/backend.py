"""What the engine wants of whatever runs the networks: arrays of tiles go in, arrays come out. Imports no torch.

Planning, decoding, tiling, pooling and blending lie on this side of the border; `numerics` (torch) and
`openvino_runner` on the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hiqa_cli.engine.results import TilePrediction

# What torch, oneDNN, OpenVINO and the drivers say where it is no MemoryError.
MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")


class TileOutOfMemoryError(Exception):
    """Memory ran out on a single tile; `index` is its place among the tiles that were given."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True)
class TileOutputs:
    """What the networks say of n tiles.

    first: place of the first of them among the tiles that were given.
    verdicts: (n, 2) float64: scores, points on 0..100, and doubts (`TilePrediction`).
    corrections: (n, TILE, TILE, 3) float32, hallucination minus distorted, in units of the full
        range; None where nobody asked.
    features: (n, cells, cells, C) float32, what R2 pools; None where nobody asked.
    """

    first: int
    verdicts: np.ndarray
    corrections: np.ndarray | None
    features: np.ndarray | None

    def each(self) -> Iterator[tuple[TilePrediction, np.ndarray | None, np.ndarray | None]]:
        """(verdict, correction, features) of every tile."""
        for place, (score, doubt) in enumerate(self.verdicts):
            correction = None if self.corrections is None else self.corrections[place]
            features = None if self.features is None else self.features[place]
            yield TilePrediction(float(score), float(doubt)), correction, features


class Backend(Protocol):
    """Networks loaded on a device.

    name: "torch" or "openvino".
    batch_size: tiles that go through the networks at once; shrinks where memory runs out.
    """

    name: str
    batch_size: int

    @property
    def settings(self) -> Mapping[str, str | int]:
        """What scores depend on, or might, beside weights, device, precision and batch size: threads, versions."""

    def run(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> Iterator[TileOutputs]:
        """Score tiles (TILE, TILE, 3) uint8 or uint16, in order, a batch at a time.

        Raises TileOutOfMemoryError where even one tile is too many, DeviceError where the device fails.
        """

    def verdicts_of(self, pooled: np.ndarray) -> np.ndarray:
        """R2: pooled features (n, C) float32 -> verdicts (n, 2), as in `TileOutputs`."""


def in_points(verdicts: np.ndarray) -> np.ndarray:
    """What R2 gives, (n, 2), scores in 0..1 and doubts -> the same in float64, scores in points."""
    return np.asarray(verdicts, np.float64) * (100.0, 1.0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of numpy, of a driver or of what runs the networks says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in MEMORY_WORDS)
