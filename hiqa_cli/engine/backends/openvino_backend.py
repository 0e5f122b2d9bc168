"""Tiles through the networks in OpenVINO, on a processor, without torch.

Every tile goes through by itself, several at a time: its score does not depend on what is scored beside it. R2 and the
prior, whose few early channels hold faint detail beside the picture's own brightness, are in float32 always.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import OPENVINO
from hiqa_cli.engine.manifest import default_folder, read_manifest
from hiqa_cli.engine.weights import read_facts
from hiqa_cli.errors import DeviceError

from .backend import TileOutOfMemoryError, TileOutputs, in_points, is_out_of_memory
from .devices import Placement, check_words
from .openvino_library import import_openvino
from .openvino_models import PROCESSOR, OpenvinoModels, folder_for, keep_models, made_for, make_models, read_models

MIDDLE = np.float32(127.5)  # what comes in are levels, -127.5..127.5 (networks/packing.py)
WORDS = {"fp32": "f32", "bf16": "bf16"}  # precisions, as OpenVINO calls them


class Lane:
    """One tile's way through the networks, and through the prior where there is one."""

    def __init__(self, networks: Any, prior: Any | None) -> None:
        self._networks = networks.create_infer_request()
        self._prior = None if prior is None else prior.create_infer_request()

    def _requests(self) -> list[Any]:
        return [self._networks] if self._prior is None else [self._networks, self._prior]

    def start(self, tile: np.ndarray) -> None:
        for request in self._requests():
            put_levels(tile, request.get_input_tensor(0).data[0])
            request.start_async()

    def take(self, correction: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Wait; joined features (h, w, C) and, where asked for, the correction. Both are copies: the next tile is
        written to the same place."""
        for request in self._requests():
            request.wait()
        found = [request.get_output_tensor(0).data[0] for request in self._requests()]
        picture = self._networks.get_output_tensor(1).data[0].copy() if correction else None
        return np.concatenate(found, axis=2), picture

    def settle(self) -> None:
        """Wait for whatever is still under way."""
        for request in self._requests():
            with suppress(RuntimeError):
                request.wait()


class OpenvinoBackend:
    """A `Backend`. threads: None: OpenVINO's own default."""

    name = OPENVINO

    def __init__(self, core: Any, models: OpenvinoModels, precision: str, batch_size: int, threads: int | None) -> None:
        self.batch_size = batch_size
        given = {} if threads is None else {"INFERENCE_NUM_THREADS": threads}
        streams = min(batch_size, threads or usable_processors())
        several = {"NUM_STREAMS": streams, **given}
        networks = core.import_model(models.tiles, PROCESSOR, {"INFERENCE_PRECISION_HINT": WORDS[precision], **several})
        exact = {"INFERENCE_PRECISION_HINT": "f32", **several}
        prior = None if models.prior is None else core.import_model(models.prior, PROCESSOR, exact)
        alone = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        head = core.import_model(models.head, PROCESSOR, alone)
        self._lanes = [Lane(networks, prior) for _ in range(streams)]
        self._head = head.create_infer_request()
        self._threads = int(networks.get_property("INFERENCE_NUM_THREADS"))

    @property
    def settings(self) -> dict[str, str | int]:
        return {"threads": self._threads, "openvino": str(import_openvino().get_version())}

    def run(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> Iterator[TileOutputs]:
        """As `TileRunner` has it."""
        for first in range(0, len(tiles), self.batch_size):
            yield self._forward(tiles[first : first + self.batch_size], first, corrections, features)

    def verdicts_of(self, pooled: np.ndarray) -> np.ndarray:
        """As `TileRunner` has it."""
        return self._judged(pooled[:, None, None])

    def _judged(self, features: np.ndarray) -> np.ndarray:
        """Features (n, cells, cells, C) -> verdicts (n, 2)."""
        return in_points(self._head.infer({0: features})[0])

    def _forward(self, part: Sequence[np.ndarray], first: int, corrections: bool, features: bool) -> TileOutputs:
        joined: list[np.ndarray] = []
        pictures: list[np.ndarray] = []

        def take(place: int) -> None:
            features_of_tile, picture = self._lane(place).take(corrections)
            joined.append(features_of_tile)
            if picture is not None:
                pictures.append(picture)

        try:
            for place, tile in enumerate(part):
                if place >= len(self._lanes):
                    take(place - len(self._lanes))
                self._lane(place).start(tile)
            for place in range(len(joined), len(part)):
                take(place)
            found = np.stack(joined)
            verdicts = self._judged(found)
        except (MemoryError, RuntimeError) as error:
            for lane in self._lanes:
                lane.settle()
            if is_out_of_memory(error):
                raise TileOutOfMemoryError(first + len(joined)) from error
            raise
        return TileOutputs(first, verdicts, np.stack(pictures) if corrections else None, found if features else None)

    def _lane(self, place: int) -> Lane:
        return self._lanes[place % len(self._lanes)]


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


def place_here(core: Any, device: str, precision: str) -> Placement:
    """Settle `auto` for OpenVINO; DeviceError where what was asked for is not to be had here."""
    check_words(device, precision)
    if device not in ("auto", "cpu"):
        raise DeviceError(f"OpenVINO runs on the processor here, not on {device}", "use --backend torch")
    has_bf16 = "BF16" in core.get_property(PROCESSOR, "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and not has_bf16:
        raise DeviceError("this processor has no bf16 instructions for OpenVINO", "use --precision fp32")
    if precision == "auto":
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
) -> tuple[OpenvinoBackend, Placement, Calibration, str]:
    """A runner, where it runs, the calibration and id of its weights; arguments as of Scorer.load().

    The first time for these weights, torch makes the networks (see `openvino_models`); `tell` hears of it.
    Raises WeightsError, DeviceError, UsageError, DependencyError, and OutputError where the cache cannot be written.
    """
    core = import_openvino().Core()
    placement = place_here(core, device, precision)  # what is wrong with the call itself comes first
    folder = default_folder() if weights is None else Path(os.fspath(weights))
    manifest = read_manifest(folder)
    calibration, _ = read_facts(folder, manifest)
    wanted = made_for(core, manifest)
    place = folder_for(wanted, manifest.weights_id)
    models = read_models(place, wanted)
    if models is None:
        tell(f"making the networks of weights {manifest.weights_id} ready for OpenVINO, once, in {place}")
        models = make_models(core, folder)
        keep_models(place, wanted, models)
    runner = OpenvinoBackend(core, models, placement.precision, batch_size, threads)
    return runner, placement, calibration, manifest.weights_id
