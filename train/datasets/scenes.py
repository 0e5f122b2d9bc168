"""Scenes: what an image shows, under one name in every database.

TID2008 and TID2013 are crops of Kodak's photographs (PCD0992): their reference N shows Kodak's N, N from 1 to 24; the
25th is assumed to be the same synthetic picture in both. Of LIVE's 29 references, 19 are Kodak's as well, matched by
their names and by eye, not by comparing pixels. Eleven of them can only be one photograph. The other eight can be more
than one (two lighthouses, four pictures of sailing boats, ...): they keep LIVE's name, and AMBIGUOUS_SCENES lists what
they may be. Splits of LIVE and TID together keep such scenes in one part: see `scene_groups`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LIVE_TO_KODAK = {
    "bikes": 5,
    "buildings": 8,
    "caps": 3,
    "paintedhouse": 24,
    "parrots": 23,
    "plane": 20,
    "rapids": 14,
    "statue": 17,
    "stream": 13,
    "woman": 18,
    "womanhat": 4,
}
AMBIGUOUS_LIVE = (
    (("house",), (1, 22)),
    (("lighthouse", "lighthouse2"), (19, 21)),
    (("ocean",), (12, 16)),
    (("sailing1", "sailing2", "sailing3", "sailing4"), (6, 9, 10, 11)),
)


def kodak_scene(number: int) -> str:
    """Kodak's photograph 1..24 -> `kodim01`.."""
    return f"kodim{number:02}"


def tid_scene(reference: int) -> str:
    """The scene of a reference 1..25 of TID2008 or TID2013."""
    return kodak_scene(reference) if reference <= 24 else f"tid/i{reference}"


def live_scene(reference: str) -> str:
    """The scene of a reference of LIVE, named without its suffix."""
    name = reference.casefold()
    return kodak_scene(LIVE_TO_KODAK[name]) if name in LIVE_TO_KODAK else f"live/{name}"


def table_scene(table: str, reference: str) -> str:
    """The scene of a reference, or of an image without one, in a user's table; `kodimNN` is recognised."""
    found = re.fullmatch(r"kodim(\d\d)", reference.casefold())
    return found.group() if found else f"{table}/{reference}"


AMBIGUOUS_SCENES = tuple(
    (frozenset(live_scene(name) for name in names), frozenset(kodak_scene(number) for number in numbers))
    for names, numbers in AMBIGUOUS_LIVE
)


def scene_groups(scenes: Iterable[str]) -> dict[str, str]:
    """Scene -> the group with which it must stay in one part of a split.

    A scene is a group of its own, except for ambiguous ones: LIVE's `sailing1` may be Kodak's 6, 9, 10 or 11, so these
    form a group with it where they are given.
    """
    given = set(scenes)
    groups = {scene: scene for scene in given}
    for names, photographs in AMBIGUOUS_SCENES:
        if given & names and given & photographs:
            together = sorted(given & (names | photographs))
            groups.update(dict.fromkeys(together, "+".join(together)))
    return groups
