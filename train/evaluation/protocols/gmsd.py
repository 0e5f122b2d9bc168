"""GMSD, a full-reference yardstick: what a measure reaches that is given the undistorted picture.

Xue, Zhang, Mou and Bovik, "Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image Quality Index",
IEEE TIP 23, 2014: the deviation over places of the similarity of gradient magnitudes. 0 is identical, larger is worse.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from hiqa_train.data.mdsi import gradient_magnitude

C = 170.0  # the paper's T, for values in 0..255
LUMA = (0.2989, 0.5870, 0.1140)  # ITU-R BT.601


def gmsd(distorted: np.ndarray, reference: np.ndarray) -> float:
    """GMSD of two pictures (H, W, 3) RGB of one size, values in 0..255, H and W at least 2."""
    luma = [
        torch.from_numpy(np.asarray(picture, np.float64) @ np.array(LUMA))[None, None].float()
        for picture in (distorted, reference)
    ]
    d, r = (gradient_magnitude(functional.avg_pool2d(plane, 2)) for plane in luma)  # at half the resolution
    similarity = (2 * d * r + C) / (d.square() + r.square() + C)
    return float(similarity.double().std())
