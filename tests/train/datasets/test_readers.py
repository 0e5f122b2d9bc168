"""Every published database, read from a miniature tree in its own layout: files, scores, direction."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.database_trees import WRITERS, tid_name, write_csiq, write_koniq10k, write_live

from hiqa_train.datasets import DATABASES, Dataset, open_dataset, read_database
from hiqa_train.datasets.readers.tid import NOT_REBUILT
from hiqa_train.datasets.verify import verify

Tree = Callable[[str], Path]
COUNTS = {  # images and references in the miniature trees
    "live": (55, 2),
    "csiq": (58, 2),
    "tid2008": (136, 2),
    "tid2013": (240, 2),
    "tid2008-rebuilt": (2 * 4 * (17 - len(NOT_REBUILT & set(range(1, 18)))), 2),
    "tid2013-rebuilt": (2 * 5 * (24 - len(NOT_REBUILT)), 2),
    "kadid10k": (250, 2),
    "livemd": (60, 2),
    "koniq10k": (18, 0),
    "livec": (12, 0),
    "spaq": (8, 0),
    "biq2021": (12, 0),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """tree(name): the miniature of a database, written once; not to be changed."""
    built: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in built:
            built[name] = WRITERS[name](tmp_path_factory.mktemp(name) / name)
        return built[name]

    return get


@pytest.fixture(scope="module")
def reading(tree: Tree) -> Callable[[str], Dataset]:
    """reading(name): the miniature of a database, read once."""
    read: dict[str, Dataset] = {}

    def get(name: str) -> Dataset:
        if name not in read:
            read[name] = open_dataset(name, tree(name))
        return read[name]

    return get


def test_every_known_database_is_tested_here():
    assert list(DATABASES) == list(WRITERS) == list(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_existing_files_are_read_and_the_first_missing_one_is_named(name: str, reading, tree: Tree):
    found = reading(name)
    images, references = COUNTS[name]
    database = DATABASES[name]
    assert (len(found.samples), found.expected) == (images, database.images)
    assert len(found.missing) == database.images - images
    assert found.references_expected - len(found.missing_references) == references
    assert found.first_missing == found.missing[0]
    assert f"{images:,} of {database.images:,} images" in found.coverage()
    assert found.missing[0] in found.coverage()
    assert all(sample.path.is_file() for sample in found.samples)
    assert all((sample.reference is not None) == (references > 0) for sample in found.samples)


@pytest.mark.parametrize("name", COUNTS)
def test_every_file_of_a_tree_decodes_and_pairs_have_one_size(name: str, reading):
    found = reading(name)
    result = verify(found, DATABASES[name], lambda: None)
    checks = {check.what: check for check in result.checks}
    assert checks["readable files"].ok
    assert checks["readable files"].found == sum(COUNTS[name])
    assert checks["scores"].ok
    if found.has_references:
        assert checks["images with their reference"].ok
    assert not checks["images"].ok  # a miniature is not whole


@pytest.mark.parametrize("name", ["live", "csiq", "livemd"])
def test_a_low_score_is_good_where_scores_are_differences(name: str, reading):
    samples = reading(name).samples
    best = min(samples, key=lambda sample: sample.score)
    assert best.quality == max(sample.quality for sample in samples)
    assert not DATABASES[name].scale.high_is_good


@pytest.mark.parametrize("name", ["tid2008", "tid2013", "kadid10k", "koniq10k", "livec", "spaq", "biq2021"])
def test_a_high_score_is_good_where_scores_are_opinions_and_in_kadid(name: str, reading):
    samples = reading(name).samples
    best = max(samples, key=lambda sample: sample.score)
    assert best.quality == max(sample.quality for sample in samples)
    assert DATABASES[name].scale.high_is_good


@pytest.mark.parametrize("name", ["csiq", "tid2008", "tid2013", "kadid10k"])
def test_the_lowest_level_has_a_higher_quality_and_is_closer_to_the_reference(name: str, reading):
    by_level: dict[int, list[float]] = {}
    error: dict[int, list[float]] = {}
    for sample in reading(name).samples:
        distorted, reference = (cv2.imread(str(path)).astype(float) for path in (sample.path, sample.reference))
        by_level.setdefault(sample.level, []).append(sample.quality)
        error.setdefault(sample.level, []).append(float(np.mean((distorted - reference) ** 2)))
    assert np.mean(by_level[1]) > np.mean(by_level[3])
    assert np.mean(error[1]) < np.mean(error[3])


def test_realigned_scores_of_live_below_0_and_above_100_are_kept_and_not_clipped(reading):
    samples = {sample.path.name: sample for sample in reading("live").samples if sample.distortion == "jp2k"}
    assert samples["img2.bmp"].score == -2.64
    assert samples["img2.bmp"].quality == pytest.approx(1.0264)
    assert min(s.quality for s in reading("live").samples) >= -0.25


def test_lives_undistorted_images_are_left_out_by_orgs_and_a_distorted_one_scored_0_stays(tmp_path: Path):
    root = write_live(tmp_path / "live", scenes=3)
    samples = open_dataset("live", root).samples
    names = {f"{sample.path.parent.name}/{sample.path.name}": sample for sample in samples}
    assert names["jp2k/img4.bmp"].score == 0  # of the third scene
    assert "jp2k/img1.bmp" not in names
    assert (root / "jp2k" / "img1.bmp").is_file()
    assert not any(name.startswith("wn/") and int(name[6:-4]) >= 146 for name in names)


def test_live_without_realigned_scores_is_read_with_the_old_ones_and_a_note(tmp_path: Path):
    old = open_dataset("live", write_live(tmp_path / "old", scenes=1, realigned=False))
    assert old.notes == ("scores of dmos.mat",)
    assert max(sample.score for sample in old.samples) <= 84
    new = open_dataset("live", write_live(tmp_path / "new", scenes=1, old=False))
    assert new.notes == ("scores of dmos_realigned.mat",)


def test_live_copies_with_padded_numbers_are_read(tmp_path: Path):
    root = write_live(tmp_path / "live", scenes=1)
    (root / "jp2k" / "img2.bmp").rename(root / "jp2k" / "img002.BMP")
    assert open_dataset("live", root).samples[0].path.name == "img002.BMP"


def test_csiqs_image_1600_is_a_number_in_the_sheet_and_a_name_on_disk(reading):
    first = reading("csiq").samples[0]
    assert (first.path.name, first.scene, first.level) == ("1600.AWGN.1.png", "csiq/1600", 1)
    types = {sample.distortion for sample in reading("csiq").samples}
    assert types == {"awgn", "jpeg", "jpeg2000", "fnoise", "blur", "contrast"}


def test_csiq_with_all_distorted_images_in_one_folder_is_read(tmp_path: Path):
    root = write_csiq(tmp_path / "csiq", scenes=1, flat=True)
    assert len(open_dataset("csiq", root).samples) == 29
    (root / "dst_imgs").rename(root / "dst_imgs_all")
    assert len(open_dataset("csiq", root).samples) == 29


def test_tids_table_and_disk_differ_in_case_and_line_ends(reading, tree: Tree):
    assert tid_name(1, 11, 1) == "I01_11_1.BMP"
    assert b"I01_11_1.BMP\r\n" in (tree("tid2013") / "mos_with_names.txt").read_bytes()
    paths = [sample.path.name for sample in reading("tid2013").samples]
    assert "I01_11_1.bmp" in paths
    assert reading("tid2013").samples[0].reference.name == "I01.BMP"


def test_tids_25th_reference_is_not_a_kodak_photograph(tmp_path: Path):
    names = {"I25.bmp": "i25_01_1.bmp"}
    root = WRITERS["tid2008"](tmp_path / "tid")
    for reference, distorted in names.items():
        shutil.copy(root / "reference_images" / "I01.BMP", root / "reference_images" / reference.lower())
        shutil.copy(root / "distorted_images" / "I01_01_1.bmp", root / "distorted_images" / distorted)
    last = open_dataset("tid2008", root).samples[-1]
    assert (last.scene, last.reference.name) == ("tid/i25", "i25.bmp")


def test_livemds_blur_images_have_a_score_in_each_part(reading):
    blurred = [sample for sample in reading("livemd").samples if sample.path.name == "airplane_blur1.bmp"]
    assert len(blurred) == 2
    assert blurred[0].score != blurred[1].score
    assert {sample.path.parent.parent.name for sample in blurred} == {"Part 1", "Part 2"}
    types = {sample.distortion for sample in reading("livemd").samples}
    assert types == {"blur", "jpeg", "noise", "blur+jpeg", "blur+noise"}


def test_livemd_repacked_with_other_folder_names_and_separate_references_is_read(tree: Tree, tmp_path: Path):
    root = tmp_path / "md"
    shutil.copytree(tree("livemd"), root)
    for part, new in (("Part 1", "Part_1"), ("Part 2", "Part2")):
        (root / part).rename(root / new)
    (root / "Ref_Images").mkdir()
    for reference in [*root.glob("*/*/airplane.bmp")]:
        reference.replace(root / "Ref_Images" / "airplane.BMP")
    samples = open_dataset("livemd", root).samples
    assert len(samples) == 60
    assert samples[0].reference == root / "Ref_Images" / "airplane.BMP"


def test_koniqs_mos_is_read_on_its_0_to_100_scale_from_either_table(tree: Tree, reading, tmp_path: Path):
    with_sets = reading("koniq10k")
    assert {sample.split for sample in with_sets.samples} == {"training", "validation", "test"}
    root = tmp_path / "koniq"
    shutil.copytree(tree("koniq10k"), root)
    shutil.rmtree(root / "koniq10k_distributions_sets")
    without = open_dataset("koniq10k", root)
    assert [s.score for s in without.samples] == pytest.approx([s.score for s in with_sets.samples])
    assert {sample.split for sample in without.samples} == {None}
    assert "no split" in without.notes


def test_koniqs_full_size_is_preferred_and_noted(tmp_path: Path):
    root = write_koniq10k(tmp_path / "koniq", images=1, folders=("512x384", "1024x768"))
    found = open_dataset("koniq10k", root)
    assert {sample.path.parent.name for sample in found.samples} == {"1024x768"}
    assert "images of 1024x768" in found.notes


def test_live_in_the_wild_is_paired_by_the_lists_and_without_its_training_images(reading):
    samples = reading("livec").samples
    assert [sample.path.name for sample in samples[:3]] == ["1.JPG", "10.JPG", "100.JPG"]
    assert samples[0].score == pytest.approx(3.42 + 89 * (7 * 31 % 97) / 96)
    assert not any("trainingImages" in str(sample.path) for sample in samples)


def test_spaq_repacked_as_png_is_read_with_a_note(tree: Tree, tmp_path: Path):
    root = tmp_path / "spaq"
    shutil.copytree(tree("spaq"), root)
    book = root / "Annotations" / "MOS and Image attribute scores.xlsx"
    book.rename(root / "MOS_and_Image_attribute_scores.xlsx")
    picture = root / "TestImage" / "00002.jpg"
    cv2.imwrite(str(picture.with_suffix(".png")), cv2.imread(str(picture)))
    picture.unlink()
    found = open_dataset("spaq", root)
    assert len(found.samples) == 8
    assert found.notes == ("repacked copy: 1 images are .png in place of the published .jpg",)


def test_biqs_misnamed_file_small_images_and_official_split_are_read(reading):
    samples = reading("biq2021").samples
    assert samples[0].path.name == "ss02 (1014).JPG"
    assert [sample.split for sample in samples] == ["training"] * 8 + ["test"] * 4
    assert all(sample.subset == sample.path.name[:4] for sample in samples)
    result = verify(reading("biq2021"), DATABASES["biq2021"], lambda: None)
    assert dict(result.sizes) == {"48x32": 11, "39x27": 1}


@pytest.mark.parametrize("name", ["live", "tid2008", "koniq10k", "livec"])
def test_a_root_inside_additional_folders_is_read(name: str, tree: Tree, tmp_path: Path):
    outer = tmp_path / "download"
    outer.mkdir()
    (outer / ".DS_Store").write_bytes(b"\0")
    (outer / "__MACOSX").mkdir()
    shutil.copytree(tree(name), outer / "Unpacked")
    assert len(read_database(DATABASES[name], outer).samples) == COUNTS[name][0]
