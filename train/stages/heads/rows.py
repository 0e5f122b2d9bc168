"""Rows: the statistics of images with their human scores or full-reference qualities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiqa_train.stages.stored_rows import StoredRows


@dataclass(frozen=True)
class Rows(StoredRows):
    """Rows of n images.

    statistics, whole: (n, N), (n, M) float32 (`TileRegressor`), pooled over the image's tiles.
    human: (n,) the quality by human scores, 0..1; NaN for versions that hiqa made.
    measured: (n,) the quality by a full-reference measure (data/mdsi.py), 0..1; NaN without a reference.
    source: (n,) numbers of sources, see `sources.mixed.CLEAN`.
    subset: (n,) for an image of a database, the name of its subset, "" for none; for a version, the kind of its
        distortion.
    group: (n,) numbers shared by the versions of one piece and by no other row.
    validates: (n,) whether the row is kept out of training, for validation.
    scene: (n,) names.
    """

    statistics: np.ndarray
    whole: np.ndarray
    human: np.ndarray
    measured: np.ndarray
    source: np.ndarray
    subset: np.ndarray
    group: np.ndarray
    validates: np.ndarray
    scene: np.ndarray

    def __len__(self) -> int:
        return len(self.source)
