"""Distortion groups: several distorted versions of one patch, from which R learns without human scores.

A group has one reference and four versions of it: two strengths of one kind of distortion, a second kind, and the
reference itself or a third kind. A ladder is a group of the reference and three strengths of one kind. All versions
show the same content, so only the distortion explains the difference of their labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hiqa_train.distortions import NEED_LARGE, distort

from .clean_images import CleanImage
from .patches import JPEG2000_MIN_SIDE, MARGIN, choose_kind, cut_piece, place_window

GROUP = 4  # versions of one reference


@dataclass(frozen=True)
class DistortionGroup:
    """versions: GROUP distorted patches; reference: theirs; (P, P, 3) uint8 RGB each. kinds: of the versions'
    distortions. name: the photograph's."""

    versions: list[np.ndarray]
    kinds: list[str]
    reference: np.ndarray
    name: str


def draw_distortion_group(
    images: list[CleanImage], patch: int, shares: Mapping[str, float], ladder_share: float, seed: int, number: int
) -> DistortionGroup:
    """Group `number` of `seed`.

    patch: side in px. shares: of each kind of distortion. ladder_share: of the groups that are ladders.
    """
    random = np.random.default_rng([seed, number])
    piece, name = cut_piece(images, max(patch + MARGIN, JPEG2000_MIN_SIDE), random)
    first, second, third = (choose_kind(shares, random) for _ in range(3))
    kinds = [first, first, second, "clean" if random.random() < 0.5 else third]
    halo = MARGIN // 2
    y, x = place_window(piece.shape[0], patch, halo, random)
    if random.random() < ladder_share:
        kinds = [first, first, first, "clean"]
    window = np.s_[y : y + patch, x : x + patch]
    # Most kinds need only the patch and a few pixels around it; distorting the whole piece would cost several times as
    # much.
    surroundings = np.ascontiguousarray(piece[y - halo : y + patch + halo, x - halo : x + patch + halo])
    inside = np.s_[halo : halo + patch, halo : halo + patch]
    versions = []
    # Each version has a random stream of its own, so that the draws of one do not affect the next.
    for kind, stream in zip(kinds, random.spawn(GROUP), strict=True):
        if kind in NEED_LARGE:
            versions.append(distort(piece, kind, stream)[window])
        else:
            versions.append(distort(surroundings, kind, stream)[inside])
    return DistortionGroup(versions, kinds, piece[window], name)
