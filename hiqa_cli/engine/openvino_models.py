"""The networks as OpenVINO takes them: made once with torch, kept in the user's cache, read without torch after that.

A folder of the cache holds two compiled networks and `about.json`: what they were made for, and the sha256 of both.
It is named after what it was made for: other weights, another hiqa, OpenVINO or processor have a folder of their own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import OutputError
from .manifest import Manifest
from .openvino_library import import_converter, import_openvino
from .scoring import TILE

PROCESSOR = "CPU"  # OpenVINO's name for it
TILES_FILE, HEAD_FILE, ABOUT = "tiles.blob", "head.blob", "about.json"


@dataclass(frozen=True)
class OpenvinoModels:
    """Compiled networks, as Core.import_model() takes them: `networks.exported.ExportedTiles` for one tile, and
    ExportedHead for any number."""

    tiles: bytes
    head: bytes


def cache_folder() -> Path:
    """Where folders of compiled networks lie."""
    from platformdirs import user_cache_path

    return user_cache_path("hiqa", appauthor=False) / "openvino"


def made_for(core: Any, manifest: Manifest) -> dict[str, Any]:
    """All that compiled networks depend on."""
    return {
        "weights": {name: sha256 for name, (sha256, _) in manifest.files.items()},
        "hiqa": __version__,
        "openvino": import_openvino().get_version(),
        "processor": core.get_property(PROCESSOR, "FULL_DEVICE_NAME"),
        "capabilities": sorted(core.get_property(PROCESSOR, "OPTIMIZATION_CAPABILITIES")),
    }


def folder_for(wanted: dict[str, Any], weights_id: str) -> Path:
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:8]
    return cache_folder() / f"{weights_id}-{digest}"


def read_models(folder: Path, wanted: dict[str, Any]) -> OpenvinoModels | None:
    """What lies there; None where it is missing, altered or cut short, or was made for something else."""
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        data = {name: (folder / name).read_bytes() for name in (TILES_FILE, HEAD_FILE)}
    except (OSError, ValueError):
        return None
    if about != {"made_for": wanted, "files": _sums(data)}:
        return None
    return OpenvinoModels(data[TILES_FILE], data[HEAD_FILE])


def make_models(core: Any, weights: Path) -> OpenvinoModels:
    """Load a folder of weights with torch, and compile its networks. Raises WeightsError, DependencyError."""
    import torch

    from ..networks.exported import ExportedHead, ExportedTiles
    from .numerics import fold_batch_norms
    from .weights import load_weights

    convert = import_converter()
    loaded = load_weights(weights)
    generator, regressor = loaded.generator, loaded.regressor
    fold_batch_norms(regressor)
    channels = regressor.pooled_channels
    tiles, head = ExportedTiles(generator, regressor).eval(), ExportedHead(regressor).eval()
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes are fixed here, and are meant to be
        tiles_model = convert(tiles, example_input=torch.zeros(1, TILE, TILE, 3))
        head_model = convert(head, example_input=torch.zeros(1, 8, 8, channels))
    tiles_model.reshape([1, TILE, TILE, 3])
    head_model.reshape([-1, -1, -1, channels])
    return OpenvinoModels(*(_compiled(core, model) for model in (tiles_model, head_model)))


def _compiled(core: Any, model: Any) -> bytes:
    data: bytes = core.compile_model(model, PROCESSOR).export_model().getvalue()
    return data


def keep_models(folder: Path, wanted: dict[str, Any], models: OpenvinoModels) -> None:
    """Put them into the cache, whole or not at all; OutputError where that cannot be written."""
    data = {TILES_FILE: models.tiles, HEAD_FILE: models.head}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
        try:
            for name, content in data.items():
                (made / name).write_bytes(content)
            about = {"made_for": wanted, "files": _sums(data)}
            (made / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            if read_models(folder, wanted) is None:  # another process may have been faster
                shutil.rmtree(folder, ignore_errors=True)
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "give XDG_CACHE_HOME a folder that can be, or use --engine torch"
        raise OutputError(f"{folder} cannot be written: {reason}", hint) from error


def _sums(data: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
