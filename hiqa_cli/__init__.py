"""hiqa: no-reference image quality with evidence (Hallucinated-IQA, Lin and Wang, CVPR 2018).

    from hiqa_cli import Scorer

    scorer = Scorer.load()
    result = scorer.score("photo.jpg", hallucination=True)
    result.score          # 0..100, higher is better
    result.uncertainty    # half-width in points
    result.hallucination  # (H, W, 3) uint8 RGB: the generator's estimate of the undistorted image

Names that need numpy or torch are imported on first use, so that `import hiqa_cli` is fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    DatasetError,
    DependencyError,
    DeviceError,
    HiqaError,
    ImageError,
    OutputError,
    UsageError,
    WeightsError,
)

if TYPE_CHECKING:
    from .engine.config import Scoring
    from .engine.job import Job, Outputs
    from .engine.pipeline.reasons.reason import Place, Reason
    from .engine.results import ScoreResult, TileScore
    from .engine.scorer import Scorer
    from .images.picture import Picture
    from .images.read import read_picture
    from .images.source import Limits

__all__ = [
    "DatasetError",
    "DependencyError",
    "DeviceError",
    "HiqaError",
    "ImageError",
    "Job",
    "Limits",
    "OutputError",
    "Outputs",
    "Picture",
    "Place",
    "Reason",
    "ScoreResult",
    "Scorer",
    "Scoring",
    "TileScore",
    "UsageError",
    "WeightsError",
    "__version__",
    "read_picture",
]

_MODULES = {
    "Job": "engine.job",
    "Limits": "images.source",
    "Outputs": "engine.job",
    "Picture": "images.picture",
    "Place": "engine.pipeline.reasons.reason",
    "Reason": "engine.pipeline.reasons.reason",
    "ScoreResult": "engine.results",
    "Scorer": "engine.scorer",
    "Scoring": "engine.config",
    "TileScore": "engine.results",
    "read_picture": "images.read",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    """The public names, for completion; importing nothing."""
    return list(__all__)
