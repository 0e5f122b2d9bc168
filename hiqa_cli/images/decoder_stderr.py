"""Keeps what C libraries print away from standard error.

libtiff inside Pillow and OpenCV writes what is wrong with compressed data straight to file descriptor 2, bypassing
Python. While such a file is decoded, descriptor 2 is a temporary file; a lock admits one picture at a time. Lines that
no decoder printed (another thread wrote to standard error meanwhile) are forwarded afterwards. What was printed decides
nothing. If descriptor 2 is closed, or no temporary file can be made, nothing is captured.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_DECODER = re.compile(
    rb"Caution: quantization|Corrupt JPEG|Premature end|tempfile\.tif|TIFF\w+|JPEG\w*:|(LZW|ZIP|LZMA|ZSTD|WebP)\w*:"
    rb"|PackBits\w*:|Fax\w+:|\[ ?(ERROR|WARN|WARNING|INFO|FATAL)|OpenCV"
)


@contextmanager
def capture_decoder_output() -> Iterator[list[str]]:
    """Yields a list that, after the block, holds the lines that decoders printed in it."""
    lines: list[str] = []
    with _LOCK:
        try:
            sink = tempfile.TemporaryFile()  # noqa: SIM115  (closed below)
        except OSError:
            yield lines
            return
        with sink:
            try:
                saved = os.dup(2)
            except OSError:
                yield lines
                return
            os.dup2(sink.fileno(), 2)
            try:
                yield lines
            finally:
                os.dup2(saved, 2)
                os.close(saved)
                sink.seek(0)
                _separate(sink.read(), lines)


def _separate(printed: bytes, lines: list[str]) -> None:
    """Append decoders' lines to `lines` (without the blank lines that OpenCV adds) and forward the rest."""
    from_decoder = False
    for line in printed.splitlines(keepends=True):
        from_decoder = bool(_DECODER.match(line)) or (from_decoder and not line.strip())
        if not from_decoder:
            os.write(2, line)
        elif line.strip():
            lines.append(line.decode("utf-8", "replace").strip())
