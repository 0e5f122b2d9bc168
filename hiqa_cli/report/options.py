"""Where a report goes and how large it may be: the one place of these defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_MB = 50  # millions of bytes that a page itself may have
WORST = 20  # images on a contact sheet


@dataclass(frozen=True)
class ReportTarget:
    """A report to be written: a page, or a contact sheet as PNG.

    option: what the command line calls it. max_mb: millions of bytes that a page may have. worst: images on a sheet.
    """

    path: Path
    option: str
    max_mb: int
    png: bool = False
    worst: int = WORST
