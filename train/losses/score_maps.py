"""Several databases at once: each has a monotone map of its own from hiqa's one scale to its qualities.

Laboratories ask different people different questions, so that 0.6 of one database is not 0.6 of another. R gives one
score, 0..1, high is good; the map of database k tells what that database's people would have said:

    m_k(s) = a_k + 1/S * sum_j b_kj * clip(S * s - j, 0, 1),   b_kj > 0,   j = 0 .. S-1

piecewise linear with S slopes, learned together with R. The first database is the anchor: its map is the identity, so
that hiqa's scale is its quality (section 3.5 leaves this open).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.regressor import Regressor

SEGMENTS = 6
# A map is a handful of numbers of the order of one: what is learned is a twentieth of them, so that at a rate that is
# right for filters they move within hundreds of steps, not tens of thousands.
SPEED = 20.0
UNIT = math.log(math.e - 1)  # softplus of it is 1: a slope that is not learned yet leaves the scale as it is


class ScaleMaps(nn.Module):
    """Scores (B,) on hiqa's scale, 0..1, and the number of each one's database (B,) -> qualities (B,) on its scale."""

    def __init__(self, databases: int) -> None:
        super().__init__()
        self.offsets = nn.Parameter(torch.zeros(databases - 1))
        self.slopes = nn.Parameter(torch.zeros(databases - 1, SEGMENTS))

    def forward(self, score: Tensor, database: Tensor) -> Tensor:
        offsets = torch.cat([self.offsets.new_zeros(1), SPEED * self.offsets])
        raw = torch.cat([self.slopes.new_zeros(1, SEGMENTS), SPEED * self.slopes])
        slopes = functional.softplus(raw + UNIT)[database]  # (B, S)
        steps = torch.arange(SEGMENTS, device=score.device)
        parts = (SEGMENTS * score[:, None] - steps).clamp(0, 1)  # (B, S)
        return offsets[database] + (slopes * parts).sum(dim=1) / SEGMENTS


class MappedRegressor(nn.Module):
    """R and the maps from its scale to each database's; one database needs none."""

    def __init__(self, regressor: Regressor, databases: int) -> None:
        super().__init__()
        self.regressor = regressor
        self.maps = ScaleMaps(databases) if databases > 1 else None

    def qualities(self, score: Tensor, database: Tensor) -> Tensor:
        """Scores on hiqa's scale -> on each one's database's, both (B,)."""
        mapped: Tensor = score if self.maps is None else self.maps(score, database)
        return mapped

    @torch.no_grad()
    def knots(self, databases: int) -> list[list[float]]:
        """For each database its qualities at the scores 0, 1/S, ... 1: what the map is, as numbers."""
        scores = torch.linspace(0, 1, SEGMENTS + 1)
        return [
            [round(float(v), 6) for v in self.qualities(scores, torch.full((SEGMENTS + 1,), number))]
            for number in range(databases)
        ]


def to_common_scale(quality: float, knots: list[float]) -> float:
    """A database's quality -> hiqa's scale, 0..1: the inverse of its map, the nearest end beyond its range."""
    return float(np.interp(quality, knots, np.linspace(0, 1, len(knots))))
