"""Members of tar and zip archives, wherever these lie.

A tar archive is walked once for where its members begin; they are then read in pieces, or, where a server cannot do
that, from one stream that goes forward. Of an archive whose members are read in order, everything is read once.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from .address import COMPRESSED, location, shown
from .reasons import RemoteError

OPEN_ARCHIVES = 16
STEP = 2**20  # bytes that are skipped at once


class Archive(Protocol):
    """An open archive."""

    def names(self) -> list[str]:
        """Its files, in their order."""

    def open(self, member: str) -> Any:
        """The bytes of a file as a stream; KeyError where there is none."""

    def close(self) -> None: ...


Open = Callable[..., Any]
_lock = threading.RLock()
_archives: OrderedDict[str, Archive] = OrderedDict()  # those used last


def open_member(archive: str, member: str, open_file: Open) -> Any:
    """A member as a stream. Raises RemoteError, and what fsspec, tarfile and zipfile raise."""
    try:
        return archive_at(archive, open_file).open(member)
    except KeyError:
        raise RemoteError(f"no such member in {shown(archive)}", False) from None


def archive_at(archive: str, open_file: Open) -> Archive:
    """The archive, which stays open for the next member."""
    with _lock:
        if archive not in _archives:
            kind = ZipArchive if location(archive).lower().endswith(".zip") else TarArchive
            _archives[archive] = kind(archive, open_file)
            while len(_archives) > OPEN_ARCHIVES:
                _archives.popitem(last=False)[1].close()
        _archives.move_to_end(archive)
        return _archives[archive]


def forget_archives() -> None:
    """Close all: an archive may have changed."""
    with _lock:
        while _archives:
            _archives.popitem()[1].close()


class ZipArchive:
    """See `Archive`."""

    def __init__(self, address: str, open_file: Open) -> None:
        self._file = open_file(address, seekable=True)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except zipfile.BadZipFile as error:
            raise RemoteError(f"no zip archive, or a damaged one: {shown(address)}", False) from error

    def names(self) -> list[str]:
        return list(dict.fromkeys(info.filename for info in self._zip.infolist() if not info.is_dir()))

    def open(self, member: str) -> Any:
        try:
            return self._zip.open(member)
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:  # encrypted, another compression
            raise RemoteError(f"the member cannot be read: {error}".split(" for ")[0], False) from error

    def close(self) -> None:
        self._file.close()


class TarArchive:
    """See `Archive`."""

    def __init__(self, address: str, open_file: Open) -> None:
        if location(address).lower().endswith(COMPRESSED):
            raise RemoteError(f"a compressed tar archive can only be read as a whole: {shown(address)}", False)
        self._address, self._open_file = address, open_file
        self._lock = threading.Lock()
        self._file = open_file(address, seekable=True)
        self._places = self._index()

    def _index(self) -> dict[str, tuple[int, int]]:
        """Name -> (beginning, size) of every regular file."""
        mode = "r:" if _can_seek(self._file) else "r|"
        places = {}
        try:
            with tarfile.open(fileobj=self._file, mode=mode) as tar:  # type: ignore[call-overload]
                for member in tar:
                    if member.isreg() and not member.issparse():
                        places[member.name] = (member.offset_data, member.size)
                    tar.members = []  # it would keep them all
        except tarfile.ReadError as error:
            reason = f"no tar archive, or a damaged one: {shown(self._address)}"
            raise RemoteError(reason, False) from error
        if not _can_seek(self._file):
            self._reopen()
        return places

    def names(self) -> list[str]:
        return list(self._places)

    def open(self, member: str) -> Any:
        start, size = self._places[member]
        return Part(self, start, size)

    def read(self, start: int, size: int) -> bytes:
        """At most `size` bytes from `start`."""
        with self._lock:
            if _can_seek(self._file):
                self._file.seek(start)
            else:
                self._go_to(start)
            return bytes(self._file.read(size))

    def _go_to(self, start: int) -> None:
        """In a stream: forward by reading, back from its beginning."""
        if self._file.tell() > start:
            self._reopen()
        while self._file.tell() < start:
            if not self._file.read(min(STEP, start - self._file.tell())):
                raise EOFError("the archive ended early")

    def _reopen(self) -> None:
        with contextlib.suppress(Exception):
            self._file.close()
        self._file = self._open_file(self._address)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._file.close()


class Part(io.RawIOBase):
    """A member of a tar archive as a stream."""

    def __init__(self, archive: TarArchive, start: int, size: int) -> None:
        self._archive, self._next, self._end = archive, start, start + size

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. EOFError where the archive ends before the member."""
        wanted = min(self._end - self._next, size if size >= 0 else STEP)
        if wanted <= 0:
            return b""
        data = self._archive.read(self._next, wanted)
        if not data:
            raise EOFError("the archive ended early")
        self._next += len(data)
        return data


def _can_seek(file: Any) -> bool:
    """Whether a file can be read from any place; fsspec's stream of the web says so and cannot."""
    return type(file).__name__ != "HTTPStreamFile"
