"""Selects the images of a database to measure: one part of a split, some distortion types."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hiqa_cli.errors import UsageError
from hiqa_train.data.splits import SceneSplit, split_samples
from hiqa_train.datasets.sample import Dataset, Sample

PartName = Literal["training", "validation", "test", "all"]

# The four distortions that databases have in common, under the names that each of them uses; cross-database tests use
# these (section 4).
COMMON_TYPES: dict[str, frozenset[str]] = {
    "jpeg": frozenset({"jpeg"}),
    "jpeg2000": frozenset({"jp2k", "jpeg2000"}),
    "noise": frozenset({"wn", "awgn", "additive gaussian noise", "white noise"}),
    "blur": frozenset({"gblur", "blur", "gaussian blur"}),
}


@dataclass(frozen=True)
class ImageSelection:
    """The images of a database to measure. part: of the split; types: the requested types, empty for all."""

    dataset: Dataset
    part: PartName
    samples: tuple[Sample, ...]
    types: tuple[str, ...] = ()

    @property
    def scenes(self) -> frozenset[str]:
        """What the images show."""
        return frozenset(sample.scene for sample in self.samples)


def select_images(
    dataset: Dataset,
    part: PartName | None = None,
    *,
    split: SceneSplit | None = None,
    types: Sequence[str] = (),
) -> ImageSelection:
    """Select the images of one part, of `split` if given, else of the database's own split.

    part: None for the test part if there is one, else all images. types: distortion types, named as in COMMON_TYPES or
    by the database; empty for all. UsageError if the part or a type does not exist.
    """
    has_parts = any(sample.split is not None for sample in dataset.samples)
    if part is None:
        part = "test" if has_parts or split is not None else "all"
    if part == "all":
        samples = dataset.samples
    elif split is not None:
        samples = getattr(split_samples(split, dataset.samples), part)
    elif has_parts:
        samples = tuple(sample for sample in dataset.samples if sample.split == part)
    else:
        raise UsageError(
            f"{dataset.name} has no {part} part of its own", "give --part all, or a split by --splits FILE --split N"
        )
    samples = of_types(samples, types, dataset.name)
    if not samples:
        raise UsageError(f"{dataset.name} has no images in its {part} part")
    return ImageSelection(dataset, part, samples, tuple(types))


def of_types(samples: tuple[Sample, ...], types: Sequence[str], name: str) -> tuple[Sample, ...]:
    """The samples of the named distortion types, in any case. UsageError for a type without images."""
    if not types:
        return samples
    there = {sample.distortion.casefold() for sample in samples if sample.distortion is not None}
    wanted: set[str] = set()
    for word in types:
        names = COMMON_TYPES.get(word.casefold(), frozenset({word.casefold()})) & there
        if not names:
            known = ", ".join(sorted(there)) or "images without a type only"
            raise UsageError(f"{name} has no images of the type {word!r}", f"it has {known}")
        wanted |= names
    return tuple(s for s in samples if s.distortion is not None and s.distortion.casefold() in wanted)


def below(root: Path, path: Path) -> str:
    """The path of an image relative to its database, with slashes: the same on every machine."""
    return Path(os.path.relpath(path, root)).as_posix()
