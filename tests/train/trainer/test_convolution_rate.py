"""The multiplications that rates are computed from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hiqa_train.trainer.convolution_rate import count_multiplications


@pytest.mark.parametrize("groups", [1, 4, 8])
@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_training_step_of_a_convolution_has_three_times_the_multiplications_of_its_forward_pass(layer, groups):
    convolution = layer(8, 16, 3, stride=2, padding=1, groups=groups)
    image = torch.rand(2, 8, 12, 10, requires_grad=True)
    forward = count_multiplications(lambda: convolution(image))
    assert count_multiplications(lambda: convolution(image).sum().backward()) == 3 * forward


def test_the_gradient_of_an_image_that_needs_none_is_not_counted():
    convolution, image = nn.Conv2d(8, 8, 3, groups=8), torch.rand(1, 8, 6, 6)
    forward = count_multiplications(lambda: convolution(image))
    assert count_multiplications(lambda: convolution(image).sum().backward()) == 2 * forward
