"""Load weights once, then score images.

    scorer = Scorer.load()
    result = scorer.score("photo.jpg")
    print(result.score, result.uncertainty)

Scores are points on 0..100, higher is better. A score is made from tiles of 256x256 px of the image's own pixels
(section 3.4), and from the whole image, reduced once to a short side of 256 px.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, overload

from hiqa_cli._version import __version__
from hiqa_cli.errors import HiqaError, WeightsError
from hiqa_cli.images.source import DEFAULT_LIMITS, Limits

from .config import DEFAULT_BACKEND, DEFAULT_SCORING, Scoring
from .job import ImageSource, Job, Outputs
from .loading import Loaded, LoadSettings, load
from .pipeline.many import check_images, check_on_error, job_of, results_of
from .pipeline.sources import DIRECT, TRUSTING, PictureReader
from .pipeline.stream import ScoreStream
from .results import ScoreResult

__all__ = ["Job", "Limits", "Outputs", "ScoreResult", "Scorer", "Scoring"]


class Scorer:
    """Weights on a device, ready to score; made by Scorer.load(). Several threads may use it: their batches take turns.

    A pickled or copied Scorer holds the arguments of load(), and loads again where it is unpickled or copied. Within
    a process, the same pickle loads once. In a fork of the process that loaded it, a Scorer on a CPU with the backend
    "torch" continues with one thread; any other raises UsageError when it is used.

    weights_id: first 8 hex digits of the sha256 of the weights' manifest.
    backend: what runs the networks; its `name` is "torch" or "openvino".
    device: "cpu", "cuda" or "mps". precision: "fp32" or "bf16".
    choice: what was measured to decide about "auto"; empty where nothing was.
    head: finds the reasons; None where the weights have no such head.
    """

    def __init__(self, loaded: Loaded, arguments: LoadSettings, reader: PictureReader = DIRECT) -> None:
        self.backend = loaded.backend
        self.calibration = loaded.calibration
        self.weights_id = loaded.weights_id
        self.device = loaded.placement.device
        self.precision = loaded.placement.precision
        self.choice = loaded.choice
        self.head = loaded.head
        self._arguments = arguments
        self._reader = reader

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
        on_warning: Callable[[str], None] | None = None,
        isolate: bool | None = None,
    ) -> Scorer:
        """Load weights onto a device.

        weights: a folder with a manifest; None: the weights installed with hiqa.
        backend: "openvino" (CPU only), which starts faster and needs torch only the first time it sees these weights;
            "torch"; or "auto": openvino on a processor, where the user has a cache folder, and torch on a GPU.
        device: "auto" (CUDA, else MPS, else CPU), "cpu", "cuda" or "mps".
        precision: "fp32", "bf16", or "auto": bf16 where the hardware has it and it takes at most four fifths of fp32's
            time, measured once with these weights and kept in the user's cache; else fp32.
        batch_size: tiles that run at once, at least 1; None: a default for the device.
        threads: CPU threads of the backend (with "torch": of the whole process); None: the backend's default, or half
            of it where that was measured to be faster by a fifth.
        on_warning: called with one-line warnings, such as a batch size halved for lack of memory.
        isolate: decode files in child processes, with limits on memory, time and access to files, for pictures that
            may have been made to do harm. Pictures that Pillow or the caller has opened are not isolated. None: only
            files with an address, such as "s3://bucket/a.jpg" or "shard.tar::a.jpg".

        Raises WeightsError, DeviceError, UsageError; DependencyError where no child process starts; with "openvino"
        also DependencyError where it is not installed, and OutputError where its compiled networks cannot be saved.
        """
        folder = None if weights is None else Path(os.path.abspath(weights))
        arguments = LoadSettings(folder, backend, device, precision, batch_size, threads, on_warning, isolate)
        return build(arguments)

    def __reduce__(self) -> tuple[Callable[..., Scorer], tuple[LoadSettings, str]]:
        return unpickled, (self._arguments, self.weights_id)

    def __copy__(self) -> Scorer:
        return load_again(self._arguments, self.weights_id)

    def __deepcopy__(self, memo: dict[int, object]) -> Scorer:
        return load_again(self._arguments, self.weights_id)

    @property
    def settings(self) -> dict[str, str | int]:
        """What results depend on, or may depend on: to be stored with the scores."""
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
        image: ImageSource,
        *,
        stride: int | None = None,
        scoring: Scoring = DEFAULT_SCORING,
        hallucination: bool = False,
        discrepancy: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        bgr: bool = False,
    ) -> ScoreResult:
        """Score one image.

        image: a path, or an address (the extra hiqa[remote]), such as "s3://bucket/a.jpg" or "shard.tar::a.jpg"; the
            bytes of an image file; a binary stream; an array, (H, W) or (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) with
            alpha, uint8, uint16 or floating point in 0..1, of which 1e-3 beyond is clipped; a torch tensor (3, H, W),
            (1, H, W) or (4, H, W) of these types; a Pillow image; a Picture; or {"bytes": ..., "path": ...}, as Hugging
            Face datasets hold images that are not decoded. Any size from 1x1; a side below 256 px is extended to it by
            reflection, which `notes` reports.
        stride: px between tiles, 1..256, in place of `scoring.stride`; smaller takes longer.
        scoring: mode, and how large images are sampled.
        hallucination, discrepancy: return these arrays, (H, W, 3), in the result.
        limits: the largest file and image that is read.
        bgr: the array or tensor has its colours in the order BGR, as OpenCV's have.

        Raises ImageError where the image is of another kind, or cannot be read or scored; UsageError for a wrong
        stride.
        """
        job = job_of(image, hallucination, discrepancy, limits, bgr)
        stream = self.score_stream([job], stride=stride, scoring=scoring)
        (result,) = results_of(stream, raises=True, numbered=False)
        assert isinstance(result, ScoreResult)
        return result

    @overload
    def score_many(
        self,
        images: Iterable[ImageSource],
        *,
        on_error: Literal["raise"] = "raise",
        stride: int | None = None,
        scoring: Scoring = DEFAULT_SCORING,
        hallucination: bool = False,
        discrepancy: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        bgr: bool = False,
    ) -> Iterator[ScoreResult]: ...

    @overload
    def score_many(
        self,
        images: Iterable[ImageSource],
        *,
        on_error: Literal["return"],
        stride: int | None = None,
        scoring: Scoring = DEFAULT_SCORING,
        hallucination: bool = False,
        discrepancy: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        bgr: bool = False,
    ) -> Iterator[ScoreResult | HiqaError]: ...

    def score_many(
        self,
        images: Iterable[ImageSource],
        *,
        on_error: Literal["raise", "return"] = "raise",
        stride: int | None = None,
        scoring: Scoring = DEFAULT_SCORING,
        hallucination: bool = False,
        discrepancy: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        bgr: bool = False,
    ) -> Iterator[ScoreResult | HiqaError]:
        """Score many images: an iterator over their results in order, each as soon as it is ready.

        Images share batches, and are read ahead on threads. Arrays, tensors and streams may be used again as soon as
        the next image is requested.

        images: any iterable of what score() takes, or an array (N, H, W, C) or tensor (N, C, H, W). It is iterated
            over on a thread of its own, a few images ahead.
        on_error: "raise" the ImageError of the first image that cannot be read or scored, after the results of those
            before it; or "return" the error in its place and go on.
        The other arguments are those of score().

        Raises UsageError for a single image in place of several, and for a wrong `on_error` or stride; while
        iterating also what score_stream() raises.
        """
        raises = check_on_error(on_error)
        jobs = (job_of(image, hallucination, discrepancy, limits, bgr) for image in check_images(images))
        return results_of(self.score_stream(jobs, stride=stride, scoring=scoring), raises=raises, numbered=True)

    def score_stream(
        self, jobs: Iterable[Job], *, stride: int | None = None, scoring: Scoring = DEFAULT_SCORING
    ) -> ScoreStream:
        """Score many images: an iterator over (job, result or error) in order, each as soon as it is ready.

        Tiles of several images share batches. A thread iterates over `jobs` and reads images ahead, but a result never
        waits for a job that has not arrived. Where an image cannot be read or scored, or its outputs cannot be
        written, the HiqaError is its result; the others are not affected.

        The iterator raises DeviceError where the device fails, BrokenPipeError where the reader of an output stream is
        gone, and whatever `jobs` raises. close() it, or use it in a `with` statement, to stop early: partly written
        pictures are then removed. Raises UsageError for a wrong stride.
        """
        if stride is not None:
            scoring = dataclasses.replace(scoring, stride=stride)
        return ScoreStream(
            jobs,
            self.backend,
            self.calibration,
            scoring,
            precision=self.precision,
            weights_id=self.weights_id,
            reader=self._reader,
            head=self.head,
        )


def build(arguments: LoadSettings) -> Scorer:
    """The Scorer that Scorer.load() returns."""
    if not arguments.isolate:
        return Scorer(load(arguments), arguments, DIRECT if arguments.isolate is None else TRUSTING)
    from hiqa_cli.images.isolation.reader import IsolatedReader

    reader = IsolatedReader()  # starts while the weights are loaded
    scorer = Scorer(load(arguments), arguments, reader)
    reader.ready()
    return scorer


def load_again(arguments: LoadSettings, weights_id: str) -> Scorer:
    """Another Scorer with the same arguments; WeightsError where the folder holds other weights by now."""
    scorer = build(arguments)
    if scorer.weights_id != weights_id:
        where = "the weights installed here" if arguments.weights is None else f"the weights in {arguments.weights}"
        raise WeightsError(
            f"{where} are {scorer.weights_id}, those of the pickled or copied Scorer were {weights_id}",
            "give both processes the same weights, or call Scorer.load() again",
        )
    return scorer


@functools.lru_cache(maxsize=1)
def load_once(arguments: LoadSettings, weights_id: str, process: int) -> Scorer:
    """One Scorer a process, however many tasks of a worker bring the same one."""
    return load_again(arguments, weights_id)


def unpickled(arguments: LoadSettings, weights_id: str) -> Scorer:
    """What a pickled Scorer becomes."""
    return load_once(arguments, weights_id, os.getpid())
