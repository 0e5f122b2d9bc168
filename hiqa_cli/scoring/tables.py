"""The tables that `hiqa score` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hiqa_cli.errors import UsageError
from hiqa_cli.output_checks import file_id, file_ids, is_same_target
from hiqa_cli.rows.codec import TableFormat
from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.json_rows import JSON_LINES
from hiqa_cli.rows.table import Table

from .inputs import Input, input_files
from .options import STDOUT, ScoreOptions


def table_forms(options: ScoreOptions) -> list[tuple[str, TableFormat]]:
    """(name, form) of every table asked for."""
    csv = replace(CSV, safe=options.csv_safe)
    wanted: list[tuple[str | None, TableFormat]] = [(options.csv, csv), (options.jsonl, JSON_LINES)]
    return [(name, form) for name, form in wanted if name is not None]


def tables_of(options: ScoreOptions, images: Sequence[Input]) -> list[Table]:
    """The files of --csv and --jsonl, checked, with the rows to resume. Raises UsageError."""
    tables = [Table(name, form, options.if_exists) for name, form in table_forms(options) if name != STDOUT]
    if len(tables) == 2 and is_same_target(tables[0].path, tables[1].path):
        raise UsageError(f"--csv and --jsonl are the same file: {tables[0].name}")
    existing = file_ids(table.path for table in tables)
    sources = input_files(images) if existing else set()
    for table in tables:
        if options.files_from is not None and is_same_target(table.path, options.files_from):
            raise UsageError(f"{table.name} is the list of --files-from", "give another file")
        if file_id(table.path) in sources:
            raise UsageError(f"{table.name} is one of the input images", "give another file")
    return tables
