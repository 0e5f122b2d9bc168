"""Errors that a user can cause or fix. A message is one line: what, where, expected and found.

Every part of hiqa raises these; only the command line turns them into messages and exit codes.
"""

from __future__ import annotations

import signal
from pathlib import Path


class HiqaError(Exception):
    """An error with a one-line message and an optional hint: what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ImageError(HiqaError):
    """One image cannot be read or scored: it becomes an error row and the run continues."""


class UsageError(HiqaError):
    """The call itself is wrong (options, existing output files); raised before any work."""


class WeightsError(HiqaError):
    """Weights are missing, altered, of another architecture, or hold NaN or Inf."""


class DeviceError(HiqaError):
    """The requested device or precision is not available."""


class OutputError(HiqaError):
    """A result could not be written after work had begun (disk full, folder removed)."""


class DependencyError(HiqaError):
    """A library that hiqa needs is missing or cannot be loaded."""


class DatasetError(UsageError):
    """An IQA database or a table of the user's is incomplete or malformed; raised before any work."""


def os_reason(error: OSError) -> str:
    """The system's reason in lower case, without error number and path: "no space left on device"."""
    return (error.strerror or str(error)).lower()


def reason_of(error: BaseException) -> str:
    """The message of a library's error in one line; the name of its type if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def exit_reason(code: int) -> str:
    """How a process ended, by its exit code: "signal SIGKILL" or "exit code 3"."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def cannot_write(target: Path | str, error: OSError, hint: str = "") -> OutputError:
    """The error of a file, folder or stream that the system refuses to write."""
    return OutputError(f"{target} cannot be written: {os_reason(error)}", hint)
