"""Outputs of a frozen G on whole images, computed once per image and kept in the cache of decoded images.

G does not change while R is trained, so the signed discrepancy map of formula (10) and `H_{5,2}` of formula (11) can be
stored, both as float16. Patches and tiles are cut from them as from the image, at multiples of 32 px, the spacing of
`H_{5,2}`. Near the border of a patch the values differ a little from running G on the patch alone, because G sees the
surroundings.
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
from hiqa_train.distributed import RunDevice

from .batch import discrepancy_map
from .image_cache import open_array, save_array

CELL = 32  # px between neighbouring features of `H_{5,2}`, and of R's last stage
FORMAT = 1


@dataclass(frozen=True)
class ImageFeatures:
    """Files with G's outputs on one image: the map (H, W, 3), image minus hallucination, and the features
    (ceil(H/32), ceil(W/32), C), both float16."""

    discrepancy: Path
    semantic: Path

    def cut(self, x: int, y: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Map (side, side, 3) and features (side/32, side/32, C) of the square at x, y; `side` is a multiple of 32.

        Where x or y is no multiple of 32, as for the last tile of a row, the nearest features are used.
        """
        features = open_array(self.semantic)
        count = side // CELL
        row, column = (
            min(round(start / CELL), max(0, size - count))
            for start, size in zip((y, x), features.shape[:2], strict=True)
        )
        return cut_tile(open_array(self.discrepancy), x, y, side), cut_tile(features, column, row, count)


class FeatureCache:
    """The outputs of one G, in a folder of their own within the cache of decoded images."""

    def __init__(self, generator: Generator, cache: Path, run_device: RunDevice) -> None:
        """run_device: where G runs, and in which precision; each precision has features of its own."""
        self.run_device = run_device
        digest = hashlib.sha256(f"{FORMAT} {run_device.precision} {generator.config}".encode())
        for name, value in generator.state_dict().items():
            digest.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
        self.id = digest.hexdigest()[:16]
        self.folder = cache / f"views-{self.id}"
        self.generator = generator.to(run_device.device).eval()

    def features(self, decoded: Path) -> ImageFeatures:
        """The features of a decoded image, computed unless cached. Raises OutputError if they cannot be written."""
        features = ImageFeatures(*(self.folder / f"{decoded.stem}.{name}.npy" for name in ("map", "features")))
        if not features.discrepancy.exists():
            discrepancy, semantic = self._compute(open_array(decoded))
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise cannot_write(self.folder, error) from error
            save_array(features.semantic, _to_float16(semantic))
            save_array(features.discrepancy, _to_float16(discrepancy))  # last: its presence marks both as complete
        return features

    @torch.no_grad()
    def _compute(self, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        """(H, W, 3) uint8 -> the map (1, 3, H, W) and the features (1, C, h, w)."""
        device = self.run_device.device
        image = torch.from_numpy(np.array(pixels)[None]).to(device).permute(0, 3, 1, 2).float().div_(255)
        with self.run_device.autocast():
            output = self.generator(image)
        return discrepancy_map(image, output.hallucination), output.semantic


def _to_float16(values: Tensor) -> np.ndarray:
    """(1, C, H, W) -> (H, W, C) float16."""
    return np.ascontiguousarray(values[0].permute(1, 2, 0).float().cpu().numpy().astype(np.float16))
