"""Two sheets for docs/gallery.md: ten blurred and ten JPEG versions of the clean examples, each beside its
hallucination and the clean image, at 1:1.

    python docs/figures/make_gallery.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hiqa_cli import Scorer, read_picture
from hiqa_train.distortions import blur, jpeg, psnr

FIGURES = Path(__file__).parent
EXAMPLES = FIGURES.parents[1] / "examples"
SIDE, GAP, TEXT = 224, 6, 18  # px of a crop, between crops, of a line of text
# Name, x and y of the crop.
CROPS = (("astronaut", 80, 10), ("chelsea", 100, 40), ("coffee", 60, 40), ("rocket", 80, 30), ("coffee", 160, 60))
STRENGTHS = {"blur": (1.2, 2.5), "jpeg": (10, 30)}


def labelled(picture: np.ndarray, text: str) -> np.ndarray:
    """A crop (SIDE, SIDE, 3) RGB with a line of text below."""
    line = np.full((TEXT, SIDE, 3), 255, np.uint8)
    cv2.putText(line, text, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([picture, line])


def triple(scorer: Scorer, name: str, x: int, y: int, kind: str, strength: float) -> np.ndarray:
    """Distorted, hallucination and clean crop side by side."""
    clean = read_picture(EXAMPLES / f"{name}.png").pixels
    distorted = blur(clean, strength) if kind == "blur" else jpeg(clean, int(strength))
    hallucination = scorer.score(distorted, hallucination=True).hallucination
    assert hallucination is not None
    window = np.s_[y : y + SIDE, x : x + SIDE]
    what = f"blur, sigma {strength:g} px" if kind == "blur" else f"JPEG quality {strength:g}"
    texts = (
        f"{what}: {psnr(distorted[window], clean[window]):.1f} dB",
        f"hallucination: {psnr(hallucination[window], clean[window]):.1f} dB",
        "clean",
    )
    parts = [
        labelled(image[window], text) for image, text in zip((distorted, hallucination, clean), texts, strict=True)
    ]
    gap = np.full((SIDE + TEXT, GAP, 3), 255, np.uint8)
    return np.concatenate([parts[0], gap, parts[1], gap, parts[2]], axis=1)


def main() -> None:
    scorer = Scorer.load(device="cpu", precision="fp32")
    for kind, strengths in STRENGTHS.items():
        rows = [triple(scorer, *crop, kind, strength) for crop in CROPS for strength in strengths]
        left, right = np.concatenate(rows[::2]), np.concatenate(rows[1::2])
        sheet = np.concatenate([left, np.full((len(left), 3 * GAP, 3), 255, np.uint8), right], axis=1)
        cv2.imwrite(str(FIGURES / f"gallery_{kind}.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        print(kind, sheet.shape)


if __name__ == "__main__":
    main()
