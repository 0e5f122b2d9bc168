"""Report options and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

EMBED_LIMIT_MB = 50  # default
WORST = 20  # default
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True)
class ReportTarget:
    """The report file to write.

    option: the command-line option that named it, for messages. embed_limit_mb: maximum size of an HTML page (MB);
    further images go to a folder next to it. full_size: whether large images are kept at full size, for 1:1.
    png: write a contact sheet instead of a page. worst: images on the sheet.
    """

    path: Path
    option: str
    embed_limit_mb: int
    full_size: bool = True
    png: bool = False
    worst: int = WORST

    @property
    def embed_limit_bytes(self) -> int:
        """Maximum size of the page in bytes."""
        return self.embed_limit_mb * BYTES_PER_MB
