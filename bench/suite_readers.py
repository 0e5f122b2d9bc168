"""Reads one file with hiqa, Pillow and libvips, and compares their pixels: the worker process of suites.py.

All three deliver the first frame, upright, in sRGB, opaque over grey 128, so that only decoding is compared. Pillow and
libvips convert colour profiles only if hiqa does.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from hiqa_cli.errors import HiqaError
from hiqa_cli.images.icc_profile import srgb_converter
from hiqa_cli.images.normalise import BACKGROUND
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import read_picture

MEMORY = 6 * 2**30  # bytes of a worker


class CannotRead(Exception):
    """A library does not read a file; the argument says why."""


def serve(connection: Connection) -> None:
    """Answer paths with what `compare` returns, until the connection ends."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries print warnings there
    warnings.simplefilter("ignore")
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with contextlib.suppress(ImportError):
        import pillow_jxl  # noqa: F401
    Image.MAX_IMAGE_PIXELS = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(compare(connection.recv()))


def compare(path: str) -> dict[str, Any]:
    """What each library does with a file.

    hiqa: "" if it reads the file, else its error; notes: its notes. pillow, vips: "same"; "absent" if not installed; an
    error that begins with "cannot read"; "size ..."; or "max N mean N" of 255, the difference to hiqa's pixels.
    """
    picture: Picture | None = None
    found: dict[str, Any] = {"hiqa": "", "notes": ()}
    try:
        picture = read_picture(path)
        found["notes"] = picture.notes
    except HiqaError as error:
        found["hiqa"] = error.message
    converted = picture is None or any("converted to sRGB" in note for note in picture.notes)
    for name, read in (("pillow", read_with_pillow), ("vips", read_with_vips)):
        try:
            pixels = read(path, converted)
        except CannotRead as error:
            found[name] = str(error)
        except MemoryError:
            found[name] = "cannot read: not enough memory"
        except Exception as error:  # whatever a library raises for a file it cannot read
            found[name] = f"cannot read: {' '.join(str(error).split())[:200] or type(error).__name__}"
        else:
            found[name] = "read" if picture is None else difference(as_levels(picture.pixels), pixels)
    return found


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """ "same" if no value differs by more than one of 255, else the difference. Both (H, W, 3), float32, 0..255."""
    if ours.shape != theirs.shape:
        return f"size {theirs.shape[1]} x {theirs.shape[0]} in place of {ours.shape[1]} x {ours.shape[0]}"
    apart = np.abs(ours - theirs)
    largest = float(apart.max())
    return "same" if largest <= 1 else f"max {largest:.0f} mean {float(apart.mean()):.2f}"


def as_levels(pixels: np.ndarray) -> np.ndarray:
    """uint8 or uint16 as float32, 0..255."""
    return pixels.astype(np.float32) / (257 if pixels.dtype == np.uint16 else 1)


def opaque(levels: np.ndarray) -> np.ndarray:
    """(H, W, 1..4), 0..255, to (H, W, 3) over the background; a second or fourth channel is alpha."""
    channels = levels.shape[2]
    colours = levels[..., :3] if channels > 2 else np.repeat(levels[..., :1], 3, axis=2)
    if channels in (1, 3):
        return colours
    alpha = levels[..., channels - 1 :] / 255
    return colours * alpha + BACKGROUND * (1 - alpha)


def read_with_pillow(path: str, converted: bool) -> np.ndarray:
    with Image.open(path) as image:
        image.load()
        profile = image.info.get("icc_profile")
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            values = np.asarray(image).astype(np.float32)
            if not 0 <= values.min() <= values.max() <= 65535:
                raise CannotRead("cannot read: 32-bit samples have no white")
            return opaque(values[..., None] / 257)
        if image.mode == "F":
            raise CannotRead("cannot read: floating-point samples have no white")
        alpha = image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info
        has_inks = image.mode == "CMYK"
        pixels = np.array(image.convert("RGBA" if alpha else "RGB"))
    if profile and converted and not has_inks:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            convert = srgb_converter(profile)
            if convert is not None:
                composited = np.rint(opaque(pixels.astype(np.float32))).astype(np.uint8)
                return convert(composited).astype(np.float32)
    return opaque(pixels.astype(np.float32))


def read_with_vips(path: str, converted: bool) -> np.ndarray:
    try:
        import pyvips
    except ImportError:
        raise CannotRead("absent") from None
    image = pyvips.Image.new_from_file(path, fail_on="truncated").autorot()
    if image.format not in ("uchar", "ushort"):
        raise CannotRead(f"cannot read: {image.format} samples")
    if image.bands > 4:
        raise CannotRead(f"cannot read: {image.bands} channels")
    if image.interpretation == "cmyk" or (image.interpretation in ("lab", "labs", "labq")):
        image = image.colourspace("srgb")
    elif converted and image.format == "uchar" and "icc-profile-data" in image.get_fields():
        alpha = image[image.bands - 1] if image.hasalpha() else None
        with contextlib.suppress(pyvips.Error):
            image = image.icc_transform(
                "srgb", embedded=True, intent="relative", black_point_compensation=True
            ).copy_memory()
            if alpha is not None and not image.hasalpha():
                image = image.bandjoin(alpha)
    return opaque(as_levels(image.numpy().reshape(image.height, image.width, image.bands)))
