"""The baselines: natural-scene features, kernel ridge regression and GMSD, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, signal
from support.sample_images import photograph

from hiqa_train.evaluation.protocols.baselines import gmsd
from hiqa_train.evaluation.protocols.nss import (
    FEATURES,
    asymmetric_gaussian,
    fit,
    generalised_gaussian,
    natural_scene_features,
    normalised,
    select_and_fit,
)


def test_the_shape_of_a_generalised_gaussian_is_found_again():
    random = np.random.default_rng(0)
    assert generalised_gaussian(random.normal(0, 3, 200_000)) == pytest.approx((2, 9), rel=0.03)
    assert generalised_gaussian(random.laplace(0, 1, 200_000)) == pytest.approx((1, 2), rel=0.03)


def test_the_two_sides_of_an_asymmetric_gaussian_are_found_again():
    random = np.random.default_rng(0)
    values = np.abs(random.normal(0, 1, 300_000))
    # a side is drawn as often as it is wide, so that the density has no step at zero
    right = random.random(len(values)) < 3 / 4
    shape, mean, low, high = asymmetric_gaussian(np.where(right, 3 * values, -values))
    assert (shape, low, high) == pytest.approx((2, 1, 9), rel=0.03)
    assert mean == pytest.approx((3 - 1) * np.sqrt(2 / np.pi), rel=0.03)


def test_normalised_luma_is_as_the_paper_defines_it():
    luma = photograph(48, 40, seed=3)[..., 0].astype(float)
    steps = np.arange(-3, 4)
    line = np.exp(-(steps**2) / (2 * (7 / 6) ** 2))
    window = np.outer(line, line) / np.outer(line, line).sum()
    mean = ndimage.correlate(luma, window, mode="nearest")
    deviation = np.sqrt(np.abs(ndimage.correlate(luma**2, window, mode="nearest") - mean**2))
    assert normalised(luma) == pytest.approx((luma - mean) / (deviation + 1), abs=1e-6)


def test_noise_and_blur_move_the_features_in_opposite_ways():
    clean = photograph(96, 64, seed=1).astype(float)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 25, clean.shape), 0, 255)
    blurred = ndimage.gaussian_filter(clean, (2, 2, 0))
    features = [natural_scene_features(picture) for picture in (blurred, clean, noisy)]
    assert {row.shape for row in features} == {(FEATURES,)}
    assert features[0][1] < features[1][1] < features[2][1]  # variance of the normalised luma


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 40, 3), (64, 64, 3)])
def test_flat_and_tiny_pictures_have_finite_features(shape: tuple[int, int, int]):
    assert np.isfinite(natural_scene_features(np.full(shape, 128, np.uint8))).all()


def test_kernel_ridge_is_the_solution_of_its_linear_system():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(30, 4)), random.normal(size=30)
    model = fit(x, y, 0.7, 0.1)
    scaled = 2 * (x - x.min(0)) / (x.max(0) - x.min(0)) - 1
    kernel = np.exp(-((scaled[:, None] - scaled) ** 2).sum(2) / (2 * 0.49 * 4))
    direct = kernel @ np.linalg.solve(kernel + 0.1 * np.eye(30), y - y.mean()) + y.mean()
    assert model(x) == pytest.approx(direct, abs=1e-9)


def test_width_and_ridge_are_chosen_on_the_validation_part_and_learn_a_curve():
    random = np.random.default_rng(2)

    def examples(count: int) -> tuple[np.ndarray, np.ndarray]:
        x = random.uniform(-1, 1, (count, 2))
        return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + random.normal(0, 0.05, count)

    training, validation, unseen = examples(120), examples(40), examples(60)
    model = select_and_fit(training, validation)
    assert np.corrcoef(model(unseen[0]), unseen[1])[0, 1] > 0.97
    opposite = select_and_fit(training, (validation[0], -validation[1]))
    assert (opposite.width, opposite.ridge) != (model.width, model.ridge)


def test_a_validation_part_of_one_score_still_gives_a_regression():
    x = np.linspace(0, 1, 10)[:, None]
    model = select_and_fit((x, x[:, 0]), (x[:3], np.ones(3)))
    assert np.isfinite(model(x)).all()


def test_gmsd_is_the_deviation_of_gradient_similarity():
    clean = photograph(64, 48, seed=2)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 20, clean.shape), 0, 255).round()
    luma = [picture.astype(float) @ [0.2989, 0.5870, 0.1140] for picture in (clean, noisy)]
    half = [signal.convolve2d(plane, np.ones((2, 2)) / 4, mode="valid")[::2, ::2] for plane in luma]
    prewitt = np.array([[1, 0, -1]] * 3) / 3
    magnitudes = [
        np.hypot(*(signal.convolve2d(plane, kernel, mode="same") for kernel in (prewitt, prewitt.T))) for plane in half
    ]
    similarity = (2 * magnitudes[0] * magnitudes[1] + 170) / (magnitudes[0] ** 2 + magnitudes[1] ** 2 + 170)
    assert gmsd(clean, noisy) == pytest.approx(similarity.std(ddof=1), rel=1e-4)
    assert gmsd(clean, clean) == 0
