"""Walks folders for images."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hiqa_cli.errors import os_reason
from hiqa_cli.images.sniff import IMAGE_SUFFIXES

from .exclusion import IsExcluded

if TYPE_CHECKING:
    from hiqa_cli.files.remote.listing import Place


class EntryKind(Enum):
    """What an entry of a folder is to a search for images."""

    IMAGE = "a regular file with the suffix of an image"
    FOLDER = "a folder that was not requested"
    EXCLUDED = "left out"
    PROBLEM = "cannot be searched"


@dataclass(frozen=True)
class Entry:
    """One entry of a walk. path: begins with the folder as given. problem: of a PROBLEM, why."""

    path: str
    kind: EntryKind
    problem: str = ""


def walk(folder: str, recursive: bool, is_excluded: IsExcluded) -> Iterator[Entry]:
    """The entries of a folder that matter, sorted by name.

    is_excluded: takes paths below the folder. Passes over hidden names, files that are no images by their name, links
    to folders, and what is no regular file: a named pipe would be waited for.
    """
    open_folders = [_listing(folder)]  # a stack instead of recursion: folders may be very deep
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, Entry):
            yield entry
        elif not entry.name.startswith(".") and not _is_hidden(entry):
            kind = _kind(entry)
            if kind is None:
                continue
            below = entry.path[len(folder) :].lstrip(os.sep)
            if is_excluded(below, kind is EntryKind.FOLDER):
                yield Entry(entry.path, EntryKind.EXCLUDED)
            elif kind is EntryKind.FOLDER and recursive:
                open_folders.append(_listing(entry.path))
            else:
                yield Entry(entry.path, kind)


def walk_address(address: str, recursive: bool, is_excluded: IsExcluded, *, patterns: bool) -> Iterator[Entry] | None:
    """Like walk(), of a folder at a URL, a pattern, or an archive; None where the address names one file.

    patterns: * ? [ ] in it are a pattern. Raises DependencyError, and UsageError for an address that makes no sense.
    """
    from hiqa_cli.files.remote.listing import listed
    from hiqa_cli.files.remote.reasons import RemoteError

    try:
        places = listed(address, recursive=recursive, patterns=patterns, suffixes=frozenset(IMAGE_SUFFIXES))
    except RemoteError as error:
        return iter([Entry(address, EntryKind.PROBLEM, error.reason)])
    return None if places is None else _entries(places, is_excluded)


def _entries(places: list[Place], is_excluded: IsExcluded) -> Iterator[Entry]:
    for place in places:
        if any(part.startswith(".") for part in place.below.split("/")):
            continue
        kind = EntryKind.FOLDER if place.is_folder else EntryKind.IMAGE
        if kind is EntryKind.IMAGE and os.path.splitext(place.below)[1].lower() not in IMAGE_SUFFIXES:
            continue
        yield Entry(place.address, EntryKind.EXCLUDED if is_excluded(place.below, place.is_folder) else kind)


def _listing(folder: str) -> Iterator[os.DirEntry[str] | Entry]:
    """The entries of a folder, sorted by name, or a PROBLEM if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        return iter([Entry(folder, EntryKind.PROBLEM, f"the folder cannot be read: {os_reason(error)}")])


def _kind(entry: os.DirEntry[str]) -> EntryKind | None:
    """IMAGE, FOLDER or, for anything else, None."""
    if entry.is_dir(follow_symlinks=False):
        return EntryKind.FOLDER
    has_suffix = os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES
    return EntryKind.IMAGE if has_suffix and is_searched(entry) else None


def is_searched(entry: os.DirEntry[str] | str) -> bool:
    """Whether a search reads a file: a regular one, links followed, or one of which reading will tell what is wrong,
    such as a circular link."""
    try:
        return stat.S_ISREG(os.stat(entry).st_mode)
    except OSError:
        return True


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    """Whether the entry has Windows' hidden attribute."""
    try:
        attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return bool(attributes & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0))
