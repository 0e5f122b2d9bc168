"""Writes the rows of `hiqa score` to standard output: a table on a terminal, lines to a pipe, or CSV or JSON."""

from __future__ import annotations

import os
import sys
from typing import Protocol

from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import count, escape_for_pipe, escape_for_terminal
from hiqa_cli.engine.config import GRADE_COLOURS
from hiqa_cli.errors import cannot_write
from hiqa_cli.rows.codec import TableFormat
from hiqa_cli.rows.row import Row

from .options import EVERY_ROW, RowFilter
from .summary import RunSummary

BAR_CELLS = 20
BAR_HEADER = f"{'0 bad':<10}{'good 100':>{BAR_CELLS - 10}}"
EIGHTHS = " ▏▎▍▌▋▊▉"
BESIDE_BAR = 28  # columns of a row with a bar for the path; a narrower terminal gets no bar
WITH_BAR, WITHOUT_BAR = 47, 25  # columns before the path


class RowPrinter(Protocol):
    """Prints rows as they become ready."""

    def show(self, row: Row) -> None:
        """Print one row, scored or failed. Raises OutputError or ClosedPipe."""

    def end(self, summary: RunSummary) -> None:
        """Finish after the last row."""


class PipePrinter:
    """`score<TAB>path` with two decimals; nothing for a failed image."""

    def show(self, row: Row) -> None:
        if row.score is not None:
            write_output(f"{row.score:.2f}\t{escape_for_pipe(row.path)}\n")

    def end(self, summary: RunSummary) -> None:
        """Nothing to finish."""


class NulPrinter:
    """The paths of scored images, as they are, each ended by NUL."""

    def show(self, row: Row) -> None:
        if row.is_scored:
            write_output(f"{row.path}\0")

    def end(self, summary: RunSummary) -> None:
        """Nothing to finish."""


class SilentPrinter:
    """Prints nothing: standard output has another use."""

    def show(self, row: Row) -> None:
        """Ignore the row."""

    def end(self, summary: RunSummary) -> None:
        """Nothing to finish."""


class FilePrinter:
    """The rows of --csv or --jsonl, on standard output."""

    def __init__(self, form: TableFormat) -> None:
        self._pending = form.header
        self._encode = form.encode

    def show(self, row: Row) -> None:
        self._write(self._encode(row))

    def end(self, summary: RunSummary) -> None:
        self._write(b"")

    def _write(self, data: bytes) -> None:
        data, self._pending = self._pending + data, b""
        write_output(data.decode("utf-8"))


class TerminalPrinter:
    """A table that grows row by row: score, half-width of the interval, bar, grade, full path, kind and reasons.

    On a narrow terminal the bar is left out, and a path that does not fit has a line of its own.
    """

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(
            file=sys.stdout,
            highlight=False,
            markup=False,
            emoji=False,
            # NO_COLOR removes bold and dim, too: plain text is what it asks for
            color_system=None if os.environ.get("NO_COLOR") else "auto",
        )
        self._rows = 0
        self._has_bar = self._console.width >= WITH_BAR + BESIDE_BAR

    def show(self, row: Row) -> None:
        from rich.text import Text

        if row.score is None:
            return  # standard error has its message
        if not self._rows:
            header = f"{BAR_HEADER}  " if self._has_bar else ""
            self._print(Text(f" score     ±  {header}quality    image", style="bold"))
        self._rows += 1
        style = GRADE_COLOURS[row.grade].on_any if row.grade in GRADE_COLOURS else ""
        path = Text(escape_for_terminal(row.path))
        too_long = not self._has_bar and WITHOUT_BAR + path.cell_len > self._console.width
        self._print(
            Text.assemble(
                (f"{row.score:6.2f}", "bold"),
                (f"{row.uncertainty:6.1f}  ", "dim"),
                (f"{bar(row.score)}  " if self._has_bar else "", style),
                (row.grade if too_long else f"{row.grade:<9}  ", style),
                "\n  " if too_long else "",
                path,
                (f"  {', '.join(row.words)}" if row.words else "", "italic"),
            )
        )

    def end(self, summary: RunSummary) -> None:
        from rich.text import Text

        if summary.worst is None or summary.worst.score is None or summary.scored < 2:
            return
        text = f"{count(summary.scored, 'image')}, high is good; worst {summary.worst.score:.2f}"
        path = escape_for_terminal(summary.worst.path)
        fits = len(text) + 1 + len(path) <= self._console.width
        self._print(Text(f"{text}{' ' if fits else chr(10) + '  '}{path}", style="bold"))
        for line in summary.distribution():
            self._print(Text(line))

    def _print(self, text: object) -> None:
        try:
            self._console.print(text, soft_wrap=True)  # never cut, never padded
            self._console.file.flush()
        except OSError as error:
            raise cannot_write("standard output", error) from error


class SortedPrinter:
    """Holds rows until the end, to print them in order (--sort), or only the worst (--worst)."""

    def __init__(self, printer: RowPrinter, order: str, worst: int | None) -> None:
        """order: "score" (worst first), "path", or "" for the worst first, if `worst` is given."""
        self._printer = printer
        self._order = order
        self._worst = worst
        self._rows: list[Row] = []

    def show(self, row: Row) -> None:
        self._rows.append(row)

    def end(self, summary: RunSummary) -> None:
        for row in self._chosen():
            self._printer.show(row)
        self._printer.end(summary)

    def _chosen(self) -> list[Row]:
        rows = sorted(self._rows, key=_by_score)
        if self._worst is not None:
            rows = [row for row in rows if row.score is not None][: self._worst]
        if self._order == "path":
            rows.sort(key=lambda row: os.fsencode(row.path))
        return rows


class FilteredPrinter:
    """Passes on the rows that a filter lets through."""

    def __init__(self, printer: RowPrinter, row_filter: RowFilter) -> None:
        self._printer = printer
        self._filter = row_filter

    def show(self, row: Row) -> None:
        if self._filter.passes(row):
            self._printer.show(row)

    def end(self, summary: RunSummary) -> None:
        self._printer.end(summary)


def _by_score(row: Row) -> tuple[bool, float]:
    """Sort key: the worst first, failures last."""
    return (row.score is None, 0.0 if row.score is None else row.score)


def make_printer(
    *, form: TableFormat | None, paths_only: bool, order: str, worst: int | None, row_filter: RowFilter = EVERY_ROW
) -> RowPrinter:
    """The printer for standard output: a table of this form, or paths (--print0), if requested, else by whether it is
    a terminal."""
    printer: RowPrinter
    if form is not None:
        printer = FilePrinter(form)
    elif paths_only:
        printer = NulPrinter()
    elif sys.stdout.isatty():
        printer = TerminalPrinter()
    else:
        printer = PipePrinter()
    printer = SortedPrinter(printer, order, worst) if order or worst is not None else printer
    return FilteredPrinter(printer, row_filter) if row_filter else printer


def bar(score: float) -> str:
    """A bar of BAR_CELLS cells, full at 100."""
    eighths = round(min(max(score, 0.0), 100.0) / 100 * BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(BAR_CELLS)
