"""Exit codes of every command.

    0    all images scored, none below the gate (`--min-score`, `--max-drop`)
    1    an image could not be scored, none was found, or output failed midway; takes precedence over 3
    2    wrong usage, or the run could not start (device, weights, output files)
    3    all images scored, some below the gate, or lower than those of an earlier run by more than allowed
    130  stopped by SIGINT (Ctrl-C)
    141  the reader of standard output closed the pipe (as in `hiqa score ... | head -1`)
    143  stopped by SIGTERM

`compare` uses 1 and 3 in the same way, for the images of folders and for `--max-drop`. Other commands use 0, 1, 2 and
the same codes for signals and closed pipes.
"""

from __future__ import annotations

from enum import IntEnum

from hiqa_cli.errors import DependencyError, DeviceError, HiqaError, UsageError, WeightsError


class ExitCode(IntEnum):
    """See the module's docstring."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BELOW_GATE = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


COULD_NOT_START = (UsageError, WeightsError, DeviceError, DependencyError)


def code_for_error(error: HiqaError) -> ExitCode:
    """The exit code for an error that ends the run."""
    return ExitCode.USAGE if isinstance(error, COULD_NOT_START) else ExitCode.FAILED


def code_for_counts(scored: int, failed: int, below_gate: int) -> ExitCode:
    """The exit code of a completed run."""
    if failed or not scored:
        return ExitCode.FAILED
    return ExitCode.BELOW_GATE if below_gate else ExitCode.OK
