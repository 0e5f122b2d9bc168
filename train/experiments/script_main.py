"""Output and exit codes of scripts that run as `python -m hiqa_train.experiments.NAME`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn

from hiqa_cli.errors import HiqaError

report = partial(print, flush=True)


def run_command(go: Callable[[], int]) -> NoReturn:
    """Exit with the code that `go` returns, or with 2 and one line after a HiqaError."""
    try:
        code = go()
    except HiqaError as error:
        report(f"hiqa: {error}")
        code = 2
    raise SystemExit(code)
