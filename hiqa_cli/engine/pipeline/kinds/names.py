"""The kinds of pictures. Imports no numpy."""

from __future__ import annotations

PHOTOGRAPH = "photograph"
NOT_A_PHOTOGRAPH = ("flat", "text", "screenshot", "drawing")
UMBRELLA = "not-a-photograph"  # all of NOT_A_PHOTOGRAPH, in filters
KINDS = (PHOTOGRAPH, *NOT_A_PHOTOGRAPH)
NOTES = {
    "flat": "flat, nothing to judge: its score means little",
    "text": "text, not a photograph: its score means little",
    "screenshot": "screenshot, not a photograph: its score means little",
    "drawing": "drawing, not a photograph: its score means little",
}
