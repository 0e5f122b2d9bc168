"""Pixel values: 8-bit levels, luma and chroma, blocks and their DCT, PSNR, and random strengths."""

from __future__ import annotations

import math

import numpy as np

from .opencv import cv2

Random = np.random.Generator

# ITU-R BT.601 over the full range, as JFIF uses it: rows Y, Cb, Cr (chroma around zero).
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
TO_YCC = np.array([LUMA_WEIGHTS, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)], np.float32)
FROM_YCC = np.linalg.inv(TO_YCC).astype(np.float32)


def to_8bit(image: np.ndarray) -> np.ndarray:
    """Clip to 0..255 and round to the nearest level."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def as_float(image: np.ndarray) -> np.ndarray:
    """The same levels in float32."""
    return image.astype(np.float32)


def to_ycc(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB of any type -> float32 Y in 0..255, Cb and Cr around zero."""
    return np.asarray(cv2.transform(as_float(image), TO_YCC))


def from_ycc(ycc: np.ndarray) -> np.ndarray:
    """The inverse of `to_ycc`: (H, W, 3) float32 -> float32 RGB, neither clipped nor rounded."""
    return np.asarray(cv2.transform(ycc, FROM_YCC))


def luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB of any type -> (H, W) float32 in 0..255."""
    return np.asarray(cv2.transform(as_float(image), TO_YCC[:1]))


def white(shape: tuple[int, ...], random: Random) -> np.ndarray:
    """Standard normal values, float32."""
    return random.standard_normal(shape, dtype=np.float32)


def logarithmic(random: Random, low: float, high: float) -> float:
    """A random strength with a uniform logarithm, so that mild and strong ones are equally frequent."""
    return math.exp(random.uniform(math.log(low), math.log(high)))


def psnr(distorted: np.ndarray, reference: np.ndarray) -> float:
    """PSNR in dB, the squared error averaged over all pixels and channels; inf where they are equal."""
    error = float(np.mean(np.square(distorted.astype(np.float64) - reference)))
    return 10 * math.log10(255**2 / error) if error else math.inf


def dct_matrix(side: int) -> np.ndarray:
    """The orthonormal DCT-II of `side` values as a (side, side) float32 matrix, one frequency per row."""
    place = np.arange(side)
    rows = np.sqrt(2 / side) * np.cos(np.pi * (2 * place[None] + 1) * place[:, None] / (2 * side))
    rows[0] /= math.sqrt(2)
    return rows.astype(np.float32)


def to_blocks(image: np.ndarray, side: int) -> np.ndarray:
    """(H, W, C) -> (C, rows, columns, side, side); the image is padded by reflection to whole blocks."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((0, -height % side), (0, -width % side), (0, 0)), mode="symmetric")
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    return padded.reshape(rows, side, columns, side, -1).transpose(4, 0, 2, 1, 3)


def from_blocks(blocks: np.ndarray, height: int, width: int) -> np.ndarray:
    """The inverse of `to_blocks`, without the padding."""
    channels, rows, columns, side, _ = blocks.shape
    image = blocks.transpose(1, 3, 2, 4, 0).reshape(rows * side, columns * side, channels)
    return image[:height, :width]


def dct_blocks(image: np.ndarray, side: int) -> np.ndarray:
    """(H, W, C) float32 -> orthonormal DCT of every block, (C, rows, columns, side, side)."""
    matrix = dct_matrix(side)
    return matrix @ to_blocks(image, side) @ matrix.T


def undo_dct_blocks(coefficients: np.ndarray, height: int, width: int) -> np.ndarray:
    """The inverse of `dct_blocks`: (H, W, C) float32."""
    matrix = dct_matrix(coefficients.shape[-1])
    return from_blocks(matrix.T @ coefficients @ matrix, height, width)
