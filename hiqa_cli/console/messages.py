"""Messages on standard error: one unwrapped line each, prefixed with `hiqa: `; suggestions for misspelt words."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from .text import escape_for_message


def write_message(text: str) -> None:
    """Write one line to standard error. A closed standard error is ignored: it is no reason to stop the work."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"hiqa: {escape_for_message(text)}\n")
        sys.stderr.flush()


@dataclass
class Messages:
    """Writes a command's messages by level.

    quiet: errors only. verbose: details, too.
    clear: removes a progress line from the terminal while a message is written, see ProgressLine.cleared.
    """

    quiet: bool = False
    verbose: bool = False
    clear: Callable[[], contextlib.AbstractContextManager[None]] = field(default=contextlib.nullcontext)

    def error(self, text: str) -> None:
        """A failure; always written."""
        with self.clear():
            write_message(text)

    def warn(self, text: str) -> None:
        """A warning or summary; not with --quiet."""
        if not self.quiet:
            with self.clear():
                write_message(text)

    def detail(self, text: str) -> None:
        """A detail, with --verbose only."""
        if self.verbose:
            with self.clear():
                write_message(text)


def closest_match(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or "" if none is close."""
    candidates = sorted(known)
    completions = [candidate for candidate in candidates if len(word) > 2 and candidate.startswith(word)]
    if completions:
        return completions[0]
    matches = get_close_matches(word.lower(), candidates, n=1)
    return matches[0] if matches else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "; did you mean X?", to append to a message, or "" if no known word is close."""
    match = closest_match(word, known)
    return f"; did you mean {match}?" if match else ""
