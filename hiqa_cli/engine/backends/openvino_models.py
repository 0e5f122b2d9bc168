"""The networks as OpenVINO takes them: made once with torch, kept in the user's cache, read without torch after that.

A folder of the cache holds the compiled networks and `about.json`: what they were made for, and the sha256 of each.
It is named after what it was made for: other weights, another hiqa, OpenVINO or processor have a folder of their own.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli._version import __version__
from hiqa_cli.atomic import atomic_folder
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.manifest import Manifest
from hiqa_cli.errors import DeviceError, cannot_write

from .openvino_library import import_converter, import_openvino

FORM = 2  # of what the networks give; another number where that changes
PROCESSOR = "CPU"  # OpenVINO's name for it
TILES_FILE, HEAD_FILE, PRIOR_FILE, ABOUT = "tiles.blob", "head.blob", "prior.blob", "about.json"


@dataclass(frozen=True)
class OpenvinoModels:
    """Compiled networks, as Core.import_model() takes them: `networks.exported.ExportedTiles` for one tile,
    ExportedHead for any number, and where R has a prior ExportedPrior for one tile."""

    tiles: bytes
    head: bytes
    prior: bytes | None

    def files(self) -> dict[str, bytes]:
        named = {TILES_FILE: self.tiles, HEAD_FILE: self.head, PRIOR_FILE: self.prior}
        return {name: content for name, content in named.items() if content is not None}


def cache_folder() -> Path:
    """Where folders of compiled networks lie."""
    from platformdirs import user_cache_path

    return user_cache_path("hiqa", appauthor=False) / "openvino"


def made_for(core: Any, manifest: Manifest) -> dict[str, Any]:
    """All that compiled networks depend on."""
    return {
        "weights": {name: sha256 for name, (sha256, _) in manifest.files.items()},
        "hiqa": __version__,
        "form": FORM,
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
        names = [name for name in (TILES_FILE, HEAD_FILE, PRIOR_FILE) if name in about["files"]]
        data = {name: (folder / name).read_bytes() for name in names}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if about != {"made_for": wanted, "files": _sums(data)} or not {TILES_FILE, HEAD_FILE} <= data.keys():
        return None
    return OpenvinoModels(data[TILES_FILE], data[HEAD_FILE], data.get(PRIOR_FILE))


def make_models(core: Any, weights: Path) -> OpenvinoModels:
    """Load a folder of weights with torch, and compile its networks. Raises WeightsError, DependencyError, and
    DeviceError where R is a prior alone."""
    import torch

    from hiqa_cli.engine.weights import load_weights
    from hiqa_cli.networks.export import ExportedHead, ExportedPrior, ExportedTiles

    from .torch_backend import fold_batch_norms

    convert = import_converter()
    loaded = load_weights(weights)
    generator, regressor = loaded.generator, loaded.regressor
    if not regressor.config.blocks:
        raise DeviceError("OpenVINO has no way for weights whose R is a prior alone", "use --backend torch")
    fold_batch_norms(regressor)
    channels = regressor.pooled_channels
    tiles, head = ExportedTiles(generator, regressor).eval(), ExportedHead(regressor).eval()
    prior = None if regressor.prior is None else ExportedPrior(regressor.prior).eval()
    one_tile = torch.zeros(1, TILE, TILE, 3)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes are fixed here, and are meant to be
        tiles_model = convert(tiles, example_input=one_tile)
        head_model = convert(head, example_input=torch.zeros(1, 8, 8, channels))
        prior_model = None if prior is None else convert(prior, example_input=one_tile)
    head_model.reshape([-1, -1, -1, channels])
    for model in (tiles_model, prior_model):
        if model is not None:
            model.reshape(list(one_tile.shape))
    compiled = None if prior_model is None else _compiled(core, prior_model)
    return OpenvinoModels(_compiled(core, tiles_model), _compiled(core, head_model), compiled)


def _compiled(core: Any, model: Any) -> bytes:
    data: bytes = core.compile_model(model, PROCESSOR).export_model().getvalue()
    return data


def keep_models(folder: Path, wanted: dict[str, Any], models: OpenvinoModels) -> None:
    """Put them into the cache, whole or not at all; OutputError where that cannot be written."""
    data = models.files()
    try:
        with atomic_folder(folder) as new:
            for name, content in data.items():
                (new / name).write_bytes(content)
            about = {"made_for": wanted, "files": _sums(data)}
            (new / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        hint = "give XDG_CACHE_HOME a folder that can be, or use --backend torch"
        raise cannot_write(folder, error, hint) from error


def _sums(data: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
