"""Patches of clean images and databases, the image cache, and clean images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.photographs import photograph

from hiqa_cli.errors import DatasetError, OutputError, UsageError
from hiqa_cli.images.read import read_picture
from hiqa_train import distortions
from hiqa_train.data import image_cache as cache
from hiqa_train.data.clean_images import CleanImage, load_clean_images, train_validation_split
from hiqa_train.data.distortion_groups import GROUP, draw_distortion_group
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import draw_pair, to_tensor
from hiqa_train.data.scored_images import open_samples
from hiqa_train.datasets.sample import Sample
from hiqa_train.evaluation.clean.ladders import jpeg2000_at_most, seeded_noise
from hiqa_train.sources.database import DatabasePatches, FixedPatches
from hiqa_train.sources.synthetic import SyntheticGroups

PHOTO = photograph()
PICTURES = [CleanImage(f"{n}.png", photograph(n)) for n in range(3)]
SHARES = {"noise": 1.0, "jpeg": 1.0, "blur": 1.0, "jpeg2000": 0.3, "mixture": 0.3, "clean": 0.3}


def test_patch_number_n_of_a_seed_is_always_the_same():
    first, again = (draw_pair(PICTURES, 64, SHARES, seed=3, number=17) for _ in range(2))
    assert (first.distorted == again.distorted).all()
    assert (first.reference == again.reference).all()
    others = [draw_pair(PICTURES, 64, SHARES, seed=3, number=n) for n in range(40)]
    assert all(pair.distorted.shape == pair.reference.shape == (64, 64, 3) for pair in others)
    assert {pair.kind for pair in others} >= {"noise", "jpeg", "blur"}
    for pair in others:
        assert (pair.kind == "clean") == bool((pair.distorted == pair.reference).all()) or pair.kind == "jpeg"


def test_a_group_has_versions_of_one_reference():
    source = SyntheticGroups(PICTURES, 64, SHARES, seed=1)
    drawn = source.draw(range(4 * GROUP, 6 * GROUP))
    batch = drawn.to(torch.device("cpu"))
    assert batch.distorted.shape == batch.reference.shape == (2 * GROUP, 3, 64, 64)
    assert batch.group.tolist() == [4] * GROUP + [5] * GROUP
    assert all(torch.equal(batch.reference[n], batch.reference[0]) for n in range(GROUP))
    quality = mdsi_quality(batch.distorted, batch.reference)
    assert 0 <= quality.min() < quality.max() <= 1
    assert torch.equal(source.draw(range(4 * GROUP, 6 * GROUP)).distorted, drawn.distorted)
    assert not torch.equal(source.draw(range(6 * GROUP, 8 * GROUP)).distorted, drawn.distorted)
    first, second = batch.micro_batches(2)
    assert torch.equal(torch.cat([first.distorted, second.distorted]), batch.distorted)
    assert first.files + second.files == batch.files


def test_a_ladder_is_the_reference_and_three_strengths_of_one_kind():
    for number in range(4):
        group = draw_distortion_group(PICTURES, 64, {"blur": 1.0}, 1.0, 1, number)
        quality = mdsi_quality(to_tensor(group.versions), to_tensor([group.reference] * GROUP))
        assert quality[3] == 1
        assert (quality[:3] < 1).all()
        assert len(set(quality.tolist())) == GROUP

    def clean_versions(ladder_share: float) -> int:
        """Of 40 groups, those whose last version is the reference."""
        groups = [draw_distortion_group(PICTURES, 64, SHARES, ladder_share, 1, number) for number in range(40)]
        return sum((group.versions[3] == group.reference).all() for group in groups)

    assert clean_versions(0.0) < clean_versions(0.5) < 40


def scored(folder: Path, count: int = 5) -> list[tuple[int, Sample]]:
    """Images of falling quality with references, 70x50 px, of which the first two are the same but for one pixel."""
    samples = []
    for number in range(count):
        clean = photograph(number)[:50, :70]
        paths = [folder / f"{number}.png", folder / f"clean{number}.png"]
        for path, pixels in zip(paths, (distortions.blur(clean, 1 + number), clean), strict=True):
            cv2.imwrite(str(path), pixels[..., ::-1])
        samples.append((number % 2, Sample(paths[0], 5 - number, 1 - number / 4, f"s{number}", paths[1])))
    return samples


def test_patches_of_a_database_carry_their_image_its_reference_and_its_quality(tmp_path):
    samples = scored(tmp_path)
    images = open_samples(samples, tmp_path / "cache", lambda: None)
    source = DatabasePatches(images, 32, seed=3, with_references=True)
    batch = source.draw(range(10))
    assert Counter(batch.files) == {str(sample.path): 2 for _, sample in samples}  # an epoch sees every image once
    assert set(batch.files[:5]) == set(batch.files[5:])
    by_path = {str(sample.path): (database, sample) for database, sample in samples}
    for n, name in enumerate(batch.files):
        database, sample = by_path[name]
        assert batch.quality[n] == pytest.approx(sample.quality)
        assert batch.database[n] == database
        clean = read_picture(sample.reference).pixels
        seen = batch.reference[n].numpy()
        flips = [np.rot90(flip, k) for k in range(4) for flip in (seen, seen[:, ::-1])]
        windows = np.lib.stride_tricks.sliding_window_view(clean, (32, 32, 3)).reshape(-1, 32, 32, 3)
        assert any((windows == piece).all(axis=(1, 2, 3)).any() for piece in flips)
    assert torch.equal(source.draw(range(7, 9)).distorted, batch.distorted[7:9])


def test_images_smaller_than_a_patch_are_reflected_as_in_scoring(tmp_path):
    images = open_samples(scored(tmp_path, 1), tmp_path / "cache", lambda: None)
    patch = FixedPatches(images, 96, 1, with_references=False).draw(range(1)).distorted[0].numpy()
    pixels = read_picture(tmp_path / "0.png").pixels
    assert (patch[:50, :70] == pixels).all()
    assert (patch[50] == patch[48]).all()
    assert (patch[:, 70] == patch[:, 68]).all()


def test_images_are_decoded_once_and_again_when_they_change(tmp_path, monkeypatch):
    samples = scored(tmp_path, 2)
    calls: list[Path] = []
    real = cache.read_picture
    monkeypatch.setattr(cache, "read_picture", lambda path: calls.append(path) or real(path))
    for _ in range(2):
        open_samples(samples, tmp_path / "cache", lambda: None)
    assert len(calls) == 4  # two images, two references
    cv2.imwrite(str(samples[0][1].path), photograph(9)[:50, :70])
    images = open_samples(samples, tmp_path / "cache", lambda: None)
    assert len(calls) == 5
    assert (cache.open_array(images[0].file) == read_picture(samples[0][1].path).pixels).all()
    assert not list((tmp_path / "cache").glob("*.part"))


def test_an_image_that_differs_from_its_reference_in_size_and_an_unreadable_one_are_named(tmp_path):
    (database, sample), *_ = scored(tmp_path, 1)
    cv2.imwrite(str(tmp_path / "clean0.png"), photograph(0)[:40, :70])
    with pytest.raises(DatasetError, match=r"0\.png is 70x50, its reference .*clean0\.png is 70x40; both must have"):
        open_samples([(database, sample)], tmp_path / "cache", lambda: None)
    sample.path.write_bytes(b"none")
    with pytest.raises(DatasetError, match=r"0\.png: .*hiqa datasets verify"):
        open_samples([(database, sample)], tmp_path / "cache", lambda: None)
    with pytest.raises(OutputError, match="cannot be written"):
        open_samples([(database, sample)], sample.path / "cache", lambda: None)


def test_the_part_of_a_clean_image_depends_on_its_name_only():
    images = [CleanImage(f"{n}.png", PHOTO) for n in range(200)]
    training, validation = train_validation_split(images, 0.2)
    assert {i.name for i in training} | {i.name for i in validation} == {i.name for i in images}
    assert 20 < len(validation) < 60
    fewer, _ = train_validation_split(images[:50], 0.2)
    assert {i.name for i in fewer} <= {i.name for i in training}


def test_clean_images_that_are_too_small_or_missing_are_named(tmp_path):
    with pytest.raises(UsageError, match="contains no images"):
        load_clean_images(tmp_path)
    cv2.imwrite(str(tmp_path / "small.png"), PHOTO[:200, :330])
    with pytest.raises(UsageError, match=r"small\.png: expected at least 320 px a side, found 330x200"):
        load_clean_images(tmp_path)


def test_a_jpeg_2000_step_is_the_largest_file_below_the_rate():
    picture, rate = jpeg2000_at_most(PHOTO, 0.5)
    assert 0.4 < rate <= 0.5
    assert picture.shape == PHOTO.shape


def test_the_noise_of_a_ladder_is_reproducible_and_differs_between_pictures():
    one, same, other = (seeded_noise(CleanImage(name, PHOTO), 12) for name in ("a", "a", "b"))
    assert (one == same).all()
    assert (one != other).any()
