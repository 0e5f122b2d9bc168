"""Opens addresses as streams of bytes. Memory is the reader's: a stream holds a block of a few megabytes at most."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from .address import is_web, shown, split_member
from .archives import open_member
from .library import filesystem
from .reasons import RemoteError, remote_error

SECONDS_A_FILE = 120.0  # for one file, however slowly it comes
BLOCK = 2 * 2**20  # bytes that are asked for at once


class Timed:
    """A stream that is to end in time. Reading raises RemoteError."""

    def __init__(self, stream: Any, address: str) -> None:
        self._stream, self._address = stream, address
        self._end = time.monotonic() + SECONDS_A_FILE

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if time.monotonic() > self._end:
            raise RemoteError(f"not complete after {SECONDS_A_FILE:.0f} s from {shown(self._address)}", True)
        try:
            return bytes(self._stream.read(min(size, BLOCK)))
        except Exception as error:
            raise remote_error(error, self._address) from error


@contextlib.contextmanager
def opened(address: str) -> Iterator[Timed]:
    """The bytes of a URL, or of a member of an archive. Raises RemoteError; DependencyError, UsageError."""
    archive, member = split_member(address)
    try:
        stream = open_file(address) if member is None else open_member(archive, member, open_file)
    except Exception as error:
        raise remote_error(error, address) from error
    try:
        yield Timed(stream, address)
    finally:
        with contextlib.suppress(Exception):
            stream.close()


def open_file(address: str, *, seekable: bool = False) -> Any:
    """A file of fsspec. seekable: it is read in pieces; of the web, other files are one stream, without asking for
    their size first."""
    system, path = filesystem(address)
    if is_web(address) and not seekable:
        return system.open(path, "rb", block_size=0, size=1)
    return system.open(path, "rb", block_size=BLOCK)
