"""Atomic writes: a file or folder gets its name once it is complete; a kill leaves the old one or the new one.

Data goes to a temporary name in the same folder, which is then renamed. Temporary names that are still registered when
the process ends, by an error or by a signal between any two steps, are removed then. What a SIGKILL leaves is removed
by the next process that writes into the folder: a process holds a lock on each of its temporary files, which the system
releases however the process ends. (Not on Windows: there an open file cannot be removed, which serves as well.)
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path
from typing import Any, BinaryIO

from hiqa_cli.errors import cannot_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BINARY = getattr(os, "O_BINARY", 0)
REUSE = os.O_RDWR | os.O_CREAT | os.O_TRUNC | BINARY
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY
TEMPORARY_NAME = re.compile(r"\.hiqa-[0-9a-f]{12}\.part")

_unfinished: dict[Path, int | None] = {}  # temporary name -> descriptor that holds its lock
_swept: set[Path] = set()  # folders without leftovers of killed processes


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
    mode = 0o600 if preserve else 0o666  # a private file stays private while it is written
    if temporary is None:
        temporary, descriptor = _create_temporary(target, mode)
    else:
        _unfinished[temporary] = None
        descriptor = os.open(temporary, REUSE, mode)
    try:
        with open(descriptor, "wb") as file:
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
def resumable_file(path: Path) -> Iterator[BufferedRandom]:
    """Open `NAME.part` for appending and reading; it replaces `path` at the end of the block.

    If the block raises, the part stays unless it is empty, and the next call appends to it. Missing folders are
    created. OSError is passed on; BlockingIOError where another process is writing the part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with open(part, "a+b") as file:
        if fcntl is not None and try_lock(file.fileno()) is False:
            raise BlockingIOError(errno.EWOULDBLOCK, "another process is writing it", str(part))
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            file.flush()
            if not os.fstat(file.fileno()).st_size:
                discard(part)
            raise
    os.replace(part, path)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Create a folder that replaces the folder `path` at the end of the block, or vanishes if the block raises.

    Where several processes create the same folder at once, one of theirs remains, complete. OSError is passed on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = make_temporary_folder(path, 0o700), temporary_path(path)
    try:
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
    remove_leftovers(target.parent)
    # Independent of the target's name, which may be as long as a name can be.
    path = target.parent / f".hiqa-{secrets.token_hex(6)}.part"
    _unfinished[path] = None
    return path


def open_temporary(target: Path) -> tuple[Path, BinaryIO]:
    """A new file under a temporary name, see temporary_path(), open for writing and reading. OSError is passed on."""
    path, descriptor = _create_temporary(target, 0o666)
    return path, open(descriptor, "w+b")


def _create_temporary(target: Path, mode: int) -> tuple[Path, int]:
    while True:
        path = temporary_path(target)
        try:
            descriptor = os.open(path, CREATE, mode)
        except OSError:
            del _unfinished[path]
            raise
        if _lock_temporary(path, os.dup(descriptor)):
            return path, descriptor
        os.close(descriptor)


def make_temporary_folder(target: Path, mode: int = 0o777) -> Path:
    """A new folder under a temporary name, see temporary_path(). OSError is passed on."""
    while True:
        path = temporary_path(target)
        path.mkdir(mode)
        if fcntl is None or _lock_temporary(path, os.open(path, os.O_RDONLY)):
            return path


def _lock_temporary(path: Path, descriptor: int) -> bool:
    """Hold the lock of a new temporary file until commit() or discard(). False if another process took the file for a
    leftover just now, and removes it."""
    if fcntl is None:
        os.close(descriptor)  # Windows renames no file that is open
        return True
    if try_lock(descriptor) is False or not is_open_file(descriptor, path):
        os.close(descriptor)
        del _unfinished[path]
        return False
    _unfinished[path] = descriptor
    return True


def try_lock(descriptor: int) -> bool | None:
    """Lock an open file for this process, without waiting: True; False if another process has locked it; None where
    the file system has no locks. The lock ends with the last copy of the descriptor."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):  # the second is Windows' word for it
        return False
    except OSError:
        return None
    return True


def is_open_file(descriptor: int, path: Path) -> bool:
    """Whether a name still is that of an open file, which another process may have removed or replaced."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def remove_leftovers(folder: Path, *, again: bool = False) -> None:
    """Remove temporary files of processes that were killed; ignores disk errors.

    again: even in a folder that this process has looked through before; otherwise the second time does nothing.
    """
    folder = Path(os.path.abspath(folder))
    if folder in _swept and not again:
        return
    _swept.add(folder)
    own = {path.name for path in _unfinished}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if TEMPORARY_NAME.fullmatch(entry.name)]
        for name in names:
            if name not in own:
                _remove_leftover(folder / name)


def _remove_leftover(path: Path) -> None:
    """Remove a temporary file unless a process is writing it, or may be."""
    if fcntl is None:
        discard(path)  # the system refuses, if so
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if try_lock(descriptor):
                discard(path)
        finally:
            os.close(descriptor)


def commit(temporary: Path, target: Path) -> None:
    """Rename a complete file or folder to its target, replacing a file of that name. OSError is passed on."""
    os.replace(temporary, target)
    _forget(temporary)


def discard(temporary: Path) -> None:
    """Remove a temporary file, or a folder and its contents; ignores disk errors and does nothing after commit()."""
    with contextlib.suppress(OSError):
        if temporary.is_dir() and not temporary.is_symlink():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
    _forget(temporary)


def _forget(temporary: Path) -> None:
    """A temporary name is no longer in use: release its lock."""
    descriptor = _unfinished.pop(temporary, None)
    if descriptor is not None:
        os.close(descriptor)


@atexit.register
def discard_unfinished() -> None:
    """Remove everything that was neither committed nor discarded."""
    for path in list(_unfinished):
        discard(path)
