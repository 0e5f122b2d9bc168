"""Measures of a picture that tell drawn and rendered ones from photographs: how flat, how sharp, how many colours.

From at most BLOCKS blocks of 64x64 px at the picture's own scale, spread evenly, and every n-th pixel of the whole. A
renderer repeats colours exactly and steps from one to another within a pixel or two; a sensor has grain, and a lens
softens. Compression and scaling blur both differences, so every measure has several thresholds, and is pooled over
blocks by its mean and by quantiles.
"""

from __future__ import annotations

import numpy as np

BLOCKS = 16
SIDE = 64  # px
STEPS = (0, 1, 3, 7, 15, 31, 63)  # 8-bit levels; shares of differences up to each
SPARSE = 96  # pixels a side, of the whole picture
QUANTILES = (0.1, 0.5, 0.9)
SMALLEST_SHARE = 1e-3  # shares enter as logarithms of themselves plus this


def blocks_of(pixels: np.ndarray) -> np.ndarray:
    """(n, side, side', 3) uint8: up to BLOCKS blocks of a picture (H, W, 3), evenly spread."""
    height, width = pixels.shape[:2]
    down, across = min(SIDE, height), min(SIDE, width)
    columns = int(np.clip(round((BLOCKS * width / height) ** 0.5), 1, min(BLOCKS, max(width // SIDE, 1))))
    rows = int(np.clip(BLOCKS // columns, 1, max(height // SIDE, 1)))
    tops = np.linspace(0, height - down, rows).astype(int) if rows > 1 else [(height - down) // 2]
    lefts = np.linspace(0, width - across, columns).astype(int) if columns > 1 else [(width - across) // 2]
    blocks = np.stack([pixels[y : y + down, x : x + across] for y in tops for x in lefts])
    return blocks if blocks.dtype == np.uint8 else (blocks >> 8).astype(np.uint8)


def features(pixels: np.ndarray) -> np.ndarray:
    """The measures (FEATURES,) float32 of a picture (H, W, 3) uint8 or uint16, at least 1x1."""
    blocks = blocks_of(pixels)
    height, width = pixels.shape[:2]
    sparse = pixels[:: -(-height // SPARSE), :: -(-width // SPARSE)]
    sparse = sparse if sparse.dtype == np.uint8 else (sparse >> 8).astype(np.uint8)
    grey = _grey(blocks)
    return np.concatenate([_differences(grey), _tones(grey), _colours(sparse)]).astype(np.float32)


def _pooled(measures: np.ndarray) -> np.ndarray:
    """(blocks, n) -> the mean and the quantiles over the blocks."""
    return np.concatenate([measures.mean(axis=0), np.quantile(measures, QUANTILES, axis=0).ravel()])


def _log_share(shares: np.ndarray) -> np.ndarray:
    return np.log(shares + SMALLEST_SHARE)


def _grey(blocks: np.ndarray) -> np.ndarray:
    red, green, blue = (blocks[..., channel].astype(np.int16) for channel in range(3))
    return (red + 2 * green + blue) >> 2


def _differences(grey: np.ndarray) -> np.ndarray:
    """How neighbours differ: shares of equal ones, steep ones, ones that are steep in one direction alone."""
    count, side, across = grey.shape
    if side < 3 or across < 3:
        grey = np.pad(grey, [(0, 0), (0, max(3 - side, 0)), (0, max(3 - across, 0))], "edge")
    right = np.abs(np.diff(grey, axis=2))[:, :-1].astype(np.uint8)
    down = np.abs(np.diff(grey, axis=1))[:, :, :-1].astype(np.uint8)
    both = np.maximum(right, down).reshape(count, -1)
    counts = np.stack([np.bincount(block, minlength=256) for block in both]) / both.shape[1]
    shares = counts.cumsum(axis=1)[:, list(STEPS)]
    steep = both > 31
    along = (np.minimum(right, down).reshape(count, -1) <= 1) & steep
    bend = np.abs(np.diff(grey, n=2, axis=2)).astype(np.uint8).reshape(count, -1)
    bends = np.stack([np.bincount(block, minlength=256) for block in bend]).cumsum(axis=1) / bend.shape[1]
    measures = [
        _log_share(shares),
        _log_share(1 - shares),
        _log_share(bends[:, [0, 1, 3, 7, 31]]),
        _log_share(along.sum(axis=1) / (steep.sum(axis=1) + 8.0))[:, None],
        np.log1p((counts * np.arange(256)).sum(axis=1))[:, None],
    ]
    return _pooled(np.concatenate(measures, axis=1))


def _tones(grey: np.ndarray) -> np.ndarray:
    """How the tones of a block gather: in one or two of 32 steps for paper and ink, in many for a photograph."""
    grey = grey.reshape(len(grey), -1) >> 3
    counts = np.stack([np.bincount(block, minlength=32) for block in grey]) / grey.shape[1]
    ordered = -np.sort(-counts, axis=1)
    mean = (counts * np.arange(32)).sum(axis=1, keepdims=True)
    spread = np.sqrt((counts * (np.arange(32) - mean) ** 2).sum(axis=1))
    skew = ((counts * (np.arange(32) - mean) ** 3).sum(axis=1)) / (spread**3 + 1)
    used = (counts > 0.002).sum(axis=1) / 32
    apart = np.abs(counts.argmax(axis=1) - np.where(counts > 0.02, np.abs(np.arange(32) - mean), 0).argmax(axis=1))
    columns = [
        ordered[:, 0],
        ordered[:, :2].sum(axis=1),
        ordered[:, :4].sum(axis=1),
        spread / 8,
        skew,
        used,
        apart / 16,
    ]
    return _pooled(np.stack(columns, axis=1))


def _colours(sparse: np.ndarray) -> np.ndarray:
    """Colours of the whole picture: how many, how often the most frequent, how light, how strong."""
    red, green, blue = (sparse[..., channel].astype(np.int32).ravel() for channel in range(3))
    exact = np.sort(red << 16 | green << 8 | blue)
    starts = np.flatnonzero(np.concatenate([[True], exact[1:] != exact[:-1]]))
    times = -np.sort(-np.diff(np.append(starts, len(exact)))) / len(exact)
    rough = -np.sort(-np.bincount(red >> 4 << 8 | green >> 4 << 4 | blue >> 4, minlength=4096)) / len(exact)
    light = (red + green + blue) / 765
    strength = (np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)) / 255
    shares = [len(starts) / len(exact), times[0], times[:4].sum(), times[:16].sum(), times[:64].sum()]
    shares += [rough[0], rough[:2].sum(), rough[:8].sum(), (rough > 0).sum() / 4096]
    shares += [(light > 0.97).mean(), (light < 0.03).mean(), (strength < 0.02).mean(), (strength > 0.6).mean()]
    plain = [light.mean(), light.std(), strength.mean(), strength.std()]
    return np.concatenate([_log_share(np.array(shares)), plain])


FEATURES = len(features(np.zeros((1, 1, 3), np.uint8)))
