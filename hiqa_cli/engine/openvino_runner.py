"""Tiles through the networks in OpenVINO, on a processor, without torch.

Every tile goes through by itself, several at a time: its score does not depend on what is scored beside it. R2 is in
float32 always.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DeviceError
from .calibration import Calibration
from .devices import Placement, check_words
from .manifest import default_folder, read_manifest
from .openvino_library import import_openvino
from .openvino_models import PROCESSOR, OpenvinoModels, folder_for, keep_models, made_for, make_models, read_models
from .tile_runner import TileOutOfMemoryError, TileOutputs, is_out_of_memory
from .weights import read_facts

MIDDLE = np.float32(127.5)  # what comes in are levels, -127.5..127.5 (networks/packing.py)
# Priors of R with few channels early on: in bf16 they need float32 in places, which OpenVINO cannot be told.
FP32_ONLY = ("efficientnet-lite0",)
WORDS = {"fp32": "f32", "bf16": "bf16"}  # precisions, as OpenVINO calls them


class OpenvinoRunner:
    """A `TileRunner`. threads: None: as OpenVINO has it."""

    def __init__(
        self, core: Any, models: OpenvinoModels, precision: str, batch_size: int, threads: int | None
    ) -> None:
        self.batch_size = batch_size
        given = {} if threads is None else {"INFERENCE_NUM_THREADS": threads}
        streams = min(batch_size, threads or usable_processors())
        networks = core.import_model(
            models.tiles, PROCESSOR, {"INFERENCE_PRECISION_HINT": WORDS[precision], "NUM_STREAMS": streams, **given}
        )
        alone = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        head = core.import_model(models.head, PROCESSOR, alone)
        self._requests = [networks.create_infer_request() for _ in range(streams)]
        self._head = head.create_infer_request()
        self._threads = int(networks.get_property("INFERENCE_NUM_THREADS"))

    @property
    def settings(self) -> dict[str, str | int]:
        return {"threads": self._threads, "openvino": str(import_openvino().get_version())}

    def run(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> Iterator[TileOutputs]:
        """As `TileRunner` has it."""
        for first in range(0, len(tiles), self.batch_size):
            yield self._forward(tiles[first : first + self.batch_size], first, corrections, features)

    def scores_of(self, pooled: np.ndarray) -> np.ndarray:
        """As `TileRunner` has it."""
        return self._judged(pooled[:, None, None])

    def _judged(self, features: np.ndarray) -> np.ndarray:
        """Features (n, cells, cells, C) -> scores (n,) float64, points."""
        scores = self._head.infer({0: features})[0]
        return np.asarray(scores, np.float64) * 100.0

    def _forward(self, part: Sequence[np.ndarray], first: int, corrections: bool, features: bool) -> TileOutputs:
        joined: list[np.ndarray] = []
        pictures: list[np.ndarray] = []

        def take(place: int) -> None:
            request = self._request(place)
            request.wait()
            joined.append(request.get_output_tensor(0).data[0].copy())  # the next tile is written to the same place
            if corrections:
                pictures.append(request.get_output_tensor(1).data[0].copy())

        try:
            for place, tile in enumerate(part):
                if place >= len(self._requests):
                    take(place - len(self._requests))
                put_levels(tile, self._request(place).get_input_tensor(0).data[0])
                self._request(place).start_async()
            for place in range(len(joined), len(part)):
                take(place)
            found = np.stack(joined)
            scores = self._judged(found)
        except (MemoryError, RuntimeError) as error:
            self._settle()
            if is_out_of_memory(error):
                raise TileOutOfMemoryError(first + len(joined)) from error
            raise
        return TileOutputs(first, scores, np.stack(pictures) if corrections else None, found if features else None)

    def _request(self, place: int) -> Any:
        return self._requests[place % len(self._requests)]

    def _settle(self) -> None:
        """Waits for whatever is still under way."""
        for request in self._requests:
            with suppress(RuntimeError):
                request.wait()


def put_levels(tile: np.ndarray, levels: np.ndarray) -> None:
    """A tile, uint8 or uint16, as 8-bit levels from the middle grey, into float32 of the same shape."""
    if tile.dtype == np.uint8:
        np.subtract(tile, MIDDLE, out=levels)
    else:
        np.multiply(tile, 2 * MIDDLE / np.float32(np.iinfo(tile.dtype).max), out=levels)
        levels -= MIDDLE


def usable_processors() -> int:
    ask = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if ask is None else len(ask(0))


def place_here(core: Any, device: str, precision: str, layout: str | None = None) -> Placement:
    """Settle `auto` for OpenVINO; DeviceError where what was asked for is not to be had here. layout: of R."""
    check_words(device, precision)
    if device not in ("auto", "cpu"):
        raise DeviceError(f"OpenVINO runs on the processor here, not on {device}", "use --engine torch")
    has_bf16 = "BF16" in core.get_property(PROCESSOR, "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and not has_bf16:
        raise DeviceError("this processor has no bf16 instructions for OpenVINO", "use --precision fp32")
    if precision == "bf16" and layout in FP32_ONLY:
        raise DeviceError(f"OpenVINO has no bf16 for weights of the layout {layout}", "use --precision fp32")
    if precision == "auto":
        has_bf16 = has_bf16 and layout not in FP32_ONLY
        precision = "bf16" if has_bf16 else "fp32"
    return Placement("cpu", precision)


def load_openvino(
    weights: Path | str | None,
    *,
    device: str,
    precision: str,
    batch_size: int,
    threads: int | None,
    tell: Callable[[str], None],
) -> tuple[OpenvinoRunner, Placement, Calibration, str]:
    """A runner, where it runs, the calibration and id of its weights; arguments as of Scorer.load().

    The first time for these weights, torch makes the networks (see `openvino_models`); `tell` hears of it.
    Raises WeightsError, DeviceError, UsageError, DependencyError, and OutputError where the cache cannot be written.
    """
    core = import_openvino().Core()
    place_here(core, device, precision)  # what is wrong with the call itself comes first
    folder = default_folder() if weights is None else Path(os.fspath(weights))
    manifest = read_manifest(folder)
    calibration, config = read_facts(folder, manifest)
    placement = place_here(core, device, precision, config.get("prior"))
    wanted = made_for(core, manifest)
    place = folder_for(wanted, manifest.weights_id)
    models = read_models(place, wanted)
    if models is None:
        tell(f"making the networks of weights {manifest.weights_id} ready for OpenVINO, once, in {place}")
        models = make_models(core, folder)
        keep_models(place, wanted, models)
    runner = OpenvinoRunner(core, models, placement.precision, batch_size, threads)
    return runner, placement, calibration, manifest.weights_id
