"""Finding files regardless of the case of their names and of additional folders around them.

Databases were published from systems that ignore case (`I01.BMP`, `i01.bmp`), and unpack into one or two more folders
than their descriptions say.
"""

from __future__ import annotations

import os
import unicodedata
from collections import deque
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MAX_DEPTH = 3  # levels of folders below the root that are searched
MAX_FOLDERS = 2000  # limits the search if the root is a whole disk
IGNORED = {"__macosx"}


def fold(name: str) -> str:
    """The name for comparison: without case, and with composed letters (macOS decomposes them)."""
    return unicodedata.normalize("NFC", name).casefold()


def _loose(name: str) -> str:
    """Like `fold`, with blanks in place of underscores, as some copies have."""
    return fold(name).replace("_", " ")


def list_entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name, without hidden files; none where it cannot be listed."""
    try:
        with os.scandir(folder) as found:
            shown = [entry for entry in found if not entry.name.startswith(".") and fold(entry.name) not in IGNORED]
    except OSError:
        return []
    return sorted(shown, key=lambda entry: entry.name)


def _levels(root: Path, depth: int) -> Iterator[list[os.DirEntry[str]]]:
    """The contents of the root and then of its subfolders, nearest first."""
    waiting = deque([(root, 0)])
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        folder, level = waiting.popleft()
        found = list_entries(folder)
        yield found
        if level < depth:
            waiting.extend((Path(entry.path), level + 1) for entry in found if entry.is_dir())


def locate(root: Path, *names: str, depth: int = MAX_DEPTH) -> Path | None:
    """The file or folder nearest to the root that has one of the names; earlier names take precedence."""
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
    """All files of a folder and its subfolders, by name."""

    def __init__(self, folder: Path | None, depth: int = MAX_DEPTH) -> None:
        """folder: None means a missing folder, without files."""
        self._files: dict[str, list[Path]] = {}
        for found in () if folder is None else _levels(folder, depth):
            for entry in found:
                if not entry.is_dir():
                    self._files.setdefault(fold(entry.name), []).append(Path(entry.path))

    def find(self, path: str) -> Path | None:
        """The file with the name at the end of `path`, in whichever folder: exactly as spelled if it exists, else in
        another case."""
        name = PurePosixPath(path).name
        candidates = self._files.get(fold(name), [])
        exact = [path for path in candidates if path.name == name]
        return next(iter(exact or candidates), None)

    def __iter__(self) -> Iterator[Path]:
        for paths in self._files.values():
            yield from paths
