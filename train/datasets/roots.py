"""Where a database is stored on this machine: --root, an environment variable, or hiqa's configuration file.

The configuration file is `config.toml` in hiqa's folder of the user's settings:

    [datasets]
    live = "/data/databaserelease2"

Python reads TOML but does not write it: one line is added or replaced, and every other byte stays as the user wrote it.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_dir

from hiqa_cli.errors import UsageError, cannot_write, os_reason
from hiqa_cli.files.atomic import atomic_file

from .database import DatabaseInfo

SECTION = "datasets"


@dataclass(frozen=True)
class Root:
    """A root folder and its origin: "--root", the environment variable, or the path of the configuration file."""

    path: Path
    origin: str


def find_root(database: DatabaseInfo, given: Path | None = None) -> Root:
    """The root to read. Raises UsageError where none is configured, or the configured one is not a folder."""
    root = Root(given, "--root") if given is not None else configured_root(database)
    if root is None:
        raise UsageError(
            f"the folder of {database.title} is not known: give --root DIR, set {database.variable}, "
            f"or run once: hiqa datasets set {database.name} DIR",
            f"expected there: {database.layout}; get it from {database.source}",
        )
    if not root.path.is_dir():
        raise UsageError(f"{database.title}: no such folder: {root.path} (from {root.origin})", "correct the path")
    return root


def configured_root(database: DatabaseInfo) -> Root | None:
    """The root from the environment or the configuration file, or None.

    Raises UsageError for a configuration file that cannot be read.
    """
    path = os.environ.get(database.variable, "")
    if path:
        return Root(Path(path).expanduser(), database.variable)
    saved = saved_roots().get(database.name)
    return None if saved is None else Root(saved, str(configuration_file()))


def configuration_file() -> Path:
    """The path of the configuration file, whether it exists or not."""
    return Path(user_config_dir("hiqa", appauthor=False)) / "config.toml"


def saved_roots() -> dict[str, Path]:
    """Database name -> root in the configuration file; empty without one. Raises UsageError for an invalid file."""
    path = configuration_file()
    section = _parse(_read(path), path).get(SECTION, {})
    if not isinstance(section, dict):
        raise UsageError(f"{path}: expected a section [{SECTION}]")
    for name, root in section.items():
        if not isinstance(root, str):
            raise UsageError(f"{path}: [{SECTION}] {name}: expected the path of a folder in quotes, found {root!r}")
    return {name: Path(root).expanduser() for name, root in section.items()}


def save_root(database: DatabaseInfo, root: Path) -> Path:
    """Write the root of a database into the configuration file and keep everything else in it; returns its path.

    Raises UsageError for a path that TOML cannot hold or a file that hiqa cannot edit, OutputError for a file that
    cannot be written; the file is unchanged then.
    """
    path, name = configuration_file(), database.name
    text = _read(path)
    old = _parse(text, path)
    value = os.fspath(root)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{value!r} is not UTF-8: a TOML file cannot hold it", f"set {database.variable}") from error
    new_text = set_value(text, name, value)
    section = old.get(SECTION, {})
    expected = {**old, SECTION: {**section, name: value}} if isinstance(section, dict) else None
    if expected is None or _try_parse(new_text) != expected:
        raise UsageError(f"{path} has a form that hiqa cannot edit", f"add {name} = ... by hand")
    try:
        with atomic_file(path, preserve=True) as file:  # a link stays a link, and permissions stay
            file.write(new_text.encode("utf-8"))
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def set_value(text: str, name: str, value: str) -> str:
    """The TOML text with `name = "value"` under [datasets]: in place of the old line, or added."""
    line = f"{name} = {_quote(value)}"
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    start = next((n for n, old in enumerate(lines) if re.match(rf"\s*\[\s*{SECTION}\s*\]", old)), None)
    if start is None:
        gap = "" if not lines else end if lines[-1].endswith("\n") else end * 2
        return f"{text}{gap}[{SECTION}]{end}{line}{end}"
    stop = next((n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    for n in range(start + 1, stop):
        if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", lines[n]):
            lines[n] = line + end
            return "".join(lines)
    if not lines[start].endswith("\n"):
        lines[start] += end
    lines.insert(start + 1, line + end)
    return "".join(lines)


def _quote(value: str) -> str:
    """A TOML basic string: JSON's escapes are valid in TOML, but JSON does not escape DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start:,})", "correct or remove the file") from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "correct or remove the file") from error


def _try_parse(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
