"""The worst places of an image: its tiles with the lowest scores. Imports no numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hiqa_cli.engine.config import TILE

from .reason import Place

MOST = 3
SHARE = 4  # one in so many tiles, at most: of an image of few tiles, three would be nearly all
LARGEST = 0.4  # of the image: a tile that covers more of it is no place within it


class ScoredTile(Protocol):
    """A tile with its left and top edge in px, and its score: `TileScore`."""

    @property
    def x(self) -> int: ...

    @property
    def y(self) -> int: ...

    @property
    def score(self) -> float: ...


def worst_places(tiles: Sequence[ScoredTile], width: int, height: int) -> tuple[Place, ...]:
    """Up to MOST tiles that do not overlap, the lowest score first, as rectangles within an image of width x height px;
    none of an image of fewer than SHARE tiles, or of which a tile covers more than LARGEST."""
    found: list[Place] = []
    if LARGEST * width * height < TILE * TILE:
        return ()
    for tile in sorted(tiles, key=lambda tile: tile.score):
        if len(found) == min(MOST, len(tiles) // SHARE):
            break
        place = Place(tile.x, tile.y, min(TILE, width - tile.x), min(TILE, height - tile.y))
        if not any(abs(place.x - one.x) < TILE and abs(place.y - one.y) < TILE for one in found):
            found.append(place)
    return tuple(found)
