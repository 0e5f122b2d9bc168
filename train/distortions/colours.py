"""Colours: saturation, casts, palettes, planes that part. Every function takes and gives (H, W, 3) uint8 RGB.

The numbers are TID2013's types; KADID-10k's are named (Lin, Hosu and Saupe, "KADID-10k: A large-scale artificially
distorted IQA database", QoMEX 2019).
"""

from __future__ import annotations

import math

import numpy as np

from hiqa_cli.engine.opencv import cv2

from .codecs import pillow
from .values import as_float, from_ycc, luma, to_8bit, to_ycc

PALETTE_PIXELS = 5000  # about as many, evenly spread, tell which colours there are; all would take most of the time


def change_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Every colour's distance from its luma (ITU-R BT.601), times `factor` (18); 0 is grey."""
    light = luma(image)[..., None]
    return to_8bit(light + (as_float(image) - light) * factor)


def shift_colour(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """A colour cast: `levels` (3,), in 8-bit levels, added to the channels."""
    return to_8bit(as_float(image) + levels.astype(np.float32))


def diffuse_colour(image: np.ndarray, sigma: float) -> np.ndarray:
    """Colour diffusion (KADID-10k's type 4): chroma alone blurred, by a Gaussian of `sigma` px."""
    ycc = to_ycc(image)
    ycc[..., 1:] = cv2.GaussianBlur(ycc[..., 1:], (0, 0), sigma)
    return to_8bit(from_ycc(ycc))


def translate(plane: np.ndarray, y: float, x: float) -> np.ndarray:
    """A (H, W) plane moved by a part of a pixel or more, cubic, mirrored at the border."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    return cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def displace_green(image: np.ndarray, distance: float, angle: float) -> np.ndarray:
    """Colour shift (KADID-10k's type 5): the green plane moved by `distance` px at `angle` (radians)."""
    out = image.copy()
    out[..., 1] = translate(out[..., 1], distance * np.sin(angle), distance * np.cos(angle))
    return out


def part_channels(image: np.ndarray, distance: float, angle: float, blur: float = 0.0) -> np.ndarray:
    """Chromatic aberrations (23): red and blue moved `distance` px apart from green, opposite ways, and blurred."""
    out = image.copy()
    y, x = distance * np.sin(angle), distance * np.cos(angle)
    out[..., 0] = translate(out[..., 0], y, x)
    out[..., 2] = translate(out[..., 2], -y, -x)
    if blur:
        out[..., ::2] = cv2.GaussianBlur(out[..., ::2], (0, 0), blur)
    return out


def reduce_colours(image: np.ndarray, colours: int, *, dither: bool = True) -> np.ndarray:
    """Colour quantisation with dither (22), or without (KADID-10k's type 6): a palette of 2 to 256 colours.

    Heckbert's median cut and Floyd and Steinberg's error diffusion, as Pillow has them. DependencyError without it.
    """
    module = pillow()
    every = max(1, math.isqrt(image.shape[0] * image.shape[1] // PALETTE_PIXELS))
    few = module.fromarray(np.ascontiguousarray(image[::every, ::every]))
    palette = few.quantize(colours, method=module.Quantize.MEDIANCUT)
    picture = module.fromarray(image)
    mode = module.Dither.FLOYDSTEINBERG if dither else module.Dither.NONE
    return np.asarray(picture.quantize(palette=palette, dither=mode).convert("RGB"))
