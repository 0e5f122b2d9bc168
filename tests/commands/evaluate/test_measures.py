"""`hiqa evaluate` and `hiqa train` as processes: what they refuse, what they print."""

from __future__ import annotations

import json

import cv2
import pytest
from support.database_trees import write_biq2021
from support.photographs import photograph
from support.tiny_weights import write_tiny_weights

from hiqa_train.datasets.readers.biq2021 import read_biq2021


@pytest.fixture(scope="module")
def clean_pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean pictures", numbered=False)
    for name in ("one", "other"):
        cv2.imwrite(str(folder / f"{name}.png"), photograph(len(name), 320))
    return folder


@pytest.mark.slow
def test_ladders_are_measured_on_a_folder_of_clean_pictures(run_hiqa, tiny_weights, clean_pictures, tmp_path):
    out = tmp_path / "found.json"
    done = run_hiqa(
        "evaluate", "ladders", clean_pictures, "--leave-out", "other", "--weights", tiny_weights,
        "--stride", "256", "--json", out, "--precision", "fp32",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.lines[0].startswith("ladders, 1 image")
    for kind in ("noise", "blur", "jpeg", "jpeg2000", "down", "motion", "exposure"):
        assert any(line.split()[0] == kind for line in done.lines[1:])
    assert "jpeg2000 at 0.5 bit/px reached 0." in done.out.decode()
    found = json.loads(out.read_text())
    assert found["ladders"]["pictures"] == 1
    assert found["settings"]["stride"] == 256
    again = run_hiqa("evaluate", "ladders", clean_pictures, "--json", out)
    assert again.code == 2
    assert "exists" in again.messages[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to measure"),
        (["ladder"], "found 'ladder'; did you mean ladders?"),
        (["ladders", "no such folder"], "no such folder"),
        (["people", "."], "missing option '--scores'"),
        (["people", ".", "--scores", "a.csv"], "missing option '--offsets'"),
    ],
)
def test_evaluate_refuses_what_it_cannot_measure_in_one_line(run_hiqa, arguments, message):
    done = run_hiqa("evaluate", *arguments)
    assert done.code == 2
    assert len(done.messages) == 1
    assert message in done.messages[0]


def test_evaluate_names_a_picture_to_leave_out_that_is_not_there(run_hiqa, tiny_weights, clean_pictures):
    done = run_hiqa("evaluate", "ladders", clean_pictures, "--leave-out", "third", "--weights", tiny_weights)
    assert done.code == 2
    assert "--leave-out third: no such image" in done.messages[-1]


@pytest.fixture(scope="module")
def knowing_weights(tmp_path_factory):
    """Weights that were trained on one of the clean pictures and on one of Kodak's photographs."""
    return write_tiny_weights(tmp_path_factory.mktemp("knowing"), seen_scenes=["clean pictures/one", "kodim07"])


@pytest.mark.slow
def test_pictures_that_the_weights_were_trained_on_are_not_measured(run_hiqa, knowing_weights, clean_pictures):
    done = run_hiqa("evaluate", "ladders", clean_pictures, "--weights", knowing_weights, "--stride", "256")
    assert done.code == 0, done.err
    assert done.lines[0].startswith("ladders, 1 image")
    assert any("left out 1 image that the weights were trained on" in line for line in done.messages)
    done = run_hiqa("evaluate", "gains", clean_pictures, "--leave-out", "other", "--weights", knowing_weights)
    assert done.code == 2
    assert "the weights were trained on every image" in done.messages[-1]


@pytest.mark.slow
def test_agreement_with_people_is_measured_on_scenes_that_the_weights_were_not_trained_on(
    run_hiqa, tiny_weights, knowing_weights, tmp_path
):
    for number in (7, 8):
        cv2.imwrite(str(tmp_path / f"kodim{number:02}.png"), photograph(number, 300))
    offsets, scores = tmp_path / "offsets.csv", tmp_path / "scores.csv"
    rows = [f"{n},kodim{n:02},0,0,288,256" for n in (7, 8)]
    offsets.write_text("\n".join(["reference,kodak,x,y,width,height", *rows]) + "\n")
    rows = [f"{n},{kind},{level},{6 - level}" for n in (7, 8) for kind in (8, 10) for level in range(1, 6)]
    scores.write_text("\n".join(["reference,type,level,mos", *rows]) + "\n")
    ask = ("evaluate", "people", tmp_path, "--scores", scores, "--offsets", offsets, "--stride", "256")
    for weights, pictures in ((tiny_weights, 20), (knowing_weights, 10)):
        done = run_hiqa(*ask, "--weights", weights)
        assert done.code == 0, done.err
        assert done.lines[0].startswith(f"people, {pictures} images")
    scores.write_text("reference,type,level,mos\n")
    done = run_hiqa(*ask, "--weights", tiny_weights)
    assert done.code == 2
    assert "has no row of reference 7, type 8, level 1" in done.messages[-1]


def test_train_refuses_folders_and_files_that_are_not_there_in_one_line(run_hiqa, tmp_path, clean_pictures):
    done = run_hiqa("train", "--clean-images", tmp_path / "none", "--vgg", "off", "--out", tmp_path / "run")
    assert done.code == 2
    assert "is not a folder" in done.messages[-1]
    assert len(done.messages) == 1


@pytest.mark.slow
def test_modes_say_where_the_weights_were_trained_on_the_photographs(run_hiqa, tmp_path):
    root = write_biq2021(tmp_path / "biq2021", images=12, size=(288, 256))
    scenes = [sample.scene for sample in read_biq2021(root).samples if sample.split == "training"]
    for seen, warns in ((scenes[:5], True), (["kodim07"], False)):
        weights = write_tiny_weights(tmp_path / str(warns), seen_scenes=seen)
        done = run_hiqa("evaluate", "modes", root, "--weights", weights)
        assert done.code == 0, done.err
        assert done.lines[0].startswith("modes, 12 images")
        said = [line for line in done.messages if "trained on 5 of 12 images; use other" in line]
        assert len(said) == warns
