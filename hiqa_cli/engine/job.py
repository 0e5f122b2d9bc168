"""What a caller hands to the scorer: images and the pictures to write of them. Plain records, without heavy imports."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, Union

from hiqa_cli.images.source import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image

    from hiqa_cli.images.picture import Picture

    from .outputs.preview import PreviewSlot
    from .outputs.sinks import ArraySlot

ImageSource: TypeAlias = Union[
    str,
    os.PathLike[str],
    bytes,
    BinaryIO,
    io.RawIOBase,
    "np.ndarray",
    "torch.Tensor",
    "Image.Image",
    "Picture",
    Mapping[str, Any],
]


@dataclass(frozen=True)
class Outputs:
    """Pictures to write while an image is scored; None: leave it out.

    hallucination: full resolution, 8-bit RGB PNG; a path, or a binary stream such as standard output.
    discrepancy: PNG of the discrepancy map in false colour, with its scale.
    quality: PNG of the blended tile scores in false colour, with its scale.
    panel: PNG that shows distorted image, hallucination, discrepancy map and score side by side.
    preview: receives the small pictures of a report, in memory.
    arrays: receives hallucination and discrepancy map as arrays.

    A complete new file replaces an existing one; the caller decides beforehand whether it may.
    """

    hallucination: Path | BinaryIO | None = None
    discrepancy: Path | None = None
    quality: Path | None = None
    panel: Path | None = None
    preview: PreviewSlot | None = None
    arrays: ArraySlot | None = None

    def folders(self) -> set[Path]:
        """The folders that the pictures go to."""
        pictures = (self.hallucination, self.discrepancy, self.quality, self.panel)
        return {picture.parent for picture in pictures if isinstance(picture, Path)}


NO_OUTPUTS = Outputs()


@dataclass(frozen=True, eq=False)
class Job:
    """One image to score.

    source: what Scorer.score() takes as `image`; a stream is read to its end.
    name: for the caller's messages; of a path, by default, the path itself.
    outputs: pictures to write.
    limits: the largest image that is read.
    problem: why the image cannot be read, where the caller knows already: becomes the ImageError of this job.
    token: the caller's own; comes back with the result.
    bgr: the colours of the source, an array or a tensor, are in the order BGR, as OpenCV's are.
    """

    source: ImageSource
    name: str = ""
    outputs: Outputs = NO_OUTPUTS
    limits: Limits = DEFAULT_LIMITS
    problem: str = ""
    token: object = None
    bgr: bool = False

    def __post_init__(self) -> None:
        if not self.name and isinstance(self.source, str | os.PathLike):
            object.__setattr__(self, "name", os.fspath(self.source))
