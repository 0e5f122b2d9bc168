"""Keeps the numbers of each image as they are computed, so that a stopped evaluation resumes.

One line of JSON per image, written in one call; a line that a kill cut short is dropped, and its image recomputed.
The key of an image is its path below the database, its size and its modification time: a changed file is computed
again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from pathlib import Path
from types import TracebackType

from hiqa_cli.errors import OutputError, os_reason

Key = tuple[str, int, int]  # path below the root, bytes, modification time in ns


def key_of(name: str, path: Path) -> Key:
    """The key of a file. A missing file has one, too: reading it reports the error."""
    try:
        status = path.stat()
    except OSError:
        return name, -1, -1
    return name, status.st_size, status.st_mtime_ns


class ScoreCache:
    """A tuple of numbers for each image, in a file, or only in memory if the path is None.

    As a context manager, it closes the file.
    """

    def __init__(self, path: Path | None) -> None:
        """Read the file. OutputError if it cannot be read or written."""
        self.path = path
        self._numbers: dict[Key, tuple[float, ...]] = {}
        self._file: int | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            complete = self._read(path)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            os.ftruncate(self._file, complete)
        except OSError as error:
            raise self._refusal(error) from error

    def __enter__(self) -> ScoreCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __len__(self) -> int:
        return len(self._numbers)

    def get(self, key: Key) -> tuple[float, ...] | None:
        """The numbers of an image, None where they are not known."""
        return self._numbers.get(key)

    def add(self, key: Key, *numbers: float) -> None:
        """Add the numbers of an image. OutputError if they cannot be written; the file then ends with the image
        before."""
        self._numbers[key] = numbers
        if self._file is None:
            return
        line = (json.dumps([*key, *numbers]) + "\n").encode("ascii")
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)
            raise self._refusal(error) from error

    def _read(self, path: Path) -> int:
        """Read all complete lines. Returns their length in bytes."""
        if not path.exists():
            return 0
        complete = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            complete += len(line)
            with contextlib.suppress(ValueError, TypeError):  # a damaged line counts as missing
                name, size, changed, *numbers = json.loads(line)
                if numbers and all(map(math.isfinite, numbers)):
                    self._numbers[str(name), int(size), int(changed)] = tuple(map(float, numbers))
        return complete

    def _refusal(self, error: OSError) -> OutputError:
        reason = os_reason(error)
        return OutputError(f"cannot write results to {self.path}: {reason}", "finished results are kept there")
