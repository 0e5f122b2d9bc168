"""What parent and child say to each other: a length, a JSON object, and bytes whose number the object names."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<I")
_LONGEST = 2**20  # bytes of JSON


class ProtocolError(Exception):
    """The other side is gone, or does not keep to the protocol."""


def send(stream: BinaryIO, message: dict[str, Any], data: bytes | bytearray | memoryview = b"") -> None:
    """Write a message and its bytes. Raises OSError where nobody reads."""
    text = json.dumps(message).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, Any]:
    """Read a message. Raises ProtocolError."""
    (length,) = _LENGTH.unpack(receive_bytes(stream, _LENGTH.size))
    if length > _LONGEST:
        raise ProtocolError(f"a message of {length:,} bytes")
    try:
        message = json.loads(receive_bytes(stream, length))
    except ValueError as error:
        raise ProtocolError("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("a message that is not an object")
    return message


def receive_bytes(stream: BinaryIO, count: int) -> bytearray:
    """Read exactly `count` bytes. Raises ProtocolError."""
    data = bytearray(count)
    receive_into(stream, memoryview(data))
    return data


def receive_into(stream: BinaryIO, room: memoryview) -> None:
    """Fill `room`, of bytes. Raises ProtocolError."""
    filled = 0
    while filled < len(room):
        count = stream.readinto(room[filled:])  # type: ignore[attr-defined]
        if not count:
            raise ProtocolError("the other side has ended")
        filled += count
