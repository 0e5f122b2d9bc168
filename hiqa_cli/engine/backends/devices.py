"""Choose the device and the precision that the networks run in.

CUDA and MPS are not part of the authors' regular tests. Importing this module loads no torch.
"""

from __future__ import annotations

import os
import platform
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hiqa_cli.errors import DeviceError, UsageError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
BATCH_SIZE = {"cpu": 8, "mps": 32}  # default number of tiles at once; on CUDA by free memory
LARGEST_BATCH, SMALLEST_BATCH = 128, 8  # on CUDA
# An estimate, not measured: the feature maps of G and R that live at a time. Where it is too low, batches are halved.
BYTES_A_TILE = {"fp32": 128 * 2**20, "bf16": 64 * 2**20}
CPU_FLAGS = ("avx512_bf16", "amx_bf16")  # names in torch.cpu.get_capabilities() and in CPUINFO
CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Placement:
    """device: "cpu", "cuda" or "mps"; precision: "fp32" or "bf16"; warning: for the user, or empty."""

    device: str
    precision: str
    warning: str = ""

    @property
    def dtype(self) -> torch.dtype:
        """The type of torch for the precision."""
        import torch

        return torch.bfloat16 if self.precision == "bf16" else torch.float32


def place(device: str, precision: str) -> Placement:
    """Resolve `auto` for torch; DeviceError where the requested device or precision is not available.

    The precision `auto` is the one that is known to be fastest on hardware of this kind; `automatic` measures instead.
    """
    check_device(device, precision)
    available = available_devices()
    if device == "auto":
        device = available[0]
    elif device not in available:
        raise DeviceError(
            f"device {device} is not available: torch finds {', '.join(available)}",
            "use --device auto, or install a torch built for the device",
        )
    if precision == "auto":
        return Placement(device, known_precision(device))
    if precision == "bf16" and device == "mps":
        raise DeviceError("bf16 is not supported on mps", "use --precision fp32")
    if precision == "bf16" and not has_bf16(device):
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


def has_bf16(device: str) -> bool:
    """Whether the hardware has bf16 instructions; they need not be faster than float32."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= 8
    return device == "cpu" and any(cpu_bf16_flags())


def known_precision(device: str = "cpu") -> str:
    """What is known to be fastest on hardware of this kind: bf16 on CUDA devices that have it and on CPUs with AMX,
    else fp32. CPUs with AVX512-BF16 alone may be slower in bf16 (docs/benchmarks.md)."""
    fast = cpu_bf16_flags()[1] if device == "cpu" else has_bf16(device)
    return "bf16" if fast else "fp32"


def cpu_bf16_flags(cpuinfo: Path = CPUINFO) -> tuple[bool, bool]:
    """Whether the CPU has (AVX512-BF16, AMX-BF16): from Linux' cpuinfo, elsewhere as far as torch can tell."""
    fields = cpuinfo_fields(cpuinfo)
    if fields:
        flags = fields.get("flags", "").split()
        return CPU_FLAGS[0] in flags, CPU_FLAGS[1] in flags
    import torch

    get_capabilities = getattr(torch.cpu, "get_capabilities", dict)  # torch has it from 2.7 on
    capabilities: dict[str, object] = get_capabilities()
    return bool(capabilities.get(CPU_FLAGS[0])), bool(capabilities.get(CPU_FLAGS[1]))


def cpuinfo_fields(cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """The fields of the first processor in Linux' cpuinfo; empty elsewhere."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def hardware_name(device: str) -> str:
    """What a device calls itself; a CPU with the number of its usable logical processors."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    name = cpuinfo_fields().get("model name") or platform.processor() or platform.machine()
    return f"{name}, {usable_processors()} processors"


def usable_processors() -> int:
    """Logical processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if affinity is None else len(affinity(0))


def default_batch_size(placement: Placement) -> int:
    """Tiles at once; on CUDA by the memory that is free."""
    if placement.device != "cuda":
        return BATCH_SIZE[placement.device]
    import torch

    free, _ = torch.cuda.mem_get_info()
    return batch_size_for(free, placement.precision)


def batch_size_for(free: int, precision: str) -> int:
    """The power of two from SMALLEST_BATCH to LARGEST_BATCH that takes at most half of `free` bytes."""
    size = LARGEST_BATCH
    while size > SMALLEST_BATCH and size * BYTES_A_TILE[precision] > free // 2:
        size //= 2
    return size
