"""Settings of the heads, compared on scenes that each training left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.pair_regressor import PairRegressor, PairRegressorConfig
from hiqa_train.datasets.sample import Sample
from hiqa_train.experiments import heads_choice
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.sources.mixed import CLEAN
from hiqa_train.stages.heads.rows import Rows
from hiqa_train.stages.heads.stage import open_networks

SMALL = {"steps": 3, "batch": 10, "pair_units": 4, "gate_units": 2}
SCENES, TYPES = ("a", "b", "c", "d"), (1, 8)


def tid_samples() -> list[Sample]:
    """Three levels of each type for each scene."""
    qualities = iter(np.linspace(0.1, 0.9, len(SCENES) * len(TYPES) * 3).tolist())
    return [
        Sample(Path(f"i_{kind:02}_{level}.bmp"), score := next(qualities), score, scene=scene)
        for scene in SCENES
        for kind in TYPES
        for level in (1, 2, 3)
    ]


def stored(samples: list[Sample]) -> Rows:
    """Rows of the samples, of twelve photographs, and of four groups of an original and four versions."""
    count = len(samples) + 12 + 20
    rng = np.random.default_rng(0)
    regressor = PairRegressor(PairRegressorConfig(semantic_channels=8))
    statistics = rng.uniform(0.5, 1.5, (count, regressor.statistics_count)).astype(np.float32)
    statistics[:, statistics.shape[1] // 2 :] += 1  # squares above the squared means
    nothing = [np.nan]
    return Rows(
        statistics=statistics,
        whole=rng.uniform(1, 2, (count, 1024)).astype(np.float32),
        human=np.array([one.quality for one in samples] + list(rng.uniform(0, 1, 12)) + 20 * nothing, np.float32),
        measured=np.array([one.quality for one in samples] + 12 * nothing + 4 * [1, 0.8, 0.6, 0.4, 0.2], np.float32),
        source=np.array(len(samples) * [1] + 12 * [2] + 10 * [CLEAN] + 10 * [2]),
        subset=np.array(len(samples) * [""] + 6 * ["good", "bad"] + 4 * ["clean", "blur", "blur", "jpeg", "jpeg"]),
        group=np.array([*range(len(samples) + 12), *np.repeat([900, 901, 902, 903], 5)]),
        validates=np.array(len(samples) * [False] + 4 * [True, True, False] + 2 * (5 * [True] + 5 * [False])),
        scene=np.array([one.scene for one in samples] + [f"p{n}" for n in range(12)] + 20 * ["e"]),
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    recipe = load_recipe("release").with_stage("heads", **SMALL)
    (tmp_path / "run.json").write_text(json.dumps({"recipe": recipe.to_dict()}))
    generator = Generator(GeneratorConfig((8, 8, 8, 8, 8), 2))
    open_networks(
        tmp_path / "heads" / "networks",
        generator,
        PairRegressor(PairRegressorConfig(semantic_channels=8, image_units=4)),
        "fp32",
    )
    (tmp_path / "heads" / "rows").mkdir()
    stored(tid_samples()).save(tmp_path / "heads" / "rows" / "000000.npz")
    return tmp_path


def test_every_variant_is_measured_on_all_that_its_training_left_out(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert heads_choice.compare(run, tid_samples(), 2, ["steps=2,learning.rate=1e-4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line for line in lines if not line.startswith(" ")]
    assert titles == ["the recipe", "steps=2,learning.rate=1e-4"]
    names = ["types, pooled", "another's", "growth", "photographs", "order"]
    assert [line.split(":")[0].strip() for line in lines if line.startswith(" ")] == 2 * names
    assert lines[1:6] != lines[7:12]


def test_each_fold_leaves_other_scenes_out_and_all_are_left_out_once(run: Path) -> None:
    rows = stored(tid_samples())
    left_out = [set(some.scene[some.validates & (some.source == 1)]) for some in heads_choice.folds_of(rows, 2)]
    assert left_out[0] & left_out[1] == set()
    assert left_out[0] | left_out[1] == set(SCENES)


def test_types_are_found_by_scene_and_score_and_none_is_guessed() -> None:
    samples = tid_samples()
    rows = heads_choice.with_types(stored(samples), samples)
    assert list(rows.subset[:6]) == ["1", "1", "1", "8", "8", "8"]
    twice = [*samples, replace(samples[0], path=Path("i_09_1.bmp"))]
    assert heads_choice.with_types(stored(samples), twice).subset[0] == ""


def test_pairs_out_of_order_and_versions_above_their_original_count_against() -> None:
    rows = stored(tid_samples()).of(slice(-20, -10))
    scores = np.tile([1.0, 0.8, 0.6, 0.4, 0.2], 2)
    assert heads_choice.in_order(scores, rows) == (1.0, 1.0)
    scores[1] = 2.0  # a version above its original: one of 20 pairs, and one of 8 with an original
    assert heads_choice.in_order(scores, rows) == (pytest.approx(19 / 20), pytest.approx(7 / 8))


def test_a_setting_that_the_stage_lacks_is_named() -> None:
    table = json.loads(json.dumps(load_recipe("release").to_dict()["stages"]["heads"]))
    assert heads_choice.changed(table, "learning.rate=0.5,steps=7").learning.rate == 0.5
    assert table["learning"]["rate"] != 0.5
    with pytest.raises(UsageError, match=r"no number learning\.rat$"):
        heads_choice.changed(table, "learning.rat=0.5")
