"""Where the networks run and in which precision: what was asked for, or the best that is here.

bf16 is chosen by itself only where the hardware multiplies in it: processors with AVX512-BF16 or
AMX-BF16, and CUDA devices of compute capability 8 and later. CUDA and MPS are written with care but
have not been tried by the authors. Importing this module loads no torch.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hiqa_cli.errors import DeviceError, UsageError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
BATCH_SIZE = {"cpu": 8, "cuda": 32, "mps": 32}  # tiles at once, where nobody says otherwise
CPU_FLAGS = ("avx512_bf16", "amx_bf16")  # so called by torch.cpu.get_capabilities() and Linux alike


@dataclass(frozen=True)
class Placement:
    """device: "cpu", "cuda" or "mps"; precision: "fp32" or "bf16"; notice: a warning, or empty."""

    device: str
    precision: str
    notice: str = ""

    @property
    def dtype(self) -> torch.dtype:
        import torch

        return torch.bfloat16 if self.precision == "bf16" else torch.float32


def place(device: str, precision: str) -> Placement:
    """Settle `auto` for torch; DeviceError where what was asked for is not to be had here."""
    check_words(device, precision)
    here = devices_here()
    if device == "auto":
        device = here[0]
    elif device not in here:
        raise DeviceError(
            f"device {device} was asked for, but this torch finds only {', '.join(here)}",
            "use --device auto, or install a torch built for the device",
        )
    fast = fast_bf16(device)
    if precision == "auto":
        return Placement(device, "bf16" if fast else "fp32")
    if precision == "bf16" and device == "mps":
        raise DeviceError("bf16 is not offered on mps", "use --precision fp32")
    if precision == "bf16" and not fast:
        notice = f"this {device} has no bf16 instructions: bf16 is slower than fp32 here"
        return Placement(device, precision, notice)
    return Placement(device, precision)


def check_words(device: str, precision: str) -> None:
    """UsageError for a device or a precision that does not exist."""
    if device not in DEVICES:
        raise UsageError(f"device must be one of {', '.join(DEVICES)}, found {device!r}")
    if precision not in PRECISIONS:
        raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}, found {precision!r}")


def devices_here() -> tuple[str, ...]:
    """Devices that torch can use on this machine, the one to prefer first."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver warns; no device is answer enough
        cuda = torch.cuda.is_available()
        mps = getattr(torch.backends, "mps", None)
        return (
            *(("cuda",) if cuda else ()),
            *(("mps",) if mps is not None and mps.is_available() else ()),
            "cpu",
        )


def fast_bf16(device: str) -> bool:
    """Whether the hardware itself multiplies in bf16."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= 8
    return device == "cpu" and cpu_has_bf16()


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor says that it has AVX512-BF16 or AMX-BF16.

    Newer versions of torch ask the processor; for older ones Linux' list of flags is read; where
    neither is there the answer is no.
    """
    import torch

    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        told = ask()
        if any(flag in told for flag in CPU_FLAGS):
            return any(bool(told.get(flag)) for flag in CPU_FLAGS)
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return any(flag in flags for flag in CPU_FLAGS)


def default_batch_size(device: str) -> int:
    return BATCH_SIZE[device]
