"""`hiqa compare`: do versions of the same images differ, by how much, and how sure is it?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiqa_cli.console.exit_codes import code_for_counts
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_cli.files.output_checks import check_new_file, claimed_outputs, is_same_target
from hiqa_cli.report.options import EMBED_LIMIT_MB, ReportTarget
from hiqa_cli.scoring.gate.changes import changes_text
from hiqa_cli.scoring.options import STDOUT

from .. import gate
from .. import options as common
from ..usage.help import INPUT, OUTPUT, on_command_line
from .text import as_facts, as_lines
from .versions import Folder, Settings, Table, open_versions, read_scores

if TYPE_CHECKING:
    from hiqa_cli.report.versions import Version

Versions = Annotated[
    list[str],
    typer.Argument(
        metavar="A B",
        help="Two or more folders, or tables of finished runs (.csv, .jsonl); all are compared with the first.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write an HTML page of the verdict and the pairs, side by side.",
        rich_help_panel=OUTPUT,
    ),
]


def compare(
    context: typer.Context,
    scoring: common.SampledScoring,
    backend: common.Networks,
    limits: common.FileLimits,
    versions: Versions,
    drops: gate.Limits,
    json_file: common.JsonOutput = None,
    report: Report = None,
    form: gate.FormatOfVerdict = None,
    overwrite: common.Overwrite = False,
    embed_limit_mb: common.EmbedLimitMb = EMBED_LIMIT_MB,
    full_size: common.FullSize = True,
    quiet: common.Quiet = False,
) -> int:
    """Compare versions of the same images, such as settings of a codec.

    Images are matched by their paths below each folder, file suffix aside.
    Prints for each version whether it scores higher, lower, or shows no
    difference: less than a point in the mean, or an interval that includes 0.

    \b
    hiqa compare original/ jpeg75/ jpeg35/ --report page.html
    hiqa compare before.jsonl after.jsonl --max-drop 2

    Exit codes: 0 compared; 1 an image of a folder could not be scored, or output failed; 2 wrong usage, or nothing
    could start; 3 a version fell by more than allowed.
    """
    from hiqa_cli.report.gate import check_drop

    if report is None and on_command_line(context, "embed_limit_mb", "full_size"):
        raise UsageError("--embed-limit-mb and --full-size are for a page", "give --report FILE")
    json_path = None if json_file in (None, STDOUT) else Path(str(json_file))
    target = None if report is None else ReportTarget(report, "--report", embed_limit_mb, full_size)
    check_outputs(versions, form, json_file, json_path, target, overwrite=overwrite)
    say = Messages(quiet=quiet)
    with claimed_outputs(("--json", json_path), ("--report", report)):
        opened = open_versions(versions)
        first, *others = scored_versions(opened, target, Settings(scoring, backend, limits, say), overwrite=overwrite)
        failed = [row for version in opened if isinstance(version, Folder) for row in version.failed]
        results = [check_drop(first, other, drops) for other in others]
        for result in results:
            if result.unmatched:
                say.warn(result.unmatched)
        comparisons = [result.comparison for result in results]
        facts = as_facts(first, comparisons)
        if form is not None:
            write_output(changes_text(form, results, failed))
        elif json_file == STDOUT:
            write_output(json.dumps(facts, indent=2) + "\n")
        else:
            write_output("\n".join(as_lines(first, comparisons)) + "\n")
        if json_path is not None:
            write_json(json_path, facts)
    problems = [problem for result in results for problem in result.problems]
    for problem in problems:
        say.error(problem)
    scored = sum(len(result.pairs) for result in results)
    return code_for_counts(scored=scored, failed=len(failed), below_gate=len(problems))


def check_outputs(
    versions: Sequence[str],
    form: str | None,
    json_file: str | None,
    json_path: Path | None,
    target: ReportTarget | None,
    *,
    overwrite: bool,
) -> None:
    """UsageError, before any work, for fewer than two versions and for outputs that clash or must not be written.

    json_file: as given. json_path: the same, None for standard output.
    """
    if len(versions) < 2:
        raise UsageError("expected two or more versions", "give folders, or tables of finished runs")
    if form is not None and json_file == STDOUT:
        raise UsageError(f"--format {form} uses standard output, as --json - does", "give --json a file")
    check_new_file(json_path, "--json", overwrite)
    if target is not None and json_path is not None and is_same_target(target.path, json_path):
        raise UsageError(f"--report and --json are the same file: {json_path}", "give another file")


def scored_versions(
    opened: Sequence[Folder | Table], target: ReportTarget | None, settings: Settings, *, overwrite: bool
) -> list[Version]:
    """The versions with their scores; writes the page if there is a target. Raises UsageError, OutputError."""
    if target is None:
        return read_scores(opened, settings)
    from .page import write_page

    return write_page(opened, target, settings, overwrite=overwrite)
