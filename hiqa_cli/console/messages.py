"""What hiqa says on standard error: one unwrapped line each, beginning with its name."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from .text import for_message


def say(text: str) -> None:
    """One line on standard error. Nobody reading there any more is no reason to stop the work."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"hiqa: {for_message(text)}\n")
        sys.stderr.flush()


@dataclass
class Messages:
    """The voice of a command.

    quiet: no warnings, no summary; errors stay.
    verbose: details as well.
    clear: takes a progress line off the terminal before a message, see progress.py.
    """

    quiet: bool = False
    verbose: bool = False
    clear: Callable[[], contextlib.AbstractContextManager[None]] = field(default=contextlib.nullcontext)

    def error(self, text: str) -> None:
        """Something failed; said in any case."""
        with self.clear():
            say(text)

    def warn(self, text: str) -> None:
        """Something a person should know; not with --quiet."""
        if not self.quiet:
            with self.clear():
                say(text)

    def detail(self, text: str) -> None:
        """Said with --verbose only."""
        if self.verbose:
            with self.clear():
                say(text)
