"""A share of the images for one of several processes or machines that do not know of each other."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from hiqa_cli.files.remote.address import shown

from .inputs import Input


@dataclass(frozen=True)
class Shard:
    """Share number `number` of `count`, from 1.

    An image belongs to a share by a hash of its path as given: every process must be given the same paths in the same
    form, in any order, and a file that is added or removed moves no other.
    """

    number: int
    count: int

    def holds(self, path: str) -> bool:
        """Whether an image belongs to this share."""
        digest = hashlib.sha256(os.fsencode(path)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def holds_each(self, images: Sequence[Input]) -> list[bool]:
        """Whether each of the images belongs to this share."""
        return [self.holds(shown(image.path)) for image in images]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
