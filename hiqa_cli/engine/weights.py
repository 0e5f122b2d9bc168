"""Weights on disk: one format, written by training and read by the scorer, strict in both directions.

A folder holds `manifest.json` and one safetensors file per network: float16 tensors, and metadata to build the network
(`hiqa.network`, `hiqa.config`, `hiqa.version`; for the regressor also `hiqa.calibration`). Anything that differs from
what was written is refused, since a score from partly loaded weights looks like any other. Importing this module loads
no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hiqa_cli._version import __version__
from hiqa_cli.errors import WeightsError
from hiqa_cli.files.atomic import write_bytes
from hiqa_cli.networks.traits import KINDS, PAIR, RegressorTraits

from .calibration import Calibration
from .manifest import (
    FORMAT,
    GENERATOR_FILE,
    MANIFEST,
    REGRESSOR_FILE,
    REINSTALL,
    WEIGHT_FILES,
    FileCheck,
    Manifest,
    default_folder,
    read_manifest,
    read_verified,
    verify_manifest,
)

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from hiqa_cli.networks.generator import Generator
    from hiqa_cli.networks.hiqa import AnyRegressor

__all__ = [
    "FileCheck",
    "LoadedWeights",
    "Manifest",
    "load_weights",
    "read_facts",
    "read_manifest",
    "save_weights",
    "verify_manifest",
]

Built = TypeVar("Built")

# A counter of batch norms that only training uses.
NOT_SAVED = "num_batches_tracked"


@dataclass(frozen=True)
class LoadedWeights:
    """Both networks in float32 on the CPU, in evaluation mode, verified against the manifest."""

    generator: Generator
    regressor: AnyRegressor
    calibration: Calibration
    manifest: Manifest
    weights_id: str
    folder: Path


def load_weights(folder: Path | str | None = None) -> LoadedWeights:
    """Load a folder of weights (None: those installed with the package).

    Raises WeightsError, one line, for a missing file, a wrong sha256, another format or
    architecture, tensors missing, left over or of another shape, NaN and Inf.
    """
    from hiqa_cli.networks.generator import Generator, GeneratorConfig
    from hiqa_cli.networks.pair_regressor import PairRegressor, PairRegressorConfig
    from hiqa_cli.networks.regressor import Regressor, RegressorConfig

    where = default_folder() if folder is None else Path(os.fspath(folder))
    manifest = read_manifest(where)
    stored = _StoredNetwork(where, manifest, GENERATOR_FILE, ("generator",))
    generator = stored.built("hiqa.config", lambda c: Generator(GeneratorConfig.from_dict(c)))
    stored.fill(generator)
    stored = _StoredNetwork(where, manifest, REGRESSOR_FILE, tuple(KINDS))
    regressor: AnyRegressor
    if stored.network == PAIR.kind:
        regressor = stored.built("hiqa.config", lambda c: PairRegressor(PairRegressorConfig.from_dict(c)))
    else:
        regressor = stored.built("hiqa.config", lambda c: Regressor(RegressorConfig.from_dict(c)))
    stored.fill(regressor)
    calibration = stored.built("hiqa.calibration", Calibration.from_dict)
    _try_together(generator, regressor, where)
    return LoadedWeights(generator, regressor, calibration, manifest, manifest.weights_id, where)


class _StoredNetwork:
    """One verified safetensors file, to be loaded into a network."""

    def __init__(self, folder: Path, manifest: Manifest, name: str, networks: tuple[str, ...]) -> None:
        import safetensors
        from safetensors.torch import load

        self.path = folder / name
        data = read_verified(folder, manifest, name)
        try:
            self._metadata = safetensors_metadata(data)
            self._tensors: dict[str, Tensor] = load(data)
        except (safetensors.SafetensorError, ValueError, struct.error, AttributeError) as error:
            raise self._refusal(f"is not a safetensors file ({error})") from error
        for key, expected in (("hiqa.format", (str(FORMAT),)), ("hiqa.network", networks)):
            found = self._metadata.get(key)
            if found not in expected:
                raise self._refusal(f"has {key} {found!r}, expected {' or '.join(map(repr, expected))}")
        self.network = self._metadata["hiqa.network"]

    def built(self, key: str, build: Callable[[dict[str, Any]], Built]) -> Built:
        """Build what the metadata describes as JSON under `key`; WeightsError where that fails."""
        from hiqa_cli.networks.torch_contexts import SkipInit

        with SkipInit():  # fill() sets all weights
            return built_from(self._metadata, key, build, self.path)

    def fill(self, network: nn.Module) -> None:
        """Load the tensors into the network, which must have exactly these."""
        import torch

        wanted = _state(network)
        missing = sorted(wanted.keys() - self._tensors.keys())
        extra = sorted(self._tensors.keys() - wanted.keys())
        if missing:
            raise self._refusal(f"lacks the tensor {missing[0]} ({len(missing)} missing)")
        if extra:
            raise self._refusal(f"has the unknown tensor {extra[0]} ({len(extra)} unknown)")
        for name, tensor in self._tensors.items():
            if tensor.shape != wanted[name].shape:
                raise self._refusal(f"has {name} of shape {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}")
            if tensor.dtype != torch.float16:
                raise self._refusal(f"has {name} as {tensor.dtype}, expected torch.float16")
            if not bool(torch.isfinite(tensor).all()):
                raise self._refusal(f"has NaN or Inf in {name}")
        whole = {name: value.float() for name, value in self._tensors.items()}
        network.load_state_dict(whole, assign=True)
        network.eval()

    def _refusal(self, problem: str) -> WeightsError:
        return refusal(self.path, problem)


def read_facts(folder: Path, manifest: Manifest) -> tuple[Calibration, RegressorTraits]:
    """Calibration and traits of R, without torch, for backends that store the networks elsewhere. Verifies every
    file as load_weights() does; raises WeightsError."""
    data = {name: read_verified(folder, manifest, name) for name in WEIGHT_FILES}
    path = folder / REGRESSOR_FILE
    try:
        metadata = safetensors_metadata(data[REGRESSOR_FILE])
    except (ValueError, struct.error, AttributeError) as error:
        raise refusal(path, f"is not a safetensors file ({error})") from error
    calibration = built_from(metadata, "hiqa.calibration", Calibration.from_dict, path)
    kind = metadata.get("hiqa.network", "")
    if kind not in KINDS:
        raise refusal(path, f"has hiqa.network {kind!r}, expected {' or '.join(map(repr, KINDS))}")
    return calibration, KINDS[kind]


def built_from(metadata: Mapping[str, str], key: str, build: Callable[[dict[str, Any]], Built], path: Path) -> Built:
    """Build what the metadata of the file `path` describes as JSON under `key`; WeightsError where that fails."""
    try:
        return build(json.loads(metadata[key]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "empty"
        raise refusal(path, f"has no usable {key} ({type(error).__name__}: {reason})") from error


def refusal(path: Path, problem: str) -> WeightsError:
    """The error of a file of weights. problem: follows its path in the message."""
    return WeightsError(f"{path} {problem}", REINSTALL)


def _try_together(generator: Generator, regressor: AnyRegressor, folder: Path) -> None:
    """Refuse two valid networks that do not fit each other, by running a grey patch through both."""
    import torch

    from hiqa_cli.networks.hiqa import HiqaNet

    with torch.inference_mode():
        patch = torch.full((1, 3, 64, 64), 0.5)
        try:
            HiqaNet(generator, regressor).eval()(patch)
        except RuntimeError as error:
            raise WeightsError(
                f"the generator and the regressor in {folder} do not fit each other", REINSTALL
            ) from error


def safetensors_metadata(data: bytes) -> dict[str, str]:
    """The text-to-text metadata in the header of a safetensors file.

    The library reads it from paths only; this reads the bytes whose sha256 was checked.
    """
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    return dict(header.get("__metadata__", {}))


def _state(network: nn.Module) -> dict[str, Tensor]:
    return {name: t for name, t in network.state_dict().items() if not name.endswith(NOT_SAVED)}


def save_weights(
    folder: Path,
    generator: Generator,
    regressor: AnyRegressor,
    calibration: Calibration,
    *,
    name: str,
    version: str,
    licence: str,
    training_data: Sequence[Mapping[str, str]],
    measured: Mapping[str, Any],
    seen_scenes: Iterable[str] | None = None,
) -> str:
    """Write a folder of weights for load_weights(); returns its weights_id.

    training_data: one {"name", "terms", "use"} per data set. seen_scenes: scenes that any of the networks was trained
    on or selected with, so that evaluation can warn of them; None: unknown. The manifest is written last, so
    that an incomplete folder is never taken for a complete one.
    Raises WeightsError where a tensor is not finite, or too large for float16, and OutputError.
    """
    files = {}
    extra = {"hiqa.calibration": json.dumps(calibration.to_dict())}
    for file, kind, network, more in (
        (GENERATOR_FILE, "generator", generator, {}),
        (REGRESSOR_FILE, regressor.traits.kind, regressor, extra),
    ):
        data = _packed(kind, network, json.dumps(network.config.to_dict()), more)
        write_bytes(folder / file, data)
        files[file] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "licence": licence,
        "training_data": [dict(row) for row in training_data],
        "measured": dict(measured),
        **({} if seen_scenes is None else {"seen_scenes": sorted(set(seen_scenes))}),
        "files": files,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_bytes(folder / MANIFEST, text.encode("utf-8"))
    return read_manifest(folder).weights_id


def _packed(kind: str, network: nn.Module, config: str, more: Mapping[str, str]) -> bytes:
    import torch
    from safetensors.torch import save

    tensors = {}
    for name, tensor in _state(network).items():
        half = tensor.detach().to("cpu", torch.float16).contiguous()
        if not bool(torch.isfinite(half).all()):
            raise WeightsError(
                f"the {kind}'s {name} has NaN, Inf or values beyond float16",
                "it was not saved; check the training",
            )
        tensors[name] = half
    metadata = {
        "hiqa.format": str(FORMAT),
        "hiqa.network": kind,
        "hiqa.config": config,
        "hiqa.version": __version__,
        **more,
    }
    return _in_order(save(tensors, metadata))


def pack_tensors(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file of arrays, with the format and the version of hiqa in its metadata."""
    from safetensors.numpy import save

    return _in_order(save(dict(tensors), {"hiqa.format": str(FORMAT), "hiqa.version": __version__, **metadata}))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with sorted metadata: the library writes them in a different order each time, so that the same
    weights would get different ids."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[end:]
