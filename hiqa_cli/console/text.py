"""Names of files as text: for a pipe, for a terminal, for a message. One idea: no name breaks a line.

Everywhere a name is held as the bytes of the file system read as UTF-8, those that are not UTF-8 as
surrogate escapes, whatever the locale says.
"""

from __future__ import annotations

import os
import re

PIPE_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_PICTURES = 0x2400  # Unicode's pictures of the control codes 0x00..0x1f


def name_text(path: str) -> str:
    """The name as text that UTF-8 with surrogateescape turns back into the very same bytes."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def path_of(name: str) -> str:
    """The path that a name stands for: the inverse of name_text(). ValueError where it is no path's."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def for_pipe(name: str) -> str:
    """A name for `score<TAB>path` lines: backslash, TAB, LF and CR escaped, all else as it is."""
    return name.translate(PIPE_ESCAPES)


def for_terminal(name: str) -> str:
    """A name for a table: control codes (which could move the cursor) shown as their pictures."""
    return CONTROL.sub(_picture, name)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(CONTROL_PICTURES + code)
    return "␡" if code == 0x7F else "�"


def for_message(text: str) -> str:
    """A message as one line: control codes and other line ends written as escapes."""
    return CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def count(number: int, singular: str, plural: str = "") -> str:
    """ "1 image", "2 images", "1,000 images"."""
    word = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {word}"
