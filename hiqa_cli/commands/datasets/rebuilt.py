"""`hiqa datasets build` and `measure`: rebuild TID2013 and TID2008 from Kodak's photographs, and check the result.

`hiqa_train.datasets.rebuilt` describes how.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.commands.options import Quiet
from hiqa_cli.commands.usage.help import INPUT, OUTPUT
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages, did_you_mean
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import escape_for_terminal, name_text
from hiqa_cli.errors import UsageError

NAMES = ("tid2013-rebuilt", "tid2008-rebuilt")


Name = Annotated[str, typer.Argument(metavar="|".join(NAMES), help="Database to rebuild.", rich_help_panel=INPUT)]
Photographs = Annotated[
    Path,
    typer.Option(
        "--from",
        metavar="DIR",
        help="Kodak's 24 photographs, lossless, with any names.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Tree = Annotated[
    Path,
    typer.Option(
        "--to",
        metavar="DIR",
        help="New folder, or a stopped build to resume.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
Scores = Annotated[
    Path,
    typer.Option(
        "--scores",
        metavar="CSV",
        help="Published scores: reference,type,level,mos.",
        dir_okay=False,
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Scenes = Annotated[
    str,
    typer.Option("--scenes", metavar="N,N-N", help="Build these scenes, by Kodak's numbers.", rich_help_panel=INPUT),
]
Types = Annotated[
    str | None,
    typer.Option(
        "--types",
        metavar="N,N-N",
        show_default="all of the database",
        help="Build these distortion types, by TID2013's numbers.",
        rich_help_panel=INPUT,
    ),
]


def number_list(option: str, value: str, most: int) -> list[int]:
    """The numbers of an option such as 1,4,7-9, sorted. UsageError for anything but numbers from 1 to `most`."""
    chosen: set[int] = set()
    for part in value.split(","):
        found = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= most:
            raise UsageError(f"{option}: expected numbers from 1 to {most}, such as 1,4,7-9; found {value!r}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


def build_dataset(
    name: Name,
    source: Photographs,
    tree: Tree,
    scores: Scores,
    scenes: Scenes = "1-24",
    types: Types = None,
    quiet: Quiet = False,
) -> int:
    """Rebuild TID2013 or TID2008 from Kodak's photographs.

    Combines distortions as in the original with the published scores. Resumes a
    stopped build and writes the same bytes every time.
    """
    if name not in NAMES:
        raise UsageError(f"nothing to build: {name}{did_you_mean(name, NAMES) or '; ' + ' or '.join(NAMES)}")
    from hiqa_train.datasets.rebuilt.build import EDITIONS, build

    edition = EDITIONS[name]
    chosen_scenes = number_list("--scenes", scenes, 24)
    chosen_types = list(edition.types) if types is None else number_list("--types", types, 24)
    for kind in chosen_types:
        if kind not in edition.types:
            raise UsageError(f"--types {kind}: {name} has no such type", f"it has {', '.join(map(str, edition.types))}")
    progress = ImageProgress(len(chosen_scenes) * len(chosen_types) * len(edition.levels), enabled=not quiet)
    try:
        built = build(name, source, tree, scores, chosen_scenes, chosen_types, progress.advance)
    finally:
        progress.close()
    kept = f", {built.kept:,} already present" if built.kept else ""
    write_output(f"{name}: {built.written:,} images written to {escape_for_terminal(name_text(tree))}{kept}\n")
    return ExitCode.OK


def measure_dataset(
    tree: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of a complete or partial tid2013-rebuilt.", rich_help_panel=INPUT),
    ],
    scores: Annotated[
        Path,
        typer.Option(
            "--scores",
            metavar="CSV",
            help="Published values: reference,type,level,mos,psnrc,ssimulacra.",
            dir_okay=False,
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ],
    rows: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Keep the measurements of every image; resumes an existing file.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Compare a rebuilt TID2013 with the original, by distortion type.

    Prints a Markdown table. SSIMULACRA needs the program ssimulacra_main (Debian:
    libjxl-devtools).
    """
    from hiqa_train.datasets.rebuilt import measure

    say = Messages(quiet=quiet)
    if not measure.has_tool():
        say.warn(f"{measure.TOOL} is not installed: 'exact' is the only class that can be determined")
    done = measure.read_measured(rows) if rows is not None and rows.exists() else []
    if rows is not None and not rows.exists():
        measure.write_header(rows)
    progress = ImageProgress(len(measure.present(tree)) - len(done), enabled=not quiet)

    def keep(row: measure.ImageMeasurement) -> None:
        if rows is not None:
            measure.append(rows, row)
        progress.advance()

    try:
        found = measure.measure(tree, scores, done, keep)
    finally:
        progress.close()
    write_output("\n".join(measure.as_markdown(*measure.compare_types(found))) + "\n")
    return ExitCode.OK
