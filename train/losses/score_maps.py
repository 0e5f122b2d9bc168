"""Maps from hiqa's scale to the scale of each database, for training on several databases at once.

Studies ask different observers different questions, so that a quality of 0.6 in one database is not 0.6 in another. R
predicts one score, 0..1, high is good; the map of database k predicts the human score of that database:

    m_k(s) = a_k + 1/S * sum_j b_kj * clip(S * s - j, 0, 1),   b_kj > 0,   j = 0 .. S-1

piecewise linear and monotone with S slopes, trained together with R. The map of database 0 is the identity: its scale
is hiqa's (section 3.5 of the paper leaves this open).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.regressor import Regressor

SEGMENTS = 6
# Offsets and slopes are of the order of one. Their parameters are a twentieth of them, so that they change within
# hundreds of steps at a learning rate for filters, not tens of thousands.
PARAMETER_SCALE = 20.0
UNIT = math.log(math.e - 1)  # its softplus is 1: untrained slopes are the identity


class ScaleMaps(nn.Module):
    """Scores (B,) on hiqa's scale, 0..1, and numbers of databases (B,) -> qualities (B,) on the databases' scales."""

    def __init__(self, databases: int) -> None:
        super().__init__()
        self.offsets = nn.Parameter(torch.zeros(databases - 1))
        self.slopes = nn.Parameter(torch.zeros(databases - 1, SEGMENTS))

    def forward(self, score: Tensor, database: Tensor) -> Tensor:
        offsets = torch.cat([self.offsets.new_zeros(1), PARAMETER_SCALE * self.offsets])
        raw = torch.cat([self.slopes.new_zeros(1, SEGMENTS), PARAMETER_SCALE * self.slopes])
        slopes = functional.softplus(raw + UNIT)[database]  # (B, S)
        steps = torch.arange(SEGMENTS, device=score.device)
        parts = (SEGMENTS * score[:, None] - steps).clamp(0, 1)  # (B, S)
        return offsets[database] + (slopes * parts).sum(dim=1) / SEGMENTS


class MappedRegressor(nn.Module):
    """R with its score maps; `maps` is None for a single database."""

    def __init__(self, regressor: Regressor, databases: int) -> None:
        super().__init__()
        self.regressor = regressor
        self.maps = ScaleMaps(databases) if databases > 1 else None

    def qualities(self, score: Tensor, database: Tensor) -> Tensor:
        """Scores on hiqa's scale -> qualities on the databases' scales, both (B,)."""
        mapped: Tensor = score if self.maps is None else self.maps(score, database)
        return mapped

    @torch.no_grad()
    def knots(self, databases: int) -> list[list[float]]:
        """The score maps as numbers: for each database, its qualities at the scores 0, 1/S, ... 1."""
        scores = torch.linspace(0, 1, SEGMENTS + 1)
        return [
            [round(float(v), 6) for v in self.qualities(scores, torch.full((SEGMENTS + 1,), number))]
            for number in range(databases)
        ]


def to_common_scale(quality: float, knots: list[float]) -> float:
    """A database's quality -> hiqa's scale, 0..1: the inverse of its map, clipped to its range."""
    return float(np.interp(quality, knots, np.linspace(0, 1, len(knots))))
