"""What the checks need of packages that a machine with a GPU may lack."""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
import types
from pathlib import Path

import torch

TYPES = {"F16": torch.float16, "F32": torch.float32, "BF16": torch.bfloat16, "I64": torch.int64}


def load(data: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, about in header.items():
        if name != "__metadata__":
            first, last = (8 + length + place for place in about["data_offsets"])
            tensor = torch.frombuffer(bytearray(data[first:last]), dtype=TYPES[about["dtype"]])
            found[name] = tensor.reshape(about["shape"])
    return found


def install() -> None:
    """Stand in for missing packages; and let `train/` be imported as `hiqa_train` from a checkout."""
    if importlib.util.find_spec("safetensors") is None:
        package, torch_part = types.ModuleType("safetensors"), types.ModuleType("safetensors.torch")
        package.SafetensorError = ValueError  # type: ignore[attr-defined]
        torch_part.load = load  # type: ignore[attr-defined]
        package.torch = torch_part  # type: ignore[attr-defined]
        sys.modules |= {"safetensors": package, "safetensors.torch": torch_part}
    if importlib.util.find_spec("hiqa_train") is None:
        folder = Path(__file__).parents[2] / "train"
        spec = importlib.util.spec_from_file_location(
            "hiqa_train", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["hiqa_train"] = module
        spec.loader.exec_module(module)
