"""The px of a picture that belong to its borders, as a plain record. Imports no numpy."""

from __future__ import annotations

from typing import NamedTuple

BORDER_NOTE = "borders left out"  # how the note begins


class Borders(NamedTuple):
    """Px on each side of a picture that do not belong to it."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @property
    def note(self) -> str:
        """What was left out, as a note; empty for no border."""
        sides = [f"{name} {px}" for name, px in zip(self._fields, self, strict=True) if px]
        return f"{BORDER_NOTE}: {', '.join(sides)} px" if sides else ""


NO_BORDERS = Borders()
