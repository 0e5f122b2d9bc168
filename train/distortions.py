"""Distortions of photographs, each at a continuous strength, deterministic for a given random generator.

Every function takes and gives (H, W, 3) uint8 RGB and is what the field calls by that name: codecs are
OpenCV's (libjpeg-turbo, OpenJPEG), resampling is area averaging down and cubic interpolation up, as in the
`ladders` that weights are measured on.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hiqa_cli.engine.opencv import cv2

Random = np.random.Generator


def to_8bit(image: np.ndarray) -> np.ndarray:
    """Clip to 0..255 and round to the nearest level."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def add_noise(image: np.ndarray, sigma: float, random: Random, *, grey: bool = False) -> np.ndarray:
    """Additive white Gaussian noise, `sigma` in 8-bit levels; `grey`: the same in all three channels."""
    height, width, channels = image.shape
    shape = (height, width, 1 if grey else channels)
    noise = random.standard_normal(shape, dtype=np.float32) * sigma
    return to_8bit(image.astype(np.float32) + noise)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, `sigma` in px; OpenCV's kernel size and border."""
    return cv2.GaussianBlur(image, (0, 0), sigma)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """JPEG at libjpeg's `quality` 1..100, chroma halved both ways (OpenCV's default)."""
    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not ok:
        raise RuntimeError("OpenCV could not write a JPEG")
    return decode(data)


def decode(data: np.ndarray) -> np.ndarray:
    """The (H, W, 3) uint8 RGB picture in a file's bytes, written by ourselves a moment ago."""
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise RuntimeError("OpenCV could not read its own file")
    return np.ascontiguousarray(picture[..., ::-1])


def jpeg2000_bytes(image: np.ndarray, per_mille: int) -> np.ndarray:
    """A JPEG 2000 file of about `per_mille` thousandths of the raw size (OpenCV's own unit, 1..1000)."""
    options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, int(per_mille)]
    ok, data = cv2.imencode(".jp2", image[..., ::-1], options)
    if not ok:
        raise RuntimeError("OpenCV could not write a JPEG 2000 file")
    return data


def jpeg2000(image: np.ndarray, bits_per_pixel: float) -> np.ndarray:
    """JPEG 2000 near a rate in bits a pixel (24 is raw), as close as OpenCV's unit of 0.024 bit allows."""
    per_mille = max(1, round(bits_per_pixel / 24 * 1000))
    return decode(jpeg2000_bytes(image, per_mille))


def reduce(image: np.ndarray, factor: float, up: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Resolution lost: area-averaged down by `factor` >= 1, then up to the old size."""
    height, width = image.shape[:2]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    return cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=up)


def change_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Every value's distance from the image's mean, times `factor`."""
    mean = image.mean()
    return to_8bit((image.astype(np.float32) - mean) * factor + mean)


def change_gamma(image: np.ndarray, gamma: float) -> np.ndarray:
    """Tones bent: full range to the power of `gamma`."""
    return to_8bit(255 * (image.astype(np.float32) / 255) ** gamma)


def change_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Every colour's distance from its luma (ITU-R BT.601), times `factor`; 0 is grey."""
    values = image.astype(np.float32)
    luma = (values @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    return to_8bit(luma + (values - luma) * factor)


def shift_colour(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """A colour cast: `levels` (3,), in 8-bit levels, added to the channels."""
    return to_8bit(image.astype(np.float32) + levels.astype(np.float32))


def logarithmic(random: Random, low: float, high: float) -> float:
    """A strength whose logarithm is uniform: mild and strong ones alike are frequent."""
    return math.exp(random.uniform(math.log(low), math.log(high)))


def random_noise(image: np.ndarray, random: Random) -> np.ndarray:
    sigma = logarithmic(random, 2, 60)
    return add_noise(image, sigma, random, grey=random.random() < 0.15)


def random_blur(image: np.ndarray, random: Random) -> np.ndarray:
    return blur(image, logarithmic(random, 0.5, 7))


def random_jpeg(image: np.ndarray, random: Random) -> np.ndarray:
    return jpeg(image, round(logarithmic(random, 4, 92)))


def random_jpeg2000(image: np.ndarray, random: Random) -> np.ndarray:
    return jpeg2000(image, logarithmic(random, 0.06, 1.5))


def random_reduction(image: np.ndarray, random: Random) -> np.ndarray:
    up = cv2.INTER_CUBIC if random.random() < 0.8 else cv2.INTER_LINEAR
    return reduce(image, logarithmic(random, 1.25, 7), up)


def random_contrast(image: np.ndarray, random: Random) -> np.ndarray:
    if random.random() < 0.6:
        return change_contrast(image, logarithmic(random, 0.25, 2.0))
    return change_gamma(image, logarithmic(random, 0.4, 2.5))


def random_colour(image: np.ndarray, random: Random) -> np.ndarray:
    if random.random() < 0.5:
        return change_saturation(image, random.uniform(0, 2.2))
    return shift_colour(image, random.normal(0, 18, 3))


RANDOM: dict[str, Callable[[np.ndarray, Random], np.ndarray]] = {
    "noise": random_noise,
    "blur": random_blur,
    "jpeg": random_jpeg,
    "jpeg2000": random_jpeg2000,
    "reduction": random_reduction,
    "contrast": random_contrast,
    "colour": random_colour,
}


def distort(image: np.ndarray, kind: str, random: Random) -> np.ndarray:
    """`kind` of RANDOM at a random strength, "clean" (unchanged), or "mixture": two or three kinds in a chain.

    A chain goes the way pictures go: tones first, then optics, then the sensor's noise, then the codec.
    """
    if kind == "clean":
        return image
    if kind != "mixture":
        return RANDOM[kind](image, random)
    order = ["contrast", "colour", "blur", "reduction", "noise", "jpeg2000", "jpeg"]
    shares = np.array([1, 1, 2, 2, 3, 1, 3], float)
    chosen = random.choice(len(order), size=random.integers(2, 4), replace=False, p=shares / shares.sum())
    for place in sorted(chosen):
        image = RANDOM[order[place]](image, random)
    return image
