"""The interface between the engine and whatever runs the networks: arrays of tiles in, arrays out. Imports no torch.

Reading, tiling, pooling and blending happen on this side of it; `torch_backend` and `openvino_backend` are the other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.traits import RegressorTraits

# How torch, oneDNN, OpenVINO and drivers word it where they raise no MemoryError.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc")

READERS = 4  # a slow disk or network is waited for in parallel; a CPU's networks need few


class TileOutOfMemoryError(Exception):
    """Memory ran out on a single tile: number `index` of those given to predict_tiles()."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True)
class TileOutputs:
    """What the networks return for n tiles.

    statistics: (n, N) float32, from which R predicts (networks/tile_regressor.py).
    corrections: (n, TILE, TILE, 3) float32, hallucination minus distorted, in units of the full range; None where not
        requested.
    """

    statistics: np.ndarray
    corrections: np.ndarray | None

    @classmethod
    def concatenate(cls, parts: Sequence[TileOutputs]) -> TileOutputs:
        """The outputs of several batches as one."""
        if len(parts) == 1:
            return parts[0]
        present = [part.corrections for part in parts if part.corrections is not None]
        return cls(np.concatenate([part.statistics for part in parts]), np.concatenate(present) if present else None)


class Backend(Protocol):
    """Networks loaded on a device.

    name: "torch" or "openvino".
    batch_size: tiles that go through the networks at once; shrinks where memory runs out.
    lock: held by the thread that runs the networks.
    traits: of the R that is loaded.
    """

    name: str
    batch_size: int
    lock: Lock
    traits: RegressorTraits

    @property
    def tiles_at_once(self) -> int:
        """Number of tiles that predict_tiles() is best given: one batch, or several where batches overlap."""

    @property
    def readers(self) -> int:
        """Threads that read and decode files ahead."""

    @property
    def settings(self) -> Mapping[str, str | int]:
        """What else scores may depend on, beside weights, device, precision and batch size: threads, versions."""

    def enter_process(self) -> None:
        """Called before tiles run. In a fork of the process that loaded it, continues with what survives a fork, or
        raises UsageError (`lost_in_fork`)."""

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool) -> TileOutputs:
        """Run G and R's convolutions on tiles (TILE, TILE, 3) uint8 or uint16, at least one, in batches of
        `batch_size`.

        corrections: whether to return these.
        Raises TileOutOfMemoryError where a single tile does not fit into memory, DeviceError where the device fails.
        """

    def view_tiles(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        """What R sees of whole images: tiles of reduced ones, as above -> (n, M) float32. Raises the same."""

    def predict(self, statistics: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """R's predictions from statistics (n, N) and those of the whole image (1, M), float32 -> (n, 2) float64: scores
        in points on 0..100, and predicted errors (`TileScore`)."""


def lost_in_fork(what: str, loaded_in: int, remedy: str) -> UsageError:
    """The error of a backend that does not survive a fork: `what` does not."""
    return UsageError(
        f"this Scorer was loaded in process {loaded_in}, and {what} do not survive the fork to process {os.getpid()}",
        f"call Scorer.load() after the fork, or {remedy}",
    )


def to_points(predictions: np.ndarray) -> np.ndarray:
    """R's predictions (n, 2), scores in 0..1 and predicted errors -> float64, scores in points."""
    return np.asarray(predictions, np.float64) * (100.0, 1.0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of numpy, of a driver or of a backend's library means that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in OUT_OF_MEMORY)
