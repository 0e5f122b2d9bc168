"""Checks of output files and folders before any work: can they be written, may they be replaced, and does no other run
write them?"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from hiqa_cli.errors import UsageError, cannot_write, os_reason

from .atomic import is_open_file, remove_leftovers, try_lock

FileId: TypeAlias = tuple[int, int] | str
"""A file by device and inode, so that all its hard links count as one; by its real path where it has no inode."""


def file_id(path: str | Path) -> FileId | None:
    """What tells a file from others, whatever its name; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def file_ids(paths: Iterable[str | Path]) -> set[FileId]:
    """The files that exist under these names."""
    return {found for found in map(file_id, paths) if found is not None}


def is_same_target(one: str | Path, other: str | Path) -> bool:
    """Whether two output files are one, links followed, whether they exist or not."""
    found = file_id(one)
    return os.path.realpath(one) == os.path.realpath(other) or (found is not None and found == file_id(other))


def check_output_file(path: str | Path, option: str, *, in_place: bool = False) -> os.stat_result | None:
    """UsageError, naming the option, if a file cannot be written; returns the status of a file that exists.

    in_place: an existing file will be written to, instead of being replaced by a new one of its name.
    """
    target = os.path.realpath(path) if in_place else path
    try:
        status = os.stat(target)
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise UsageError(f"{option} {path}: {os_reason(error)}") from error
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{option} {path}: is a folder, expected a file")
    if status is not None and in_place:
        if not os.access(target, os.W_OK):
            raise UsageError(f"{option} {path}: cannot be written to")
        return status
    folder = os.path.dirname(target) or os.curdir
    if not os.path.isdir(folder):
        raise UsageError(f"{option} {path}: no such folder: {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {path}: {folder} cannot be written to")
    return status


def check_new_file(path: Path | None, option: str, overwrite: bool) -> None:
    """UsageError if a file cannot be written, or exists and must not be replaced. None: the option was not given."""
    if path is None:
        return
    check_output_file(path, option)
    if os.path.lexists(path) and not overwrite:
        raise UsageError(f"{option} {path}: exists already", "replace it by --overwrite, or give another file")


def check_output_folder(folder: Path) -> None:
    """UsageError if a folder cannot be created or written to."""
    if str(folder) == "-":
        raise UsageError("expected a folder, found -", "for a folder of that name, give ./-")
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise UsageError(f"{nearest} is not a folder", f"{folder} cannot be created or written to")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(f"{nearest} cannot be written to", "give another folder")


@contextlib.contextmanager
def claimed_outputs(*targets: tuple[str, str | Path | None]) -> Iterator[None]:
    """Keep other runs from writing the same files, for the length of the block or the life of the process.

    targets: (option, file or None). Also removes what killed processes left in the files' folders. UsageError if
    another run has one of them. The claim is a lock on a hidden file in the target's folder; where that cannot be, in
    a folder of another user's or on a file system without locks, there is no claim. Devices and pipes have none either.
    """
    with contextlib.ExitStack() as claims:
        claimed = set()
        for option, target in targets:
            path = None if target is None else Path(os.path.realpath(target))
            if path is None or path in claimed or (path.exists() and not path.is_file() and not path.is_dir()):
                continue
            claimed.add(path)
            remove_leftovers(path.parent)
            if not claims.enter_context(_held_lock(_lock_file(path))):
                raise UsageError(
                    f"{option} {target}: another run is writing it", "wait until it has ended, or give another file"
                )
        yield


@contextlib.contextmanager
def claimed_folder(option: str, folder: Path) -> Iterator[None]:
    """As `claimed_outputs`, for a folder that a run fills, whether it exists or not.

    Its parents are created; those still empty at the end, as nothing started, are removed.
    """
    path = Path(os.path.realpath(folder))
    created = [parent for parent in path.parents if not parent.exists()]  # the innermost first
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    try:
        with _held_lock(_lock_file(path)) as free:
            if not free:
                remedy = "wait until it has ended, or give another folder"
                raise UsageError(f"{option} {folder}: another run is writing it", remedy)
            yield
    finally:
        for parent in created:
            with contextlib.suppress(OSError):  # not empty
                parent.rmdir()


def _lock_file(target: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.normcase(target.name))).hexdigest()[:12]
    return target.with_name(f".hiqa-{name}.lock")


@contextlib.contextmanager
def _held_lock(path: Path) -> Iterator[bool]:
    """Lock a file, which is created and removed again; False if another process has locked it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            yield True
            return
        free = try_lock(descriptor)
        if free is False or is_open_file(descriptor, path):
            break
        os.close(descriptor)  # the process that had it removed it just now
    try:
        yield free is not False
    finally:
        if free is not False and os.name != "nt":
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(descriptor)
        if free is not False and os.name == "nt":  # which removes no open file
            with contextlib.suppress(OSError):
                path.unlink()
