"""Arrays, torch tensors and Pillow images as pictures.

Pixels are copied, since their owner may change them while they wait to be scored. Importing this module loads neither
torch nor Pillow: whoever hands over one of their objects has loaded them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from hiqa_cli.errors import ImageError, reason_of
from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.header import Header
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import finish_picture
from hiqa_cli.images.source import Limits, check_size

if TYPE_CHECKING:
    import torch
    from PIL import Image

KINDS = "uint8, uint16, or floating point in 0..1"
EXPECTED = f"expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), {KINDS}"
EXPECTED_TENSOR = f"expected (H, W), (1, H, W), (3, H, W) or (4, H, W), {KINDS}"
CHANNELS = (1, 3, 4)
OVERSHOOT = 1.0001e-3  # 1e-3 as rounded to float32: what resampling leaves beyond 0..1; clipped
WHITE = 65535
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's, of 16 bits


def is_tensor(source: object) -> TypeGuard[torch.Tensor]:
    """Whether `source` is a torch tensor."""
    return isinstance(source, getattr(sys.modules.get("torch"), "Tensor", ()))


def is_pillow_image(source: object) -> TypeGuard[Image.Image]:
    """Whether `source` is a Pillow image."""
    return isinstance(source, getattr(sys.modules.get("PIL.Image"), "Image", ()))


def picture_from_array(array: np.ndarray, bgr: bool = False) -> Picture:
    """A Picture of an array (H, W) or (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) with alpha; uint8, uint16, or floating
    point in 0..1, which is rounded to 16 bits.

    bgr: the order of its colours is BGR, as in OpenCV's arrays. Raises ImageError, naming the shape, dtype or range
    found, for anything else.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in CHANNELS) or 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape}", EXPECTED + shape_remedy(array.shape))
    return _from_channels_last(array, "an array", EXPECTED, bgr)


def picture_from_tensor(tensor: torch.Tensor, bgr: bool = False) -> Picture:
    """A Picture of a tensor on any device, (H, W) or (1, H, W) grey, (3, H, W) RGB or (4, H, W) with alpha; otherwise
    like picture_from_array()."""
    shape = tuple(tensor.shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in CHANNELS) or 0 in shape:
        raise ImageError(f"a torch tensor of shape {shape}", EXPECTED_TENSOR + tensor_remedy(shape))
    tensor = tensor.detach().cpu()
    array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    last = array if array.ndim == 2 else np.moveaxis(array, 0, -1)
    return _from_channels_last(last, "a torch tensor", EXPECTED_TENSOR, bgr)


def picture_from_pillow(image: Image.Image, limits: Limits) -> Picture:
    """A Picture of a Pillow image, read as a file of it would be: turned upright by its EXIF orientation, its ICC
    profile converted to sRGB, alpha composited. Raises ImageError.

    limits: the most pixels of an image that Pillow has not decoded yet.
    """
    check_size(image.width, image.height, limits)
    if 0 in image.size:
        raise ImageError(f"a Pillow image of {image.width} x {image.height} px", "expected at least one pixel")
    try:
        image.load()
    except (OSError, ValueError, SyntaxError) as error:  # damaged, or closed
        raise ImageError(f"Pillow cannot decode this image ({reason_of(error)})") from error
    exif = read_exif(image.info.get("exif") or b"")
    transparent = image.has_transparency_data
    header = Header(
        "Pillow image",
        image.width,
        image.height,
        orientation=exif.orientation,
        alpha=transparent,
        cmyk=image.mode == "CMYK",
        profile=image.info.get("icc_profile") or b"",
        colour="Adobe RGB (named in EXIF)" if exif.adobe_rgb else "",
        exif=exif.shooting_data,
    )
    if image.mode in DEEP_MODES:
        return finish_picture([_as_colour(np.array(image).astype(np.uint16))], header)
    if image.mode in ("I", "F"):
        remedy = "convert it with numpy.asarray(image) to uint16, or to floating point in 0..1"
        raise ImageError(f"a Pillow image of mode {image.mode}, whose range is not defined", remedy)
    return finish_picture([np.array(image.convert("RGBA" if transparent else "RGB"))], header)


def _from_channels_last(array: np.ndarray, what: str, expected: str, bgr: bool) -> Picture:
    """what, expected: for messages."""
    if array.dtype.kind == "f":
        pixels = _to_16_bits(array, what)
    elif array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        pixels = np.array(array, array.dtype.newbyteorder("="), order="C")
    else:
        remedy = "; 8-bit values in a wider type: convert them to uint8" if array.dtype.kind in "iu" else ""
        raise ImageError(f"{what} of dtype {array.dtype}", expected + remedy)
    pixels = _as_colour(pixels)
    if bgr:
        pixels[..., :3] = pixels[..., 2::-1].copy()
    height, width, channels = pixels.shape
    return finish_picture([pixels], Header("array", width, height, alpha=channels == 4))


def _as_colour(pixels: np.ndarray) -> np.ndarray:
    """(H, W) and (H, W, 1) with three channels; others unchanged."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _to_16_bits(array: np.ndarray, what: str) -> np.ndarray:
    low, high = float(array.min()), float(array.max())
    if not (low >= -OVERSHOOT and high <= 1.0 + OVERSHOOT):  # written so that NaN fails, too
        remedy = "; divide it by 255" if low >= 0.0 and 2.0 < high <= 255.0 else ""
        found = f"{what} of dtype {array.dtype} with values from {readable(low)} to {readable(high)}"
        raise ImageError(found, f"expected 0..1{remedy}")
    # float16 cannot hold 65535 steps
    scaled: np.ndarray = array.astype(np.float32 if array.dtype.itemsize < 4 else array.dtype.newbyteorder("="))
    scaled *= WHITE
    np.rint(scaled, out=scaled)
    return np.ascontiguousarray(np.clip(scaled, 0, WHITE, out=scaled).astype(np.uint16))


def readable(number: float) -> str:
    """A number with enough digits to show that it is outside the permitted range."""
    outside = not -OVERSHOOT <= number <= 1.0 + OVERSHOOT
    for digits in (6, 9, 17):
        text = f"{number:.{digits}g}"
        if not outside or not -OVERSHOOT <= float(text) <= 1.0 + OVERSHOOT:
            break
    return text


def shape_remedy(shape: tuple[int, ...]) -> str:
    """What to do about the shape of a wrong array, for the end of a message."""
    if len(shape) == 4:
        return "; for a batch use score_many()"
    if len(shape) == 3 and shape[0] in CHANNELS:
        return "; channels first: use numpy.moveaxis(array, 0, -1)"
    return ""


def tensor_remedy(shape: tuple[int, ...]) -> str:
    """What to do about the shape of a wrong tensor, for the end of a message."""
    if len(shape) == 4:
        return "; for a batch use score_many()"
    if len(shape) == 3 and shape[2] in CHANNELS:
        return "; channels last: use tensor.permute(2, 0, 1)"
    return ""
