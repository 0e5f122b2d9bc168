"""run.json: the recipe, seed and data of a run, written when it starts and compared when it resumes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from hiqa_cli._version import __version__
from hiqa_cli.engine.manifest import MANIFEST, read_manifest
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_train.data.leakage import RUN_RECORD
from hiqa_train.losses.vgg import VGG19
from hiqa_train.recipes.schema import Recipe
from hiqa_train.trainer.checkpoint import LAST, first_difference

from .options import RunOptions

PERCEPTUAL = "perceptual"  # the identity of the perceptual loss's network, null without one
# Settings that do not change what the networks learn: a run may resume with other values.
FREE_SETTINGS = ("log_every", "checkpoint_every", "pictures_every", "workers")


def run_identity(
    recipe: Recipe, seed: int, data: Mapping[str, Any], perceptual: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The identity of a run, as plain values. data: `DataSource.describe()`."""
    described = {"recipe": recipe.to_dict(), "seed": seed, "material": data, PERCEPTUAL: perceptual}
    identity: dict[str, Any] = json.loads(json.dumps(described))
    return identity


def write_record(path: Path, identity: Mapping[str, Any], scenes: Iterable[str] | None, options: RunOptions) -> None:
    """Write a new run.json, with the perceptual networks of the weights that the run starts from.

    scenes: all scenes that any network of the run was trained on, None if unknown.
    """
    given = {"generator": options.generator, "init_from": options.init_generator or options.init_regressor}
    before = {f"{PERCEPTUAL}_of_{name}": recorded_perceptual(where) for name, where in given.items() if where}
    versions = {"hiqa": __version__, "torch": str(torch.__version__)}
    record = {**options.record, **before}
    seen = None if scenes is None else sorted(scenes)
    write_json(path, {**identity, "versions": versions, "seen_scenes": seen, "record": record})


def check_record(path: Path, identity: Mapping[str, Any]) -> None:
    """Check that the run.json at `path` is of this run; FREE_SETTINGS may differ. Raises UsageError."""
    found = json.loads(path.read_text(encoding="utf-8"))
    now = identity[PERCEPTUAL]
    if PERCEPTUAL not in found:  # written when VGG19 was the only such network
        uses = any(stage.get("vgg_weight") for stage in found["recipe"]["stages"].values())
        found[PERCEPTUAL] = now if not uses or (now is not None and now["network"] == VGG19) else {"network": VGG19}
    difference = first_difference(_learned({key: found.get(key) for key in identity}), _learned(identity))
    if difference:
        hint = "resume with the same --vgg" if difference.startswith(PERCEPTUAL) else "give another --out"
        raise UsageError(f"{path} is of another run: {difference}", hint)


def _learned(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity without FREE_SETTINGS."""
    recipe = identity["recipe"]
    if not isinstance(recipe, dict) or not isinstance(recipe.get("watch"), dict):
        return dict(identity)
    watch = {key: value for key, value in recipe["watch"].items() if key not in FREE_SETTINGS}
    return {**identity, "recipe": {**recipe, "watch": watch}}


def recorded_perceptual(folder: Path) -> dict[str, Any] | None:
    """The perceptual loss's network of the run, or of the weights, in `folder`; None without one or without a record.

    Raises UsageError for a run.json that cannot be read.
    """
    if (folder / MANIFEST).exists():
        found = read_manifest(folder).measured.get(PERCEPTUAL)
    elif (folder / RUN_RECORD).exists():
        try:
            found = json.loads((folder / RUN_RECORD).read_text(encoding="utf-8")).get(PERCEPTUAL)
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(f"{folder / RUN_RECORD} cannot be read: {error}", "give another --out") from error
    else:
        found = None
    return found if isinstance(found, dict) else None


def check_out(out: Path, *, resume: bool) -> None:
    """Check that OUT is empty, or with `resume` that it holds a run. Raises UsageError."""
    if not resume and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", "give --resume to continue its run, or another --out")
    if resume and not (out / RUN_RECORD).exists() and not any(out.glob(f"*/{LAST}")):
        raise UsageError(f"--resume: no run in {out}", "start without --resume")
