"""The kinds of R, and what the scorer must know about each before it runs one. Does not import torch."""

from __future__ import annotations

from typing import NamedTuple


class RegressorTraits(NamedTuple):
    """kind: its name in the weights. sees_whole: whether R also gets the whole image, reduced. pools: whether the score
    of an image is the prediction from the mean of its tiles' statistics; if not, it is the mean of the tiles'
    predictions."""

    kind: str
    sees_whole: bool
    pools: bool


PAPER = RegressorTraits("regressor", sees_whole=False, pools=False)  # the mean over tile scores: section 3.4
PAIR = RegressorTraits("pair-regressor", sees_whole=True, pools=True)
KINDS = {traits.kind: traits for traits in (PAPER, PAIR)}
