"""Standard output and standard error in UTF-8, whatever the locale or PYTHONIOENCODING, with file names unchanged.

Bytes of a name that are not UTF-8 are held as surrogate escapes (PEP 383), which both streams write as the original
bytes. When the reader of standard output closes the pipe, writing raises ClosedPipe, which no library in between
mistakes for an ordinary error.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from hiqa_cli.errors import cannot_write

if TYPE_CHECKING:
    from typing_extensions import Buffer

PIPE_CLOSED = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


class ClosedPipe(BaseException):
    """The reader closed the pipe of standard output. Not an Exception, so that no handler swallows it."""


class StandardOutputBuffer(io.BufferedWriter):
    """Writes the bytes of standard output; raises ClosedPipe or OutputError instead of OSError.

    Above the file descriptor on purpose: if a signal arrives during a write, the buffer knows what was written, so that
    nothing is written twice.
    """

    def write(self, data: Buffer) -> int:
        """Number of bytes accepted. Raises ClosedPipe or OutputError."""
        try:
            return super().write(data)
        except OSError as error:
            raise self._converted(error) from error

    def flush(self) -> None:
        """Like write()."""
        try:
            super().flush()
        except OSError as error:
            raise self._converted(error) from error

    def _converted(self, error: OSError) -> BaseException:
        silence(self.fileno())
        if error.errno in PIPE_CLOSED:
            return ClosedPipe()
        return cannot_write("standard output", error)


def write_output(text: str) -> None:
    """Write text to standard output and flush it. Raises ClosedPipe or OutputError once `prepare` has been called."""
    sys.stdout.write(text)
    sys.stdout.flush()


def silence(descriptor: int) -> None:
    """Redirect a descriptor to the null device, so that flushing buffers at exit cannot fail."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


def open_missing_descriptors() -> None:
    """Open descriptors 0, 1 and 2 if the caller closed them (`>&-`), so that no other file gets their numbers."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return


def prepare() -> None:
    """Replace sys.stdout and sys.stderr by the streams that the module's docstring describes."""
    open_missing_descriptors()
    sys.stdout = _standard_output(sys.stdout)
    if sys.stderr is None:
        sys.stderr = _null_stream()
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="surrogateescape")


def _standard_output(stream: TextIO | None) -> TextIO:
    if stream is None:
        return _null_stream()
    stream.flush()
    if os.name == "nt" and stream.isatty() and isinstance(stream, io.TextIOWrapper):
        # A Windows console takes UTF-16 through its own system call, which sys.stdout uses.
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        return stream
    buffer = StandardOutputBuffer(io.FileIO(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="surrogateescape", newline="\n")


def _null_stream() -> TextIO:
    return io.TextIOWrapper(io.FileIO(os.devnull, "wb"), encoding="utf-8", errors="surrogateescape")
