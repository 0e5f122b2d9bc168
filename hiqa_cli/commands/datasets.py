"""`hiqa datasets`: the databases hiqa can train on and be measured on, where they lie, whether they are whole."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages, did_you_mean
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import escape_for_pipe, escape_for_terminal, name_text
from hiqa_cli.errors import DatasetError, UsageError
from hiqa_cli.scoring.row_printer import write

from .dataset_options import AllowMissing, HigherIsBetter, NominalRange, direction_of
from .datasets_rebuilt import build_dataset, measure_dataset
from .options import Quiet

if TYPE_CHECKING:
    from hiqa_train.datasets import DatabaseInfo, Dataset
    from hiqa_train.datasets.verify import Verification

HELP_NAMES = {"help_option_names": ["-h", "--help"]}

AsJson = Annotated[bool, typer.Option("--json", help="Everything as one JSON object on standard output.")]
DatasetName = Annotated[str, typer.Argument(metavar="NAME", help="A database, as hiqa datasets lists them.")]


class Actions(TyperGroup):
    """`verify`, `set`, `build`, `measure`; a wrong word is refused in one line."""

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """As Typer's, with the nearest right word."""
        names = self.list_commands(cast(Any, ctx))
        if args[0] not in names and not ctx.resilient_parsing:
            guess = did_you_mean(args[0], names) or "; see hiqa datasets --help"
            expected = f"{', '.join(names[:-1])} or {names[-1]}"
            raise UsageError(f"hiqa datasets: expected {expected}, found {args[0]!r}{guess}")
        return super().resolve_command(cast(Any, ctx), args)


datasets = typer.Typer(
    name="datasets", cls=Actions, rich_markup_mode=None, add_completion=False, context_settings=HELP_NAMES
)


@datasets.callback(invoke_without_command=True)
def list_datasets(ctx: typer.Context, as_json: AsJson = False) -> int:
    """What databases hiqa reads: size, kind of score, where to get them, where they are.

    A database's folder is named by --root, else by HIQA_NAME_ROOT, else by what hiqa datasets set remembered.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            behind = f"hiqa datasets {ctx.invoked_subcommand} --json"
            raise UsageError("--json goes behind the word that it belongs to", behind)
        return ExitCode.OK
    from hiqa_train.datasets import DATABASES

    facts = [describe(database) for database in DATABASES.values()]
    if as_json:
        write(json.dumps({"datasets": facts}, indent=2, ensure_ascii=False) + "\n")
    elif sys.stdout.isatty():
        write("\n".join(as_table(facts)) + "\n")
    else:
        write("".join("\t".join(map(escape_for_pipe, tab_fields(row))) + "\n" for row in facts))
    return ExitCode.OK


@datasets.command("verify")
def verify_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME|TABLE", help="A database, or the path of a table (CSV).")],
    root: Annotated[
        Path | None, typer.Option("--root", metavar="DIR", help="Where the database lies, if not where it is set.")
    ] = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Check a database on disk: every file decoded, counts, scores, references.

    Exit codes: 0 all as published; 1 something is missing, damaged or altered; 2 it could not be looked for.
    """
    from hiqa_train.datasets import DATABASES, open_dataset
    from hiqa_train.datasets.verify import files_of, verify

    say = Messages(quiet=quiet)
    try:
        reading = open_dataset(
            name,
            root,
            direction=direction_of(higher_is_better),
            nominal=nominal,
            allow_missing=allow_missing,
        )
    except DatasetError as error:
        say.error(str(error))
        return ExitCode.FAILED
    progress = ImageProgress(len(files_of(reading)), wanted=not quiet)
    try:
        result = verify(reading, DATABASES.get(name), progress.advance)
    finally:
        progress.close()
    if as_json:
        write(json.dumps(as_object(reading, result), indent=2, ensure_ascii=False) + "\n")
    else:
        write("\n".join(escape_for_terminal(line) for line in as_lines(reading, result)) + "\n")
    return ExitCode.OK if result.ok else ExitCode.FAILED


@datasets.command("set")
def set_dataset(
    name: DatasetName,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder it was unpacked into.")],
) -> int:
    """Remember where a database lies, in the user's configuration file.

    The folder is looked at first: one that holds something else is refused.
    """
    from hiqa_train.datasets.catalogue import check_marks, find_database
    from hiqa_train.datasets.roots import save_root

    database = find_database(name)
    root = Path(os.path.abspath(path.expanduser()))
    check_marks(database, root)
    file = save_root(name, root)
    say = Messages()
    if os.environ.get(database.variable):
        say.warn(f"{database.variable} is set, and goes before what the configuration file says")
    write(f"{name}: {escape_for_terminal(name_text(root))} (written to {escape_for_terminal(name_text(file))})\n")
    return ExitCode.OK


datasets.command("build")(build_dataset)
datasets.command("measure")(measure_dataset)


def describe(database: DatabaseInfo) -> dict[str, Any]:
    """All facts of a database, as --json gives them; `root` and `origin` are null where it is not set."""
    from hiqa_train.datasets import configured_root
    from hiqa_train.datasets.catalogue import has_marks

    root = configured_root(database)
    return {
        "name": database.name,
        "title": database.title,
        "images": database.images,
        "references": database.references,
        "kind": database.scale.kind,
        "low": database.scale.low,
        "high": database.scale.high,
        "direction": "high" if database.scale.high_is_good else "low",
        "source": database.source,
        "terms": database.terms,
        "layout": database.layout,
        "found": root is not None and has_marks(database, root.path),
        "root": name_text(root.path) if root else None,
        "origin": root.origin if root else None,
    }


def tab_fields(facts: dict[str, Any]) -> list[str]:
    """name, images, references, kind, low, high, good direction, found|missing|unset, root, source, terms."""
    return [
        facts["name"],
        str(facts["images"]),
        str(facts["references"]),
        facts["kind"],
        f"{facts['low']:g}",
        f"{facts['high']:g}",
        facts["direction"],
        _state(facts),
        facts["root"] or "",
        facts["source"],
        facts["terms"],
    ]


def _state(facts: dict[str, Any]) -> str:
    if facts["found"]:
        return "found"
    return "unset" if facts["root"] is None else "missing"


def as_table(facts: list[dict[str, Any]]) -> list[str]:
    """For a person: a table of facts and places, then where to get what."""
    wide = max(len(row["name"]) for row in facts) + 1
    lines = [f"{'name':<{wide}}{'images':>7}{'references':>12}  {'score':<12}{'good':<6}found"]
    for row in facts:
        score = f"{row['kind']} {row['low']:g}..{row['high']:g}"
        place = f"{row['root']} (by {row['origin']})" if row["root"] else "not set"
        where = place if row["found"] or not row["root"] else f"NOT THERE: {place}"
        lines.append(
            f"{row['name']:<{wide}}{row['images']:>7,}{row['references'] or '-':>12}  {score:<12}{row['direction']:<6}"
            f"{escape_for_terminal(where)}"
        )
    lines += ["", "Where to get them, and under what terms:"]
    lines += [f"{row['name']:<{wide}}{row['title']}: {row['source']}; {row['terms']}" for row in facts]
    return [*lines, "", "hiqa datasets set NAME PATH remembers a place; hiqa datasets verify NAME checks it."]


def as_lines(reading: Dataset, result: Verification) -> list[str]:
    """The checks for a person: what, found of expected, what is wrong."""
    lines = [f"{reading.title}: {name_text(reading.root)}", f"scores: {reading.scale}"]
    lines += [f"note: {note}" for note in reading.notes]
    for check in result.checks:
        line = f"{'ok ' if check.ok else 'BAD'}  {check.what}: {check.found:,} of {check.expected:,}"
        lines.append(f"{line}, {check.problem}" if check.problem else line)
    if result.sizes:
        size, count = result.sizes[0]
        others = sum(number for _, number in result.sizes[1:])
        lines.append(f"sizes: {count:,} of {size}" + (f", {others:,} of others" if others else ""))
    for sample in (min(reading.samples, key=lambda s: s.quality), max(reading.samples, key=lambda s: s.quality)):
        lines.append(f"quality {sample.quality:.3f}, score {sample.score:g}: {name_text(sample.path)}")
    return lines


def as_object(reading: Dataset, result: Verification) -> dict[str, Any]:
    """The checks as --json gives them."""
    return {
        "name": reading.name,
        "root": name_text(reading.root),
        "ok": result.ok,
        "scale": str(reading.scale),
        "notes": list(reading.notes),
        "checks": [
            {"what": c.what, "found": c.found, "expected": c.expected, "ok": c.ok, "problem": c.problem or None}
            for c in result.checks
        ],
        "missing": list(reading.missing + reading.missing_references),
        "sizes": dict(result.sizes),
    }
