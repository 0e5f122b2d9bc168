"""The entry point of `hiqa` and `python -m hiqa_cli`: sets up streams and signals, and turns errors into exit codes."""

from __future__ import annotations

import sys
import tempfile
import traceback
import warnings

from .console import interrupts, streams
from .console.exit_codes import ExitCode, code_for_error
from .console.messages import write_message
from .errors import DependencyError, HiqaError, os_reason


def main() -> None:
    """Run the command line and exit with an ExitCode."""
    try:
        streams.prepare()
        interrupts.install()
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of metadata that the score does not depend on
        code = _guarded(sys.argv[1:])
    except interrupts.Interrupted as stop:  # a second signal, while the first was handled
        code = stop.exit_code
    except streams.ClosedPipe:
        code = ExitCode.BROKEN_PIPE
    sys.exit(int(code))


def _guarded(arguments: list[str]) -> int:
    try:
        from .commands.app import run

        code = run(arguments)
        sys.stdout.flush()
        return code
    except HiqaError as error:
        write_message(str(error))
        return code_for_error(error)
    except interrupts.Interrupted as stop:
        write_message(f"stopped by {stop.signal_name}")
        return stop.exit_code
    except OSError as error:  # that no command handled
        _show_traceback(arguments)
        where = f"{error.filename}: " if error.filename is not None else ""
        write_message(f"{where}{os_reason(error)}")
        return ExitCode.FAILED
    except MemoryError:
        _show_traceback(arguments)
        write_message("out of memory")
        return ExitCode.FAILED
    except Exception as error:
        _show_traceback(arguments)
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("hiqa_train"):
            missing = DependencyError(
                "training and databases need an installed hiqa, found a bare checkout", "pip install -e ."
            )
            write_message(str(missing))
            return code_for_error(missing)
        what = f"internal error: {type(error).__name__}: {error}"
        write_message(f"{what}; this is a bug in hiqa, please report it with {_save_traceback()}")
        return ExitCode.FAILED


def _show_traceback(arguments: list[str]) -> None:
    if {"--verbose", "-v"} & set(arguments):
        traceback.print_exc()


def _save_traceback() -> str:
    """Save the traceback of the error being handled, so that a long run need not be repeated to see it; the name of the
    file."""
    try:
        with tempfile.NamedTemporaryFile(prefix="hiqa-error-", suffix=".txt", delete=False) as file:
            file.write(traceback.format_exc().encode("utf-8", "backslashreplace"))  # names may be no Unicode
        return file.name
    except OSError:
        return "the output of --verbose"


if __name__ == "__main__":
    main()
