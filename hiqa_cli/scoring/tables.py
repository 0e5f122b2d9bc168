"""The tables that `hiqa score` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import file_id, file_ids, is_same_target
from hiqa_cli.rows.codec import TableFormat
from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.json_rows import JSON_LINES
from hiqa_cli.rows.line_table import LineTable
from hiqa_cli.rows.parquet.table import ParquetTable
from hiqa_cli.rows.sqlite.table import SqliteTable
from hiqa_cli.rows.table import Table

from .inputs import Input, input_files
from .options import STDOUT, ScoreOptions


def table_forms(options: ScoreOptions) -> list[tuple[str, TableFormat]]:
    """(name, form) of every table asked for."""
    csv = replace(CSV, safe=options.csv_safe)
    wanted: list[tuple[str | None, TableFormat]] = [(options.csv, csv), (options.jsonl, JSON_LINES)]
    return [(name, form) for name, form in wanted if name is not None]


def table_targets(options: ScoreOptions) -> list[tuple[str, str | None]]:
    """(option, file or folder) of every table; None for standard output."""
    named = (
        ("--csv", options.csv), ("--jsonl", options.jsonl), ("--parquet", options.parquet), ("--sqlite", options.sqlite)
    )  # fmt: skip
    return [(option, None if name == STDOUT else name) for option, name in named if name is not None]


def tables_of(options: ScoreOptions, images: Sequence[Input]) -> list[Table]:
    """The tables asked for, checked, with the rows to resume. Raises UsageError; DependencyError without an extra."""
    for (option, name), (other, same) in combinations(table_targets(options), 2):
        if name is not None and same is not None and is_same_target(name, same):
            raise UsageError(f"{option} and {other} are the same file: {name}")
    lines = table_forms(options)
    tables: list[Table] = [LineTable(name, form, options.if_exists) for name, form in lines if name != STDOUT]
    if options.parquet is not None:
        tables.append(ParquetTable(options.parquet, options.if_exists))
    if options.sqlite is not None:
        tables.append(SqliteTable(options.sqlite, options.if_exists))
    existing = file_ids(table.path for table in tables)
    sources = input_files(images) if existing else set()
    for table in tables:
        if options.inputs.files_from is not None and is_same_target(table.path, options.inputs.files_from):
            raise UsageError(f"{table.name} is the list of --files-from", "give another file")
        if file_id(table.path) in sources:
            raise UsageError(f"{table.name} is one of the input images", "give another file")
    return tables
