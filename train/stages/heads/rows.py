"""Rows: the statistics of images with their human scores or full-reference qualities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import atomic_file


@dataclass(frozen=True)
class Rows:
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

    def of(self, chosen: np.ndarray) -> Rows:
        """The chosen rows. chosen: (n,) bool, or numbers of rows."""
        return Rows(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of `parts`, in order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def save(self, file: Path) -> None:
        """Write atomically. Raises OutputError."""
        try:
            with atomic_file(file, sync=False) as out:
                np.savez(out, **{field.name: getattr(self, field.name) for field in fields(self)})
        except OSError as error:
            raise cannot_write(file, error) from error

    @classmethod
    def load(cls, file: Path) -> Rows:
        """The inverse of save()."""
        with np.load(file, allow_pickle=False) as stored:
            return cls(*(stored[field.name] for field in fields(cls)))
