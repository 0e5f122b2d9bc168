"""The user's configuration file: `config.toml` in hiqa's own folder of the user's settings, read and written.

    [datasets]
    live = "/data/databaserelease2"

Python reads TOML but writes none: one line is put in or replaced, and every other byte stays as its owner wrote it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from platformdirs import user_config_dir

from hiqa_cli.atomic import atomic_file
from hiqa_cli.errors import UsageError, cannot_write, os_reason

SECTION = "datasets"


def configuration_file() -> Path:
    """Where the file is, or would be."""
    return Path(user_config_dir("hiqa", appauthor=False)) / "config.toml"


def configured_roots() -> dict[str, Path]:
    """Database name -> root, by the configuration file; empty without one. UsageError where it is wrong."""
    path = configuration_file()
    section = _parse(_text(path), path).get(SECTION, {})
    if not isinstance(section, dict):
        raise UsageError(f"{path}: expected a section [{SECTION}]")
    for name, root in section.items():
        if not isinstance(root, str):
            raise UsageError(f"{path}: [{SECTION}] {name}: expected the path of a folder in quotes, found {root!r}")
    return {name: Path(root).expanduser() for name, root in section.items()}


def save_root(name: str, root: Path) -> Path:
    """Write the root of a database into the configuration file; the file's path. All else in it stays.

    UsageError where the path is no text that TOML can hold, or the file is not one that hiqa can change;
    OutputError where it cannot be written: then it is as it was.
    """
    path = configuration_file()
    old = _text(path)
    before = _parse(old, path)
    value = os.fspath(root)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        way_out = f"use HIQA_{name.upper()}_ROOT"
        raise UsageError(f"{value!r} is not UTF-8: a TOML file cannot hold it", way_out) from error
    new = put(old, name, value)
    section = before.get(SECTION, {})
    wanted = {**before, SECTION: {**section, name: value}} if isinstance(section, dict) else None
    if wanted is None or _parsed(new) != wanted:
        raise UsageError(f"{path} is written in a way that hiqa cannot change", f"put {name} = ... there by hand")
    _replace(path, new)
    return path


def put(text: str, name: str, value: str) -> str:
    """The TOML text with `name = "value"` under [datasets]: in place of the old line, or added."""
    line = f"{name} = {_quoted(value)}"
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    start = next((at for at, held in enumerate(lines) if re.match(rf"\s*\[\s*{SECTION}\s*\]", held)), None)
    if start is None:
        gap = "" if not lines else end if lines[-1].endswith("\n") else end * 2
        return f"{text}{gap}[{SECTION}]{end}{line}{end}"
    stop = next((at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    for at in range(start + 1, stop):
        if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", lines[at]):
            lines[at] = line + end
            return "".join(lines)
    if not lines[start].endswith("\n"):
        lines[start] += end
    lines.insert(start + 1, line + end)
    return "".join(lines)


def _quoted(value: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's too, but that JSON leaves DEL as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start:,})", "put it right, or remove it") from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no valid TOML: {error}", "put it right, or remove it") from error


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _replace(path: Path, text: str) -> None:
    """Replace the file; a link to it stays a link, and its permissions stay."""
    try:
        with atomic_file(path, preserve=True) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise cannot_write(path, error) from error
