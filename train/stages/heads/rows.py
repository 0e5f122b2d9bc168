"""Rows: the statistics of images, and what people or a full-reference measure said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import atomic_file

CLEAN = 0  # the source of clean images' versions; database k of the run is source k + 1


@dataclass(frozen=True)
class Rows:
    """n images.

    statistics, whole: (n, N), (n, M) float32 (`TileRegressor`), pooled over the image's tiles.
    human: (n,) the human score on its database's scale, 0 bad to 1 good, NaN for versions that hiqa made.
    measured: (n,) the quality by a full-reference measure (data/mdsi.py), 0..1, NaN without a reference.
    source: (n,) see CLEAN. subset: (n,) of a database's image the name of the part that it came from, "" for none; of a
        clean image's version the kind of its distortion.
    group: (n,) versions of one piece have one number, which no other row has.
    validates: (n,) whether the row is not trained on. scene: (n,) names.
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

    def of(self, some: np.ndarray) -> Rows:
        """The rows that `some`, a mask or numbers, chooses."""
        return Rows(*(getattr(self, field.name)[some] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of several, in order."""
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
