"""Small weights with a head of reasons that the training code fitted to a few photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
from support.photographs import photograph
from support.tiny_weights import write_tiny_weights

from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.reasons import train_reasons


def write_clean_images(folder: Path, count: int = 12) -> Path:
    """Photographs of 320 px, of which some validate by their names."""
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), photograph(number, 320))
    return folder


def write_tiny_reasons(folder: Path) -> Path:
    """A folder of weights whose head knows little but comes from real rows; OUT is `folder`/out."""
    base = write_tiny_weights(folder / "base", pair=True)
    images = write_clean_images(folder / "clean")
    found = train_reasons([images], base, folder / "out", RunOptions(), lambda: False, lambda line: None, turns=1)
    assert found is not None
    return found
