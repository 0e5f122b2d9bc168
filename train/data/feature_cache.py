"""What a frozen G makes of whole images, worked out once an image and kept in the cache of decoded pictures.

G does not change while R learns, so that its word on an image can be kept: the signed discrepancy map of formula (10)
and `H_{5,2}` of formula (11), both as float16. Patches and tiles are then cut from them as they are cut from the image,
at multiples of 32 px, where the places of `H_{5,2}` begin. What is at a patch's border differs a little from asking G
patch by patch: G sees beyond it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.engine.tiling.grid import cut_tile
from hiqa_cli.errors import cannot_write
from hiqa_cli.networks.generator import Generator
from hiqa_train.losses.objectives import discrepancy_map
from hiqa_train.trainer.distributed import RunDevice

from .image_cache import open_array, save_array

CELL = 32  # px between the places of `H_{5,2}`, and between those of R's last features
FORMAT = 1


@dataclass(frozen=True)
class ImageFeatures:
    """G's word on one image, as files: map (H, W, 3), image minus hallucination, and features
    (ceil(H/32), ceil(W/32), C), both float16."""

    discrepancy: Path
    semantic: Path

    def cut(self, x: int, y: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Of the square at x, y, `side` a multiple of 32: map (side, side, 3), features (side/32, side/32, C).

        Where x or y is no multiple of 32, as may be for the last tile of a row, the nearest features are taken.
        """
        features = open_array(self.semantic)
        count = side // CELL
        row, column = (
            min(round(place / CELL), max(0, there - count))
            for place, there in zip((y, x), features.shape[:2], strict=True)
        )
        return cut_tile(open_array(self.discrepancy), x, y, side), cut_tile(features, column, row, count)


class FeatureCache:
    """The views of one G, in a folder of their own beside the decoded pictures."""

    def __init__(self, generator: Generator, cache: Path, machine: RunDevice) -> None:
        """machine: where G computes, and in what precision; views of another precision are others."""
        self.machine = machine
        digest = hashlib.sha256(f"{FORMAT} {machine.precision} {generator.config}".encode())
        for name, value in generator.state_dict().items():
            digest.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
        self.id = digest.hexdigest()[:16]
        self.folder = cache / f"views-{self.id}"
        self.generator = generator.to(machine.device).eval()

    def of(self, decoded: Path) -> ImageFeatures:
        """The view of a decoded picture, as kept or worked out now. OutputError where it cannot be kept."""
        view = ImageFeatures(*(self.folder / f"{decoded.stem}.{part}.npy" for part in ("map", "features")))
        if not view.discrepancy.exists():
            discrepancy, semantic = self._ask(open_array(decoded))
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise cannot_write(self.folder, error) from error
            save_array(view.semantic, _kept(semantic))
            save_array(view.discrepancy, _kept(discrepancy))  # last: where it is, the features are too
        return view

    @torch.no_grad()
    def _ask(self, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        """(H, W, 3) uint8 -> the map (1, 3, H, W) and the features (1, C, h, w)."""
        image = torch.from_numpy(np.array(pixels)[None]).to(self.machine.device).permute(0, 3, 1, 2).float().div_(255)
        with self.machine.autocast():
            imagined = self.generator(image)
        return discrepancy_map(image, imagined.hallucination), imagined.semantic


def _kept(values: Tensor) -> np.ndarray:
    """(1, C, H, W) -> (H, W, C) float16."""
    return np.ascontiguousarray(values[0].permute(1, 2, 0).float().cpu().numpy().astype(np.float16))
