"""What a ScoreResult is like in Python: shown, compared, turned into rows."""

from __future__ import annotations

import base64
import copy
import dataclasses
import html
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hiqa_cli
from hiqa_cli import Scorer, ScoreResult
from hiqa_cli.engine.row_schema import COLUMNS

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 520, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Scorer:
    return Scorer.load(tiny_weights, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def plain(scorer: Scorer) -> ScoreResult:
    return scorer.score(PICTURE)


@pytest.fixture(scope="module")
def whole(scorer: Scorer) -> ScoreResult:
    return scorer.score(PICTURE, hallucination=True, discrepancy=True)


def test_results_are_equal_when_every_field_and_every_array_is(whole: ScoreResult, plain: ScoreResult) -> None:
    same = pickle.loads(pickle.dumps(whole))
    assert same == whole
    assert hash(same) == hash(whole)
    assert len({plain, copy.copy(plain), same, whole}) == 2
    assert whole.hallucination is not None
    changed = whole.hallucination.copy()
    changed[0, 0, 0] ^= 1
    assert whole != dataclasses.replace(whole, hallucination=changed)
    assert whole != dataclasses.replace(whole, discrepancy=None)
    assert plain != dataclasses.replace(plain, notes=("another",))
    assert plain != plain.score


def test_its_repr_is_short_whatever_it_holds(whole: ScoreResult, plain: ScoreResult) -> None:
    assert repr(plain).startswith(f"<ScoreResult {plain.score:.2f} +/- {plain.uncertainty:.2f} points (")
    assert repr(plain).endswith("), 520x300 px, 6 tiles, fast fp32>")
    assert "hallucination (300, 520, 3), discrepancy (300, 520, 3)" in repr(whole)
    assert len(repr(whole)) < 250


def test_a_dictionary_of_it_goes_through_json_and_has_scalars_for_a_table(whole: ScoreResult) -> None:
    values = whole.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["score"] == whole.score
    assert (values["width"], values["height"], values["tiles"]) == (520, 300, len(whole.tiles))
    assert 0 <= values["lower"] <= values["score"] <= values["upper"] <= 100
    single = dataclasses.replace(whole, standard_error=float("inf"), score=99.0, uncertainty=5.0)
    assert (single.to_dict()["standard_error"], single.to_dict()["upper"]) == (None, 100.0)


def test_a_row_of_it_is_the_row_of_the_command(whole: ScoreResult) -> None:
    row = whole.to_row("a.jpg")
    assert list(row) == list(COLUMNS)
    assert (row["path"], row["score"], row["error"]) == ("a.jpg", round(whole.score, 4), "")


def test_a_notebook_shows_the_facts_and_the_panel(whole: ScoreResult, plain: ScoreResult) -> None:
    noted = dataclasses.replace(plain, notes=("profile <b>&</b>",))
    assert "<img" not in noted._repr_html_()
    assert html.escape("profile <b>&</b>") in noted._repr_html_()
    assert f"{plain.score:.2f} +/- {plain.uncertainty:.2f} points" in noted._repr_html_()
    shown = whole._repr_html_()
    panel = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.split("base64,")[1].split("'")[0]))))
    assert panel.shape[2] == 3
    assert max(panel.shape) <= 1600
    small = np.asarray(Image.fromarray(PICTURE).reduce((2, 2)).convert("L")).astype(float)
    assert len(shown) < 3_000_000
    assert abs(panel[40:200, 40:400].mean() - small.mean()) < 12, "the panel does not show the picture"


def test_the_names_of_the_package_are_shown_without_importing_anything_heavy() -> None:
    assert set(hiqa_cli.__all__) == set(dir(hiqa_cli))
    assert {"Scorer", "ScoreResult", "read_picture"} <= set(dir(hiqa_cli))
    program = "import sys, hiqa_cli; dir(hiqa_cli); print(sorted({'numpy', 'torch', 'PIL', 'cv2'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "[]\n"
