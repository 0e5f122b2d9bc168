"""The engine's front: load weights once, then score images.

    scorer = Scorer.load()
    result = scorer.score("photo.jpg")
    print(result.score, result.uncertainty)

Scores are points on 0..100, high is good. A score is the mean over overlapping tiles of 256x256 px
of the picture's own pixels (section 3.4): nothing is resized.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from hiqa_cli._version import __version__
from hiqa_cli.errors import HiqaError, ImageError, UsageError
from hiqa_cli.images.picture import Picture, picture_from_array
from hiqa_cli.images.read import read_picture
from hiqa_cli.images.source import Limits

from .backends.backend import Backend
from .backends.devices import BATCH_SIZE, Placement, default_batch_size, place
from .calibration import Calibration
from .config import BACKENDS, DEFAULT_BACKEND, OPENVINO, Scoring
from .outputs.outputs import Outputs, open_sinks
from .outputs.sinks import Sink, WholeArrays
from .pipeline.job import Job
from .pipeline.prefetch import Prefetcher
from .pipeline.stream import OpenSinks, ScoreStream
from .results import ScoreResult
from .tiling.grid import TileGrid
from .weights import load_weights

__all__ = ["Job", "Limits", "Outputs", "ScoreResult", "Scorer", "Scoring"]

DEFAULT_SCORING = Scoring()


class Scorer:
    """Weights on a device, ready to score; make one with Scorer.load(). For one thread at a time.

    weights_id: first 8 hex digits of the sha256 of the weights' manifest.
    backend: what runs the networks; its `name` is "torch" or "openvino".
    device: "cpu", "cuda" or "mps". precision: "fp32" or "bf16".
    """

    def __init__(self, backend: Backend, placement: Placement, calibration: Calibration, weights_id: str) -> None:
        self.backend = backend
        self._calibration = calibration
        self.weights_id = weights_id
        self.device = placement.device
        self.precision = placement.precision

    @classmethod
    def load(
        cls,
        weights: Path | str | None = None,
        *,
        backend: str = DEFAULT_BACKEND,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        threads: int | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> Scorer:
        """Load weights and settle where they run.

        weights: a folder with a manifest; None: the weights installed with hiqa.
        backend: "torch", or "openvino" (the extra hiqa[openvino]; processors only), which imports torch the first time
            for these weights only, and starts sooner.
        device: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda" or "mps".
        precision: "auto" (bf16 where the hardware multiplies in it, else fp32), "fp32" or "bf16".
        batch_size: tiles at once, at least 1; None: what suits the device.
        threads: of the engine, of torch's for the whole process; None: as the engine has it.
        notice: gets one-line warnings, such as a batch halved for want of memory.

        Raises WeightsError, DeviceError, UsageError; with "openvino" DependencyError where it is not installed, and
        OutputError where its networks cannot be kept.
        """
        check_count("batch size", batch_size)
        check_count("number of threads", threads)
        if backend not in BACKENDS:
            raise UsageError(f"backend must be one of {', '.join(BACKENDS)}, found {backend!r}")
        tell = notice if notice is not None else ignore
        if backend == OPENVINO:
            from .backends.openvino_backend import load_openvino

            size = batch_size if batch_size is not None else BATCH_SIZE["cpu"]
            loaded = load_openvino(
                weights, device=device, precision=precision, batch_size=size, threads=threads, tell=tell
            )
            return cls(*loaded)
        placement = place(device, precision)
        if placement.notice:
            tell(placement.notice)
        size = batch_size if batch_size is not None else default_batch_size(placement.device)
        return cls(*with_torch(weights, placement, size, threads, tell))

    @property
    def settings(self) -> dict[str, str | int]:
        """What a result depends on, or might: for records beside the scores."""
        return {
            "hiqa": __version__,
            "weights": self.weights_id,
            "engine": self.backend.name,
            "device": self.device,
            "precision": self.precision,
            "batch_size": self.backend.batch_size,
            **self.backend.settings,
        }

    def score(
        self,
        image: str | os.PathLike[str] | np.ndarray | Picture,
        *,
        stride: int | None = None,
        scoring: Scoring = DEFAULT_SCORING,
        hallucination: bool = False,
        discrepancy: bool = False,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
    ) -> ScoreResult:
        """Score one image.

        image: a path; an array, (H, W, 3) RGB or (H, W) grey, uint8, uint16 or float in 0..1; or a
            Picture. Any size from 1x1; a side below 256 px is reflected up to it; `notes` says so.
        stride: px between tiles, 1..256, in place of `scoring`'s; smaller takes longer.
        scoring: mode, and how large pictures are sampled.
        hallucination, discrepancy: put these arrays, (H, W, 3), into the result.
        limits: what of a file is read at most.

        Raises ImageError where the image cannot be read or scored, UsageError for a wrong stride.
        """
        name = os.fspath(image) if isinstance(image, str | os.PathLike) else "array"
        picture = self._picture(image, limits)
        arrays = WholeArrays(picture.width, picture.height, hallucination, discrepancy)
        sinks: list[Sink] = [arrays] if hallucination or discrepancy else []
        ((_, outcome),) = self._stream(
            [Job(name, lambda: picture)], lambda job, grid: sinks, with_stride(scoring, stride)
        )
        if isinstance(outcome, HiqaError):
            raise outcome
        return dataclasses.replace(outcome, hallucination=arrays.hallucination, discrepancy=arrays.discrepancy)

    def score_stream(
        self, jobs: Iterable[Job], *, stride: int | None = None, scoring: Scoring = DEFAULT_SCORING
    ) -> Iterator[tuple[Job, ScoreResult | HiqaError]]:
        """Score many images; yields (job, result or error) in order, each as soon as it is ready.

        Tiles of several images share batches; images are read ahead on a thread of its own (so are
        `jobs` themselves iterated there), but a result never waits for a job that has not arrived.
        An image that cannot be read or scored, or whose artefacts cannot be written, gives its
        HiqaError as the result; nothing is raised for one image. Raises UsageError for a wrong
        stride, DeviceError where the device itself fails, BrokenPipeError where a stream that is
        written to has lost its reader, and whatever `jobs` raises. Close the iterator to stop
        early: half-written pictures are then removed.
        """
        return self._stream(jobs, self._artefact_sinks, with_stride(scoring, stride))

    def _stream(
        self, jobs: Iterable[Job], sinks: OpenSinks, scoring: Scoring
    ) -> Iterator[tuple[Job, ScoreResult | HiqaError]]:
        yield from ScoreStream(
            self.backend,
            self._calibration,
            Prefetcher(jobs),
            sinks,
            scoring=scoring,
            precision=self.precision,
            weights_id=self.weights_id,
        ).results()

    def _artefact_sinks(self, job: Job, grid: TileGrid) -> list[Sink]:
        if job.artefacts is None:
            return []
        return open_sinks(job.artefacts, grid, self.weights_id)

    @staticmethod
    def _picture(image: str | os.PathLike[str] | np.ndarray | Picture, limits: Limits) -> Picture:
        if isinstance(image, Picture):
            return image
        if isinstance(image, np.ndarray):
            return picture_from_array(image)
        try:
            return read_picture(image, limits)
        except ImageError as error:
            raise ImageError(f"{os.fspath(image)}: {error.message}", error.hint) from error


def with_torch(
    weights: Path | str | None, placement: Placement, batch_size: int, threads: int | None, tell: Callable[[str], None]
) -> tuple[Backend, Placement, Calibration, str]:
    """A runner, where it runs, the calibration and id of its weights."""
    import torch

    from hiqa_cli.networks.hiqa import HiqaNet

    from .backends.torch_backend import TorchBackend

    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_weights(weights)
    runner = TorchBackend(HiqaNet(loaded.generator, loaded.regressor), placement, batch_size, tell)
    return runner, placement, loaded.calibration, loaded.weights_id


def with_stride(scoring: Scoring, stride: int | None) -> Scoring:
    """The same with another stride, where one is given; UsageError for a wrong one."""
    return scoring if stride is None else dataclasses.replace(scoring, stride=stride)


def check_count(what: str, value: int | None) -> None:
    """UsageError unless `value` is None or a whole number of at least 1."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise UsageError(f"the {what} must be a whole number of at least 1, found {value!r}")


def ignore(notice: str) -> None:
    """Where nobody wants to hear notices."""
