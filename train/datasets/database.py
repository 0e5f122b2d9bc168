"""What hiqa knows of a published database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .sample import Dataset, ScoreScale


@dataclass(frozen=True)
class DatabaseInfo:
    """The facts of a database, and the function that reads it.

    images: how many have a score; references: undistorted images, 0 where the database has none.
    source: where to get it; terms: under which conditions, as far as its authors state them.
    layout: the tree that the reader expects, on one line.
    marks: what must lie in the root or a few folders below it, each under one of several names: by these a root is
        told from another database's.
    splits: the parts that the database itself defines, and their sizes.
    read: root -> Dataset; raises DatasetError.
    """

    name: str
    title: str
    images: int
    references: int
    scale: ScoreScale
    source: str
    terms: str
    layout: str
    marks: tuple[tuple[str, ...], ...]
    read: Callable[[Path], Dataset]
    splits: Mapping[str, int] = field(default_factory=dict)

    @property
    def variable(self) -> str:
        """The environment variable that may hold the root."""
        return f"HIQA_{self.name.upper().replace('-', '_')}_ROOT"
