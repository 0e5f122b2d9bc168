"""The pictures of a large image at its full size, in pieces: a page loads those that are in view at 1:1.

A piece is a WebP of at most PIECE x PIECE px. Pieces are encoded as soon as their rows are complete, so that memory
holds no more than PIECE rows of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .png_writer import own_text
from .webp import stamped_webp

PIECE = 1024  # px
PIECE_QUALITY, MAP_PIECE_QUALITY = 88, 68  # of WebP, 1..100; maps are in false colour
SPEED = 2  # of WebP's encoder, 0 (fast) to 6: half the time of its default for 4 % more bytes


@dataclass(frozen=True)
class FullSize:
    """The pieces of each picture (distorted, hallucination, discrepancy), row by row from the top left."""

    pieces: Mapping[str, tuple[bytes, ...]]


class PieceEncoder:
    """Encodes one picture `width` x `height` px that arrives in strips from the top down."""

    def __init__(self, width: int, height: int, quality: int, weights_id: str, what: str) -> None:
        self._rows_left = height
        self._quality = quality
        self._text = own_text(what, weights_id)
        self._buffer = np.empty((min(PIECE, height), width, 3), np.uint8)
        self._filled = 0
        self._pieces: list[bytes] = []

    def add(self, rows: np.ndarray) -> None:
        """Take the next rows (n, W, 3) uint8 RGB."""
        while len(rows):
            taken = rows[: len(self._buffer) - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rows = rows[len(taken) :]
            if self._filled == min(len(self._buffer), self._rows_left):
                self._encode(self._buffer[: self._filled])

    def _encode(self, rows: np.ndarray) -> None:
        for left in range(0, rows.shape[1], PIECE):
            self._pieces.append(stamped_webp(rows[:, left : left + PIECE], self._quality, self._text, SPEED))
        self._rows_left -= len(rows)
        self._filled = 0

    def result(self) -> tuple[bytes, ...]:
        """All pieces, after the last row."""
        return tuple(self._pieces)


def encode_pieces(pixels: np.ndarray, quality: int, weights_id: str, what: str) -> tuple[bytes, ...]:
    """The pieces of a whole picture (H, W, 3) uint8 RGB."""
    encoder = PieceEncoder(pixels.shape[1], pixels.shape[0], quality, weights_id, what)
    encoder.add(pixels)
    return encoder.result()
