"""Lists of names: `--files-from FILE` or `-`, one a line, or ending in NUL with `-0`.

Names are taken literally, as `find` gives them: a pattern or a single `-` in a list means a file of
that very name.
"""

from __future__ import annotations

import os
import sys

from hiqa_cli.errors import UsageError, os_reason

STANDARD_INPUT = "-"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_file_list(source: str, *, nul_separated: bool) -> list[str]:
    """The names in a list, in order, empty ones left out. UsageError where it cannot be read."""
    data = _read(source).removeprefix(BYTE_ORDER_MARK)
    if nul_separated:
        return [os.fsdecode(name) for name in data.split(b"\0") if name]
    if b"\0" in data:
        raise UsageError(f"{_called(source)} holds NUL characters", "names that end in NUL want -0")
    lines = [os.fsdecode(line) for line in data.split(b"\n")]
    return [name for name in map(_without_return, lines) if name]


def _read(source: str) -> bytes:
    try:
        if source == STANDARD_INPUT:
            if sys.stdin is None:
                raise UsageError("--files-from -: standard input is closed")
            return sys.stdin.buffer.read()
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        reason = os_reason(error)
        raise UsageError(f"{_called(source)} cannot be read: {reason}") from error


def _called(source: str) -> str:
    return "--files-from -" if source == STANDARD_INPUT else f"--files-from: {source}"


def _without_return(name: str) -> str:
    """Lists from Windows end their lines in CR LF; a file whose name ends in CR comes first."""
    return name[:-1] if name.endswith("\r") and not os.path.lexists(name) else name
