"""Numbers of single images, kept as they come, so that an evaluation that was stopped goes on where it was.

A line of JSON an image, written in one piece; a line that a kill cut short is dropped, and its image worked on again.
An image is known by its path below the database, its size and its time of change: another file under the same name has
no numbers yet.
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

Key = tuple[str, int, int]  # path below the root, bytes, time of change in ns


def key_of(name: str, path: Path) -> Key:
    """The key of a file. A file that is not there has one too: reading it will say what is wrong."""
    try:
        status = path.stat()
    except OSError:
        return name, -1, -1
    return name, status.st_size, status.st_mtime_ns


class ScoreCache:
    """A tuple of numbers for each image, in one file, or in memory alone where the path is None.

    A context manager: closes the file.
    """

    def __init__(self, path: Path | None) -> None:
        """Reads what is there. OutputError where the file cannot be read or written."""
        self.path = path
        self._held: dict[Key, tuple[float, ...]] = {}
        self._file: int | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read(path)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
            os.ftruncate(self._file, whole)
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
        return len(self._held)

    def get(self, key: Key) -> tuple[float, ...] | None:
        return self._held.get(key)

    def add(self, key: Key, *numbers: float) -> None:
        """Keep the numbers of an image. OutputError where they cannot be written, and then the file ends with the
        image before."""
        self._held[key] = numbers
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
        """Take in every whole line; the number of bytes that they take."""
        if not path.exists():
            return 0
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            with contextlib.suppress(ValueError, TypeError):  # a damaged line: its image has no numbers yet
                name, size, changed, *numbers = json.loads(line)
                if numbers and all(map(math.isfinite, numbers)):
                    self._held[str(name), int(size), int(changed)] = tuple(map(float, numbers))
        return whole

    def _refusal(self, error: OSError) -> OutputError:
        reason = os_reason(error)
        return OutputError(f"results cannot be kept in {self.path}: {reason}", "what is finished stays there")
