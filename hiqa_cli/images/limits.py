"""How large an image may be. The only place where these defaults are written; imports nothing
heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused before it costs memory.

    max_pixels: width times height, refused from the header, before decoding.
    max_bytes: bytes of one file or stream; never more than one byte beyond it is read.
    """

    max_pixels: int = 200_000_000
    max_bytes: int = 2 * 2**30
