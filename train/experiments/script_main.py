"""How the commands of modules, `python -m hiqa_train.NAME`, speak and end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NoReturn

from hiqa_cli.errors import HiqaError

tell = partial(print, flush=True)


def run_command(go: Callable[[], int]) -> NoReturn:
    """Ends with the exit code that `go` gives; with 2, and one line, after an error that people can cause."""
    try:
        code = go()
    except HiqaError as error:
        tell(f"hiqa: {error}")
        code = 2
    raise SystemExit(code)
