"""Errors that people can cause: one line each, saying what, where, expected and found, and what to do.

Imports nothing heavy: commands, engine and training all raise these, and only the commands turn them
into messages and exit codes.
"""

from __future__ import annotations


class HiqaError(Exception):
    """A fault with a message of one line and, where there is one, a hint that says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ImageError(HiqaError):
    """One image cannot be read or scored: becomes an error row, the others go on."""


class UsageError(HiqaError):
    """The call itself is wrong (options, targets that exist): nothing was started."""


class WeightsError(HiqaError):
    """Weights are missing, altered, of another architecture, or hold NaN or Inf."""


class DeviceError(HiqaError):
    """The device or precision asked for is not to be had here."""


class OutputError(HiqaError):
    """A result could not be written once work had begun (disk full, folder vanished)."""


class DependencyError(HiqaError):
    """A library that hiqa needs is missing or cannot be loaded."""


class DatasetError(UsageError):
    """A database on disk, or a table of one's own, is not what it should be: nothing was started."""
