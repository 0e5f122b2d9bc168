"""`hiqa compare`: do versions of the same images differ, by how much, and how sure is it?"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count, escape_for_terminal, name_text
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import NO_OUTPUTS
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_cli.files.output_checks import check_new_file
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.codec import TABLE_HINT
from hiqa_cli.rows.stored import is_table, open_table
from hiqa_cli.scoring.inputs import InputOptions, find_inputs
from hiqa_cli.scoring.items import job_for, load_scorer, score_jobs
from hiqa_cli.scoring.options import BackendOptions
from hiqa_cli.scoring.row_printer import write

from . import options as common
from .usage.help import INPUT, OUTPUT
from .usage.values import points

if TYPE_CHECKING:
    from hiqa_cli.report.versions import Comparison, Version

STDOUT = Path("-")

Versions = Annotated[
    list[str],
    typer.Argument(
        metavar="A B",
        help="Two or more folders, or tables of finished runs (.csv, .jsonl); all are compared with the first.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
JsonOutput = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE|-", help="Write all numbers as JSON; - for standard output.", rich_help_panel=OUTPUT
    ),
]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        "--max-drop",
        metavar="X",
        parser=points("--max-drop"),
        help="Exit with 3 if the mean score falls by more than X.",
        rich_help_panel=OUTPUT,
    ),
]
MaxDropP95 = Annotated[
    float | None,
    typer.Option(
        "--max-drop-p95",
        metavar="X",
        parser=points("--max-drop-p95"),
        help="Exit with 3 if more than 5 % of the images fall by more than X.",
        rich_help_panel=OUTPUT,
    ),
]


def compare(
    scoring: common.SampledScoring,
    backend: common.Networks,
    limits: common.FileLimits,
    versions: Versions,
    json_file: JsonOutput = None,
    max_drop: MaxDrop = None,
    max_drop_p95: MaxDropP95 = None,
    overwrite: common.Overwrite = False,
    quiet: common.Quiet = False,
) -> int:
    """Compare versions of the same images, such as settings of a codec.

    Images are matched by their paths below each folder, file suffix aside.
    Prints for each version whether it scores higher, lower, or shows no
    difference: less than a point in the mean, or an interval that includes 0.

    \b
    hiqa compare original/ jpeg75/ jpeg35/
    hiqa compare before.jsonl after.jsonl --max-drop 2

    Exit codes: 0 compared; 1 output failed; 2 wrong usage, or nothing could start; 3 a version fell by more than
    allowed.
    """
    from hiqa_cli.report.versions import compare_versions

    if len(versions) < 2:
        raise UsageError("expected two or more versions", "give folders, or tables of finished runs")
    if json_file is not None and json_file != STDOUT:
        check_new_file(json_file, "--json", overwrite)
    say = Messages(quiet=quiet)
    first, *others = read_versions(versions, scoring, backend, limits, say)
    comparisons = [compare_versions(first, other) for other in others]
    for comparison in comparisons:
        if comparison.unmatched:
            say.warn(f"{comparison.name}: {count(comparison.unmatched, 'image')} without a pair")
    facts = as_facts(first, comparisons)
    if json_file == STDOUT:
        write(json.dumps(facts, indent=2) + "\n")
    else:
        write("\n".join(as_lines(first, comparisons)) + "\n")
    if json_file is not None and json_file != STDOUT:
        write_json(json_file, facts)
    failed = [problem for one in comparisons for problem in broken_limits(one, max_drop, max_drop_p95)]
    for problem in failed:
        say.error(problem)
    return ExitCode.BELOW_GATE if failed else ExitCode.OK


def read_versions(
    names: Sequence[str], scoring: Scoring, backend: BackendOptions, limits: Limits, say: Messages
) -> list[Version]:
    """The scores of every version: of a folder by scoring it, of a table by reading it."""
    folders = [name for name in names if os.path.isdir(name) and not is_table(name)]
    tables = [name for name in names if name not in folders]
    for name in tables:
        open_table(name, "version", TABLE_HINT)  # all are checked before anything is scored
    read = {name: read_table(name) for name in tables}
    if folders:
        read |= score_folders(folders, scoring, backend, limits, say)
    return [read[name] for name in names]


def read_table(name: str) -> Version:
    """The scored images of a finished run. UsageError if there are none."""
    from hiqa_cli.report.versions import Version

    table = open_table(name, "version", TABLE_HINT)
    with contextlib.closing(table):
        scored = {row.path: row.score for _, row in table.rows() if row.score is not None}
    if not scored:
        raise UsageError(f"{name} has no scored image")
    return Version(name_text(name), tuple(scored), tuple(scored.values()))


def score_folders(
    folders: Sequence[str], scoring: Scoring, backend: BackendOptions, limits: Limits, say: Messages
) -> dict[str, Version]:
    """The scores of the images in folders and their subfolders; an image that cannot be scored is named."""
    from hiqa_cli.report.versions import Version

    found = {folder: find_inputs(InputOptions((folder,), recursive=True)).images for folder in folders}
    scorer = load_scorer(backend, say)
    progress = ImageProgress(sum(map(len, found.values())), enabled=not say.quiet)
    say.clear = progress.cleared
    versions = {}
    try:
        for folder, images in found.items():
            scores: dict[str, float] = {}
            with score_jobs(scorer, [job_for(image, limits, NO_OUTPUTS) for image in images], scoring) as outcomes:
                for job, outcome in outcomes:
                    progress.advance()
                    if isinstance(outcome, HiqaError):
                        say.error(f"{job.name}: {outcome}")
                    else:
                        scores[str(job.source)] = outcome.score
            if not scores:
                raise UsageError(f"{folder} has no image that can be scored")
            versions[folder] = Version(name_text(folder), tuple(scores), tuple(scores.values()))
    finally:
        progress.close()
    return versions


def broken_limits(comparison: Comparison, max_drop: float | None, max_drop_p95: float | None) -> list[str]:
    """What of a comparison is beyond the limits, as messages."""
    change, problems = comparison.change, []
    if max_drop is not None and -change.mean > max_drop:
        problems.append(f"{comparison.name}: the mean score falls by {-change.mean:.2f}, more than {max_drop:g}")
    if max_drop_p95 is not None and change.p95_drop > max_drop_p95:
        problems.append(
            f"{comparison.name}: 5 % of the images fall by {change.p95_drop:.2f} or more, more than {max_drop_p95:g}"
        )
    return problems


def as_facts(first: Version, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """All numbers, for JSON."""
    return {
        "first": first.name,
        "versions": [asdict(one) | {"verdict": one.change.verdict} for one in comparisons],
    }


def as_lines(first: Version, comparisons: Sequence[Comparison]) -> list[str]:
    """The verdicts in words, a table, and the images that fell most."""
    lines = [f"Compared with {escape_for_terminal(first.name)}:"]
    lines += [f"  {escape_for_terminal(one.change.sentence(one.name))}" for one in comparisons]
    width = max(7, *(len(one.name) for one in comparisons))
    lines += ["", f"{'version':<{width}}  images    mean  median  lower  higher  p (sign)   size"]
    for one in comparisons:
        change = one.change
        size = f"{100 * one.bytes[1] / one.bytes[0]:5.0f} %" if one.bytes is not None else "      -"
        lines.append(
            f"{escape_for_terminal(one.name):<{width}}  {change.pairs:6,}  {change.mean:+6.1f}  {change.median:+6.1f}"
            f"  {change.lower:5,}  {change.higher:6,}  {change.p_sign:8.2g}  {size}"
        )
    for one in comparisons:
        if one.losers:
            lines += ["", f"Fell most in {escape_for_terminal(one.name)}:"]
            lines += [f"  {before:6.2f} to {now:6.2f}  {escape_for_terminal(name)}" for name, before, now in one.losers]
    return lines
