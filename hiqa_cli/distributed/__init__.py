"""Scoring by several processes: workers on one machine (`workers`), and actors of a Ray cluster (`cluster`).

`RayScorer`, for `map_batches` of Ray Data, is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ray_scorer import RayScorer

__all__ = ["RayScorer"]


def __getattr__(name: str) -> Any:
    """Import the public class on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .ray_scorer import RayScorer

    return RayScorer
