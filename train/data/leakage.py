"""Leakage: which scenes a set of weights was trained on. Results on those scenes are refused.

The manifest of a weights folder lists its scenes (`seen_scenes`): those that any of its networks, or any network that
they were trained with, was trained on or selected by. Scenes are compared by name (see datasets/scenes.py): a picture
under another name in a user's table is not recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.engine.manifest import MANIFEST, Manifest, default_folder, read_manifest
from hiqa_cli.errors import UsageError, WeightsError
from hiqa_train.datasets.sample import Sample
from hiqa_train.datasets.scenes import scene_groups, table_scene

RUN_RECORD = "run.json"  # of a training run


@dataclass(frozen=True)
class TrainedScenes:
    """The scenes that a set of weights was trained on. scenes: None where they were not recorded."""

    weights_id: str
    scenes: frozenset[str] | None


def trained_scenes(folder: Path | None) -> TrainedScenes:
    """The scenes of a weights folder or of a training run's output folder; None: of the installed weights.

    Raises WeightsError where the folder is neither.
    """
    record = None if folder is None else folder / RUN_RECORD
    if folder is not None and record is not None and record.exists() and not (folder / MANIFEST).exists():
        try:
            scenes = json.loads(record.read_text(encoding="utf-8")).get("seen_scenes")
        except (OSError, ValueError, AttributeError) as error:
            raise WeightsError(f"{record} cannot be read: {error}", "give a folder of weights") from error
        return TrainedScenes(f"run {folder.name}", None if scenes is None else frozenset(map(str, scenes)))
    return manifest_scenes(read_manifest(default_folder() if folder is None else folder))


def manifest_scenes(manifest: Manifest) -> TrainedScenes:
    """The scenes that a manifest lists."""
    scenes = manifest.seen_scenes
    return TrainedScenes(manifest.weights_id, None if scenes is None else frozenset(scenes))


def shared_scenes(trained: Iterable[str], tested: Iterable[str]) -> list[str]:
    """The tested scenes that are, or may be, among those trained on; sorted."""
    trained, tested = set(trained), set(tested)
    groups = scene_groups(trained | tested)
    trained_groups = {groups[scene] for scene in trained}
    return sorted(scene for scene in tested if groups[scene] in trained_groups)


def exclude_scenes(samples: Iterable[Sample], scenes: Iterable[str]) -> tuple[Sample, ...]:
    """The samples whose scenes are not, and cannot be, among these."""
    samples = tuple(samples)
    excluded = set(shared_scenes(scenes, (sample.scene for sample in samples)))
    return tuple(sample for sample in samples if sample.scene not in excluded)


def refuse_leakage(trained: TrainedScenes, tested: Iterable[str], owner: str, hint: str) -> None:
    """Raise UsageError where a network was, or may have been, trained on a scene that it is to be tested on.

    owner: the network's name in the message. Weights without a record of their scenes are refused as well.
    """
    if trained.scenes is None:
        raise UsageError(f"{owner}: the training scenes are not recorded (seen_scenes in the manifest)", hint)
    shared = shared_scenes(trained.scenes, tested)
    if shared:
        others = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
        raise UsageError(f"{owner}: test scenes were used in training: {shared[0]}{others}", hint)


def photograph_scenes(folder: str, names: Iterable[str]) -> frozenset[str]:
    """Scenes of clean images by their file names: Kodak's by number, others by folder and name."""
    scenes = []
    for name in names:
        stem = Path(name).stem
        number = re.fullmatch(r"\D*(\d\d)", stem)
        is_kodak = number is not None and any("kod" in word.casefold() for word in (stem, folder))
        scenes.append(table_scene(folder, f"kodim{number.group(1)}" if number and is_kodak else stem))
    return frozenset(scenes)


def all_trained_scenes(trained_on: frozenset[str], generator: TrainedScenes | None) -> frozenset[str] | None:
    """The scenes of a run's networks: its own data, and what a given G was trained on. None: not all are recorded."""
    if generator is None:
        return trained_on
    return None if generator.scenes is None else trained_on | generator.scenes
