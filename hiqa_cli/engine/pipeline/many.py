"""Images to jobs, and outcomes to results: what Scorer.score() and score_many() do around a stream."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

import numpy as np

from hiqa_cli.engine.job import NO_OUTPUTS, ImageSource, Job, Outputs
from hiqa_cli.engine.outputs.sinks import ArraySlot
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.errors import HiqaError, ImageError, UsageError
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.source import Limits

from .arrays import is_pillow_image, is_tensor
from .sources import is_binary_stream, type_name
from .stream import ScoreStream

ON_ERROR = ("raise", "return")
STORED = {"bytes", "path"}  # of an image of a Hugging Face dataset that is not decoded; one of them may be None
LONGEST_NAME = 300  # characters of a path in a message


def job_of(image: ImageSource, hallucination: bool, discrepancy: bool, limits: Limits, bgr: bool) -> Job:
    """The job of an image; requested arrays are returned in memory."""
    if is_stored_image(image):
        image = image["path"] if image["bytes"] is None else image["bytes"]
    wanted = hallucination or discrepancy
    outputs = Outputs(arrays=ArraySlot(hallucination, discrepancy)) if wanted else NO_OUTPUTS
    return Job(image, outputs=outputs, limits=limits, bgr=bgr)


def is_stored_image(image: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether `image` is one of a Hugging Face dataset that is not decoded."""
    return isinstance(image, Mapping) and image.keys() == STORED


def check_images(images: Iterable[ImageSource]) -> Iterable[ImageSource]:
    """`images` itself; UsageError for a single image, or what cannot be iterated over."""
    if isinstance(images, np.ndarray) or is_tensor(images):
        if len(images.shape) != 4:
            raise UsageError(
                f"score_many() takes several images, found one of shape {tuple(images.shape)}",
                "use score(), or give an array (N, H, W, C) or a tensor (N, C, H, W)",
            )
        return images
    if isinstance(images, str | os.PathLike | bytes | bytearray | memoryview | Picture) or (
        is_stored_image(images) or is_pillow_image(images) or is_binary_stream(images)
    ):
        raise UsageError(
            f"score_many() takes several images, found {type_name(images)}", "use score(), or put it in a list"
        )
    try:
        iter(images)
    except TypeError:
        raise UsageError(f"score_many() takes an iterable of images, found {type_name(images)}") from None
    return images


def check_on_error(on_error: str) -> bool:
    """Whether errors are raised; UsageError for another word."""
    if on_error not in ON_ERROR:
        raise UsageError(f'on_error must be "raise" or "return", found {on_error!r}')
    return on_error == "raise"


def results_of(stream: ScoreStream, *, raises: bool, numbered: bool) -> Iterator[ScoreResult | HiqaError]:
    """The results with their arrays. numbered: errors say which of several images has them."""
    with stream:
        for number, (job, outcome) in enumerate(stream):
            if isinstance(outcome, ScoreResult):
                yield with_arrays(outcome, job.outputs.arrays)
                continue
            error = named(outcome, job, f"images[{number}]" if numbered else "")
            if raises:
                raise error
            yield error


def with_arrays(result: ScoreResult, arrays: ArraySlot | None) -> ScoreResult:
    """The result and what its sink gathered."""
    if arrays is None:
        return result
    return dataclasses.replace(
        result, hallucination=arrays.hallucination, discrepancy=arrays.discrepancy, distorted=arrays.distorted
    )


def named(error: HiqaError, job: Job, place: str) -> HiqaError:
    """An ImageError with the path of its image, or else its place, before the message; any other error as it is."""
    path = job.name if len(job.name) <= LONGEST_NAME else f"{job.name[:60]}...{job.name[-60:]}"
    prefix = path or place
    return ImageError(f"{prefix}: {error.message}", error.hint) if prefix and isinstance(error, ImageError) else error
