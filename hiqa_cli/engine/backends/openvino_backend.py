"""Run the networks in OpenVINO, on a CPU, without torch.

Several tiles run at once, each by itself, so that a score does not depend on other tiles. R2 and the prior always run
in float32: the prior's few early channels hold faint detail beside the image's brightness, which bf16 would round away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import OPENVINO
from hiqa_cli.engine.manifest import default_folder, read_manifest
from hiqa_cli.engine.weights import read_facts
from hiqa_cli.errors import DeviceError

from .automatic import BackendChoice
from .backend import READERS, Backend, TileOutOfMemoryError, TileOutputs, is_out_of_memory, lost_in_fork, to_points
from .devices import Placement, check_device, hardware_name, known_precision, usable_processors
from .openvino_library import import_openvino
from .openvino_models import PROCESSOR, OpenvinoModels, folder_for, keep_models, made_for, make_models, read_models

MIDDLE = np.float32(127.5)  # the networks take 8-bit levels, -127.5..127.5 (networks/onednn/packing.py)
PRECISION_HINTS = {"fp32": "f32", "bf16": "bf16"}


class Lane:
    """Runs one tile at a time through the networks, and through the prior where R has one."""

    def __init__(self, networks: Any, prior: Any | None) -> None:
        self._networks = networks.create_infer_request()
        self._prior = None if prior is None else prior.create_infer_request()

    def _requests(self) -> list[Any]:
        return [self._networks] if self._prior is None else [self._networks, self._prior]

    def start(self, tile: np.ndarray) -> None:
        """Begin to run a tile (TILE, TILE, 3) uint8 or uint16; wait() takes its outputs before the next one."""
        for request in self._requests():
            write_levels(tile, request.get_input_tensor(0).data[0])
            request.start_async()

    def wait(self, correction: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Joined features (h, w, C) of the tile and, if `correction` is set, its correction; copies, since the next
        tile overwrites the originals."""
        for request in self._requests():
            request.wait()
        features = [request.get_output_tensor(0).data[0] for request in self._requests()]
        difference = self._networks.get_output_tensor(1).data[0].copy() if correction else None
        return np.concatenate(features, axis=2), difference

    def drain(self) -> None:
        """Wait for requests that are still running."""
        for request in self._requests():
            with suppress(RuntimeError):
                request.wait()


class OpenvinoBackend:
    """A `Backend`. threads: None: OpenVINO's own default."""

    name = OPENVINO

    def __init__(self, core: Any, models: OpenvinoModels, precision: str, batch_size: int, threads: int | None) -> None:
        self.batch_size = batch_size
        streams = min(batch_size, threads or usable_processors())
        shared = {"NUM_STREAMS": streams, **({} if threads is None else {"INFERENCE_NUM_THREADS": threads})}
        fast = {"INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision], **shared}
        exact = {"INFERENCE_PRECISION_HINT": "f32", **shared}
        networks = core.import_model(models.tiles, PROCESSOR, fast)
        prior = None if models.prior is None else core.import_model(models.prior, PROCESSOR, exact)
        alone = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        head = core.import_model(models.head, PROCESSOR, alone)
        self._lanes = [Lane(networks, prior) for _ in range(streams)]
        self._head = head.create_infer_request()
        self._threads = int(networks.get_property("INFERENCE_NUM_THREADS"))
        self._process = os.getpid()
        self.lock = Lock()

    def enter_process(self) -> None:
        """See `Backend`."""
        if self._process != os.getpid():
            raise lost_in_fork("OpenVINO's threads", self._process, 'use the backend "torch"')

    @property
    def tiles_at_once(self) -> int:
        """See `Backend`."""
        return self.batch_size

    @property
    def readers(self) -> int:
        """See `Backend`."""
        return READERS

    @property
    def settings(self) -> dict[str, str | int]:
        """See `Backend`."""
        return {"threads": self._threads, "openvino": str(import_openvino().get_version())}

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> TileOutputs:
        """See `Backend`."""
        starts = range(0, len(tiles), self.batch_size)
        parts = [self._forward(tiles[n : n + self.batch_size], n, corrections, features) for n in starts]
        return TileOutputs.concatenate(parts)

    def predict_pooled(self, pooled: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return self._predict(pooled[:, None, None])

    def _predict(self, features: np.ndarray) -> np.ndarray:
        """Joined features (n, cells, cells, C) -> predictions (n, 2)."""
        return to_points(self._head.infer({0: features})[0])

    def _forward(self, tiles: Sequence[np.ndarray], first: int, corrections: bool, features: bool) -> TileOutputs:
        """One batch; first: number of its first tile, for errors."""
        joined: list[np.ndarray] = []
        differences: list[np.ndarray] = []

        def collect(place: int) -> None:
            features_of_tile, difference = self._lane(place).wait(corrections)
            joined.append(features_of_tile)
            if difference is not None:
                differences.append(difference)

        try:
            for place, tile in enumerate(tiles):
                if place >= len(self._lanes):
                    collect(place - len(self._lanes))
                self._lane(place).start(tile)
            for place in range(len(joined), len(tiles)):
                collect(place)
            stacked = np.stack(joined)
            predictions = self._predict(stacked)
        except (MemoryError, RuntimeError) as error:
            for lane in self._lanes:
                lane.drain()
            if is_out_of_memory(error):
                raise TileOutOfMemoryError(first + min(len(joined), len(tiles) - 1)) from error
            raise
        return TileOutputs(predictions, np.stack(differences) if corrections else None, stacked if features else None)

    def _lane(self, place: int) -> Lane:
        return self._lanes[place % len(self._lanes)]


def write_levels(tile: np.ndarray, levels: np.ndarray) -> None:
    """Write a tile, uint8 or uint16, as 8-bit levels relative to middle grey into float32 of the same shape."""
    if tile.dtype == np.uint8:
        np.subtract(tile, MIDDLE, out=levels)
    else:
        np.multiply(tile, 2 * MIDDLE / np.float32(np.iinfo(tile.dtype).max), out=levels)
        levels -= MIDDLE


def place_here(core: Any, device: str, precision: str) -> Placement:
    """The device, and the precision: `auto` only where there are two to choose between. DeviceError where the requested
    device or precision is not available."""
    check_device(device, precision)
    if device not in ("auto", "cpu"):
        raise DeviceError(f"OpenVINO runs on the CPU, not on {device}", "use --backend torch")
    has_bf16 = "BF16" in core.get_property(PROCESSOR, "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and not has_bf16:
        raise DeviceError("this CPU has no bf16 instructions for OpenVINO", "use --precision fp32")
    return Placement("cpu", precision if precision != "auto" or has_bf16 else "fp32")


def load_openvino(
    weights: Path | str | None,
    *,
    device: str,
    precision: str,
    batch_size: int,
    threads: int | None,
    on_warning: Callable[[str], None],
) -> tuple[Backend, Placement, Calibration, str, str]:
    """(backend, placement, calibration, weights_id, choice); arguments as of Scorer.load().

    Compiles the networks with torch the first time these weights are used (see `openvino_models`), with a warning.
    Raises WeightsError, DeviceError, UsageError, DependencyError, and OutputError where the cache cannot be written.
    """
    core = import_openvino().Core()
    placement = place_here(core, device, precision)  # before the weights, so that a wrong call fails at once
    folder = default_folder() if weights is None else Path(os.fspath(weights))
    manifest = read_manifest(folder)
    calibration, _ = read_facts(folder, manifest)
    wanted = made_for(core, manifest)
    place = folder_for(wanted, manifest.weights_id)
    models = read_models(place, wanted)
    if models is None:
        on_warning(f"compiling weights {manifest.weights_id} for OpenVINO, once, in {place}")
        models = make_models(core, folder)
        keep_models(place, wanted, models)
    networks = models

    def build(precision: str) -> Backend:
        return OpenvinoBackend(core, networks, precision, batch_size, threads)

    library = f"openvino {import_openvino().get_version()}, {threads or 'all'} threads"
    backends = BackendChoice(hardware_name("cpu"), library, manifest.weights_id, build)
    precision, choice = placement.precision, ""
    if precision == "auto":
        measured = backends.measure_precision()
        precision, choice = (measured.chosen, str(measured)) if measured else (known_precision(), "")
    return backends[precision], Placement("cpu", precision), calibration, manifest.weights_id, choice
