"""Where a report goes: checked before any work, made while rows come, put in place when all are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import for_message, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.output_checks import check_new_file, check_output_file

from .entry import ReportEntry, RunFacts
from .options import ReportTarget
from .page.writer import MARKER, folder_of

BYTES_OF_MB = 1_000_000


class Output(Protocol):
    """Something that is being made, under a temporary name."""

    def finish(self, facts: RunFacts) -> Path | None:
        """Put it in place; gives the folder beside it, where there is one."""

    def abandon(self) -> None:
        """Leave nothing behind; harmless after finish()."""


class Report(Output, Protocol):
    """The page or the sheet of one run: report.run_page.RunPage, report.contact_sheet.ContactSheet."""

    def wants(self, score: float | None) -> bool:
        """Whether the pictures of an entry of this score are needed."""

    def add(self, entry: ReportEntry) -> None:
        """One image; OutputError where it cannot be written."""


def check_report(target: ReportTarget, sources: Iterable[str], *, may_exist: bool) -> None:
    """UsageError, before any work, where the report cannot or must not be written.

    sources: real paths of what is read for it.
    """
    path, option = target.path, target.option
    if str(path) == "-":
        raise UsageError(f"{option}: expected a file, found -", "a file of that name is ./-")
    check_output_file(path, option)
    if os.path.realpath(path) in set(sources):
        raise UsageError(f"{path} is one of the files to be read", "give another file")
    check_new_file(path, option, overwrite=may_exist)
    beside = folder_of(path)
    if target.png or not os.path.lexists(beside):
        return
    if not (beside / MARKER).exists():
        raise UsageError(f"{beside} exists already and is not of a report's", "give another file")
    if not may_exist:
        raise UsageError(f"{beside} exists already", "replace it by --overwrite, or give another file")


def open_report(target: ReportTarget, title: str, expected: int) -> Report:
    """Begin a report of about so many images."""
    if target.png:
        from .contact_sheet import ContactSheet

        return ContactSheet(target.path, target.worst)
    from .page.run_page import RunPage

    return RunPage(target.path, title, target.embed_limit_mb * BYTES_OF_MB, expected)


def finish_report(report: Output, target: ReportTarget, facts: RunFacts, messages: Messages) -> None:
    """Put a report in place and say what a person should know of it. OutputError where it cannot be written."""
    try:
        beside = report.finish(facts)
    finally:
        report.abandon()
    if beside is not None:
        messages.warn(
            f"pictures beyond {target.embed_limit_mb} MB lie in {beside}{os.sep}: keep it beside {target.path.name}"
        )


def report_title(given: Sequence[str]) -> str:
    """What a report is called: by what was given."""
    if not given:
        return "hiqa report"
    more = f" and {len(given) - 1:,} more" if len(given) > 1 else ""
    return f"{for_message(name_text(given[0]))}{more}"
