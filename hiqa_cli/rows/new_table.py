"""Whole tables, written at once: complete, or not there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import atomic_file, commit, discard, temporary_path

from .parquet.files import tables_from, write_tables
from .parquet.layout import SUFFIX as PARQUET
from .row import Row
from .sqlite.database import begin_run, end_run, new_database, write_row
from .stored import LINES, suffix_of

HINT = "make room, or give another file"


def new_table(out: Path, rows: Iterable[Row]) -> None:
    """Write rows to the table that a suffix names; of several of one path, SQLite keeps the last. Raises UsageError for
    another suffix, OutputError, DependencyError."""
    suffix = suffix_of(str(out), "--output")
    try:
        if suffix == PARQUET:
            with atomic_file(out, preserve=True) as file:
                write_tables(file, tables_from(rows))
        elif suffix in LINES:
            with atomic_file(out, preserve=True) as file:
                file.write(LINES[suffix].header)
                for row in rows:
                    file.write(LINES[suffix].encode(row))
        else:
            _write_database(out, rows)
    except OSError as error:
        raise cannot_write(out, error, HINT) from error


def _write_database(out: Path, rows: Iterable[Row]) -> None:
    target = out.resolve()
    temporary = temporary_path(target)
    try:
        with new_database(temporary) as database:
            run = begin_run(database)
            for row in rows:
                write_row(database, row, None, run)
            end_run(database, run)
        commit(temporary, target)
    finally:
        discard(temporary)
