"""The entry of `hiqa` and of `python -m hiqa_cli`: streams, signals, and every error to a line and a code."""

from __future__ import annotations

import sys
import traceback

from .console import interrupts, streams
from .console.exit_codes import ExitCode, code_for_error
from .console.messages import say
from .errors import HiqaError, os_reason


def main() -> None:
    """Run the command line and exit with one of commands/exit_codes.py."""
    try:
        streams.prepare()
        interrupts.install()
        code = _guarded(sys.argv[1:])
    except interrupts.Interrupted as stop:  # a second signal, while the first was seen to
        code = stop.exit_code
    except streams.ClosedPipe:
        code = ExitCode.READER_GONE
    sys.exit(int(code))


def _guarded(arguments: list[str]) -> int:
    try:
        from .commands.app import run

        code = run(arguments)
        sys.stdout.flush()
        return code
    except HiqaError as error:
        say(str(error))
        return code_for_error(error)
    except interrupts.Interrupted as stop:
        say(f"stopped by {stop.signal_name}")
        return stop.exit_code
    except OSError as error:  # the system refused something that no command foresaw
        _show_traceback(arguments)
        where = f"{error.filename}: " if error.filename is not None else ""
        say(f"{where}{os_reason(error)}")
        return ExitCode.FAILED
    except MemoryError:
        _show_traceback(arguments)
        say("out of memory")
        return ExitCode.FAILED
    except Exception as error:
        _show_traceback(arguments)
        say(
            f"internal error: {type(error).__name__}: {error}; this is a fault of hiqa's, please report"
            f" it with what --verbose shows"
        )
        return ExitCode.FAILED


def _show_traceback(arguments: list[str]) -> None:
    if {"--verbose", "-v"} & set(arguments):
        traceback.print_exc()


if __name__ == "__main__":
    main()
