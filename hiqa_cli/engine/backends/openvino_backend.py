"""Run the networks in OpenVINO, on a CPU, without torch.

Several tiles run at once, each by itself, so that a score does not depend on other tiles. R always runs in float32: few
early channels of its trunk hold faint detail beside the image's brightness, which bf16 would round away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import OPENVINO
from hiqa_cli.engine.manifest import default_folder, read_manifest
from hiqa_cli.engine.weights import read_facts
from hiqa_cli.errors import DeviceError
from hiqa_cli.networks.traits import RegressorTraits

from .automatic import BackendChoice
from .backend import READERS, Backend, TileOutOfMemoryError, TileOutputs, is_out_of_memory, lost_in_fork, to_points
from .devices import Placement, check_device, hardware_name, known_precision, usable_processors
from .openvino_library import import_openvino
from .openvino_models import PROCESSOR, OpenvinoModels, folder_for, keep_models, made_for, make_models, read_models

MIDDLE = np.float32(127.5)  # the networks take 8-bit levels, -127.5..127.5 (networks/export.py)
Found = TypeVar("Found")

PRECISION_HINTS = {"fp32": "f32", "bf16": "bf16"}


class Lane:
    """Runs one tile at a time through the networks."""

    def __init__(self, generator: Any, regressor: Any, view: Any) -> None:
        self._generator = generator.create_infer_request()
        self._regressor = regressor.create_infer_request()
        self._view = view.create_infer_request()
        # what G writes is what R reads
        for place, output in ((1, 0), (2, 1)):
            self._regressor.set_input_tensor(place, self._generator.get_output_tensor(output))
        self._regressor.set_input_tensor(0, self._generator.get_input_tensor(0))
        # The first access to an array imports NumPy behind a lock that is not the interpreter's: two threads at once
        # would wait for each other for ever.
        assert self._generator.get_input_tensor(0).data.size

    def run(self, tile: np.ndarray, correction: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Statistics (N,) of the tile and, if `correction` is set, its correction; copies, since the next tile
        overwrites the originals."""
        write_levels(tile, self._generator.get_input_tensor(0).data[0])
        self._generator.infer()
        self._regressor.infer()
        difference = self._generator.get_output_tensor(0).data[0].copy() if correction else None
        return self._regressor.get_output_tensor(0).data[0].copy(), difference

    def view(self, tile: np.ndarray) -> np.ndarray:
        """What R sees of a tile of a reduced image, (M,)."""
        write_levels(tile, self._view.get_input_tensor(0).data[0])
        self._view.infer()
        seen: np.ndarray = self._view.get_output_tensor(0).data[0].copy()
        return seen


class OpenvinoBackend:
    """A `Backend`. threads: None: OpenVINO's own default."""

    name = OPENVINO

    def __init__(
        self,
        core: Any,
        models: OpenvinoModels,
        traits: RegressorTraits,
        precision: str,
        batch_size: int,
        threads: int | None,
    ) -> None:
        self.batch_size, self.traits = batch_size, traits
        streams = min(batch_size, threads or usable_processors())
        shared = {"NUM_STREAMS": streams, **({} if threads is None else {"INFERENCE_NUM_THREADS": threads})}
        fast = {"INFERENCE_PRECISION_HINT": PRECISION_HINTS[precision], **shared}
        exact = {"INFERENCE_PRECISION_HINT": "f32", **shared}
        alone = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        generator = core.import_model(models.generator, PROCESSOR, fast)
        regressor, view = (core.import_model(model, PROCESSOR, exact) for model in (models.regressor, models.view))
        self._head = core.import_model(models.head, PROCESSOR, alone).create_infer_request()
        self._lanes: SimpleQueue[Lane] = SimpleQueue()
        for _ in range(streams):
            self._lanes.put(Lane(generator, regressor, view))
        self._pool = ThreadPoolExecutor(streams, thread_name_prefix="hiqa-lane")
        self._threads = int(generator.get_property("INFERENCE_NUM_THREADS"))
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

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool) -> TileOutputs:
        """See `Backend`."""
        found = self._in_lanes(tiles, lambda lane, tile: lane.run(tile, corrections))
        differences = [difference for _, difference in found if difference is not None]
        return TileOutputs(np.stack([row for row, _ in found]), np.stack(differences) if corrections else None)

    def view_tiles(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        """See `Backend`."""
        return np.stack(self._in_lanes(tiles, Lane.view))

    def predict(self, statistics: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        return to_points(self._head.infer([statistics, whole])[0])

    def _in_lanes(self, tiles: Sequence[np.ndarray], run: Callable[[Lane, np.ndarray], Found]) -> list[Found]:
        """What `run` makes of each tile, in order; all have ended before this returns or raises."""

        def in_lane(tile: np.ndarray) -> Found:
            lane = self._lanes.get()
            try:
                return run(lane, tile)
            finally:
                self._lanes.put(lane)

        running = [self._pool.submit(in_lane, tile) for tile in tiles]
        wait(running)
        for number, one in enumerate(running):
            error = one.exception()
            if error is not None and is_out_of_memory(error):
                raise TileOutOfMemoryError(number) from error
        return [one.result() for one in running]


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
    calibration, traits = read_facts(folder, manifest)
    wanted = made_for(core, manifest)
    place = folder_for(wanted, manifest.weights_id)
    models = read_models(place, wanted)
    if models is None:
        on_warning(f"compiling weights {manifest.weights_id} for OpenVINO, once, in {place}")
        models = make_models(core, folder)
        keep_models(place, wanted, models)
    networks = models

    def build(precision: str) -> Backend:
        return OpenvinoBackend(core, networks, traits, precision, batch_size, threads)

    library = f"openvino {import_openvino().get_version()}, {threads or 'all'} threads"
    backends = BackendChoice(hardware_name("cpu"), library, manifest.weights_id, build)
    precision, choice = placement.precision, ""
    if precision == "auto":
        measured = backends.measure_precision()
        precision, choice = (measured.chosen, str(measured)) if measured else (known_precision(), "")
    return backends[precision], Placement("cpu", precision), calibration, manifest.weights_id, choice
