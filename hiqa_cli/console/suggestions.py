"""The nearest right word for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or "" where none is near."""
    candidates = sorted(known)
    begins = [candidate for candidate in candidates if len(word) > 2 and candidate.startswith(word)]
    if begins:
        return begins[0]
    close = get_close_matches(word.lower(), candidates, n=1)
    return close[0] if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "; did you mean X?" or nothing: to be put behind a message."""
    guess = nearest(word, known)
    return f"; did you mean {guess}?" if guess else ""
