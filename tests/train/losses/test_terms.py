"""The terms of the losses, by hand."""

from __future__ import annotations

import pytest
import torch

from hiqa_train.losses.terms import (
    FLOOR,
    adversarial_loss,
    d_fake,
    discriminator_loss,
    feature_loss,
    mse_pixel_loss,
    ranking_loss,
    relative_pixel_loss,
    score_loss,
)

pytestmark = pytest.mark.usefixtures("signals_as_they_were")


def test_the_pixel_loss_is_one_for_the_input_and_less_for_the_truth():
    reference = torch.rand(2, 3, 16, 16)
    distorted = reference + 0.1
    assert float(relative_pixel_loss(distorted, distorted, reference)) == pytest.approx(1, abs=1e-5)
    expected = (FLOOR / (0.01 + FLOOR)) ** 0.5
    assert float(relative_pixel_loss(reference, distorted, reference)) == pytest.approx(expected, rel=1e-4)
    assert float(mse_pixel_loss(distorted, distorted, reference)) == pytest.approx(0.01, rel=1e-4)


def test_feature_and_score_losses_by_hand():
    a, b = torch.zeros(1, 2, 1, 1), torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    assert float(feature_loss(a, b)) == pytest.approx(1)
    assert float(feature_loss(b, b)) == 0
    assert float(score_loss(torch.tensor([0.2, 0.9]), torch.tensor([0.4, 0.8]))) == pytest.approx(0.15)


def test_the_ranking_loss_counts_only_wrong_order_within_a_group():
    target = torch.tensor([0.2, 0.8, 0.5, 0.5])
    group = torch.tensor([0, 0, 1, 1])
    assert float(ranking_loss(torch.tensor([0.2, 0.8, 0.1, 0.9]), target, group)) == 0
    swapped = torch.tensor([0.8, 0.2, 0.5, 0.5])
    assert float(ranking_loss(swapped, target, group)) == pytest.approx(1.2)
    # all of one group: four pairs more are asked for, 0.3 apart each
    assert float(ranking_loss(swapped, target, torch.zeros(4))) == pytest.approx((1.2 + 4 * 0.6) / 5)


def test_the_ranking_loss_demands_a_margin_and_leaves_out_pairs_that_are_alike():
    predicted, group = torch.tensor([1.0, 0.0, 5.0]), torch.tensor([1, 1, 2])
    far, near = torch.tensor([2.0, 0.0, 1.99]), torch.tensor([0.01, 0.0, 0.0])
    assert float(ranking_loss(predicted, far, group, margin=0.1, alike=0.05)) == pytest.approx(
        1
    )  # 2 wanted, 1 predicted
    assert float(ranking_loss(predicted, near, group, margin=1.5, alike=0.005)) == pytest.approx(0.5)
    assert float(ranking_loss(predicted, near, group, margin=1.5, alike=0.02)) == 0


def test_the_discriminator_is_trained_towards_d_fake_and_g_towards_real():
    sure = torch.tensor([0.5, 2.0])  # logits
    probability = sure.sigmoid()
    fake = torch.tensor([1.0, 0.0])
    # formula (6): log D(I_r) + log(1 - |D(G) - d_fake|)
    expected = -(probability.log().mean() + (1 - (probability - fake).abs()).log().mean())
    assert float(discriminator_loss(sure, sure, fake)) == pytest.approx(float(expected), rel=1e-5)
    formula_8 = float((1 - probability).log().mean())
    assert float(adversarial_loss(sure, saturating=True)) == pytest.approx(formula_8, rel=1e-5)
    assert float(adversarial_loss(sure, saturating=False)) == pytest.approx(float(-probability.log().mean()), rel=1e-5)
    assert d_fake(torch.tensor([0.5, 0.5]), torch.tensor([0.59, 0.61]), 0.1).tolist() == [1.0, 0.0]
