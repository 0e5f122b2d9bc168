"""A whole run on databases: the stages of a recipe, in order, from images with human scores to weights that score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .loop import Progress, StopSignal
from .parts import DatabasePart
from .recipe import Recipe


@dataclass(frozen=True)
class RunOptions:
    """What a run is told beside its recipe; nothing here changes what the recipe means.

    device: "auto", "cpu", "cuda" or "mps". seed: of networks, patches and orders. resume: go on with what OUT holds.
    generator: a ready G in place of the stage that trains one: a folder of weights, or the OUT of another run.
    vgg: a file with VGG19's convolutions, None where the recipe's VGG term is off.
    stages: those to run now, None for all of the recipe; what they build on must be in OUT, finished.
    cache: the folder of decoded pictures, None for hiqa's own in the user's cache.
    record: what the caller knows of the data (coverage, split, versions), kept with the run.
    watch: is told how far a stage is, several times a second at most.
    """

    device: str = "auto"
    seed: int = 1
    resume: bool = False
    generator: Path | None = None
    vgg: Path | None = None
    stages: tuple[str, ...] | None = None
    cache: Path | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    watch: Callable[[Progress], None] | None = None


def train_databases(
    parts: Sequence[DatabasePart], recipe: Recipe, out: Path, options: RunOptions, stop: StopSignal,
    tell: Callable[[str], None],
) -> Path | None:  # fmt: skip
    """Run what is left of the recipe's stages on the parts; OUT/weights, or None where `stop` ended it early."""
    raise NotImplementedError
