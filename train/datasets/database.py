"""`DatabaseInfo`: the facts about a published database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .sample import Dataset, ScoreScale


@dataclass(frozen=True)
class DatabaseInfo:
    """The facts about a database, and the function that reads it.

    images: number of images with a score. references: number of undistorted images, 0 where the database has none.
    source: where to get it. terms: its conditions, as far as its authors state them.
    layout: the folder tree that the reader expects, on one line.
    marks: files and folders that must exist in the root or a few folders below it, each under one of several names;
        they distinguish the databases.
    splits: the parts of the official split and their sizes; empty without one.
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
        """The environment variable for the root."""
        return f"HIQA_{self.name.upper().replace('-', '_')}_ROOT"
