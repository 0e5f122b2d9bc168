"""Measures of an image's pixels that the networks' statistics hold badly: tones, colours, and the spectrum.

Tones and colours are those of every n-th pixel. Exposure is a matter of few numbers (where the tones lie, how many are
clipped), which a linear function of a thousand features finds less exactly. The spectrum is that of blocks of the
image: enlarging leaves frequencies empty above an edge, a lens thins them out, and motion does so in one direction.
"""

from __future__ import annotations

import numpy as np

from hiqa_cli.engine.pipeline.kinds.features import SIDE, blocks_of
from hiqa_cli.engine.pipeline.product import product

SPARSE = 64  # pixels a side, at most
QUANTILES = (1, 5, 25, 50, 75, 95, 99)  # percent
DARK, LIGHT = (4, 16), (239, 251)  # 8-bit levels
BANDS = 12  # of frequencies, from zero to half a cycle a pixel
ANGLES = 6
LEAST_POWER = 0.05  # added before the logarithm, in squared 8-bit levels: below rounding to 8 bits
SMALLEST_SHARE = 1e-3  # added to shares before their logarithm

# Places in the measures: quantiles of luma, 0..1; the logarithm of the share of pixels with a clipped channel; how far
# the mean of the lightest tenth is from grey, and how strong the strongest colours are, in units of 32 levels.
LOW, MEDIAN, HIGH, CLIPPED, CAST, STRONGEST = 1, 3, 5, 14, 29, 37

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
BLUE_YELLOW = np.array([-0.168736, -0.331264, 0.5], np.float32)
RED_GREEN = np.array([0.5, -0.418688, -0.081312], np.float32)


def measures(pixels: np.ndarray) -> np.ndarray:
    """The measures (MEASURES,) float32 of an image (H, W, 3) uint8 or uint16, at least 1x1."""
    height, width = pixels.shape[:2]
    some = pixels[:: -(-height // SPARSE), :: -(-width // SPARSE)].reshape(-1, 3)
    levels = some.astype(np.float32) * np.float32(255 / np.iinfo(pixels.dtype).max)
    return np.concatenate([_tones(levels), _colours(levels), _spectrum(pixels)]).astype(np.float32)


def _tones(levels: np.ndarray) -> np.ndarray:
    """Of (n, 3) levels: where the luma lies and how far it spreads, what is clipped, how many steps it has."""
    luma = product(levels, LUMA)
    quantiles = np.percentile(luma, QUANTILES)
    highest, lowest = levels.max(axis=1), levels.min(axis=1)
    shares = [
        *(float(np.mean(highest <= dark)) for dark in DARK),
        *(float(np.mean(one >= light)) for one in (highest, lowest) for light in LIGHT),
    ]
    linear = float(np.mean((luma / 255) ** 2.2))
    steps = np.count_nonzero(np.bincount(np.rint(luma).astype(int))) / (quantiles[-1] - quantiles[0] + 1)
    colours = len(np.unique(product(np.rint(levels).astype(np.int64), np.array([65536, 256, 1])))) / len(levels)
    haze = np.percentile(lowest, (1, 10, 50)) / 255  # the dark channel: He et al., CVPR 2009
    return np.array(
        [
            *quantiles / 255,
            luma.mean() / 255,
            luma.std() / 255,
            np.log2((quantiles[5] - quantiles[1] + 2) / 255),
            np.log2(linear + 1e-3),
            *np.log(np.array(shares) + SMALLEST_SHARE),
            np.log(steps + 0.01),
            np.log(colours + SMALLEST_SHARE),
            *haze,
        ]
    )


def _colours(levels: np.ndarray) -> np.ndarray:
    """Of (n, 3) levels: the mean colour of all, of the lightest and of the darkest pixels, and how strong colours
    are."""
    luma = product(levels, LUMA)
    chroma = product(levels, np.stack([BLUE_YELLOW, RED_GREEN]))
    strength = np.hypot(chroma[:, 0], chroma[:, 1])
    low, high = np.percentile(luma, (10, 90))
    parts = [chroma.mean(axis=0), chroma[luma >= high].mean(axis=0), chroma[luma <= low].mean(axis=0)]
    saturation = (levels.max(axis=1) - levels.min(axis=1)) / (levels.max(axis=1) + 1)
    return np.array(
        [
            *np.concatenate(parts) / 32,
            *(np.hypot(*part) / 32 for part in parts),
            *chroma.std(axis=0) / 32,
            *np.percentile(strength, (5, 25, 50, 75, 95)) / 32,
            *np.percentile(saturation, (10, 50, 90)),
            strength.mean() / (luma.std() + 4),
        ]
    )


def _spectrum(pixels: np.ndarray) -> np.ndarray:
    """Logarithms of the power of luma in bands of frequencies, and how it differs between directions."""
    blocks = blocks_of(pixels)
    luma = product(blocks.astype(np.float32), LUMA)
    luma = np.pad(luma, [(0, 0), (0, SIDE - luma.shape[1]), (0, SIDE - luma.shape[2])], "symmetric")
    luma -= luma.mean(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.rfft2(luma * WINDOW)) ** 2).mean(axis=0) / np.square(WINDOW).sum()
    bands = np.log(product(power.ravel(), BAND_OF) + LEAST_POWER)
    angles = np.log(product(power.ravel(), ANGLE_OF) + LEAST_POWER)
    angles = np.sort(angles.reshape(2, ANGLES), axis=1)  # an image may be turned
    return np.concatenate([bands, np.diff(bands), (angles - angles.mean(axis=1, keepdims=True)).ravel()])


def _frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Matrices from the (SIDE, SIDE / 2 + 1) powers to means of BANDS bands, and of ANGLES angles at two distances."""
    y, x = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    distance, angle = np.hypot(y, x).ravel(), (np.arctan2(y, x + 1e-12).ravel() / np.pi) % 1
    band = np.clip((distance * 2 * BANDS).astype(int), 0, BANDS - 1)
    inside = (distance > 0) & (distance <= 0.5)
    of_band = np.stack([(band == number) & inside for number in range(BANDS)])
    turn = (angle * ANGLES + 0.5).astype(int) % ANGLES
    far = [(distance >= low) & (distance < high) for low, high in ((0.06, 0.2), (0.2, 0.5))]
    of_angle = np.stack([(turn == number) & ring for ring in far for number in range(ANGLES)])
    return tuple(one / one.sum(axis=1, keepdims=True) for one in (of_band, of_angle))


WINDOW = np.outer(np.hanning(SIDE), np.hanning(SIDE)).astype(np.float32)
BAND_OF, ANGLE_OF = (one.astype(np.float32) for one in _frequencies())
MEASURES = len(measures(np.zeros((1, 1, 3), np.uint8)))
