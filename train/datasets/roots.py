"""Where a database lies on this machine: --root, else an environment variable, else the configuration file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.errors import UsageError

from .configuration import configuration_file, configured_roots
from .database import DatabaseInfo


@dataclass(frozen=True)
class Root:
    """A root, and who named it: "--root", the environment variable, or the configuration file."""

    path: Path
    origin: str


def configured_root(database: DatabaseInfo) -> Root | None:
    """The root by environment or configuration file, or None. UsageError where the file cannot be read."""
    named = os.environ.get(database.variable, "")
    if named:
        return Root(Path(named).expanduser(), database.variable)
    remembered = configured_roots().get(database.name)
    return None if remembered is None else Root(remembered, str(configuration_file()))


def find_root(database: DatabaseInfo, given: Path | None = None) -> Root:
    """The root to be read. UsageError where none is named, or what is named is no folder."""
    root = Root(given, "--root") if given is not None else configured_root(database)
    if root is None:
        raise UsageError(
            f"where {database.title} lies is not known: give --root DIR, set {database.variable}, "
            f"or type once: hiqa datasets set {database.name} DIR",
            f"expected there: {database.layout}; get it from {database.source}",
        )
    if not root.path.is_dir():
        raise UsageError(f"{database.title}: no such folder: {root.path} (from {root.origin})", "name it anew")
    return root
