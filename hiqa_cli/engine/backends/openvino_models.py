"""Networks compiled for OpenVINO: made once with torch, cached for the user, then loaded without torch.

A cache folder holds the compiled networks and `about.json` with their sha256 and what they were compiled for. Its name
derives from the latter: other weights or another version of hiqa, OpenVINO or CPU have a folder of their own.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hiqa_cli._version import __version__
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.manifest import WEIGHT_FILES, Manifest
from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import atomic_folder

from .cache import user_cache
from .openvino_library import import_converter, import_openvino

FORM = 3  # of the networks' inputs and outputs; raise it when these change
ANY = -1  # a number of rows that is open
PROCESSOR = "CPU"  # OpenVINO's name of the device
OTHER_CACHE = "set XDG_CACHE_HOME to a writable folder, or use --backend torch"
ABOUT = "about.json"


@dataclass(frozen=True)
class OpenvinoModels:
    """Compiled networks for Core.import_model(), as networks/export.py defines them: generator, regressor and view for
    one tile, head for any number of tiles."""

    generator: bytes
    regressor: bytes
    view: bytes
    head: bytes

    def files(self) -> dict[str, bytes]:
        """The networks by the names of their files."""
        return {f"{field.name}.blob": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def read(cls, folder: Path) -> OpenvinoModels:
        """The inverse of files(); OSError where one is missing."""
        return cls(*((folder / f"{field.name}.blob").read_bytes() for field in fields(cls)))


def cache_folder() -> Path:
    """The user's cache of compiled networks; OutputError without a home folder."""
    try:
        return user_cache() / "openvino"
    except FileNotFoundError as error:
        raise cannot_write("the cache of compiled networks", error, OTHER_CACHE) from error


def made_for(core: Any, manifest: Manifest) -> dict[str, Any]:
    """Everything that compiled networks depend on."""
    return {
        "weights": {name: manifest.files[name][0] for name in WEIGHT_FILES},
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
        models = OpenvinoModels.read(folder)
    except (OSError, ValueError):
        return None
    return models if about == {"made_for": wanted, "files": _sums(models.files())} else None


def make_models(core: Any, weights: Path) -> OpenvinoModels:
    """Load a folder of weights with torch and compile its networks. Raises WeightsError and DependencyError."""
    import torch

    from hiqa_cli.engine.weights import load_weights
    from hiqa_cli.networks.export import ExportedGenerator, ExportedHead, ExportedRegressor, ExportedView

    from .torch_backend import fold_batch_norms

    convert = import_converter()
    loaded = load_weights(weights)
    generator, regressor = ExportedGenerator(loaded.generator).eval(), loaded.regressor
    fold_batch_norms(regressor)
    tile = torch.zeros(1, TILE, TILE, 3)

    def compiled(network: torch.nn.Module, example: tuple[torch.Tensor, ...], rows: int) -> bytes:
        model = convert(network.eval(), example_input=example)
        shapes = [[rows if place == 0 else 1, *one.shape[1:]] for place, one in enumerate(example)]
        model.reshape(dict(enumerate(shapes)))
        data: bytes = core.compile_model(model, PROCESSOR).export_model().getvalue()
        return data

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing, about shapes that are fixed on purpose
        correction, semantic = generator(tile)
        statistics = ExportedRegressor(regressor)(tile, correction, semantic)
        whole = ExportedView(regressor)(tile)
        return OpenvinoModels(
            generator=compiled(generator, (tile,), 1),
            regressor=compiled(ExportedRegressor(regressor), (tile, correction, semantic), 1),
            view=compiled(ExportedView(regressor), (tile,), 1),
            head=compiled(ExportedHead(regressor), (statistics, whole), ANY),
        )


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
