"""Rows of several arrays that belong together, in files from which a stopped run resumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np

from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import atomic_file


@dataclass(frozen=True)
class StoredRows:
    """Base of dataclasses whose fields are arrays with n rows each."""

    def of(self, chosen: np.ndarray) -> Self:
        """The chosen rows. chosen: (n,) bool, or numbers of rows."""
        return self._built([getattr(self, field.name)[chosen] for field in fields(self)])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All rows of `parts`, in order."""
        return cls._built([np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)])

    def save(self, file: Path) -> None:
        """Write atomically. Raises OutputError."""
        try:
            with atomic_file(file, sync=False) as out:
                np.savez(out, **{field.name: getattr(self, field.name) for field in fields(self)})
        except OSError as error:
            raise cannot_write(file, error) from error

    @classmethod
    def load(cls, file: Path) -> Self:
        """The inverse of save()."""
        with np.load(file, allow_pickle=False) as stored:
            return cls._built([stored[field.name] for field in fields(cls)])

    @classmethod
    def _built(cls, arrays: Sequence[np.ndarray]) -> Self:
        build: Callable[..., Self] = cls
        return build(*arrays)
