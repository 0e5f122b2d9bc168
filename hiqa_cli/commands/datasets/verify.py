"""`hiqa datasets verify`: is a database on disk complete and as published?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.commands.options import AsJson, Quiet
from hiqa_cli.commands.usage.help import INPUT
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import escape_for_terminal, name_text
from hiqa_cli.errors import DatasetError

from .options import AllowMissing, HigherIsBetter, NominalRange, direction_of

if TYPE_CHECKING:
    from hiqa_train.datasets import Dataset
    from hiqa_train.datasets.verify import Verification


def verify_dataset(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME|TABLE", help="A database, or the path of a table (CSV).", rich_help_panel=INPUT),
    ],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", metavar="DIR", help="Folder of the database; overrides hiqa datasets set.", rich_help_panel=INPUT
        ),
    ] = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Verify a database on disk: files, counts, scores, references.

    Decodes every image.

    Exit codes: 0 complete and as published; 1 something is missing, damaged or altered; 2 the database was not found.
    """
    from hiqa_train.datasets import DATABASES, open_dataset
    from hiqa_train.datasets.verify import files_of, verify

    say = Messages(quiet=quiet)
    try:
        dataset = open_dataset(
            name, root, direction=direction_of(higher_is_better), nominal=nominal, allow_missing=allow_missing
        )
    except DatasetError as error:
        say.error(str(error))
        return ExitCode.FAILED
    progress = ImageProgress(len(files_of(dataset)), enabled=not quiet)
    try:
        result = verify(dataset, DATABASES.get(name), progress.advance)
    finally:
        progress.close()
    if as_json:
        write_output(json.dumps(as_object(dataset, result), indent=2, ensure_ascii=False) + "\n")
    else:
        write_output("\n".join(escape_for_terminal(line) for line in as_lines(dataset, result)) + "\n")
    return ExitCode.OK if result.ok else ExitCode.FAILED


def as_lines(dataset: Dataset, result: Verification) -> list[str]:
    """The checks as text: what, number found of number expected, problem."""
    lines = [f"{dataset.title}: {name_text(dataset.root)}", f"scores: {dataset.scale}"]
    lines += [f"note: {note}" for note in dataset.notes]
    for check in result.checks:
        line = f"{'ok ' if check.ok else 'BAD'}  {check.what}: {check.found:,} of {check.expected:,}"
        lines.append(f"{line}, {check.problem}" if check.problem else line)
    if result.sizes:
        size, count = result.sizes[0]
        others = sum(number for _, number in result.sizes[1:])
        lines.append(f"sizes: {count:,} of {size}" + (f", {others:,} of others" if others else ""))
    worst, best = (choose(dataset.samples, key=lambda sample: sample.quality) for choose in (min, max))
    for sample in (worst, best):
        lines.append(f"quality {sample.quality:.3f}, score {sample.score:g}: {name_text(sample.path)}")
    return lines


def as_object(dataset: Dataset, result: Verification) -> dict[str, Any]:
    """The checks as --json prints them."""
    return {
        "name": dataset.name,
        "root": name_text(dataset.root),
        "ok": result.ok,
        "scale": str(dataset.scale),
        "notes": list(dataset.notes),
        "checks": [
            {"what": c.what, "found": c.found, "expected": c.expected, "ok": c.ok, "problem": c.problem or None}
            for c in result.checks
        ],
        "missing": list(dataset.missing + dataset.missing_references),
        "sizes": dict(result.sizes),
    }
