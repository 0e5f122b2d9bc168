"""`hiqa merge`: the tables of several runs as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import count, escape_for_pipe
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import check_new_file, claimed_outputs, is_same_target
from hiqa_cli.rows.merge import merge_tables
from hiqa_cli.rows.stored import SUFFIXES, suffix_of
from hiqa_cli.scoring.inputs import read_file_list

from . import options as common
from .usage.help import INPUT, OUTPUT

Parts = Annotated[
    list[str],
    typer.Argument(metavar="PART", help="Tables that hiqa score wrote, in any form.", rich_help_panel=INPUT),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help=f"Table to write: {', '.join(SUFFIXES[:4])}.", rich_help_panel=OUTPUT
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="FILE|-",
        help="Print the paths of this list that no part has, one per line.",
        rich_help_panel=INPUT,
    ),
]
NulSeparated = Annotated[
    bool, typer.Option("--null", "-0", help="Paths of --against end in NUL.", rich_help_panel=INPUT)
]


def merge(
    parts: Parts,
    output: Output,
    against: Against = None,
    null: NulSeparated = False,
    overwrite: common.Overwrite = False,
    quiet: common.Quiet = False,
) -> int:
    """Join the tables of several runs, such as the shards of one.

    Each image once, in the order of paths; a scored row counts before an error
    row, and of several scored rows the last one.

    \b
    hiqa merge part-*.jsonl -o all.parquet
    hiqa merge part-*.jsonl -o all.csv --against paths.txt > missing.txt

    Exit codes: 0 written; 1 paths of --against are missing, or output failed; 2 wrong usage, or nothing could start.
    """
    check_new_file(output, "--output", overwrite)
    for part in parts:
        if is_same_target(part, output):
            raise UsageError(f"--output {output} is one of the parts", "give another file")
    suffix_of(str(output), "--output")
    if null and against is None:
        raise UsageError("-0 needs --against", "give --against FILE or -")
    expected = [] if against is None else read_file_list(against, nul_separated=null, option="--against")
    with claimed_outputs(("--output", output)):
        result = merge_tables(parts, output, expected)
    say = Messages(quiet=quiet)
    for name in result.incomplete:
        say.warn(f"{name}: its last line is incomplete and was left out")
    if result.differing:
        say.warn(f"{count(result.differing, 'image')} had different scores in several rows; the last one counts")
    say.warn(
        f"{count(result.rows, 'image')} from {count(len(parts), 'table')}, {result.errors:,} of them without a score; "
        f"{count(result.repeats, 'repeat')} left out"
    )
    for path in result.missing:
        write_output(escape_for_pipe(path) + "\n")
    if result.missing:
        say.warn(f"{len(result.missing):,} of {len(set(expected)):,} paths of --against are in no table")
    return ExitCode.FAILED if result.missing else ExitCode.OK
