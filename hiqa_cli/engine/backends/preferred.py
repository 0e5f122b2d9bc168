"""Which backend `auto` means: torch on a GPU, OpenVINO on a processor. Finds out without importing torch, if it can.

On a processor OpenVINO scores as fast as torch or faster, and starts in a third of the time. It needs a folder for its
compiled networks, so that without one (a container that is read-only) torch scores.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path

from hiqa_cli.engine.config import OPENVINO, TORCH

from .cache import user_cache

# What the drivers of NVIDIA, WSL and AMD create.
ACCELERATORS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))


def preferred_backend(device: str) -> str:
    """ "torch" or "openvino" for a device as of Scorer.load()."""
    if device in ("cuda", "mps"):
        return TORCH
    if device == "auto" and has_accelerator():
        from .devices import available_devices

        if available_devices()[0] != "cpu":
            return TORCH
    return OPENVINO if has_openvino() and can_cache() else TORCH


def has_accelerator() -> bool:
    """Whether this machine may have a device that torch prefers to its processor."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        return (Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvcuda.dll").exists()
    return any(path.exists() for path in ACCELERATORS)


def has_openvino() -> bool:
    """Whether the package is installed; it is not imported."""
    return "openvino" in sys.modules or importlib.util.find_spec("openvino") is not None


def can_cache() -> bool:
    """Whether the user's cache can be written, or made."""
    try:
        folder = user_cache()
    except FileNotFoundError:
        return False
    there = next((one for one in (folder, *folder.parents) if one.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)
