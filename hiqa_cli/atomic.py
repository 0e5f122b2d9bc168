"""Atomic writes: a file or folder gets its name once it is complete; a kill leaves the old one or the new one.

Data goes to a temporary name in the same folder, which is then renamed. Temporary names that are still registered when
the process ends, by an error or by a signal between any two steps, are removed then.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from .errors import cannot_write

WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)

_unfinished: set[Path] = set()


@contextlib.contextmanager
def atomic_file(
    path: Path, *, sync: bool = True, preserve: bool = False, temporary: Path | None = None
) -> Iterator[BinaryIO]:
    """Open a new binary file that replaces `path` at the end of the block, or vanishes if the block raises.

    Missing folders are created. OSError is passed on.

    sync: flush to the disk before the rename, so that a power failure loses nothing either.
    preserve: write through a symbolic link and keep the permissions of the file that is replaced.
    temporary: a fixed temporary name, for large files that a single process writes: the next write reuses what a
        SIGKILL left behind.
    """
    target = Path(os.path.realpath(path)) if preserve else path
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary or temporary_path(target)
    _unfinished.add(temporary)
    mode = 0o600 if preserve else 0o666  # a private file stays private while it is written
    try:
        with open(os.open(temporary, WRITE_FLAGS, mode), "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if preserve and target.exists():
            shutil.copymode(target, temporary)
        commit(temporary, target)
    finally:
        discard(temporary)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Create a folder that replaces the folder `path` at the end of the block, or vanishes if the block raises.

    Where several processes create the same folder at once, one of theirs remains, complete. OSError is passed on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = temporary_path(path), temporary_path(path)
    try:
        temporary.mkdir(mode=0o700)
        yield temporary
        with contextlib.suppress(FileNotFoundError):
            os.replace(path, old)
        try:
            commit(temporary, path)
        except OSError:
            if not path.is_dir():  # otherwise another process was faster
                raise
    finally:
        discard(temporary)
        discard(old)


def write_bytes(path: Path, data: bytes, hint: str = "") -> None:
    """Write a file atomically and durably; missing folders are created. Raises OutputError with this hint."""
    try:
        with atomic_file(path) as file:
            file.write(data)
    except OSError as error:
        raise cannot_write(path, error, hint) from error


def write_json(path: Path, data: Any) -> None:
    """Write a value as indented JSON, in ASCII, like write_bytes()."""
    write_bytes(path, (json.dumps(data, indent=1) + "\n").encode("ascii"))


def temporary_path(target: Path) -> Path:
    """A new name in the target's folder, removed when the process ends; pass it to commit() or discard()."""
    # Independent of the target's name, which may be as long as a name can be.
    path = target.parent / f".hiqa-{secrets.token_hex(6)}.part"
    _unfinished.add(path)
    return path


def commit(temporary: Path, target: Path) -> None:
    """Rename a complete file or folder to its target, replacing a file of that name. OSError is passed on."""
    os.replace(temporary, target)
    _unfinished.discard(temporary)


def discard(temporary: Path) -> None:
    """Remove a temporary file, or a folder and its contents; ignores disk errors and does nothing after commit()."""
    with contextlib.suppress(OSError):
        if temporary.is_dir() and not temporary.is_symlink():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
    _unfinished.discard(temporary)


@atexit.register
def discard_unfinished() -> None:
    """Remove everything that was neither committed nor discarded."""
    for path in list(_unfinished):
        discard(path)
