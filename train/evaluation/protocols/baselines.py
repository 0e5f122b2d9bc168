"""Baselines, trained and tested on the same images as hiqa.

`nss`: BRISQUE's 36 features with kernel ridge regression instead of support vectors (see nss.py).
`gmsd`: a full-reference measure without training: a yardstick of what is possible with the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from hiqa_cli.errors import HiqaError, ImageError, UsageError
from hiqa_cli.images.read import read_picture
from hiqa_train.data.mdsi import gradient_magnitude
from hiqa_train.datasets.sample import Sample
from hiqa_train.evaluation.predict import UnscoredImage
from hiqa_train.evaluation.score_cache import ScoreCache, key_of
from hiqa_train.trainer.loop import StopSignal

from .eval_splits import EvaluationSplit
from .methods import FittedMethod, Report
from .nss import LUMA, RIDGES, WIDTHS, KernelRidge, natural_scene_features, select_and_fit

GMSD_CONSTANT = 170.0  # the paper's T, for values in 0..255


def pixels_of(path: Path) -> np.ndarray:
    """(H, W, 3) RGB in 0..255. ImageError."""
    pixels = read_picture(path).pixels
    return pixels if pixels.dtype == np.uint8 else pixels / 257.0


@dataclass(frozen=True)
class NaturalScenes:
    """The BRISQUE-like baseline. features: the file that caches the features of images for all splits."""

    features: Path

    @property
    def name(self) -> str:
        return "nss"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"widths": list(WIDTHS), "ridges": list(RIDGES)}

    def check(self, eval_splits: list[EvaluationSplit]) -> None:
        """All splits can be run."""

    def fit(self, eval_split: EvaluationSplit, folder: Path, stop: StopSignal, report: Report) -> FittedMethod | None:
        training = self._examples([sample for part in eval_split.parts for sample in part.training], stop)
        validation = self._examples([sample for part in eval_split.parts for sample in part.validation], stop)
        if training is None or validation is None:
            return None
        model = select_and_fit(training, validation)
        chosen = f"kernel width {model.width:g}, ridge {model.ridge:g}"
        report(f"nss, split {eval_split.number}: {chosen}, selected on the validation part")
        return FittedMethod("nss", partial(NaturalScenePredictor, model, self))

    def _examples(self, samples: Sequence[Sample], stop: StopSignal) -> tuple[np.ndarray, np.ndarray] | None:
        """(N, 36) features and (N,) qualities; None if stopped."""
        rows = []
        with ScoreCache(self.features) as cache:
            for sample in samples:
                if stop.signal:
                    return None
                try:
                    rows.append(self.features_of(sample.path, cache))
                except ImageError as error:
                    raise HiqaError(f"{sample.path}: {error.message}", error.hint) from error
        return np.stack(rows), np.array([sample.quality for sample in samples])

    def features_of(self, path: Path, cache: ScoreCache) -> np.ndarray:
        """The features of an image, (36,), from the cache if it has them."""
        key = key_of(str(path.resolve()), path)
        features = cache.get(key)
        if features is None:
            features = tuple(map(float, natural_scene_features(pixels_of(path))))
            cache.add(key, *features)
        return np.array(features)


@dataclass(frozen=True)
class NaturalScenePredictor:
    """Predicts with the fitted regression."""

    model: KernelRidge
    baseline: NaturalScenes

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[float | HiqaError]:
        with ScoreCache(self.baseline.features) as cache:
            for image in images:
                try:
                    yield float(self.model(self.baseline.features_of(image.path, cache)[None])[0])
                except ImageError as error:
                    yield error


@dataclass(frozen=True)
class Gmsd:
    """The full-reference yardstick: minus GMSD, so that higher is better."""

    @property
    def name(self) -> str:
        return "gmsd"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {}

    def check(self, eval_splits: list[EvaluationSplit]) -> None:
        for eval_split in eval_splits:
            for test in eval_split.tests:
                if any(sample.reference is None for sample in test.samples):
                    raise UsageError(
                        f"gmsd needs references, which {test.dataset.name} lacks", "leave out --method gmsd"
                    )

    def fit(self, eval_split: EvaluationSplit, folder: Path, stop: StopSignal, report: Report) -> FittedMethod | None:
        return FittedMethod("gmsd", lambda: self)

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[float | HiqaError]:
        for image in images:
            try:
                yield self._score(image)
            except ImageError as error:
                yield error

    def _score(self, image: UnscoredImage) -> float:
        assert image.reference is not None  # ensured by check()
        distorted = pixels_of(image.path)
        try:
            reference = pixels_of(image.reference)
        except ImageError as error:
            raise ImageError(f"its reference {image.reference}: {error.message}") from error
        if distorted.shape != reference.shape:
            sizes = " and ".join(f"{p.shape[1]}x{p.shape[0]}" for p in (distorted, reference))
            raise ImageError(f"image and reference differ in size: {sizes}")
        return -gmsd(distorted, reference)


def gmsd(distorted: np.ndarray, reference: np.ndarray) -> float:
    """Gradient magnitude similarity deviation of two images (H, W, 3) RGB of one size, values in 0..255, sides at least
    2.

    Xue, Zhang, Mou and Bovik, "Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image Quality
    Index", IEEE TIP 23, 2014. 0 for identical images, larger is worse.
    """
    luma = [
        torch.from_numpy(np.asarray(image, np.float64) @ np.array(LUMA))[None, None].float()
        for image in (distorted, reference)
    ]
    d, r = (gradient_magnitude(functional.avg_pool2d(plane, 2)) for plane in luma)  # at half the resolution
    similarity = (2 * d * r + GMSD_CONSTANT) / (d.square() + r.square() + GMSD_CONSTANT)
    return float(similarity.double().std())
