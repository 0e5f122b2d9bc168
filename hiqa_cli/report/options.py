"""Where a report goes and how large it may be: the one place of these defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EMBED_LIMIT_MB = 50  # millions of bytes that a page itself may have
WORST = 20  # images on a contact sheet


@dataclass(frozen=True)
class ReportTarget:
    """A report to be written: a page, or a contact sheet as PNG.

    option: the option that names the file. embed_limit_mb: largest page, in millions of bytes. worst: images on a
    contact sheet.
    """

    path: Path
    option: str
    embed_limit_mb: int
    png: bool = False
    worst: int = WORST
