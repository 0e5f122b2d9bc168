"""Realistic sequences of mild distortions, in the order in which they happen to photographs.

Every function takes a (H, W, 3) uint8 RGB image and a random generator, which determines steps and strengths, and
returns an image of the same size.
"""

from __future__ import annotations

import math

import numpy as np

from .blur import blur, defocus, denoise, downscale, motion_blur, unsharp
from .codecs import jpeg
from .colours import change_saturation, separate_channels, shift_colour
from .noise import correlated_noise, shot_noise
from .opencv import cv2
from .pixels import Random, logarithmic
from .tones import band, change_contrast, change_gamma, expose, haze, vignette


def off_grid_jpeg(image: np.ndarray, quality: int, random: Random) -> np.ndarray:
    """JPEG whose 8x8 blocks do not start at the picture's corner, as if compressed before cropping."""
    y, x = (int(start) for start in random.integers(8, size=2))
    return jpeg(np.pad(image, ((y, 0), (x, 0), (0, 0)), mode="symmetric"), quality)[y:, x:]


def soften(image: np.ndarray, random: Random) -> np.ndarray:
    """Out of focus, motion blur, or neither."""
    chance = random.random()
    if chance < 0.3:
        return defocus(image, logarithmic(random, 0.6, 3))
    if chance < 0.5:
        return motion_blur(image, logarithmic(random, 1.5, 9), random.uniform(0, math.pi))
    return image


def camera(image: np.ndarray, random: Random) -> np.ndarray:
    """Lens blur, sensor noise, the camera's denoising and sharpening, JPEG."""
    image = soften(image, random)
    sigma = logarithmic(random, 2, 25)
    image = shot_noise(image, sigma, random)
    if random.random() < 0.6:
        image = denoise(image, sigma * random.uniform(0.5, 1.3), shifts=2)
    if random.random() < 0.6:
        image = unsharp(image, random.uniform(0.3, 1.5), random.uniform(0.7, 1.5))
    return jpeg(image, int(random.integers(60, 97)))


def night(image: np.ndarray, random: Random) -> np.ndarray:
    """Underexposed and brightened: strong noise, smeared by denoising, faded colours."""
    stops = random.uniform(1, 3)
    sigma = logarithmic(random, 4, 14)
    image = shot_noise(expose(image, -stops), sigma, random)
    image = denoise(expose(image, stops * random.uniform(0.5, 1)), 2 * sigma * random.uniform(0.5, 1.5), shifts=2)
    return jpeg(change_saturation(image, random.uniform(0.5, 1)), int(random.integers(50, 95)))


def web(image: np.ndarray, random: Random) -> np.ndarray:
    """Reduced, sharpened, compressed, cropped, enlarged and compressed again."""
    image = downscale(image, random.uniform(1, 2))
    if random.random() < 0.6:
        image = unsharp(image, random.uniform(0.3, 1.5), random.uniform(0.6, 1.2))
    image = off_grid_jpeg(image, int(logarithmic(random, 25, 92)), random)
    if random.random() < 0.5:
        image = downscale(image, random.uniform(1, 1.6), cv2.INTER_LINEAR)
    return jpeg(image, int(logarithmic(random, 25, 92)))


def enlarged(image: np.ndarray, random: Random) -> np.ndarray:
    """A small, compressed picture, enlarged and sharpened: its blocks and ringing are larger than 8 px."""
    height, width = image.shape[:2]
    factor = logarithmic(random, 1.5, 5)
    small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
    small = jpeg(small, int(logarithmic(random, 30, 95)))
    up = cv2.INTER_LANCZOS4 if random.random() < 0.5 else cv2.INTER_LINEAR
    return unsharp(cv2.resize(small, (width, height), interpolation=up), random.uniform(0, 2), factor / 2)


def film(image: np.ndarray, random: Random) -> np.ndarray:
    """A scanned old print: soft and faded, with a colour cast and grain."""
    image = blur(image, logarithmic(random, 0.4, 1.5))
    image = change_saturation(change_contrast(image, random.uniform(0.5, 1)), random.uniform(0.3, 1))
    image = shift_colour(image, random.normal(0, 12, 3))
    return correlated_noise(image, logarithmic(random, 2, 20), random, width=random.uniform(1, 3))


def oversharpened(image: np.ndarray, random: Random) -> np.ndarray:
    """Sharpened until halos show, perhaps after a blur, perhaps with noise to amplify."""
    if random.random() < 0.4:
        image = blur(image, logarithmic(random, 0.5, 1.5))
    if random.random() < 0.4:
        image = shot_noise(image, logarithmic(random, 1, 6), random)
    return unsharp(image, logarithmic(random, 0.8, 6), logarithmic(random, 0.6, 3))


def hazy(image: np.ndarray, random: Random) -> np.ndarray:
    """Haze of a nearly neutral light grey."""
    return haze(image, logarithmic(random, 0.15, 1.5), random.uniform(150, 250) + random.normal(0, 6, 3), random)


def badly_exposed(image: np.ndarray, random: Random) -> np.ndarray:
    """Over- or underexposed; half of them with a gamma correction."""
    stops = random.uniform(0.4, 2.5) * (1 if random.random() < 0.5 else -1)
    image = expose(image, stops)
    return change_gamma(image, 2 ** (stops * random.uniform(0.2, 0.5))) if random.random() < 0.5 else image


def banded(image: np.ndarray, random: Random) -> np.ndarray:
    """Too few levels for smooth gradients."""
    return band(image, logarithmic(random, 6, 60), logarithmic(random, 5, 40))


def vignetted(image: np.ndarray, random: Random) -> np.ndarray:
    """Dark corners, of a frame of which this may be a part, and separated colour planes."""
    height, width = image.shape[:2]
    centre = (random.uniform(0, 1) * height, random.uniform(0, 1) * width)
    size = math.hypot(height, width) * random.uniform(0.6, 1)
    image = separate_channels(image, logarithmic(random, 0.3, 2), random.uniform(0, 2 * math.pi))
    return vignette(image, random.uniform(0.2, 0.85), centre, size)
