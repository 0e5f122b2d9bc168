"""Sample images: hallucinations of a few validation patches, to inspect by eye."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.files.atomic import write_bytes
from hiqa_train.distortions.opencv import cv2

ROWS = 4
GREY = 0.5


@dataclass(frozen=True)
class SampleGrid:
    """Columns of a grid, each (B, 3, H, W) in 0..1, None if the stage has none. The discrepancy map (signed, times
    four, 0 as grey) is one more column."""

    distorted: Tensor
    hallucination: Tensor | None
    reference: Tensor | None

    def columns(self) -> list[Tensor]:
        """Distorted patches, and hallucinations, references and discrepancy maps if the stage has them: (at most ROWS,
        3, H, W) each, on the CPU."""
        columns = [self.distorted]
        if self.hallucination is not None:
            columns.append(self.hallucination)
        if self.reference is not None:
            columns.append(self.reference)
        if self.hallucination is not None:
            columns.append(GREY + 4 * (self.distorted - self.hallucination))
        return [column[:ROWS].float().cpu().clamp(0, 1) for column in columns]


def write_sample_grid(path: Path, grid: SampleGrid) -> None:
    """Write a PNG with one row per patch. Raises OutputError."""
    whole = torch.cat([torch.cat(list(column), dim=1) for column in grid.columns()], dim=2)  # (3, rows*H, columns*W)
    pixels = np.rint(whole.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
    write_bytes(path, data.tobytes() if done else b"")
