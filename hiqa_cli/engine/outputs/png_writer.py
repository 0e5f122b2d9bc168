"""Write a PNG one strip of rows at a time, so that no whole image is held in memory.

8 bits per channel, RGB or grey, not interlaced (ISO/IEC 15948). In photographs each row gets the filter with the
smallest sum of absolute differences, as the specification advises (section 12.8), and zlib searches for runs only:
residuals are noise, in which longer matches cost time and, as measured, bytes. False-colour images have few colours and
are half as large without filters. A text chunk marks the image as hiqa's own, so that hiqa never scores it.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from hiqa_cli._version import __version__
from hiqa_cli.errors import OutputError, cannot_write
from hiqa_cli.files.atomic import commit, discard, open_temporary
from hiqa_cli.images.sniff import HIQA_PNG_KEY

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2}  # channels -> PNG colour type: grey, RGB
COMPRESSION = 6  # zlib's level
CHUNK_BYTES = 1 << 18  # compressed bytes gathered before they are written as one IDAT chunk
FILTER_BYTES = 1 << 20  # raw bytes filtered at once: five candidates of this size fit a cache


def own_text(kind: str, weights_id: str) -> str:
    """The text that marks a picture as hiqa's own: version, weights, and what it shows."""
    return f"hiqa {__version__}; weights {weights_id}; {kind}"


class PngWriter:
    """Writes one PNG of known size: write() strips from the top down, then finish().

    target: a path, whose folders are created and which is written under a temporary name until commit(); or a binary
        stream, which is written directly and not closed.
    channels: 1 (grey) or 3 (RGB).
    false_colour: whether the picture has few colours, which compress best without filters.
    text: value of the text chunk that marks the picture, Latin-1.

    Raises OutputError if the target cannot be written, BrokenPipeError if the reader of a stream closed it.
    """

    def __init__(
        self,
        target: Path | BinaryIO,
        width: int,
        height: int,
        channels: int,
        text: str,
        *,
        false_colour: bool = False,
    ) -> None:
        self._target = target
        self._shape = (width, channels)
        self._rows_left = height
        self._filters = not false_colour
        strategy = zlib.Z_DEFAULT_STRATEGY if false_colour else zlib.Z_RLE
        self._compressor = zlib.compressobj(COMPRESSION, strategy=strategy)
        self._waiting = bytearray()
        self._previous = np.zeros(width * channels, dtype=np.uint8)
        self._temporary: Path | None = None
        self._file = self._open(target)
        colour = COLOUR_TYPES[channels]
        try:
            self._put(SIGNATURE)
            self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
            self._chunk(b"tEXt", f"{HIQA_PNG_KEY}\0{text}".encode("latin-1"))
        except BaseException:
            self.abandon()
            raise

    def _open(self, target: Path | BinaryIO) -> BinaryIO:
        if not isinstance(target, Path):
            return target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._temporary, file = open_temporary(target)
            return file
        except OSError as error:
            raise self._failure(error) from error

    def write(self, rows: np.ndarray) -> None:
        """Write the next rows, (n, W, 3) or (n, W) uint8."""
        width, channels = self._shape
        flat = np.ascontiguousarray(rows).reshape(-1, width * channels)
        if flat.dtype != np.uint8 or len(flat) > self._rows_left:
            raise ValueError(f"{len(flat)} rows of {flat.dtype}, due: {self._rows_left} of uint8")
        at_once = max(1, FILTER_BYTES // flat.shape[1])
        for start in range(0, len(flat), at_once):
            part = flat[start : start + at_once]
            if self._filters:
                filtered = filter_rows(part, self._previous, channels)
                self._previous = part[-1].copy()
            else:
                filtered = np.pad(part, ((0, 0), (1, 0))).tobytes()  # 0: filter None
            self._waiting += self._compressor.compress(filtered)
            if len(self._waiting) >= CHUNK_BYTES:
                self._flush()
        self._rows_left -= len(flat)

    def finish(self) -> None:
        """Write the end of the picture; a file keeps its temporary name."""
        if self._rows_left:
            raise ValueError(f"{self._rows_left} rows are still due")
        self._waiting += self._compressor.flush()
        self._flush()
        self._chunk(b"IEND", b"")
        try:
            self._file.flush()
            if self._temporary is not None:
                self._file.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failure(error) from error

    def commit(self) -> None:
        """Rename a finished file to its target, replacing an existing one."""
        if self._temporary is None or not isinstance(self._target, Path):
            return
        try:
            commit(self._temporary, self._target)
        except OSError as error:
            raise self._failure(error) from error
        self._temporary = None

    def abandon(self) -> None:
        """Remove a picture that was not committed; raises no OSError."""
        if self._temporary is None:
            return
        with contextlib.suppress(OSError):  # of a write that failed before
            self._file.close()
        discard(self._temporary)
        self._temporary = None

    def __enter__(self) -> PngWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish and commit, or abandon after an exception."""
        try:
            if kind is None:
                self.finish()
                self.commit()
        finally:
            self.abandon()

    def _flush(self) -> None:
        if self._waiting:
            self._chunk(b"IDAT", bytes(self._waiting))
            self._waiting.clear()

    def _chunk(self, kind: bytes, data: bytes) -> None:
        self._put(struct.pack(">I", len(data)) + kind + data)
        self._put(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutputError:
        if isinstance(self._target, Path):
            return cannot_write(self._target, error, "make room in its folder")
        return cannot_write("standard output", error)


def filter_rows(rows: np.ndarray, above: np.ndarray, channels: int) -> bytes:
    """Filtered bytes of rows (n, m) uint8, each preceded by the number of its filter; above (m,): the row before them.

    Tries the filters None, Sub, Up and Paeth of section 9; Average is hardly ever the best.
    """
    upper = np.concatenate([above[None], rows[:-1]])
    left = np.zeros_like(rows)
    left[:, channels:] = rows[:, :-channels]
    corner = np.zeros_like(rows)
    corner[:, channels:] = upper[:, :-channels]
    candidates = (rows, rows - left, rows - upper, rows - paeth(left, upper, corner))
    numbers = np.array([0, 1, 2, 4], dtype=np.uint8)
    # Bytes count as signed: 255 is a difference of -1. int16, since -(-128) does not fit int8.
    costs = [np.abs(candidate.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64) for candidate in candidates]
    best = np.argmin(costs, axis=0)
    out = np.empty((rows.shape[0], rows.shape[1] + 1), dtype=np.uint8)
    out[:, 0] = numbers[best]
    for number, candidate in enumerate(candidates):
        chosen = best == number
        out[chosen, 1:] = candidate[chosen]
    return out.tobytes()


def paeth(left: np.ndarray, upper: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """The Paeth predictor (section 9.4): the neighbour nearest to left + upper - corner, ties in this order."""
    to_left = np.abs(upper.astype(np.int16) - corner)
    to_upper = np.abs(left.astype(np.int16) - corner)
    to_corner = np.abs(left.astype(np.int16) + upper - 2 * corner.astype(np.int16))
    chosen = np.where(to_upper <= to_corner, upper, corner)
    return np.where((to_left <= to_upper) & (to_left <= to_corner), left, chosen)
