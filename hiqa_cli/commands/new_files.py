"""Files that a command writes once, at its end: looked at before any work, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from ..errors import OutputError, UsageError


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


def write_new_file(path: Path, data: bytes) -> None:
    """Write under a temporary name, then rename. OutputError where that fails, and then nothing is left."""
    temporary = path.with_name(f".hiqa-{secrets.token_hex(6)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
