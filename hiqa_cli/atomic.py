"""Files and folders under temporary names: in their place when whole, gone when the process ends before that.

Signals arrive between any two steps, also between opening a file and keeping hold of it: what is still named here when
the process ends is removed then.
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import shutil
from pathlib import Path

_unfinished: set[Path] = set()


def temporary_beside(target: Path) -> Path:
    """A new name in the target's folder, to be renamed to the target when whole, then settle()d."""
    # A short name of its own: one made from a name that is nearly too long would not fit.
    path = target.parent / f".hiqa-{secrets.token_hex(6)}.part"
    _unfinished.add(path)
    return path


def settle(path: Path) -> None:
    """The name is no longer in use: renamed, or removed."""
    _unfinished.discard(path)


def remove(path: Path) -> None:
    """Remove a temporary file, or a folder with all in it; never raises for the disk."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    settle(path)


@atexit.register
def remove_unfinished() -> None:
    """Remove everything that was neither renamed nor removed."""
    for path in list(_unfinished):
        remove(path)
