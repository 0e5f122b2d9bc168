"""MDSI against its formula, and labels that do not depend on the precision a network computes in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from support.photographs import photograph

from hiqa_train import distortions
from hiqa_train.data.batch import Batch
from hiqa_train.data.mdsi import (
    ZERO_QUALITY_MDSI,
    local_quality_targets,
    mdsi,
    mdsi_quality,
    quality_from_mdsi,
)
from hiqa_train.data.patches import to_tensor
from hiqa_train.losses.objectives import target_quality

PHOTO = photograph()


def mdsi_of_arrays(distorted: np.ndarray, reference: np.ndarray) -> float:
    return float(mdsi(to_tensor([distorted]), to_tensor([reference])))


@pytest.mark.parametrize("kind", ["noise", "blur", "jpeg", "down"])
def test_stronger_distortions_have_lower_quality(kind):
    strengths = {"noise": (3, 12, 50), "blur": (0.7, 2, 6), "jpeg": (80, 25, 5), "down": (1.5, 3, 6)}[kind]
    versions = {
        "noise": lambda s: distortions.add_noise(PHOTO, s, np.random.default_rng(0)),
        "blur": lambda s: distortions.blur(PHOTO, s),
        "jpeg": lambda s: distortions.jpeg(PHOTO, s),
        "down": lambda s: distortions.downscale(PHOTO, s),
    }[kind]
    quality = [1 - mdsi_of_arrays(versions(s), PHOTO) / ZERO_QUALITY_MDSI for s in strengths]
    assert 1 > quality[0] > quality[1] > quality[2]


def test_mdsi_agrees_with_its_formula_written_out_in_numpy():
    distorted = distortions.jpeg(PHOTO, 20)

    def halve(x: np.ndarray) -> np.ndarray:
        return x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, 3).mean(axis=(1, 3))

    d, r = halve(distorted.astype(float)), halve(PHOTO.astype(float))
    luma, h, m = ([0.2989, 0.5870, 0.1140], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17])
    kernel = np.array([[1, 0, -1]] * 3) / 3

    def gradient(x: np.ndarray) -> np.ndarray:
        across, down = (convolve(x, k, mode="constant") for k in (kernel, kernel.T))
        return np.sqrt(across**2 + down**2)

    gd, gr, gf = gradient(d @ luma), gradient(r @ luma), gradient((d @ luma + r @ luma) / 2)

    def s(a: np.ndarray, b: np.ndarray, c: float) -> np.ndarray:
        return (2 * a * b + c) / (a * a + b * b + c)

    gradients = s(gd, gr, 140) + s(gd, gf, 55) - s(gr, gf, 55)
    top = 2 * ((d @ h) * (r @ h) + (d @ m) * (r @ m)) + 550
    chroma = top / ((d @ h) ** 2 + (r @ h) ** 2 + (d @ m) ** 2 + (r @ m) ** 2 + 550)
    combined = np.maximum(0.6 * gradients + 0.4 * chroma, 0) ** 0.25
    expected = np.abs(combined - combined.mean()).mean() ** 0.25
    assert mdsi_of_arrays(distorted, PHOTO) == pytest.approx(expected, abs=2e-4)


def test_an_undistorted_patch_has_quality_1_and_an_mdsi_of_0_6_has_quality_0():
    tile = torch.rand(2, 3, 64, 64)
    assert torch.allclose(mdsi(tile, tile), torch.zeros(2), atol=1e-3)
    assert quality_from_mdsi(torch.tensor([0.0, 0.3, 0.6, 0.9])).tolist() == pytest.approx([1, 0.5, 0, 0])
    assert mdsi_quality(tile, tile.flip(3)).max() < 0.6


def test_local_losses_are_where_the_distortion_is():
    reference = to_tensor([PHOTO[:128, :128]])
    distorted = reference.clone()
    distorted[..., :32, :32] += 0.2 * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    stages = local_quality_targets(distorted, reference)
    assert [tuple(stage.shape) for stage in stages] == [(1, 2, side, side) for side in (32, 16, 8, 4)]
    local = stages[-1]
    assert local[0, 1, 0, 0] > 0.5
    assert local[0, :, 2:, 2:].abs().max() < 1e-3


def mildly_distorted_pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Eight patches of qualities between about 0.6 and 1, where rounding of the label shows most, and references."""
    noisy = [distortions.add_noise(PHOTO, sigma, np.random.default_rng(0)) for sigma in (0, 1, 2, 4)]
    compressed = [distortions.jpeg(PHOTO, quality) for quality in (97, 92, 85, 70)]
    cut = np.s_[:128, :128]
    return to_tensor([image[cut] for image in noisy + compressed]), to_tensor([PHOTO[cut]] * 8)


def test_labels_are_float32_whatever_precision_the_networks_compute_in():
    distorted, reference = mildly_distorted_pairs()
    quality = mdsi_quality(distorted, reference)
    assert quality.min() > 0.5
    assert ((quality > 0.7) & (quality < 0.99)).sum() >= 3
    batch = Batch(distorted, reference, None, torch.zeros(8), torch.zeros(8), ("",) * 8)
    with torch.autocast("cpu", torch.bfloat16):
        inside, of_batch = mdsi_quality(distorted, reference), target_quality(batch)
    assert inside.dtype == of_batch.dtype == torch.float32
    assert torch.allclose(inside, quality, rtol=0, atol=1e-6)
    assert torch.allclose(of_batch, quality, rtol=0, atol=1e-6)


def test_local_targets_are_float32_whatever_precision_the_networks_compute_in():
    distorted, reference = mildly_distorted_pairs()
    outside = local_quality_targets(distorted, reference)
    with torch.autocast("cpu", torch.bfloat16):
        inside = local_quality_targets(distorted, reference)
    for one, other in zip(inside, outside, strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, other, rtol=0, atol=1e-6)
