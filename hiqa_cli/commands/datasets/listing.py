"""`hiqa datasets` and `hiqa datasets set`: which databases hiqa reads, and where they are."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.commands.usage.help import INPUT
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import escape_for_pipe, escape_for_terminal, name_text

if TYPE_CHECKING:
    from hiqa_train.datasets import DatabaseInfo


def list_datasets(as_json: bool) -> int:
    """Print a table on a terminal, tab-separated lines in a pipe, or JSON."""
    from hiqa_train.datasets import DATABASES

    facts = [describe(database) for database in DATABASES.values()]
    if as_json:
        write_output(json.dumps({"datasets": facts}, indent=2, ensure_ascii=False) + "\n")
    elif sys.stdout.isatty():
        write_output("\n".join(as_table(facts)) + "\n")
    else:
        write_output("".join("\t".join(map(escape_for_pipe, tab_fields(row))) + "\n" for row in facts))
    return ExitCode.OK


def set_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a database.", rich_help_panel=INPUT)],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Its unpacked folder.", rich_help_panel=INPUT)],
) -> int:
    """Store the folder of a database in the configuration file.

    Refuses a folder with other contents.
    """
    from hiqa_train.datasets.catalogue import check_marks, find_database
    from hiqa_train.datasets.roots import save_root

    database = find_database(name)
    root = Path(os.path.abspath(path.expanduser()))
    check_marks(database, root)
    file = save_root(database, root)
    if os.environ.get(database.variable):
        Messages().warn(f"{database.variable} is set and overrides the configuration file")
    write_output(
        f"{name}: {escape_for_terminal(name_text(root))} (written to {escape_for_terminal(name_text(file))})\n"
    )
    return ExitCode.OK


def describe(database: DatabaseInfo) -> dict[str, Any]:
    """All facts of a database, as --json prints them; `root` and `origin` are null if it has no folder."""
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
    """name, images, references, kind, low, high, direction, found|missing|unset, root, source, terms."""
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
    """A table of facts and folders, then the sources."""
    wide = max(len(row["name"]) for row in facts) + 1
    lines = [f"{'name':<{wide}}{'images':>7}{'references':>12}  {'score':<12}{'good':<6}found"]
    for row in facts:
        score = f"{row['kind']} {row['low']:g}..{row['high']:g}"
        place = f"{row['root']} (by {row['origin']})" if row["root"] else "not set"
        where = place if row["found"] or not row["root"] else f"NOT FOUND: {place}"
        lines.append(
            f"{row['name']:<{wide}}{row['images']:>7,}{row['references'] or '-':>12}  {score:<12}{row['direction']:<6}"
            f"{escape_for_terminal(where)}"
        )
    lines += ["", "Sources and terms:"]
    lines += [f"{row['name']:<{wide}}{row['title']}: {row['source']}; {row['terms']}" for row in facts]
    return [*lines, "", "hiqa datasets set NAME PATH stores a folder; hiqa datasets verify NAME checks it."]
