"""Reads the bytes of an image from a path or a stream, up to a limit.

Regular files, named pipes and streams are accepted; folders, devices, terminals and sockets are refused before they are
opened. Opening a named pipe waits for its writer.
"""

from __future__ import annotations

import io
import os
import stat
from dataclasses import dataclass
from typing import BinaryIO

from hiqa_cli.errors import ImageError, os_reason

from .sniff import SNIFFED, sniff

_STEP = 2**20  # bytes; a stream of unknown length is read in growing steps from this


@dataclass(frozen=True)
class Limits:
    """How large an image may be.

    max_pixels: width times height, checked by the header, before decoding.
    max_bytes: bytes of one file or stream; at most one byte beyond it is read.
    """

    max_pixels: int = 200_000_000
    max_bytes: int = 2 * 2**30


DEFAULT_LIMITS = Limits()


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise ImageError for an image of more pixels than the limit."""
    pixels = width * height
    if pixels > limits.max_pixels:
        size = f"{width} x {height} = {pixels:,} pixels"
        raise ImageError(f"{size}, more than the limit of {limits.max_pixels:,}", "raise max_pixels (--max-pixels)")


def read_bytes(source: str | bytes | os.PathLike | BinaryIO | io.RawIOBase, limits: Limits) -> bytearray:
    """All bytes of a path (str, bytes, PathLike) or binary stream. Raises ImageError, without the path."""
    if not isinstance(source, str | bytes | os.PathLike):
        return _read_stream(source, limits)
    try:
        _refuse_special(os.stat(source).st_mode)
        with open(source, "rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            _refuse_special(state.st_mode)
            known = state.st_size if stat.S_ISREG(state.st_mode) else None
            if known is not None and known > limits.max_bytes:
                raise _too_large(f"the file has {known:,} bytes", limits)
            return _read(file, limits, known)
    except OSError as error:
        raise ImageError(_reason(error)) from error
    except ValueError as error:  # a NUL in the path
        raise ImageError("no such file: its name contains a NUL character") from error


def _read_stream(stream: BinaryIO | io.RawIOBase, limits: Limits) -> bytearray:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (AttributeError, OSError, io.UnsupportedOperation):
        mode = None
    if mode is not None:
        _refuse_special(mode)
    try:
        return _read(stream, limits, None)
    except OSError as error:
        raise ImageError(_reason(error)) from error


def _read(stream: BinaryIO | io.RawIOBase, limits: Limits, known: int | None) -> bytearray:
    """Read to the end, or to one byte beyond the limit; refuses files that are not images by their first bytes.

    known: size of a regular file. Only an estimate: it may be wrong (/proc), or the file may grow.
    """
    held = bytearray(min(known or SNIFFED, limits.max_bytes) + 1)
    filled, sniffed = 0, False
    while True:
        with memoryview(held) as view:
            count = _read_into(stream, view[filled:])
        filled += count
        if filled > limits.max_bytes:
            raise _too_large("more bytes follow", limits)
        if not sniffed and (filled >= SNIFFED or not count):
            sniff(bytes(held[:SNIFFED] if filled > SNIFFED else held[:filled]))
            sniffed = True
        if not count:
            del held[filled:]
            return held
        if filled == len(held):
            room = min(max(_STEP, len(held) // 2), limits.max_bytes + 1 - filled)
            held.extend(bytes(room))


def _read_into(stream: BinaryIO | io.RawIOBase, room: memoryview) -> int:
    readinto = getattr(stream, "readinto", None)
    if readinto is not None:
        count = readinto(room)
    else:
        some = stream.read(min(len(room), _STEP))
        count = None if some is None else len(some)
        room[: count or 0] = some or b""
    if count is None:
        raise ImageError("the stream is non-blocking, expected a blocking one")
    return int(count)


def _refuse_special(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ImageError("a folder, not an image file")
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise ImageError("a device, not an image file")
    if stat.S_ISSOCK(mode):
        raise ImageError("a socket, not an image file")


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"cannot be read: {os_reason(error)}"


def _too_large(what: str, limits: Limits) -> ImageError:
    return ImageError(f"larger than the limit of {limits.max_bytes:,} bytes: {what}", "raise max_bytes (--max-bytes)")
