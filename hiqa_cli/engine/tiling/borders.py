"""Borders of one colour around a picture: letterboxes, frames, white around a product.

A border ends the picture on one side, over its whole length. It is left out of the score where all of this holds:

- Its lines are of one colour: no pixel is more than NOISE 8-bit levels away from it in any channel. The grain of a
  night sky, of fog or of snow is more; compression leaves less on a plain area.
- Its edge is straight: along half of its length at least the picture begins within STRAIGHT px of one line, with a step
  of STEP levels. A sky that ends at trees has no such edge, nor has one that fades.
- It is wide enough to matter (NARROWEST px and SHARE of the side), and what is left is a picture (SMALLEST px a side).

An object on exactly one colour, the same within EXACT levels on all four sides, needs no straight edge: what is left is
the rectangle around it, and it must be LEAST_LEFT of the picture.
"""

from __future__ import annotations

import numpy as np

from .sides import NO_BORDERS, Borders

NOISE = 4  # 8-bit levels, as STEP and EXACT
STEP = 16
EXACT = 1
RINGING = 16  # px: the edge of a border lies in one of these lines, because JPEG rings within a block of up to 16 px
STRAIGHT = 2  # px
ALONG = 0.5  # of the edge's length
NARROWEST = 4  # px
SHARE = 0.01
SMALLEST = 64  # px
LEAST_LEFT = 0.05  # of the picture's pixels
AT_ONCE = 32  # lines
ROUNDS = 4  # borders within borders


def find_borders(pixels: np.ndarray) -> Borders:
    """The borders of a picture (H, W, 3) uint8 or uint16; NO_BORDERS for most photographs and for plain frames."""
    height, width = pixels.shape[:2]
    found = NO_BORDERS
    for _ in range(ROUNDS):
        wider = _straight_borders(pixels, found)
        if wider == found:
            break
        found = wider
    around = _around_object(inside(pixels, found))
    found = Borders(*(a + b for a, b in zip(found, around, strict=True)))
    if width - found.left - found.right < SMALLEST or height - found.top - found.bottom < SMALLEST:
        return NO_BORDERS
    return found


def inside(pixels: np.ndarray, borders: Borders) -> np.ndarray:
    """The view of a picture (H, W, ...) within its borders."""
    height, width = pixels.shape[:2]
    return pixels[borders.top : height - borders.bottom, borders.left : width - borders.right]


def _straight_borders(pixels: np.ndarray, found: Borders) -> Borders:
    """`found` and, on each side in turn, the border within it."""
    for side in Borders._fields:
        lines = _lines_from(inside(pixels, found), side)
        depth = _straight_depth(lines)
        if _is_wide(depth, len(lines)):
            found = found._replace(**{side: getattr(found, side) + depth})
    return found


def _around_object(pixels: np.ndarray) -> Borders:
    """The borders around an object on one colour, else NO_BORDERS."""
    depths, colours = {}, []
    for side in Borders._fields:
        lines = _lines_from(pixels, side)
        colours.append(_colour(lines))
        depths[side] = _plain_depth(lines, colours[0], EXACT)
        if not _is_wide(depths[side], len(lines)):
            return NO_BORDERS
    borders = Borders(**depths)
    left = inside(pixels, borders)
    return borders if left.shape[0] * left.shape[1] >= LEAST_LEFT * pixels.shape[0] * pixels.shape[1] else NO_BORDERS


def _is_wide(depth: int, lines: int) -> bool:
    return max(NARROWEST, SHARE * lines) <= depth < lines


def _lines_from(pixels: np.ndarray, side: str) -> np.ndarray:
    """A view of the picture whose first lines are those at `side`."""
    lines = pixels if side in ("top", "bottom") else pixels.transpose(1, 0, 2)
    return lines if side in ("top", "left") else lines[::-1]


def _colour(lines: np.ndarray) -> np.ndarray:
    """The median colour (3,) of the outermost line, from some of its pixels."""
    return np.rint(np.median(lines[0, :: 1 + lines.shape[1] // 64], axis=0)).astype(np.int32)


def _distance(lines: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(n, length): the largest difference from a colour over the channels, in 8-bit levels."""
    scale = 1 if lines.dtype == np.uint8 else 257
    return np.abs(lines.astype(np.int32) - colour).max(axis=2) / scale


def _plain_depth(lines: np.ndarray, colour: np.ndarray, noise: float) -> int:
    """How many lines from the first are within `noise` levels of the colour."""
    if not len(lines) or _distance(lines[:1, ::16], colour).max() > noise:
        return 0
    for start in range(0, len(lines), AT_ONCE):
        differ = _distance(lines[start : start + AT_ONCE], colour).max(axis=1) > noise
        if differ.any():
            return start + int(differ.argmax())
    return len(lines)


def _straight_depth(lines: np.ndarray) -> int:
    """The lines of a border with a straight edge; 0 where there is none."""
    if not lines.size:
        return 0
    colour = _colour(lines)
    plain = _plain_depth(lines, colour, NOISE)
    if not 0 < plain < len(lines):
        return 0
    before = min(plain, STRAIGHT + 1)
    distances = _distance(lines[plain - before : plain + RINGING + STRAIGHT], colour)
    differ = distances[before : before + RINGING] >= STEP
    first = np.where(differ.any(axis=0), differ.argmax(axis=0), RINGING + STRAIGHT + 1)
    counts = np.bincount(first, minlength=RINGING)[:RINGING]
    near = np.convolve(counts, np.ones(2 * STRAIGHT + 1, int), "same")
    edge = int(np.argmax(near == near.max()))
    outside = distances[edge + before - STRAIGHT - 1 if before > STRAIGHT else 0]
    within = distances[min(edge + before + STRAIGHT, len(distances) - 1)]
    is_sharp = (within - outside >= STEP) & (np.abs(first - edge) <= STRAIGHT)
    return plain + edge if is_sharp.mean() >= ALONG else 0
