"""File names as text that never breaks a line: for pipes, terminals and messages.

A name is the bytes of the file system decoded as UTF-8, whatever the locale; bytes that are not UTF-8 are surrogate
escapes.
"""

from __future__ import annotations

import os
import re

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
PIPE_ESCAPED = re.compile(rf"\\|{CONTROL.pattern}")
CONTROL_PICTURES = 0x2400  # the first of Unicode's pictures of control codes


def name_text(path: str | os.PathLike[str]) -> str:
    """A path as text that UTF-8 with surrogateescape encodes to the path's bytes."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def path_from_name(name: str) -> str:
    """The path of a name, the inverse of name_text(). ValueError if no path has this name."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def escape_for_pipe(name: str) -> str:
    """A name for `score<TAB>path` lines: backslash, control codes and line separators become escapes, which
    `printf %b` takes back."""
    return PIPE_ESCAPED.sub(_escape, name)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return character.encode("unicode_escape").decode() if character.isascii() else f"\\u{ord(character):04x}"


def escape_for_terminal(name: str) -> str:
    """A name for a table: control codes (which could move the cursor) become Unicode's control pictures."""
    return CONTROL.sub(_picture, name)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(CONTROL_PICTURES + code)
    return "␡" if code == 0x7F else "�"


def escape_for_message(text: str) -> str:
    """A message as one line: control codes and line separators become escapes."""
    return CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def count(number: int, singular: str, plural: str = "") -> str:
    """ "1 image", "2 images", "1,000 images"."""
    word = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {word}"
