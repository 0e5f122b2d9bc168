"""A reason, as results name it. Imports no numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A rectangle of the upright image: left and top edge, width and height, in px."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Reason:
    """A fault of an image.

    word: one of `names.WORDS`. points: what undoing it would give, by MDSI on hiqa's scale, above 0. place: where it
    is, if most of the image is free of it.
    """

    word: str
    points: float
    place: Place | None = None

    def moved(self, right: int, down: int) -> Reason:
        """The same reason, its place some px further right and down."""
        if self.place is None or not (right or down):
            return self
        return replace(self, place=self.place._replace(x=self.place.x + right, y=self.place.y + down))

    def __str__(self) -> str:
        """Word and whole points, at least 1: "blur 14", as in rows."""
        return f"{self.word} {max(1, round(self.points))}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the place as a dictionary of x, y, w and h, or None."""
        place = None if self.place is None else self.place._asdict()
        return {"word": self.word, "points": self.points, "place": place}


def word_of(reason: str) -> str:
    """The word of a reason as rows have it; any other word itself."""
    word, _, points = reason.rpartition(" ")
    return word if word and points.isdigit() else reason
