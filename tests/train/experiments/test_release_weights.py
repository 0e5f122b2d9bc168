"""The weights of a run in the place of the released ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hiqa_cli import Scorer
from hiqa_cli.engine.manifest import read_manifest, verify_manifest
from hiqa_cli.errors import UsageError
from hiqa_train.experiments.release_weights import release


def test_networks_and_measures_are_the_runs_and_terms_those_of_the_release(tiny_weights, other_weights, tmp_path: Path):
    released = Path(shutil.copytree(tiny_weights, tmp_path / "weights"))
    before, run = read_manifest(released), read_manifest(other_weights)
    weights_id = release(other_weights, released, "mine", "2")
    after = read_manifest(released)
    assert (after.name, after.version, after.weights_id) == ("mine", "2", weights_id)
    assert after.files == run.files != before.files
    assert after.measured == run.measured
    assert (after.licence, after.training_data) == (before.licence, before.training_data)
    assert all(check.ok for check in verify_manifest(released))
    assert Scorer.load(released, backend="torch").weights_id == weights_id


def test_a_version_that_is_released_already_is_refused_and_nothing_is_changed(tiny_weights, other_weights, tmp_path):
    released = Path(shutil.copytree(tiny_weights, tmp_path / "weights"))
    before = read_manifest(released)
    with pytest.raises(UsageError, match="already"):
        release(other_weights, released, "mine", before.version)
    assert read_manifest(released) == before
