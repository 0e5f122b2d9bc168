"""Captures what C decoders print on standard error, and turns it into errors and notes.

libjpeg and libpng inside OpenCV write warnings straight to file descriptor 2, bypassing Python and OpenCV's log level.
libjpeg's are also the only sign of damage inside scan data. While a picture is decoded, descriptor 2 is therefore a
temporary file; a lock admits one picture at a time, so that each warning is attributed to its picture. Lines that no
decoder printed (another thread wrote to standard error meanwhile) are forwarded afterwards. If descriptor 2 is closed,
nothing is captured.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hiqa_cli.errors import ImageError

_LOCK = threading.Lock()
_DECODER = re.compile(
    rb"libpng (warning|error)|Caution: quantization|Corrupt JPEG|Premature end|Invalid SOS|Inconsistent progression"
    rb"|Unknown Adobe|Warning: unknown JFIF|Unsupported marker|Application transferred|TIFF[A-Z]"
    rb"|\[ ?(ERROR|WARN|WARNING|INFO|FATAL)|imdecode_|OpenCV|> "
)


@contextmanager
def capture_decoder_output() -> Iterator[list[str]]:
    """Yields a list that, after the block, holds the lines that decoders printed in it."""
    lines: list[str] = []
    with _LOCK:
        try:
            saved = os.dup(2)
        except OSError:
            yield lines
            return
        with tempfile.TemporaryFile() as sink:
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


def check_decoder_output(lines: list[str], name: str) -> tuple[str, ...]:
    """Raise ImageError if a decoder reported missing data; returns a note on lesser damage.

    libjpeg fills missing data with grey and only warns; its warning is the only sign of an end marker in the middle of
    the picture data. After an error of libtiff, the rest of an 8-bit picture is black.
    """
    for line in lines:
        lowered = line.lower()
        if "premature end" in lowered:
            raise ImageError(f"truncated {name}: its scan data end before the picture is complete")
        if "tiff_error" in lowered:
            raise ImageError(f"damaged {name}: {lowered.partition('tiff_error')[2].strip()}")
        for sign in ("corrupt jpeg data:", "inconsistent progression"):
            if sign in lowered:
                return (f"partly damaged: {lowered.partition(sign)[2].strip() or sign}",)
    return ()
