"""Finding files whatever the case of their names, and whatever folders an archive put around them.

Databases were published from systems that do not tell `I01.BMP` from `i01.bmp`, and unpack into one or two more folders
than their description says.
"""

from __future__ import annotations

import os
import unicodedata
from collections import deque
from collections.abc import Iterator
from pathlib import Path

DEPTH = 3  # folders below the root in which parts of a database are looked for
MOST_FOLDERS = 2000  # a root that is a whole disk must not be walked to its end
NOT_DATA = {"__macosx"}


def fold(name: str) -> str:
    """The name as compared: case aside, and composed as most systems write it (macOS decomposes letters)."""
    return unicodedata.normalize("NFC", name).casefold()


def _loose(name: str) -> str:
    """As `fold`; underscores, which some copies have in place of blanks, aside as well."""
    return fold(name).replace("_", " ")


def list_entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, by name; without hidden files, and nothing where it cannot be listed."""
    try:
        with os.scandir(folder) as found:
            shown = [entry for entry in found if not entry.name.startswith(".") and fold(entry.name) not in NOT_DATA]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)


def _levels(root: Path, depth: int) -> Iterator[list[os.DirEntry[str]]]:
    """The contents of the root and then of its subfolders, nearest first."""
    waiting = deque([(root, 0)])
    for _ in range(MOST_FOLDERS):
        if not waiting:
            return
        folder, level = waiting.popleft()
        found = list_entries(folder)
        yield found
        if level < depth:
            waiting.extend((Path(entry.path), level + 1) for entry in found if entry.is_dir())


def locate(root: Path, *names: str, depth: int = DEPTH) -> Path | None:
    """The file or folder of one of the names that lies nearest to the root; an earlier name wins over a later one."""
    wanted = {_loose(name): rank for rank, name in reversed(list(enumerate(names)))}
    best: tuple[int, Path] | None = None
    for found in _levels(root, depth):
        for entry in found:
            rank = wanted.get(_loose(entry.name))
            if rank is not None and (best is None or rank < best[0]):
                best = rank, Path(entry.path)
        if best is not None and best[0] == 0:
            break
    return None if best is None else best[1]


class Files:
    """All files of a folder and its subfolders, to be found by name."""

    def __init__(self, folder: Path | None, depth: int = DEPTH) -> None:
        """folder: None is a folder that does not exist: nothing is found there."""
        self._files: dict[str, list[Path]] = {}
        for found in () if folder is None else _levels(folder, depth):
            for entry in found:
                if not entry.is_dir():
                    self._files.setdefault(fold(entry.name), []).append(Path(entry.path))

    def find(self, name: str) -> Path | None:
        """The file of that name: spelled so exactly if there is one, else in another case."""
        candidates = self._files.get(fold(name), [])
        exact = [path for path in candidates if path.name == name]
        return next(iter(exact or candidates), None)

    def __iter__(self) -> Iterator[Path]:
        for paths in self._files.values():
            yield from paths
