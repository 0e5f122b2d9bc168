"""Standard output and standard error as hiqa needs them: UTF-8 everywhere, names unchanged.

A name holds bytes that are not UTF-8 as surrogate escapes (PEP 383); both streams write them back as
they were, whatever the locale or PYTHONIOENCODING say. A reader of standard output that goes away
becomes ReaderGone, which no library on the way takes for an ordinary error.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

from ..errors import OutputError

PIPE_CLOSED = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


class ReaderGone(BaseException):
    """The reader of standard output went away; not an Exception, so that nobody swallows it."""


class StandardOutputFile(io.FileIO):
    """Descriptor 1, with errors told apart: the reader went away, or the disk is full."""

    def write(self, data: object) -> int:
        """Bytes written; ReaderGone or OutputError where the descriptor takes no more."""
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            silence(self.fileno())
            if error.errno in PIPE_CLOSED:
                raise ReaderGone from None
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"standard output cannot be written: {reason}") from error


def silence(descriptor: int) -> None:
    """Point a descriptor at nothing, so that what is still buffered fails no more at exit."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def open_missing_descriptors() -> None:
    """A caller may have closed 0, 1 or 2 (`>&-`): a file opened later must not take their place."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return


def prepare() -> None:
    """Replace sys.stdout and sys.stderr by streams that hold to the module's promise."""
    open_missing_descriptors()
    sys.stdout = _standard_output(sys.stdout)
    if sys.stderr is None:
        sys.stderr = _nowhere()
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="surrogateescape")


def _standard_output(stream: TextIO | None) -> TextIO:
    if stream is None:
        return _nowhere()
    stream.flush()
    if os.name == "nt" and stream.isatty() and isinstance(stream, io.TextIOWrapper):
        # a Windows console takes UTF-16 through a call of its own, which sys.stdout knows
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        return stream
    raw = StandardOutputFile(stream.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="surrogateescape", newline="\n"
    )


def _nowhere() -> TextIO:
    """A stream for what nobody reads."""
    return io.TextIOWrapper(io.FileIO(os.devnull, "wb"), encoding="utf-8", errors="surrogateescape")
