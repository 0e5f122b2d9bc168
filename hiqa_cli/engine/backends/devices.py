"""Choose the device and the precision that the networks run in.

`auto` takes bf16 only where the hardware supports it natively: CPUs with AVX512-BF16 or AMX-BF16, and CUDA devices of
compute capability 8 and later. CUDA and MPS are not part of the authors' regular tests. Importing this module loads no
torch.
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
BATCH_SIZE = {"cpu": 8, "cuda": 32, "mps": 32}  # default number of tiles at once
CPU_FLAGS = ("avx512_bf16", "amx_bf16")  # names in torch.cpu.get_capabilities() and in /proc/cpuinfo


@dataclass(frozen=True)
class Placement:
    """device: "cpu", "cuda" or "mps"; precision: "fp32" or "bf16"; warning: for the user, or empty."""

    device: str
    precision: str
    warning: str = ""

    @property
    def dtype(self) -> torch.dtype:
        import torch

        return torch.bfloat16 if self.precision == "bf16" else torch.float32


def place(device: str, precision: str) -> Placement:
    """Resolve `auto` for torch; DeviceError where the requested device or precision is not available."""
    check_device(device, precision)
    available = available_devices()
    if device == "auto":
        device = available[0]
    elif device not in available:
        raise DeviceError(
            f"device {device} is not available: torch finds {', '.join(available)}",
            "use --device auto, or install a torch built for the device",
        )
    fast = fast_bf16(device)
    if precision == "auto":
        return Placement(device, "bf16" if fast else "fp32")
    if precision == "bf16" and device == "mps":
        raise DeviceError("bf16 is not supported on mps", "use --precision fp32")
    if precision == "bf16" and not fast:
        warning = f"this {device} has no bf16 instructions: bf16 is slower than fp32 here"
        return Placement(device, precision, warning)
    return Placement(device, precision)


def check_device(device: str, precision: str) -> None:
    """UsageError for an unknown device or precision."""
    if device not in DEVICES:
        raise UsageError(f"device must be one of {', '.join(DEVICES)}, found {device!r}")
    if precision not in PRECISIONS:
        raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}, found {precision!r}")


def available_devices() -> tuple[str, ...]:
    """Devices that torch can use on this machine, the preferred one first."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an old driver; then there is no device
        cuda = torch.cuda.is_available()
        mps = getattr(torch.backends, "mps", None)
        return (
            *(("cuda",) if cuda else ()),
            *(("mps",) if mps is not None and mps.is_available() else ()),
            "cpu",
        )


def fast_bf16(device: str) -> bool:
    """Whether the hardware supports bf16 natively."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= 8
    return device == "cpu" and cpu_has_bf16()


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU reports AVX512-BF16 or AMX-BF16: through torch where its version can tell, else through the flags
    in Linux' cpuinfo, else False."""
    import torch

    get_capabilities = getattr(torch.cpu, "get_capabilities", None)
    if get_capabilities is not None:
        capabilities = get_capabilities()
        if any(flag in capabilities for flag in CPU_FLAGS):
            return any(bool(capabilities.get(flag)) for flag in CPU_FLAGS)
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return any(flag in flags for flag in CPU_FLAGS)
