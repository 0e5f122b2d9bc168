"""Where the four parts of a panel go: a row, two by two, or a column, whichever shows most."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_SIDE = 2400  # px
# px at unit 1:
MARGIN = 16
LABEL = 24
CARD_WIDTH = 300
CARD_HEIGHT = 224
SMALLEST_CELL = 130  # the width of the longest label
PICTURE_PER_UNIT = 420.0  # a picture whose longer side is shown with so many px has unit 1
LARGEST_UNIT = 2.4
SMALL = 128  # px; pictures up to here are enlarged, by repeating pixels, up to twice this


@dataclass(frozen=True)
class PanelLayout:
    """A panel of width x height px.

    reduced: columns and rows of each of its three pictures, before they are enlarged.
    enlarged: how often each of their pixels is repeated, 1 but for small pictures.
    unit: px to one px of this module's lengths.
    corners: top left corners (x, y) of the four cells; a label stands on top of each.
    """

    width: int
    height: int
    reduced: tuple[int, int]
    enlarged: int
    unit: float
    corners: tuple[tuple[int, int], ...]
    label_height: int
    card_width: int


def lay_out(width: int, height: int) -> PanelLayout:
    """The layout for a picture of width x height px: the one that shows it largest, at most as it
    is; among equals the one that is nearest to three by two."""
    layouts = [_fitted(width, height, across) for across in (2, 4, 1)]
    shown = max(layout.reduced[0] * layout.reduced[1] for layout in layouts)
    largest = [x for x in layouts if x.reduced[0] * x.reduced[1] >= 0.98 * shown]
    return min(largest, key=lambda layout: abs(layout.width / layout.height - 1.5))


def _fitted(width: int, height: int, across: int) -> PanelLayout:
    enlarged = max(1, 2 * SMALL // max(width, height)) if max(width, height) <= SMALL else 1
    unit = 1.0
    # Letters grow with the pictures, and leave them less room: the second round settles it.
    for _ in range(2):
        share = _largest_share(width * enlarged, height * enlarged, across, unit)
        columns, rows = max(1, int(width * share)), max(1, int(height * share))
        longer = max(columns, rows) * enlarged
        chosen = _arranged((columns, rows), enlarged, across, unit)
        unit = min(max(longer / PICTURE_PER_UNIT, 1.0), LARGEST_UNIT)
    return chosen


def _largest_share(width: int, height: int, across: int, unit: float) -> float:
    """The largest factor, at most 1, at which a panel keeps to LARGEST_SIDE."""
    margin, label = MARGIN * unit, LABEL * unit
    down = {4: 1, 2: 2, 1: 4}[across]
    room_across = LARGEST_SIDE - (across + 1) * margin - 4
    room_down = LARGEST_SIDE - (down + 1) * margin - down * label - 4
    # In a row the card takes its own width, in a column its own height, from the three pictures.
    if across == 4:
        room_across -= CARD_WIDTH * unit
    if across == 1:
        room_down -= CARD_HEIGHT * unit
    pictures_across, pictures_down = min(across, 3), min(down, 3)
    return min(1.0, room_across / pictures_across / width, room_down / pictures_down / height)


def _arranged(reduced: tuple[int, int], enlarged: int, across: int, unit: float) -> PanelLayout:
    margin, label = round(MARGIN * unit), round(LABEL * unit)
    card = (round(CARD_WIDTH * unit), round(CARD_HEIGHT * unit))
    cell = (max(reduced[0] * enlarged, round(SMALLEST_CELL * unit)), reduced[1] * enlarged)
    sizes = [cell, cell, cell, card]
    columns = [max(size[0] for size in sizes[column::across]) for column in range(across)]
    rows = [max(size[1] for size in sizes[n : n + across]) + label for n in range(0, 4, across)]
    lefts = [margin + sum(columns[:n]) + n * margin for n in range(len(columns))]
    tops = [margin + sum(rows[:n]) + n * margin for n in range(len(rows))]
    return PanelLayout(
        width=lefts[-1] + columns[-1] + margin,
        height=tops[-1] + rows[-1] + margin,
        reduced=reduced,
        enlarged=enlarged,
        unit=unit,
        corners=tuple((x, y) for y in tops for x in lefts),
        label_height=label,
        card_width=max(card[0], columns[-1]),
    )
