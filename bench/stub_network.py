"""`hiqa` with networks that only average pixels: for measuring and killing what is around the networks.

    python bench/stub_network.py score photos/ --workers 2 --jsonl out.jsonl

Workers import this file again as their main module, and so get the same networks. An entirely black picture kills the
process that scores it. STUB_SECONDS: how long each tile takes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from threading import Lock

import numpy as np

import hiqa_cli.engine.scorer
from hiqa_cli.engine import loading
from hiqa_cli.engine.backends.backend import TileOutputs
from hiqa_cli.engine.backends.devices import Placement
from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.loading import Loaded, LoadSettings
from hiqa_cli.errors import WeightsError
from hiqa_cli.networks.traits import PAPER


class StubBackend:
    """A `Backend` whose score is the mean level of a tile, as a percentage."""

    name = "torch"
    batch_size = tiles_at_once = 8
    readers = 2
    traits = PAPER
    settings: dict[str, str | int] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.lock = Lock()

    def enter_process(self) -> None:
        """It has nothing that a fork loses."""

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool) -> TileOutputs:
        time.sleep(float(os.environ.get("STUB_SECONDS", "0")) * len(tiles))
        if any(tile.max() == 0 for tile in tiles):
            os.kill(os.getpid(), signal.SIGKILL)
        none = np.zeros((len(tiles), 256, 256, 3), np.float32) if corrections else None
        return TileOutputs(np.array([[tile.mean() / 255] for tile in tiles], np.float32), none)

    def view_tiles(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        return np.zeros((len(tiles), 0), np.float32)

    def predict(self, statistics: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return np.concatenate([100.0 * statistics, np.zeros_like(statistics)], axis=1).astype(np.float64)


def load_stub(settings: LoadSettings) -> Loaded:
    """In place of `loading.load`."""
    if settings.weights is not None:
        raise WeightsError(f"{settings.weights}: a stub has no weights")
    return Loaded(StubBackend(), Placement("cpu", "fp32"), Calibration((1.0, 0.0, 0.0, 0.0, 0.0)), "57ab57ab")


def install() -> None:
    """Put the stub in the place of the networks, in this process."""
    hiqa_cli.engine.scorer.load = load_stub
    loading.import_backend = lambda name: None


def install_beside() -> None:
    """The same, but a folder of weights brings its own networks: for a cluster whose processes begin with this."""
    real = hiqa_cli.engine.scorer.load
    hiqa_cli.engine.scorer.load = lambda settings: load_stub(settings) if settings.weights is None else real(settings)


if __name__ in ("__main__", "__mp_main__"):  # a worker imports its parent's main module under the second name
    install()

if __name__ == "__main__":
    from hiqa_cli.__main__ import main

    main()
