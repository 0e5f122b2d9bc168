"""Exit codes: the one place where they are written.

    0    all images scored, and at or above the gate (`--min-score`), if there is one
    1    an image could not be scored, none was found, or output failed midway; outranks 3
    2    wrong usage, or nothing could start (device, weights, target)
    3    all images scored, some below the gate
    130  stopped by SIGINT (Ctrl-C)
    141  the reader of standard output went away (as `hiqa score ... | head -1`)
    143  stopped by SIGTERM

Commands other than `score` use 0, 1, 2 and the same codes for signals.
"""

from __future__ import annotations

from enum import IntEnum

from hiqa_cli.errors import DependencyError, DeviceError, HiqaError, UsageError, WeightsError


class ExitCode(IntEnum):
    """What the shell sees; the module's docstring says when."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BELOW_GATE = 3
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143


COULD_NOT_START = (UsageError, WeightsError, DeviceError, DependencyError)


def code_for_error(error: HiqaError) -> ExitCode:
    """The code of an error that ends the whole run."""
    return ExitCode.USAGE if isinstance(error, COULD_NOT_START) else ExitCode.FAILED


def code_for_counts(scored: int, failed: int, below_gate: int) -> ExitCode:
    """The code of a run that came to its end: a failure outranks the gate."""
    if failed or not scored:
        return ExitCode.FAILED
    return ExitCode.BELOW_GATE if below_gate else ExitCode.OK
