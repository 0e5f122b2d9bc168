"""Files written whole or not at all: a kill leaves the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from hiqa_cli.errors import OutputError

GO_ON = "what was written before is whole: make room and go on with --resume"


def write_whole(path: Path, data: bytes) -> None:
    """Write under a temporary name beside `path`, then rename; folders are made. OutputError where that fails, and then
    nothing is left of it."""
    temporary = path.with_name(f".hiqa-{secrets.token_hex(6)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError, hint: str = "") -> OutputError:
    """One line for a disk that is full, or a folder that went away."""
    return OutputError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}", hint)


def as_json(data: Any) -> bytes:
    """A record as JSON, a value a line."""
    return (json.dumps(data, indent=1) + "\n").encode()
