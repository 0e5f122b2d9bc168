"""hiqa's folder in the user's cache."""

from __future__ import annotations

import errno
from pathlib import Path


def user_cache() -> Path:
    """The folder, whether it exists or not.

    FileNotFoundError where the user has no home folder, as in a container without HOME and user name.
    """
    from platformdirs import user_cache_path

    try:
        folder = user_cache_path("hiqa", appauthor=False)
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():  # older platformdirs name a folder `~` below the working folder
        raise FileNotFoundError(errno.ENOENT, "the user has no home folder")
    return folder
