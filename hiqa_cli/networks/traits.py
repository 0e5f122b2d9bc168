"""The kinds of R, and what the scorer must know of one before it runs. Needs no torch."""

from __future__ import annotations

from typing import NamedTuple


class RegressorTraits(NamedTuple):
    """kind: as the weights name it. sees_whole: R also looks at the whole image, reduced. pools: the score of an image
    is the prediction from the mean of its tiles' statistics, else the mean of their predictions."""

    kind: str
    sees_whole: bool
    pools: bool


PAPER = RegressorTraits("regressor", sees_whole=False, pools=False)  # the mean over tile scores: section 3.4
PAIR = RegressorTraits("pair-regressor", sees_whole=True, pools=True)
KINDS = {traits.kind: traits for traits in (PAPER, PAIR)}
