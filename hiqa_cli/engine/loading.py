"""Weights onto a device: what Scorer.load() was called with, and the loading itself. Imports no torch by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hiqa_cli.errors import UsageError

from .backends.automatic import BackendChoice, Measurement
from .backends.backend import Backend
from .backends.devices import BATCH_SIZE, Placement, cpu_bf16_flags, default_batch_size, hardware_name, has_bf16, place
from .backends.preferred import preferred_backend
from .calibration import Calibration
from .config import AUTO, BACKENDS, OPENVINO, TORCH
from .pipeline.reasons.file import read_head
from .pipeline.reasons.head import ReasonsHead
from .weights import load_weights


@dataclass(frozen=True)
class LoadSettings:
    """The arguments of Scorer.load(), which documents them; `weights` is absolute. Raises UsageError."""

    weights: Path | None
    backend: str
    device: str
    precision: str
    batch_size: int | None
    threads: int | None
    on_warning: Callable[[str], None] | None
    isolate: bool | None = None

    def __post_init__(self) -> None:
        check_count("batch size", self.batch_size)
        check_count("number of threads", self.threads)
        if self.backend not in BACKENDS:
            raise UsageError(f"backend must be one of {', '.join(BACKENDS)}, found {self.backend!r}")

    def warn(self, warning: str) -> None:
        """Pass a one-line warning on to the caller."""
        if self.on_warning is not None:
            self.on_warning(warning)


class Loaded(NamedTuple):
    """What loading gives. choice: how `auto` was decided, for --verbose; empty where nothing was left open. head: of
    reasons, None without one."""

    backend: Backend
    placement: Placement
    calibration: Calibration
    weights_id: str
    choice: str = ""
    head: ReasonsHead | None = None


def load(settings: LoadSettings) -> Loaded:
    """Load weights onto a device; raises what Scorer.load() names."""
    loaded = load_networks(settings)
    return loaded._replace(head=read_head(settings.weights, loaded.backend.traits))


def load_networks(settings: LoadSettings) -> Loaded:
    """G and R alone, without the head of reasons."""
    if backend_of(settings) == OPENVINO:
        from .backends.openvino_backend import load_openvino

        loaded = load_openvino(
            settings.weights,
            device=settings.device,
            precision=settings.precision,
            batch_size=settings.batch_size if settings.batch_size is not None else BATCH_SIZE["cpu"],
            threads=settings.threads,
            on_warning=settings.warn,
        )
        return Loaded(*loaded)
    return load_torch(settings)


def backend_of(settings: LoadSettings) -> str:
    """ "torch" or "openvino": what the settings name, or what `auto` means here."""
    if settings.backend != AUTO:
        return settings.backend
    if settings.precision == "bf16" and not any(cpu_bf16_flags()):
        return TORCH  # slow there, and refused by OpenVINO
    return preferred_backend(settings.device)


def import_backend(name: str) -> None:
    """Import what load() needs, which takes longer than most else, before its settings are known."""
    if (preferred_backend("auto") if name == AUTO else name) == OPENVINO:
        from .backends import openvino_backend  # noqa: F401
    else:
        from .backends import torch_backend  # noqa: F401


def load_torch(settings: LoadSettings) -> Loaded:
    """Load onto a device of torch; measures what `auto` leaves open, unless that is known."""
    placement = place(settings.device, settings.precision)
    if placement.warning:
        settings.warn(placement.warning)

    import torch

    from hiqa_cli.networks.hiqa import HiqaNet

    from .backends.threads import is_fork, start_threads
    from .backends.torch_backend import TorchBackend

    start_threads(settings.threads, settings.warn)
    size = settings.batch_size if settings.batch_size is not None else default_batch_size(placement)
    loaded = load_weights(settings.weights)

    def build(precision: str) -> Backend:
        network = copy.deepcopy(HiqaNet(loaded.generator, loaded.regressor))  # the backend takes it over
        return TorchBackend(network, Placement(placement.device, precision), size, settings.warn)

    library = f"torch {torch.__version__}"
    backends = BackendChoice(hardware_name(placement.device), library, loaded.weights_id, build)
    precision, choices = placement.precision, []
    if settings.precision == "auto" and has_bf16(placement.device):
        choices.append(backends.measure_precision())
        precision = choices[-1].chosen if choices[-1] else precision
    if settings.threads is None and placement.device == "cpu" and not is_fork():
        choices.append(backends.measure_threads(precision))
    placement = Placement(placement.device, precision)
    return Loaded(backends[precision], placement, loaded.calibration, loaded.weights_id, as_text(choices))


def as_text(choices: list[Measurement | None]) -> str:
    """What was measured, for --verbose."""
    return "; ".join(str(choice) for choice in choices if choice is not None)


def check_count(what: str, value: int | None) -> None:
    """UsageError unless `value` is None or an integer of at least 1."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise UsageError(f"the {what} must be a whole number of at least 1, found {value!r}")
