"""What lies at an address: the files of folders, patterns and archives, and what a file is now."""

from __future__ import annotations

import glob
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .address import MEMBER, is_archive, is_url, is_web, location, split_member
from .archives import archive_at, forget_archives
from .library import filesystem
from .opening import open_file
from .reasons import remote_error


@dataclass(frozen=True)
class Place:
    """An entry below an address. address: begins with it as given. below: the part that follows it."""

    address: str
    below: str
    is_folder: bool = False


def listed(address: str, *, recursive: bool, patterns: bool, suffixes: frozenset[str]) -> list[Place] | None:
    """The entries of a folder, a pattern or an archive, sorted by name; None where the address names one file.

    recursive: with those of all subfolders. patterns: * ? [ ] in the address are a pattern. suffixes: of files that
    are not asked about. Raises RemoteError, DependencyError, UsageError.
    """
    try:
        if is_archive(address):
            forget_archives()
            return [Place(f"{address}{MEMBER}{name}", name) for name in archive_at(address, open_file).names()]
        if split_member(address)[1] is not None:
            filesystem(split_member(address)[0])  # a missing library ends the run, not every image
            return None
        system, path = filesystem(address)
        if patterns and glob.has_magic(location(address)):
            return _matches(system, address)
        is_file = os.path.splitext(location(address))[1].lower() in suffixes
        if is_file or not (location(address).endswith("/") if is_web(address) else system.isdir(path)):
            return None
        return sorted(_below(system, path, address, recursive), key=lambda place: place.below)
    except Exception as error:
        raise remote_error(error, address) from error


def _below(system: Any, path: str, address: str, recursive: bool) -> Iterator[Place]:
    entries = system.find(path, detail=True).values() if recursive else system.ls(path, detail=True)
    root = str(system.unstrip_protocol(path)).rstrip("/") + "/"
    for entry in entries:
        full = str(system.unstrip_protocol(entry["name"])).rstrip("/")
        below = full.removeprefix(root)
        if full + "/" != root and below != full:  # not the folder itself, nor what lies beside it
            yield Place(f"{address.rstrip('/')}/{below}", below, entry["type"] == "directory")


def _matches(system: Any, pattern: str) -> list[Place]:
    """The files that match."""
    folder = pattern
    while glob.has_magic(folder):
        folder = folder.rpartition("/")[0]
    root = str(system.unstrip_protocol(system._strip_protocol(folder))).rstrip("/") + "/"
    found = []
    for name, entry in sorted(system.glob(pattern, detail=True).items()):
        below = str(system.unstrip_protocol(name)).removeprefix(root)
        if entry["type"] != "directory":
            found.append(Place(f"{folder.rstrip('/')}/{below}", below))
    return found


def state(address: str) -> tuple[int, int] | None:
    """(bytes, ns since 1970 of the last change, or what stands for it) of a file or of a member's archive; None where
    that is not known. Listings that were read before are not read again."""
    archive, _ = split_member(address)
    if not is_url(archive):
        try:
            status = os.stat(archive)
        except (OSError, ValueError):
            return None
        return status.st_size, status.st_mtime_ns
    try:
        system, path = filesystem(archive)
        entry = system.info(path)
    except Exception:
        return None
    if entry.get("size") is None:
        return None
    return int(entry["size"]), _changed(entry)


def _changed(entry: dict[str, Any]) -> int:
    for key in ("LastModified", "last_modified", "updated", "mtime", "created", "ETag", "etag"):
        value = entry.get(key)
        if isinstance(value, datetime):
            return int(value.timestamp() * 1e9)
        if isinstance(value, int | float):
            return int(value * 1e9)
        if value:
            return zlib.crc32(str(value).encode())
    return 0


def archive_is_gone(name: str) -> bool:
    """Whether the archive on this machine that holds a member is gone; what is not named is not asked for."""
    archive, member = split_member(name)
    return member is not None and not is_url(archive) and not os.path.lexists(archive)
