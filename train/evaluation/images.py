"""Which images of a database are measured: a part of it, some of its distortion types."""

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
PART_NAMES: tuple[PartName, ...] = ("training", "validation", "test", "all")

# The four distortions that the field's databases have in common, under each one's own name: what cross-database tests
# are made on (section 4).
COMMON_TYPES: dict[str, frozenset[str]] = {
    "jpeg": frozenset({"jpeg"}),
    "jpeg2000": frozenset({"jp2k", "jpeg2000"}),
    "noise": frozenset({"wn", "awgn", "additive gaussian noise", "white noise"}),
    "blur": frozenset({"gblur", "blur", "gaussian blur"}),
}


@dataclass(frozen=True)
class ImageSelection:
    """The images of a database that are measured. part: which part they are; types: the types asked for, or none."""

    reading: Dataset
    part: PartName
    samples: tuple[Sample, ...]
    types: tuple[str, ...] = ()

    @property
    def scenes(self) -> frozenset[str]:
        return frozenset(sample.scene for sample in self.samples)


def choose(
    reading: Dataset,
    part: PartName | None = None,
    *,
    division: SceneSplit | None = None,
    types: Sequence[str] = (),
) -> ImageSelection:
    """The images of one part: as `division` has it, else as the database itself is divided.

    part: None for the test part where there is one, else all. types: names of distortion types, of COMMON_TYPES or as
    the database has them; all where none is given. UsageError where the part or a type is not there.
    """
    has_parts = any(sample.split is not None for sample in reading.samples)
    if part is None:
        part = "test" if has_parts or division is not None else "all"
    if part == "all":
        samples = reading.samples
    elif division is not None:
        samples = getattr(split_samples(division, reading.samples), part)
    elif has_parts:
        samples = tuple(sample for sample in reading.samples if sample.split == part)
    else:
        raise UsageError(
            f"{reading.name} has no {part} part of its own", "give --part all, or a division by --splits FILE --split N"
        )
    samples = of_types(samples, types, reading.name)
    if not samples:
        raise UsageError(f"{reading.name} has no images in its {part} part")
    return ImageSelection(reading, part, samples, tuple(types))


def of_types(samples: tuple[Sample, ...], types: Sequence[str], name: str) -> tuple[Sample, ...]:
    """Those of the named distortion types, in any case; UsageError for a type that not one image has."""
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
