"""Files that a command writes at its end: looked at before any work."""

from __future__ import annotations

import os
from pathlib import Path

from hiqa_cli.errors import UsageError


def check_new_file(path: Path | None, option: str, overwrite: bool) -> None:
    """UsageError, before any work, where a file cannot or must not be written. None: the option was not given."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder, expected a file")
    if path.exists() and not overwrite:
        raise UsageError(f"{option} {path}: exists already", "replace it by --overwrite, or give another file")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {path}: no such folder: {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {path}: {path.parent} cannot be written to")
