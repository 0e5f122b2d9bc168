"""Which scenes weights have seen in training: a result on those says nothing, and is refused.

A folder of weights records its scenes in its manifest (`seen_scenes`): those that any of its networks, or any network
that they were trained with, was trained on or chosen by. Scenes are compared by name (see datasets/scenes.py): a
picture that goes by another name in a table of one's own is not recognised.
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

# Weights that were released before manifests named scenes: id of the manifest -> what they saw. The first ones were
# trained on photographs of CID22, which no database that hiqa reads shows, and one number of theirs (the measure at
# which the scale ends) was read off the scores of TID2013's types 1 and 11.
RELEASED: dict[str, frozenset[str]] = {"186d5cbb": frozenset()}


@dataclass(frozen=True)
class TrainedScenes:
    """What a folder of weights was trained on. scenes: None where nobody recorded it."""

    weights_id: str
    scenes: frozenset[str] | None

    def among(self, tested: Iterable[str]) -> list[str]:
        """Those of the scenes to be tested that were, or may have been, seen; sorted. None where nothing is recorded:
        ask `scenes` first."""
        return shared_scenes(self.scenes or (), tested)


def trained_scenes(where: Path | None) -> TrainedScenes:
    """What a folder of weights, or the OUT of a training run, has seen; None: the installed weights.

    WeightsError where there is neither.
    """
    record = None if where is None else where / RUN_RECORD
    if where is not None and record is not None and record.exists() and not (where / MANIFEST).exists():
        try:
            scenes = json.loads(record.read_text(encoding="utf-8")).get("seen_scenes")
        except (OSError, ValueError, AttributeError) as error:
            raise WeightsError(f"{record} cannot be read: {error}", "give a folder of weights") from error
        return TrainedScenes(f"run {where.name}", None if scenes is None else frozenset(map(str, scenes)))
    return manifest_scenes(read_manifest(default_folder() if where is None else where))


def manifest_scenes(manifest: Manifest) -> TrainedScenes:
    """What a manifest says, or what is known of weights that were released without saying it."""
    if manifest.seen_scenes is not None:
        return TrainedScenes(manifest.weights_id, frozenset(manifest.seen_scenes))
    return TrainedScenes(manifest.weights_id, RELEASED.get(manifest.weights_id))


def shared_scenes(seen: Iterable[str], tested: Iterable[str]) -> list[str]:
    """The tested scenes that are, or may be, among the seen ones; sorted."""
    had, wanted = set(seen), set(tested)
    groups = scene_groups(had | wanted)
    known = {groups[scene] for scene in had}
    return sorted(scene for scene in wanted if groups[scene] in known)


def without_trained_scenes(samples: Iterable[Sample], seen: Iterable[str]) -> tuple[Sample, ...]:
    """The samples that show none of the scenes seen."""
    held = tuple(samples)
    known = set(shared_scenes(seen, (sample.scene for sample in held)))
    return tuple(sample for sample in held if sample.scene not in known)


def refuse_leakage(seen: TrainedScenes, tested: Iterable[str], what: str, hint: str) -> None:
    """UsageError where a network has seen, or may have seen, a scene that it is to be tested on.

    what: whose network it is. An unrecorded past is refused as well: leakage is not to be hoped away.
    """
    if seen.scenes is None:
        raise UsageError(f"{what}: what scenes were trained on is not recorded (seen_scenes in the manifest)", hint)
    shared = seen.among(tested)
    if shared:
        others = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
        raise UsageError(f"{what} saw scenes that are tested: {shared[0]}{others}", hint)


def photograph_scenes(folder: str, names: Iterable[str]) -> frozenset[str]:
    """Scenes of undistorted photographs by their file names: Kodak's are known by number, others by folder and name."""
    scenes = []
    for name in names:
        stem = Path(name).stem
        number = re.fullmatch(r"\D*(\d\d)", stem)
        is_kodak = number is not None and any("kod" in word.casefold() for word in (stem, folder))
        scenes.append(table_scene(folder, f"kodim{number.group(1)}" if number and is_kodak else stem))
    return frozenset(scenes)


def all_trained_scenes(trained_on: frozenset[str], ready: TrainedScenes | None) -> frozenset[str] | None:
    """What a run's networks have seen: its own material, and what a ready G saw before. None: not all is recorded."""
    if ready is None:
        return trained_on
    return None if ready.scenes is None else trained_on | ready.scenes
