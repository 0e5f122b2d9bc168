"""hiqa: no-reference image quality with evidence (Hallucinated-IQA, Lin and Wang, CVPR 2018).

    from hiqa_cli import Scorer

    scorer = Scorer.load()
    result = scorer.score("photo.jpg", hallucination=True)
    result.score          # 0..100, high is good
    result.uncertainty    # half-width in points
    result.hallucination  # (H, W, 3) uint8 RGB: the picture imagined behind this one

Names are loaded when they are asked for, so that `import hiqa_cli` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import HiqaError, ImageError, UsageError, WeightsError

if TYPE_CHECKING:
    from .engine.results import ScoreResult, TileScore
    from .engine.scorer import Scorer
    from .images.picture import Picture

__all__ = [
    "HiqaError",
    "ImageError",
    "Picture",
    "ScoreResult",
    "Scorer",
    "TileScore",
    "UsageError",
    "WeightsError",
    "__version__",
]

_PLACES = {
    "Picture": "engine.picture",
    "ScoreResult": "engine.results",
    "Scorer": "engine.scorer",
    "TileScore": "engine.results",
}


def __getattr__(name: str) -> Any:
    """Module-level names that need numpy or torch, on first use (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_PLACES[name]}", __name__), name)
