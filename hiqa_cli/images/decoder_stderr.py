"""Keeps what C libraries print on file descriptor 2 while they decode, away from the user's
terminal.

libjpeg and libpng inside OpenCV write their warnings straight to descriptor 2, past Python and past
OpenCV's log level. libjpeg's are also the only sign of damage inside scan data, so they are wanted.
While a picture is decoded, descriptor 2 is a temporary file; one lock lets one picture do so at a
time, so that a warning belongs to the picture it is about. Lines that are no decoder's (another
thread wrote to stderr meanwhile) are passed on afterwards. Where descriptor 2 is closed, nothing is
done.
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
def decoder_chatter() -> Iterator[list[str]]:
    """Gives a list that holds, after the block, the lines which decoders printed in it."""
    lines: list[str] = []
    with _LOCK:
        try:
            kept = os.dup(2)
        except OSError:
            yield lines
            return
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            try:
                yield lines
            finally:
                os.dup2(kept, 2)
                os.close(kept)
                sink.seek(0)
                _sort(sink.read(), lines)


def _sort(printed: bytes, lines: list[str]) -> None:
    """Decoders' lines (and the blank ones that OpenCV puts behind its own) to `lines`, the rest on."""
    ours = False
    for line in printed.splitlines(keepends=True):
        ours = bool(_DECODER.match(line)) or (ours and not line.strip())
        if not ours:
            os.write(2, line)
        elif line.strip():
            lines.append(line.decode("utf-8", "replace").strip())


def judge_chatter(lines: list[str], name: str) -> tuple[str, ...]:
    """A decoder's complaints: data that are missing are refused, lesser damage becomes a note.

    libjpeg fills what is missing with grey and only warns, so its warning is the one sign that an
    end marker stands where picture data should be. libtiff's errors leave 8-bit pictures black from
    there on.
    """
    for line in lines:
        lowered = line.lower()
        if "premature end" in lowered:
            raise ImageError(f"truncated {name}: its scan data end before the picture is complete")
        if "tiff_error" in lowered:
            raise ImageError(f"damaged {name}: {lowered.partition('tiff_error')[2].strip()}")
        for sign in ("corrupt jpeg data:", "inconsistent progression"):
            if sign in lowered:
                return (f"damaged in part: {lowered.partition(sign)[2].strip() or sign}",)
    return ()
