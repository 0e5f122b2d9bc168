"""Colours: saturation, colour casts, separated colour planes. Every function takes and returns (H, W, 3) uint8 RGB.

The numbers are TID2013's types; KADID-10k's are named (Lin, Hosu and Saupe, "KADID-10k: A large-scale artificially
distorted IQA database", QoMEX 2019).
"""

from __future__ import annotations

import numpy as np

from .opencv import cv2
from .pixels import as_float, from_ycc, luma, to_8bit, to_ycc

# BT.601 as video has it: Y in 16..235, Cb and Cr in 16..240 around 128.
VIDEO_YCC = np.array([(65.481, 128.553, 24.966), (-37.797, -74.203, 112), (112, -93.786, -18.214)]) / 255
VIDEO_RGB = np.linalg.inv(VIDEO_YCC)
VIDEO_ZERO = np.array([16, 128, 128])


def scale_chroma(image: np.ndarray, factor: float) -> np.ndarray:
    """Change of colour saturation like TID2013's type 18: 8-bit YCbCr of BT.601's video range, chroma times `factor`.

    Rounded before and after, halves up, like MATLAB's `rgb2ycbcr` of 8-bit values. 0 is grey, a negative factor inverts
    colours.
    """
    ycc = np.floor(image @ VIDEO_YCC.T + VIDEO_ZERO + 0.5)
    ycc[..., 1:] = np.floor((ycc[..., 1:] - 128) * factor + 128.5)
    return to_8bit((ycc - VIDEO_ZERO) @ VIDEO_RGB.T)


def change_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Every colour's distance from its luma (ITU-R BT.601), times `factor`; 0 is grey."""
    light = luma(image)[..., None]
    return to_8bit(light + (as_float(image) - light) * factor)


def shift_colour(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """A colour cast: `levels` (3,), in 8-bit levels, added to the channels."""
    return to_8bit(as_float(image) + levels.astype(np.float32))


def white_balance(image: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """A wrong white balance: every channel times its gain, (3,), in linear light (gamma 2.2)."""
    return to_8bit(as_float(image) * (gains ** (1 / 2.2)).astype(np.float32))


def diffuse_colour(image: np.ndarray, sigma: float) -> np.ndarray:
    """Colour diffusion (KADID-10k's type 4): chroma alone blurred, by a Gaussian of `sigma` px."""
    ycc = to_ycc(image)
    ycc[..., 1:] = cv2.GaussianBlur(ycc[..., 1:], (0, 0), sigma)
    return to_8bit(from_ycc(ycc))


def translate(plane: np.ndarray, y: float, x: float) -> np.ndarray:
    """Shift a (H, W) plane by any distance in px, with cubic interpolation and reflection at the border."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    return cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def displace_green(image: np.ndarray, distance: float, angle: float) -> np.ndarray:
    """Colour shift (KADID-10k's type 5): the green plane moved by `distance` px at `angle` (radians)."""
    out = image.copy()
    out[..., 1] = translate(out[..., 1], distance * np.sin(angle), distance * np.cos(angle))
    return out


def separate_channels(image: np.ndarray, distance: float, angle: float, blur: float = 0.0) -> np.ndarray:
    """Chromatic aberrations (23): red and blue shifted `distance` px in opposite directions, and blurred."""
    out = image.copy()
    y, x = distance * np.sin(angle), distance * np.cos(angle)
    out[..., 0] = translate(out[..., 0], y, x)
    out[..., 2] = translate(out[..., 2], -y, -x)
    if blur:
        out[..., ::2] = cv2.GaussianBlur(out[..., ::2], (0, 0), blur)
    return out


MAX_SEPARATION = 3.0  # px, of colour planes in `aberration`


def aberration(image: np.ndarray, strength: float) -> np.ndarray:
    """Chromatic aberrations (23) on one scale: colour planes separated by `strength` px on the diagonal, at most 3.

    The excess over 3 px is the sigma of an additional blur: where colours are pale, no separation reaches the error of
    TID2013's last levels.
    """
    separated = separate_channels(image, min(strength, MAX_SEPARATION), np.pi / 4)
    return (
        separated
        if strength <= MAX_SEPARATION
        else to_8bit(cv2.GaussianBlur(as_float(separated), (0, 0), strength - MAX_SEPARATION))
    )
