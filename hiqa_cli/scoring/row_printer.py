"""What standard output gets of `hiqa score`: a table for a person, lines for a pipe, or CSV or JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Protocol

from hiqa_cli.console.text import count, for_pipe, for_terminal
from hiqa_cli.errors import OutputError, os_reason
from hiqa_cli.rows.row import COLUMNS, Row, csv_line, csv_row, json_row

from .summary import RunSummary

BAR_CELLS = 20
BAR_HEADER = f"{'0 bad':<10}{'good 100':>{BAR_CELLS - 10}}"
EIGHTHS = " ▏▎▍▌▋▊▉"
GRADE_STYLES = {
    "bad": "red",
    "poor": "yellow",
    "fair": "bright_yellow",
    "good": "green",
    "excellent": "bright_green",
}


class RowPrinter(Protocol):
    """Takes rows as they are ready."""

    def show(self, row: Row) -> None:
        """One row, scored or failed; OutputError or ReaderGone where it cannot be written."""

    def end(self, summary: RunSummary) -> None:
        """No more rows come."""


class PipePrinter:
    """`score<TAB>path`, two decimals; an image that failed has no line."""

    def show(self, row: Row) -> None:
        if row.score is not None:
            write(f"{row.score:.2f}\t{for_pipe(row.path)}\n")

    def end(self, summary: RunSummary) -> None:
        """Lines need no end."""


class NullPrinter:
    """Standard output is for something else."""

    def show(self, row: Row) -> None:
        """Not shown."""

    def end(self, summary: RunSummary) -> None:
        """Nothing to end."""


class FilePrinter:
    """The rows of --csv or --jsonl, on standard output."""

    def __init__(self, header: bytes, encode: Callable[[Row], bytes]) -> None:
        self._pending = header
        self._encode = encode

    def show(self, row: Row) -> None:
        self._write(self._encode(row))

    def end(self, summary: RunSummary) -> None:
        self._write(b"")

    def _write(self, data: bytes) -> None:
        data, self._pending = self._pending + data, b""
        write(data.decode("utf-8"))


class TerminalPrinter:
    """A table that grows row by row: score, half-width, a bar, a word, the path in full."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(
            file=sys.stdout,
            highlight=False,
            markup=False,
            emoji=False,
            # NO_COLOR takes bold and dim with it: whoever sets it wants plain text
            color_system=None if os.environ.get("NO_COLOR") else "auto",
        )
        self._rows = 0

    def show(self, row: Row) -> None:
        from rich.text import Text

        if row.score is None:
            return  # its message is on standard error
        if not self._rows:
            self._print(Text(f" score     ±  {BAR_HEADER}  quality    image", style="bold"))
        self._rows += 1
        word = grade_word(row.score)
        style = GRADE_STYLES[word]
        self._print(
            Text.assemble(
                (f"{row.score:6.2f}", "bold"),
                (f"{row.uncertainty:6.1f}  ", "dim"),
                (bar(row.score), style),
                (f"  {word:<9}  ", style),
                for_terminal(row.path),
            )
        )

    def end(self, summary: RunSummary) -> None:
        from rich.text import Text

        if summary.worst is None or summary.worst.score is None or summary.scored < 2:
            return
        text = f"{count(summary.scored, 'image')}, high is good; worst {summary.worst.score:.2f} "
        self._print(Text(f"{text}{for_terminal(summary.worst.path)}", style="bold"))

    def _print(self, text: object) -> None:
        try:
            self._console.print(text, soft_wrap=True)  # never cut, never padded
            self._console.file.flush()
        except OSError as error:
            reason = os_reason(error)
            raise OutputError(f"standard output cannot be written: {reason}") from error


class SortedPrinter:
    """Keeps rows back until the end, to show them in order (--sort) or the worst only (--worst)."""

    def __init__(self, screen: RowPrinter, order: str, worst: int | None) -> None:
        """order: "score" (worst first), "path", or "" for the worst first where `worst` is given."""
        self._screen = screen
        self._order = order
        self._worst = worst
        self._rows: list[Row] = []

    def show(self, row: Row) -> None:
        self._rows.append(row)

    def end(self, summary: RunSummary) -> None:
        for row in self._chosen():
            self._screen.show(row)
        self._screen.end(summary)

    def _chosen(self) -> list[Row]:
        rows = sorted(self._rows, key=_by_score)
        if self._worst is not None:
            rows = [row for row in rows if row.score is not None][: self._worst]
        if self._order == "path":
            rows.sort(key=lambda row: os.fsencode(row.path))
        return rows


def _by_score(row: Row) -> tuple[bool, float]:
    """The worst first, failures last."""
    return (row.score is None, 0.0 if row.score is None else row.score)


def make_printer(*, csv: bool, json_lines: bool, order: str, worst: int | None) -> RowPrinter:
    """The form for standard output as it is: `-` took it, a terminal, or a pipe or file."""
    screen: RowPrinter
    if csv:
        screen = FilePrinter(csv_line(COLUMNS), csv_row)
    elif json_lines:
        screen = FilePrinter(b"", json_row)
    elif sys.stdout.isatty():
        screen = TerminalPrinter()
    else:
        screen = PipePrinter()
    return SortedPrinter(screen, order, worst) if order or worst is not None else screen


def write(text: str) -> None:
    """Text to standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def bar(score: float) -> str:
    """A bar of BAR_CELLS cells, full at 100."""
    eighths = round(min(max(score, 0.0), 100.0) / 100 * BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(BAR_CELLS)


def grade_word(score: float) -> str:
    """The word for a score, as the engine has it."""
    from hiqa_cli.engine.config import grade

    return grade(score)
