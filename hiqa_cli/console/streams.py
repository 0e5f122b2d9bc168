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
from typing import TYPE_CHECKING, TextIO

from hiqa_cli.errors import OutputError, os_reason

if TYPE_CHECKING:
    from typing_extensions import Buffer

PIPE_CLOSED = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


class ClosedPipe(BaseException):
    """The reader of standard output went away; not an Exception, so that nobody swallows it."""


class StandardOutputBuffer(io.BufferedWriter):
    """The bytes of standard output, with errors told apart: the reader went away, or the disk is full.

    A layer above the descriptor on purpose: a signal that arrives while the descriptor is written to
    is seen by the buffer itself, which knows what went out, so that nothing goes out twice.
    """

    def write(self, data: Buffer) -> int:
        """Bytes taken; ReaderGone or OutputError where the descriptor takes no more."""
        try:
            return super().write(data)
        except OSError as error:
            raise self._told_apart(error) from error

    def flush(self) -> None:
        """As write()."""
        try:
            super().flush()
        except OSError as error:
            raise self._told_apart(error) from error

    def _told_apart(self, error: OSError) -> BaseException:
        silence(self.fileno())
        if error.errno in PIPE_CLOSED:
            return ClosedPipe()
        reason = os_reason(error)
        return OutputError(f"standard output cannot be written: {reason}")


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
    buffer = StandardOutputBuffer(io.FileIO(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="surrogateescape", newline="\n")


def _nowhere() -> TextIO:
    """A stream for what nobody reads."""
    return io.TextIOWrapper(io.FileIO(os.devnull, "wb"), encoding="utf-8", errors="surrogateescape")
