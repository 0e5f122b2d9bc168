"""Altered, damaged, truncated and mistaken databases: each is refused in one line with what, where and what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import loadmat, savemat
from support.database_trees import (
    cell,
    livec_names,
    livemd_names,
    write_biq2021,
    write_csiq,
    write_kadid10k,
    write_koniq10k,
    write_live,
    write_livec,
    write_livemd,
    write_tid,
)

from hiqa_cli.errors import DatasetError, DependencyError
from hiqa_train.datasets import DATABASES, open_dataset, read_database
from hiqa_train.datasets.verify import verify


def refused(name: str, root: Path) -> str:
    """The one-line message with which a root is refused."""
    with pytest.raises(DatasetError) as caught:
        open_dataset(name, root)
    text = str(caught.value)
    assert "\n" not in text
    return text


def alter_mat(path: Path, **variables: np.ndarray) -> None:
    held = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    savemat(path, {**held, **variables})


def replace_text(path: Path, old: str, new: str, times: int = 1) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, times).encode())


@pytest.fixture
def live(tmp_path: Path) -> Path:
    return write_live(tmp_path / "live", scenes=1)


def test_lives_arrays_of_another_length_are_refused(live: Path):
    alter_mat(live / "dmos_realigned.mat", orgs=np.zeros((1, 779)))
    text = refused("live", live)
    assert "orgs has 779 entries, expected 982" in text
    assert "altered" in text


def test_lives_altered_list_of_names_is_refused(live: Path):
    savemat(live / "refnames_all.mat", {"refnames_all": cell(["bikes.bmp"] * 779)})
    assert "refnames_all has 779 entries, expected 982" in refused("live", live)


def test_lives_unmarked_undistorted_images_are_detected(live: Path):
    alter_mat(live / "dmos_realigned.mat", orgs=np.zeros((1, 982)))
    assert "originals in jp2k: expected 58, found 0" in refused("live", live)


def test_lives_info_and_list_of_names_must_agree(live: Path):
    replace_text(live / "jp2k" / "info.txt", "bikes.bmp img2.bmp", "woman.bmp img2.bmp")
    text = refused("live", live)
    assert "img2.bmp" in text
    assert "woman.bmp" in text


def test_a_score_beyond_the_plausible_range_is_an_error_that_names_image_and_range(live: Path):
    scores = loadmat(live / "dmos_realigned.mat")["dmos_new"]
    scores[0, 1] = 300.0
    alter_mat(live / "dmos_realigned.mat", dmos_new=scores)
    text = refused("live", live)
    assert "score of jp2k/img2.bmp is 300, expected -15..125" in text
    scores[0, 1] = np.nan
    alter_mat(live / "dmos_realigned.mat", dmos_new=scores)
    assert "score of jp2k/img2.bmp is nan" in refused("live", live)


def test_a_missing_variable_is_named_with_the_existing_ones(live: Path):
    savemat(live / "dmos_realigned.mat", {"scores": np.zeros((1, 982))})
    assert "has no variable dmos_new, found scores" in refused("live", live)


def test_a_truncated_or_hdf5_or_other_file_in_place_of_a_mat_file_is_refused_in_one_line(live: Path):
    table = live / "dmos_realigned.mat"
    whole = table.read_bytes()
    table.write_bytes(whole[:300])
    assert "damaged" in refused("live", live)
    table.write_text("<html>not found</html>")
    assert "damaged" in refused("live", live)
    table.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n".ljust(400, b"\0"))
    assert "MATLAB 7.3" in refused("live", live)


def test_a_folder_without_any_image_is_refused_with_the_first_missing_one(live: Path):
    for folder in ("jp2k", "jpeg", "wn", "gblur", "fastfading"):
        for image in (live / folder).glob("*.bmp"):
            image.unlink()
    assert "none of the 779 images" in refused("live", live)
    assert "jp2k/img2.bmp" in refused("live", live)


def test_a_missing_reference_is_reported_and_its_images_are_kept_without_one(live: Path):
    (live / "refimgs" / "bikes.bmp").unlink()
    found = open_dataset("live", live)
    assert found.missing_references[0] == "refimgs/bikes.bmp"
    assert {sample.reference for sample in found.samples} == {None}
    assert not found.has_references


def test_verify_finds_a_damaged_image_and_a_pair_of_two_sizes(live: Path):
    broken = live / "jp2k" / "img2.bmp"
    broken.write_bytes(broken.read_bytes()[:200])
    other = next(path for path in sorted((live / "wn").glob("*.bmp")))
    cv2.imwrite(str(other), np.zeros((10, 12, 3), np.uint8))
    found = open_dataset("live", live)
    checks = {check.what: check for check in verify(found, DATABASES["live"], lambda: None).checks}
    assert checks["readable files"].found == checks["readable files"].expected - 1
    assert "img2.bmp (truncated" in checks["readable files"].problem
    assert "is 12x10, refimgs/bikes.bmp 48x32" in checks["images with their reference"].problem


def test_the_root_of_another_database_is_named(tmp_path: Path, live: Path):
    assert "it looks like LIVE release 2 (live)" in refused("csiq", live)
    kadid = write_kadid10k(tmp_path / "kadid", scenes=1, types=1)
    assert "it looks like KADID-10k (kadid10k)" in refused("koniq10k", kadid)


def test_an_empty_folder_and_a_missing_one_are_refused_with_the_expected_layout(tmp_path: Path):
    assert "expected TestImage/00001.jpg" in refused("spaq", tmp_path)
    with pytest.raises(DatasetError, match="is not a folder"):
        read_database(DATABASES["spaq"], tmp_path / "nowhere")


def test_the_two_tids_are_told_apart_by_their_tables(tmp_path: Path):
    older = write_tid(tmp_path / "a", 2008, scenes=1, types=1)
    newer = write_tid(tmp_path / "b", 2013, scenes=1, types=1)
    assert "expected 3,000, found 1,700; this is TID2008" in refused("tid2013", older)
    assert "expected 1,700, found 3,000; this is TID2013" in refused("tid2008", newer)


@pytest.fixture
def tid(tmp_path: Path) -> Path:
    return write_tid(tmp_path / "tid", 2008, scenes=1, types=1)


def test_a_tid_table_with_a_missing_repeated_or_invalid_row_is_refused(tid: Path):
    table = tid / "mos_with_names.txt"
    whole = table.read_bytes()
    lines = whole.splitlines(keepends=True)
    table.write_bytes(b"".join(lines[:-1]))
    assert "expected 1,700, found 1,699" in refused("tid2008", tid)
    table.write_bytes(b"".join([*lines[:-1], lines[0]]))
    assert "i01_01_1.bmp has two rows" in refused("tid2008", tid)
    table.write_bytes(whole.replace(b"i01_02_1", b"i01_22_1"))
    assert "line 5: i01_22_1.bmp is not an image of TID2008" in refused("tid2008", tid)


def test_a_tid_table_with_an_invalid_score_or_too_many_words_is_refused(tid: Path):
    replace_text(tid / "mos_with_names.txt", "5.81000 I01_01_1", "five I01_01_1")
    assert "line 1: expected a score, found 'five'" in refused("tid2008", tid)
    replace_text(tid / "mos_with_names.txt", "five I01_01_1", "5.8 1 I01_01_1")
    assert "line 1: expected a score and a name" in refused("tid2008", tid)


def test_scores_that_rise_with_the_level_are_refused_as_inverted(tid: Path):
    table = tid / "mos_with_names.txt"
    pairs = [line.split() for line in table.read_text().splitlines()]
    table.write_text("".join(f"{9 - float(score):.4f} {name}\n" for score, name in pairs))
    assert "level 4 has a better mean score than level 1" in refused("tid2008", tid)


def test_kadids_inverted_dmos_is_detected_by_its_levels(tmp_path: Path):
    root = write_kadid10k(tmp_path / "kadid", scenes=1, types=1)
    lines = (root / "dmos.csv").read_text().splitlines()
    turned = [lines[0]]
    for line in lines[1:]:
        image, reference, score, var = line.split(",")
        turned.append(f"{image},{reference},{6 - float(score):.2f},{var}")
    (root / "dmos.csv").write_text("\n".join(turned))
    assert "level 5 has a better mean score than level 1" in refused("kadid10k", root)


def test_kadids_references_are_not_read_as_distorted_images_and_a_swapped_one_is_refused(tmp_path: Path):
    root = write_kadid10k(tmp_path / "kadid", scenes=1, types=1)
    names = {sample.path.name for sample in open_dataset("kadid10k", root).samples}
    assert "I01.png" not in names
    replace_text(root / "dmos.csv", "I01_01_01.png,I01.png", "I01_01_01.png,I02.png")
    assert "line 2: the reference of I01_01_01.png is given as I02.png" in refused("kadid10k", root)


def test_kadids_table_without_its_score_column_is_refused_with_the_existing_ones(tmp_path: Path):
    root = write_kadid10k(tmp_path / "kadid", scenes=1, types=1)
    replace_text(root / "dmos.csv", "dist_img,ref_img,dmos", "dist_img,ref_img,mos")
    assert "has no column 'dmos', found dist_img, ref_img, mos, var" in refused("kadid10k", root)


def test_koniqs_mos_of_1_to_5_without_the_other_scale_is_refused(tmp_path: Path):
    root = write_koniq10k(tmp_path / "koniq", images=1)
    shutil.rmtree(root / "koniq10k_distributions_sets")
    table = root / "koniq10k_scores_and_distributions" / "koniq10k_scores_and_distributions.csv"
    lines = [line.rpartition(",")[0] for line in table.read_text().splitlines()]
    table.write_text("\n".join(lines))
    assert "neither a column MOS_zscore nor a column set" in refused("koniq10k", root)


def test_livemds_references_must_belong_to_their_images(tmp_path: Path):
    root = write_livemd(tmp_path / "md", scenes=1)
    _, which = livemd_names(1)
    lists = root / "Part 1" / "Imagelists.mat"
    alter_mat(lists, ref4dist=np.array(which).reshape(-1, 1) % 15 + 1)
    assert "the reference of airplane_jpeg1.bmp is given as babygirl.bmp" in refused("livemd", root)
    alter_mat(lists, ref4dist=np.array(which).reshape(-1, 1) - 1)
    assert "ref4dist of airplane_jpeg1.bmp is 0, expected 1..15" in refused("livemd", root)


def test_livemd_without_its_second_part_is_refused(tmp_path: Path):
    root = write_livemd(tmp_path / "md", scenes=1)
    shutil.rmtree(root / "Part 2")
    assert "it has no Part 2" in refused("livemd", root)


def test_live_in_the_wild_in_another_order_is_refused(tmp_path: Path):
    root = write_livec(tmp_path / "livec", images=2)
    names = livec_names()
    lists = root / "ChallengeDB_release" / "Data" / "AllImages_release.mat"
    savemat(lists, {"AllImages_release": cell(names[7:] + names[:7])})
    assert "expected the 7 images t*.* first, found 1.JPG" in refused("livec", root)


def test_biq_with_a_missing_or_truncated_table_is_refused(tmp_path: Path):
    root = write_biq2021(tmp_path / "biq", images=2)
    train = root / "Train (Images and MOS).csv"
    lines = train.read_text().splitlines()
    train.write_text("\n".join(lines[:-1]))
    assert "Train (Images and MOS).csv: rows: expected 10,000, found 9,999" in refused("biq2021", root)
    (root / "Test (Images and MOS).csv").unlink()
    assert "it has no Test (Images and MOS).csv" in refused("biq2021", root)


def test_a_damaged_workbook_and_one_without_its_sheet_are_refused(tmp_path: Path):
    import openpyxl

    root = write_csiq(tmp_path / "csiq", scenes=1)
    book = openpyxl.load_workbook(root / "csiq.DMOS.xlsx")
    book["all_by_image"]["I5"] = "0,1"  # a decimal comma is no number
    book.save(root / "csiq.DMOS.xlsx")
    assert "row 5: expected a score, found '0,1'" in refused("csiq", root)
    del book["all_by_image"]
    book.save(root / "csiq.DMOS.xlsx")
    assert "has no sheet 'all_by_image', found all_by_distortion" in refused("csiq", root)
    (root / "csiq.DMOS.xlsx").write_bytes(b"PK\x03\x04 cut")
    assert "not an .xlsx workbook or is damaged" in refused("csiq", root)


def test_without_openpyxl_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = write_csiq(tmp_path / "csiq", scenes=1)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DependencyError) as caught:
        open_dataset("csiq", root)
    assert "pip install 'hiqa[datasets]'" in str(caught.value)


def test_hidden_files_of_other_systems_are_ignored(tid: Path):
    (tid / "distorted_images" / "._I01_01_1.bmp").write_bytes(b"\0\5\x16\7")
    assert len(open_dataset("tid2008", tid).samples) == 4


@pytest.mark.parametrize("write", [lambda p: p.write_bytes(b"\xff\xfe\0\0"), lambda p: p.write_bytes(b"\xe9t\xe9 x\n")])
def test_a_table_that_is_not_utf8_is_refused(tid: Path, write: Callable[[Path], int]):
    write(tid / "mos_with_names.txt")
    assert "is not UTF-8 text" in refused("tid2008", tid)
