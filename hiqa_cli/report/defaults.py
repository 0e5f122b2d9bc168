"""How large a report may be. The only place where these defaults are written; imports nothing heavy."""

from __future__ import annotations

MAX_MB = 50  # millions of bytes that a page itself may have
WORST = 20  # images on a contact sheet
