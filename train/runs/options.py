"""The options of a run: everything except the recipe and the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiqa_train.trainer.metrics_log import Progress


@dataclass(frozen=True)
class RunOptions:
    """Options of a run. None changes the meaning of the recipe.

    device: "auto", "cpu", "cuda" or "mps".
    precision: "auto" (autocast to bf16 if the hardware multiplies in it), "fp32" or "bf16".
    seed: of initial weights, patches and their order.
    resume: continue the run in OUT.
    generator: a folder of weights, or the OUT of another run, whose G replaces the generator stage. None takes the G of
        hiqa's own weights if the data have no references.
    cached_features: run this G once on each whole image and cut patches from its outputs, instead of running it on
        every patch (see data/feature_cache.py).
    init_generator: as `generator`, whose G the generator stage starts from; its sizes must be the recipe's.
    init_regressor: a folder whose R the last regressor stage starts from (see `initialise.load_regressor`).
    vgg: a file with the weights of VGG19's convolutions, for the perceptual loss; None for the trunk of hiqa's weights.
    kinds: the kinds of stages to run ("generator", "regressor", "joint"), None for all. Stages that these build on must
        be finished in OUT.
    cache: the folder of decoded images, None for hiqa's folder in the user's cache.
    record: facts on the data (coverage, split, versions) to store in OUT/run.json.
    on_start: called once with OUT when a new run starts.
    on_progress: called with the progress of a stage, at most a few times per second.
    """

    device: str = "auto"
    precision: str = "auto"
    seed: int = 1
    resume: bool = False
    generator: Path | None = None
    cached_features: bool = False
    init_generator: Path | None = None
    init_regressor: Path | None = None
    vgg: Path | None = None
    kinds: tuple[str, ...] | None = None
    cache: Path | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    on_start: Callable[[Path], None] | None = None
    on_progress: Callable[[Progress], None] | None = None


class RunStopped(Exception):
    """A signal arrived before the first step."""
