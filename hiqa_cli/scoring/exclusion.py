"""What is left out of the folders that are searched: folders of devices and programs, and what --exclude names."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from hiqa_cli.errors import UsageError

# Folders that storage devices and programs fill with thumbnails, deleted files and old versions of photographs.
SYSTEM_FOLDERS = (
    "@eaDir",  # Synology
    "#recycle",
    "#snapshot",
    "@Recycle",  # QNAP
    "@Recently-Snapshot",
    "$RECYCLE.BIN",  # Windows
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "__MACOSX",  # archives of macOS
)

IsExcluded: TypeAlias = Callable[[str, bool], bool]
"""(path, whether it is a folder) -> whether it is left out, with all that is in it."""


class Exclusion:
    """Patterns as in .gitignore, the last that matches decides. Raises UsageError for one that makes no sense.

    A pattern with a slash before its end is meant from the folder that is searched, or from the same place as that
    folder's own path. `!PATTERN` takes something back, SYSTEM_FOLDERS too.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [self._checked(pattern) for pattern in patterns]
        self.named = self._compile(self._patterns) if self._patterns else _nothing
        """Whether a path that the user named is left out: not for being a system folder."""

    def below(self, folder: str) -> IsExcluded:
        """What is left out of a folder that is searched; takes paths below it."""
        if not self._patterns:
            return _in_system_folder
        system = [f"{_as_line(name)}/" for name in SYSTEM_FOLDERS]
        return self._compile([*system, *_from_folder(self._patterns, folder)])

    def _checked(self, pattern: str) -> str:
        """The pattern as a line of .gitignore."""
        line = _as_line(pattern)
        try:
            self._compile([line])
        except (ValueError, re.error):
            line = ""
        if not pattern.strip("!/ ") or not line:
            expected = "expected a pattern such as '*_small.jpg' or 'raw/'"
            raise UsageError(f"--exclude: {expected}, found {pattern!r}")
        return line

    def _compile(self, lines: Sequence[str]) -> IsExcluded:
        import pathspec  # here, since it takes as long as the rest of this package

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of `re`, about [[
            spec = pathspec.GitIgnoreSpec.from_lines(lines)

        def is_excluded(path: str, is_folder: bool) -> bool:
            path = path.replace("\n", " ")  # which pathspec's expressions do not expect in a name
            return bool(spec.match_file(f"{path}/" if is_folder else path))

        return is_excluded


def _nothing(path: str, is_folder: bool) -> bool:
    return False


def _in_system_folder(path: str, is_folder: bool) -> bool:
    parts = path.split(os.sep)
    return any(part in SYSTEM_FOLDERS for part in (parts if is_folder else parts[:-1]))


def _as_line(pattern: str) -> str:
    """A pattern of the command line as a line of .gitignore, where # begins a comment."""
    return f"\\{pattern}" if pattern.startswith("#") else pattern


def _from_folder(lines: Sequence[str], folder: str) -> Iterator[str]:
    """The lines, each followed by what it means in the folder if it begins with the folder's path."""
    start = "./" if folder == os.curdir else f"{folder.rstrip(os.sep)}/".replace(os.sep, "/").removeprefix("./")
    for line in lines:
        yield line
        sign = "!" if line.startswith("!") else ""
        for body in (line.removeprefix("!"), line.removeprefix("!").removeprefix("./")):
            if body.startswith(start):
                yield f"{sign}/{body.removeprefix(start)}"
