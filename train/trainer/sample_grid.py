"""Sample pictures: what G makes of a few validation patches, for a person to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.atomic import write_bytes
from hiqa_cli.images.opencv import cv2

ROWS = 4
GREY = 0.5


@dataclass(frozen=True)
class SampleGrid:
    """Columns of a sheet, each (B, 3, H, W) in 0..1: distorted, hallucination, reference, discrepancy map (the signed
    difference around grey, four times as strong); None where a stage has none."""

    distorted: Tensor
    hallucination: Tensor | None
    reference: Tensor | None

    def columns(self) -> list[Tensor]:
        found = [self.distorted]
        if self.hallucination is not None:
            found.append(self.hallucination)
        if self.reference is not None:
            found.append(self.reference)
        if self.hallucination is not None:
            found.append(GREY + 4 * (self.distorted - self.hallucination))
        return [column[:ROWS].float().cpu().clamp(0, 1) for column in found]


def write_sheet(path: Path, sheet: SampleGrid) -> None:
    """A PNG with a row a patch. OutputError where it cannot be written."""
    whole = torch.cat([torch.cat(list(column), dim=1) for column in sheet.columns()], dim=2)  # (3, rows*H, columns*W)
    pixels = np.rint(whole.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    done, data = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
    write_bytes(path, data.tobytes() if done else b"")
