"""The distortion library: every kind has its effect and the requested strength, and is reproducible."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hiqa_train import distortions
from hiqa_train.distortions import Random
from hiqa_train.distortions.codecs import CHROMA, LUMA, jpeg_bytes, unlimited_table
from hiqa_train.distortions.palettes import apply_palette, minimum_variance_palette
from hiqa_train.distortions.pixels import dct_blocks, from_blocks, to_blocks, undo_dct_blocks
from hiqa_train.distortions.transmission import damage, scan_start

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PHOTO = np.ascontiguousarray(cv2.imread(str(EXAMPLES / "chelsea.png"))[40:232, 60:316, ::-1])  # (192, 256, 3)
GREY = np.full((256, 256, 3), 128, np.uint8)


def seeded(seed: int = 0) -> Random:
    return np.random.default_rng(seed)


def residual(distorted: np.ndarray, image: np.ndarray) -> np.ndarray:
    return distorted.astype(float) - image


@pytest.mark.parametrize("kind", [kind for kind in distortions.KINDS if kind != "clean"])
def test_every_kind_changes_the_picture_and_is_the_same_for_the_same_seed(kind: str):
    before = PHOTO.copy()
    first = distortions.distort(PHOTO, kind, seeded(5))
    again = distortions.distort(PHOTO, kind, seeded(5))
    assert (first.shape, first.dtype) == (PHOTO.shape, np.uint8)
    assert (before == PHOTO).all()
    assert (first == again).all()
    drawn = [distortions.psnr(distortions.distort(PHOTO, kind, seeded(seed)), PHOTO) for seed in range(6)]
    assert len(set(drawn)) > 1
    assert 5 < min(drawn) < 45


def test_clean_leaves_the_image_unchanged_and_an_unknown_kind_is_an_error():
    assert distortions.distort(PHOTO, "clean", seeded()) is PHOTO
    with pytest.raises(KeyError):
        distortions.distort(PHOTO, "no such kind", seeded())


def test_the_usual_shares_sum_to_one_and_name_every_kind_but_the_mild_ones():
    shares = distortions.default_shares()
    assert set(shares) == set(distortions.KINDS) - set(distortions.MILD)
    assert sum(shares.values()) == pytest.approx(1)
    assert len(distortions.TID) == 24
    assert sum(distortions.default_shares(tid=0.9, kadid=0, chained=0, clean=0.1).values()) == pytest.approx(1)


STRENGTHS: dict[str, tuple[Callable[[float], np.ndarray], tuple[float, ...]]] = {
    "white noise": (lambda s: distortions.add_noise(PHOTO, s, seeded()), (3, 10, 30)),
    "chroma noise": (lambda s: distortions.chroma_noise(PHOTO, s, seeded()), (2, 6, 15)),
    "correlated noise": (lambda s: distortions.correlated_noise(PHOTO, s, seeded()), (3, 10, 30)),
    "masked noise": (lambda s: distortions.masked_noise(PHOTO, s, seeded()), (5, 20, 60)),
    "high-frequency noise": (lambda s: distortions.high_frequency_noise(PHOTO, s, seeded()), (3, 10, 30)),
    "impulse noise": (lambda s: distortions.impulse_noise(PHOTO, s, seeded()), (0.002, 0.01, 0.05)),
    "multiplicative noise": (lambda s: distortions.multiplicative_noise(PHOTO, s, seeded()), (0.02, 0.1, 0.3)),
    "shot noise": (lambda s: distortions.shot_noise(PHOTO, s, seeded()), (2, 8, 25)),
    "comfort noise": (lambda s: distortions.comfort_noise(PHOTO, s, seeded()), (5, 20, 80)),
    "compressed noise": (lambda s: distortions.compressed_noise(PHOTO, s, seeded()), (3, 10, 30)),
    "salt and pepper": (lambda s: distortions.salt_and_pepper(PHOTO, s, seeded()), (0.002, 0.01, 0.05)),
    "quantization": (lambda s: distortions.quantize(PHOTO, s), (12, 30, 80)),
    "blur": (lambda s: distortions.blur(PHOTO, s), (0.6, 1.5, 4)),
    "lens blur": (lambda s: distortions.defocus(PHOTO, s), (0.7, 2, 6)),
    "motion blur": (lambda s: distortions.motion_blur(PHOTO, s, 0.7), (1.5, 5, 15)),
    "pixelate": (lambda s: distortions.pixelate(PHOTO, s), (1.5, 3, 8)),
    "unsharp": (lambda s: distortions.unsharp(PHOTO, s), (0.5, 2, 6)),
    "denoised": (lambda s: distortions.add_noise_and_denoise(PHOTO, s, seeded()), (5, 20, 60)),
    "jpeg": (lambda s: distortions.jpeg(PHOTO, int(s)), (90, 40, 8)),
    "jpeg2000": (lambda s: distortions.jpeg2000(PHOTO, s), (3, 1, 0.3)),
    "jpeg errors": (lambda s: distortions.jpeg_errors(PHOTO, int(s), seeded(), restart=1), (1, 10, 80)),
    "moved patches": (lambda s: distortions.moved_patches(PHOTO, int(s), seeded()), (3, 30, 200)),
    "flat blocks": (lambda s: distortions.flat_blocks(PHOTO, 3, s, seeded()), (10, 40, 100)),
    "colour blocks": (lambda s: distortions.colour_blocks(PHOTO, int(s), seeded()), (1, 4, 20)),
    "jitter": (lambda s: distortions.jitter(PHOTO, s, seeded()), (0.3, 1, 3)),
    "sparse sampling": (lambda s: distortions.sparse_sampling(PHOTO, s, seeded()), (90, 40, 15)),
    "mean shift": (lambda s: distortions.shift_mean(PHOTO, s), (5, 15, 40)),
    "contrast": (lambda s: distortions.change_contrast(PHOTO, s), (0.9, 0.6, 0.3)),
    "gamma": (lambda s: distortions.change_gamma(PHOTO, s), (1.1, 1.5, 2.5)),
    "exposure": (lambda s: distortions.expose(PHOTO, s), (0.2, 0.8, 2)),
    "banding": (lambda s: distortions.band(PHOTO, s, 5), (7, 20, 60)),
    "vignette": (lambda s: distortions.vignette(PHOTO, s, (96, 128), 160), (0.1, 0.4, 0.8)),
    "haze": (lambda s: distortions.haze(PHOTO, s, np.full(3, 220.0), seeded()), (0.1, 0.5, 1.5)),
    "chroma": (lambda s: distortions.scale_chroma(PHOTO, s), (0.9, 0.5, -0.5)),
    "saturation": (lambda s: distortions.change_saturation(PHOTO, s), (0.9, 0.5, -0.5)),
    "colour diffusion": (lambda s: distortions.diffuse_colour(PHOTO, s), (1, 4, 12)),
    "colour shift": (lambda s: distortions.displace_green(PHOTO, s, 0.4), (0.5, 2, 8)),
    "chromatic aberration": (lambda s: distortions.separate_channels(PHOTO, s, 0.4), (0.5, 2, 8)),
    "dither": (lambda s: distortions.reduce_colours(PHOTO, int(s)), (128, 24, 5)),
}


@pytest.mark.parametrize("kind", STRENGTHS)
def test_a_larger_strength_gives_a_larger_error(kind: str):
    make, strengths = STRENGTHS[kind]
    mild, middle, strong = (distortions.psnr(make(strength), PHOTO) for strength in strengths)
    assert math.inf > mild > middle > strong


@pytest.mark.parametrize("make", [
    distortions.add_noise,
    distortions.correlated_noise,
    distortions.high_frequency_noise,
])  # fmt: skip
def test_noise_has_the_requested_deviation(make: Callable[[np.ndarray, float, Random], np.ndarray]):
    assert residual(make(GREY, 10, seeded()), GREY).std() == pytest.approx(10, abs=0.2)


def test_kinds_of_noise_differ_as_their_names_say():
    def neighbours(noise: np.ndarray) -> float:
        return float(np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1])

    white, correlated, high = (
        neighbours(residual(make(GREY, 10, seeded()), GREY))
        for make in (distortions.add_noise, distortions.correlated_noise, distortions.high_frequency_noise)
    )
    assert abs(white) < 0.02
    assert correlated > 0.6
    assert high < -0.1
    same = distortions.add_noise(GREY, 10, seeded(), grey=True)
    assert (same[..., 0] == same[..., 2]).all()
    coloured = residual(distortions.chroma_noise(GREY, 5, seeded(), ratio=3), GREY)
    luma = coloured @ np.array([0.299, 0.587, 0.114])
    assert luma.std() == pytest.approx(5, rel=0.05)
    assert (coloured[..., 2] - luma).std() == pytest.approx(1.772 * 15, rel=0.05)


def test_masked_noise_spares_flat_places_and_multiplicative_noise_dark_ones():
    half = GREY.copy()
    half[:, 128:] = seeded(1).integers(0, 256, (256, 128, 3))
    noise = residual(distortions.masked_noise(half, 20, seeded()), half)
    assert np.abs(noise[:, :120]).max() == 0
    assert noise[:, 140:].std() > 5
    ramp = GREY.copy()
    ramp[:, :128] = 20
    noise = residual(distortions.multiplicative_noise(ramp, 0.1, seeded()), ramp)
    assert noise[:, 128:].std() / noise[:, :128].std() == pytest.approx(128 / 20, rel=0.05)


def test_impulse_noise_hits_the_requested_share():
    hit = distortions.salt_and_pepper(GREY, 0.1, seeded())
    assert set(np.unique(hit)) == {0, 128, 255}
    assert (hit != 128).mean() == pytest.approx(0.1, abs=0.005)
    hit = distortions.impulse_noise(GREY, 0.1, seeded())
    assert (hit != 128).mean() == pytest.approx(0.1 * 255 / 256, abs=0.005)
    assert hit[hit != 128].std() == pytest.approx(256 / math.sqrt(12), rel=0.02)  # all values are as frequent


def test_comfort_noise_keeps_the_spectrum_of_every_block():
    noisy = distortions.comfort_noise(PHOTO // 2 + 60, 30, seeded())  # away from 0 and 255: nothing is clipped
    before, after = (np.abs(dct_blocks(x.astype(np.float32), 8)) for x in (PHOTO // 2 + 60, noisy))
    assert np.abs(before - after).max() < 6  # rounding to whole levels


def test_blocks_round_trip_for_any_size():
    picture = seeded().random((21, 34, 3), dtype=np.float32)
    assert (from_blocks(to_blocks(picture, 8), 21, 34) == picture).all()
    assert np.abs(undo_dct_blocks(dct_blocks(picture, 8), 21, 34) - picture).max() < 1e-5
    block = picture[:8, :8, 0]
    assert np.abs(dct_blocks(picture, 8)[0, 0, 0] - cv2.dct(block)).max() < 1e-5


def test_denoising_removes_noise_and_keeps_the_picture():
    noisy = distortions.add_noise(PHOTO, 20, seeded())
    assert distortions.psnr(distortions.denoise(noisy, 20), PHOTO) > distortions.psnr(noisy, PHOTO) + 4
    assert distortions.psnr(distortions.denoise(PHOTO, 0.01), PHOTO) > 50


def test_tid2013s_jpeg_equals_opencvs_while_its_tables_fit_8_bits(capfd: pytest.CaptureFixture[str]):
    # At quality 60 all entries stay below 256: the very same file content but for chroma tables that both limit.
    assert (distortions.unlimited_jpeg(PHOTO, 60) == distortions.jpeg(PHOTO, 60)).mean() > 0.99
    assert max(unlimited_table(LUMA, 4)) > 255
    assert max(unlimited_table(CHROMA, 80)) < 255
    stripes = np.repeat(np.tile(np.array([0, 255], np.uint8), (64, 32))[..., None], 3, axis=2)
    assert (distortions.unlimited_jpeg(stripes, 4) != distortions.jpeg(stripes, 4)).any()
    assert capfd.readouterr().err == ""  # libjpeg's warning of large tables is kept away


def test_tid2013s_blur_has_zeros_beyond_the_border():
    blurred = distortions.zero_bordered_blur(np.full((64, 64, 3), 255, np.uint8), 4.0)
    assert blurred[32, 32].min() == 255
    assert blurred[0, 0].max() < 128


def test_bit_errors_avoid_markers_and_other_segments_of_a_jpeg_stay_intact():
    data = jpeg_bytes(PHOTO, 75, restart=1)
    start = scan_start(data)
    broken = damage(data, start, 5, seeded())
    changed = np.flatnonzero(broken != data)
    assert 1 <= changed.size <= 5
    assert changed.min() >= start
    whole = distortions.jpeg_errors(PHOTO, 0, seeded(), restart=1)
    hurt = distortions.jpeg_errors(PHOTO, 3, seeded(), restart=1)
    assert (whole == distortions.jpeg(PHOTO, 75)).all()
    assert 0 < (whole != hurt).any(axis=2).mean() < 0.1


def test_moved_patches_come_from_nearby_and_flat_blocks_have_the_requested_shift():
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (256, 1))[..., None], 3, axis=2)
    moved = residual(distortions.moved_patches(ramp, 40, seeded(), side=15, reach=10), ramp)
    assert 1 <= np.abs(moved).max() <= 10
    flat = distortions.flat_blocks(ramp, 2, 30, seeded(), side=32)
    changed = (flat != ramp).all(axis=2)
    blocks = [np.s_[y : y + 32, x : x + 32] for y in range(0, 256, 32) for x in range(0, 256, 32)]
    hit = [block for block in blocks if changed[block].mean() > 0.9]
    assert len(hit) == 2
    for block in hit:
        assert len(np.unique(flat[block].reshape(-1, 3), axis=0)) == 1
        assert np.abs(flat[block][0, 0] - ramp[block].mean(axis=(0, 1))) == pytest.approx(30, abs=0.6)


def test_colour_planes_are_separated_by_the_requested_distance():
    parted = distortions.separate_channels(PHOTO, 3, 0.0)
    assert (parted[:, 10:-10, 0] == PHOTO[:, 7:-13, 0]).all()
    assert (parted[..., 1] == PHOTO[..., 1]).all()
    assert (parted[:, 10:-10, 2] == PHOTO[:, 13:-7, 2]).all()


def test_a_palette_has_the_requested_number_of_colours():
    for dither in (False, True):
        few = distortions.reduce_colours(PHOTO, 12, dither=dither)
        assert len(np.unique(few.reshape(-1, 3), axis=0)) == 12
    assert set(np.unique(distortions.quantize(PHOTO, 100))) <= {0, 100, 200}


def test_error_diffusion_is_floyd_and_steinbergs():
    """Against the algorithm as it is written, pixel by pixel."""
    palette = np.array([[0.0] * 3, [90.0] * 3, [255.0] * 3])
    small = PHOTO[:12, :17]
    work = small.astype(np.float32)
    for y in range(12):
        for x in range(17):
            wanted = np.clip(work[y, x], 0, 255)
            work[y, x] = palette[np.square(np.floor(wanted / 8) * 8 + 3.5 - palette).sum(axis=1).argmin()]
            for down, right, share in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
                if y + down < 12 and 0 <= x + right < 17:
                    work[y + down, x + right] += (wanted - work[y, x]) * share / 16
    assert (apply_palette(small, palette, dither=True) == work).all()


def test_simple_kinds_are_reproducible_across_versions():
    random = seeded(3)
    noisy = distortions.distort(GREY, "noise", random)
    random = seeded(3)
    sigma = math.exp(random.uniform(math.log(2), math.log(60)))
    noise = random.standard_normal(GREY.shape, dtype=np.float32) * sigma
    # The generator is asked for greyness first, then for the noise.
    random = seeded(3)
    random.uniform()
    grey = random.random() < 0.15
    noise = random.standard_normal((256, 256, 1 if grey else 3), dtype=np.float32) * sigma
    assert (noisy == distortions.to_8bit(GREY + noise)).all()


def test_a_picture_with_equal_boxes_has_a_palette():
    ramp = np.zeros((4, 64, 3), np.uint8)
    ramp[:, :, 0] = np.arange(64) * 4
    assert sorted(minimum_variance_palette(ramp, 4)[:, 0]) == [30, 94, 158, 222]
    assert len(minimum_variance_palette(ramp, 63)) == 63
