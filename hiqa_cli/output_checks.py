"""Checks of output files and folders before any work: can they be written, and may they be replaced?"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .errors import UsageError, os_reason


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
