"""`hiqa datasets build` and `measure`: TID2013 and TID2008 rebuilt from Kodak's photographs, and how near they come.

What is built and how stands in the training suite's package `rebuilt`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages, did_you_mean
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import escape_for_terminal, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.row_printer import write

from .options import Quiet

NAMES = ("tid2013-rebuilt", "tid2008-rebuilt")


def number_list(option: str, value: str, most: int) -> list[int]:
    """An option's numbers from 1 to `most` and spans of them, 1,4,7-9, in order."""
    chosen: set[int] = set()
    for part in value.split(","):
        found = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= most:
            raise UsageError(f"{option}: expected numbers from 1 to {most}, as 1,4,7-9; found {value!r}")
        chosen.update(range(first, last + 1))
    return sorted(chosen)


Scores = Annotated[
    Path,
    typer.Option("--scores", metavar="CSV", help="The published scores: reference,type,level,mos.", dir_okay=False),
]


def build_dataset(
    name: Annotated[str, typer.Argument(metavar="|".join(NAMES), help="What to build.")],
    source: Annotated[
        Path, typer.Option("--from", metavar="DIR", help="Kodak's 24 photographs, without loss, under any names.")
    ],
    tree: Annotated[Path, typer.Option("--to", metavar="TREE", help="A new folder, or one to go on with.")],
    scores: Scores,
    scenes: Annotated[
        str, typer.Option("--scenes", metavar="N,N-N", help="These scenes alone: Kodak's numbers.")
    ] = "1-24",
    types: Annotated[
        str | None, typer.Option("--types", metavar="N,N-N", help="These types alone: TID2013's numbers.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Rebuild TID2013 or TID2008 from Kodak's photographs, to measure like the originals, with the published scores.

    A stopped build goes on where it was; nothing that is there is written again. The same bytes every time.
    """
    if name not in NAMES:
        raise UsageError(f"nothing to build: {name}{did_you_mean(name, NAMES) or '; ' + ' or '.join(NAMES)}")
    from hiqa_train.rebuilt.build import EDITIONS, build

    edition = EDITIONS[name]
    chosen_scenes = number_list("--scenes", scenes, 24)
    chosen_types = list(edition.types) if types is None else number_list("--types", types, 24)
    for kind in chosen_types:
        if kind not in edition.types:
            raise UsageError(f"--types {kind}: {name} has no such type", f"it has {', '.join(map(str, edition.types))}")
    progress = ImageProgress(len(chosen_scenes) * len(chosen_types) * len(edition.levels), wanted=not quiet)
    try:
        built = build(name, source, tree, scores, chosen_scenes, chosen_types, progress.advance)
    finally:
        progress.close()
    already = f", {built.kept:,} were there already" if built.kept else ""
    write(f"{name}: {built.written:,} images written to {escape_for_terminal(name_text(tree))}{already}\n")
    return ExitCode.OK


def measure_dataset(
    tree: Annotated[Path, typer.Argument(metavar="TREE", help="A tid2013-rebuilt, whole or in part.")],
    scores: Annotated[
        Path,
        typer.Option(
            "--scores", metavar="CSV", help="Published: reference,type,level,mos,psnrc,ssimulacra.", dir_okay=False
        ),
    ],
    rows: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Keep every image's measurements here, and go on from those there."),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """How near a rebuilt TID2013 comes to the original: a table of types with their classes, in Markdown.

    SSIMULACRA is measured where ssimulacra_main is installed (Debian: libjxl-devtools).
    """
    from hiqa_train.rebuilt import measure

    say = Messages(quiet=quiet)
    if not measure.has_tool():
        say.warn(f"{measure.TOOL} is not installed: without SSIMULACRA no class but 'exact' can be told")
    done = measure.read_measured(rows) if rows is not None and rows.exists() else []
    if rows is not None and not rows.exists():
        measure.write_header(rows)
    progress = ImageProgress(len(measure.present(tree)) - len(done), wanted=not quiet)

    def keep(row: measure.TypeMeasurement) -> None:
        if rows is not None:
            measure.append(rows, row)
        progress.advance()

    try:
        found = measure.measure(tree, scores, done, keep)
    finally:
        progress.close()
    write("\n".join(measure.as_markdown(*measure.judge_all(found))) + "\n")
    return ExitCode.OK
