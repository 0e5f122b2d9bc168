"""Files written whole or not at all: a kill leaves the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from hiqa_cli.errors import OutputError


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
        raise OutputError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
