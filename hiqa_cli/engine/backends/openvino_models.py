"""Networks compiled for OpenVINO: made once with torch, cached for the user, then loaded without torch.

A cache folder holds the compiled networks and `about.json` with their sha256 and what they were compiled for. Its name
derives from the latter: other weights or another version of hiqa, OpenVINO or CPU have a folder of their own.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli._version import __version__
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.manifest import Manifest
from hiqa_cli.errors import DeviceError, cannot_write
from hiqa_cli.files.atomic import atomic_folder

from .cache import user_cache
from .openvino_library import import_converter, import_openvino

FORM = 2  # of the networks' inputs and outputs; raise it when these change
PROCESSOR = "CPU"  # OpenVINO's name of the device
OTHER_CACHE = "set XDG_CACHE_HOME to a writable folder, or use --backend torch"
TILES_FILE, HEAD_FILE, PRIOR_FILE, ABOUT = "tiles.blob", "head.blob", "prior.blob", "about.json"


@dataclass(frozen=True)
class OpenvinoModels:
    """Compiled networks for Core.import_model(): `networks.export.ExportedTiles` for one tile, ExportedHead for any
    number of tiles, and, where R has a prior, ExportedPrior for one tile."""

    tiles: bytes
    head: bytes
    prior: bytes | None

    def files(self) -> dict[str, bytes]:
        """The networks by the names of their files."""
        named = {TILES_FILE: self.tiles, HEAD_FILE: self.head, PRIOR_FILE: self.prior}
        return {name: content for name, content in named.items() if content is not None}


def cache_folder() -> Path:
    """The user's cache of compiled networks; OutputError without a home folder."""
    try:
        return user_cache() / "openvino"
    except FileNotFoundError as error:
        raise cannot_write("the cache of compiled networks", error, OTHER_CACHE) from error


def made_for(core: Any, manifest: Manifest) -> dict[str, Any]:
    """Everything that compiled networks depend on."""
    return {
        "weights": {name: sha256 for name, (sha256, _) in manifest.files.items()},
        "hiqa": __version__,
        "form": FORM,
        "openvino": import_openvino().get_version(),
        "processor": core.get_property(PROCESSOR, "FULL_DEVICE_NAME"),
        "capabilities": sorted(core.get_property(PROCESSOR, "OPTIMIZATION_CAPABILITIES")),
    }


def folder_for(wanted: dict[str, Any], weights_id: str) -> Path:
    """The cache folder of networks that were compiled for `wanted`."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:8]
    return cache_folder() / f"{weights_id}-{digest}"


def read_models(folder: Path, wanted: dict[str, Any]) -> OpenvinoModels | None:
    """The models in a cache folder; None where they are missing, altered, incomplete or compiled for something else."""
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
    """Load a folder of weights with torch and compile its networks.

    Raises WeightsError, DependencyError, and DeviceError where R consists of a prior alone.
    """
    import torch

    from hiqa_cli.engine.weights import load_weights
    from hiqa_cli.networks.export import ExportedHead, ExportedPrior, ExportedTiles

    from .torch_backend import fold_batch_norms

    convert = import_converter()
    loaded = load_weights(weights)
    generator, regressor = loaded.generator, loaded.regressor
    if not regressor.config.blocks:
        raise DeviceError("OpenVINO cannot run weights whose R is a prior alone", "use --backend torch")
    fold_batch_norms(regressor)
    channels = regressor.pooled_channels
    tiles, head = ExportedTiles(generator, regressor).eval(), ExportedHead(regressor).eval()
    prior = None if regressor.prior is None else ExportedPrior(regressor.prior).eval()
    one_tile = torch.zeros(1, TILE, TILE, 3)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, about shapes that are fixed on purpose
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
    """Write the models to the cache, completely or not at all; OutputError where it cannot be written."""
    data = models.files()
    try:
        with atomic_folder(folder) as new:
            for name, content in data.items():
                (new / name).write_bytes(content)
            about = {"made_for": wanted, "files": _sums(data)}
            (new / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(folder, error, OTHER_CACHE) from error


def _sums(data: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
