"""Formats that are rare among photographs, read by Pillow: Targa, Photoshop, icons, SGI, DDS, QOI and others.

Pillow raises for a file that ends too soon in all of them (tests/images/formats/test_rare.py); nothing is checked here.
"""

from __future__ import annotations

import importlib
import io
import re

from hiqa_cli.errors import reason_of
from hiqa_cli.images.header import Data, Header, damaged, unsupported

PLUGINS = {
    "DDS": ("PIL.DdsImagePlugin", "DdsImageFile"),
    "Windows icon": ("PIL.IcoImagePlugin", "IcoImageFile"),
    "Windows cursor": ("PIL.CurImagePlugin", "CurImageFile"),
    "macOS icon": ("PIL.IcnsImagePlugin", "IcnsImageFile"),
    "Photoshop PSD": ("PIL.PsdImagePlugin", "PsdImageFile"),
    "SGI": ("PIL.SgiImagePlugin", "SgiImageFile"),
    "Sun raster": ("PIL.SunImagePlugin", "SunImageFile"),
    "PCX": ("PIL.PcxImagePlugin", "PcxImageFile"),
    "DCX": ("PIL.DcxImagePlugin", "DcxImageFile"),
    "QOI": ("PIL.QoiImagePlugin", "QoiImageFile"),
    "FITS": ("PIL.FitsImagePlugin", "FitsImageFile"),
    "MSP": ("PIL.MspImagePlugin", "MspImageFile"),
    "XBM": ("PIL.XbmImagePlugin", "XbmImageFile"),
    "XPM": ("PIL.XpmImagePlugin", "XpmImageFile"),
    "BLP": ("PIL.BlpImagePlugin", "BlpImageFile"),
    "FLI animation": ("PIL.FliImagePlugin", "FliImageFile"),
    "GIMP brush": ("PIL.GbrImagePlugin", "GbrImageFile"),
    "FTEX": ("PIL.FtexImagePlugin", "FtexImageFile"),
    "IFUNC IM": ("PIL.ImImagePlugin", "ImImageFile"),
    "PIXAR": ("PIL.PixarImagePlugin", "PixarImageFile"),
    "Photo CD": ("PIL.PcdImagePlugin", "PcdImageFile"),
    "DIB": ("PIL.BmpImagePlugin", "DibImageFile"),
    "IM Tools": ("PIL.ImtImagePlugin", "ImtImageFile"),
    "McIDAS": ("PIL.McIdasImagePlugin", "McIdasImageFile"),
    "XV thumbnail": ("PIL.XVThumbImagePlugin", "XVThumbImageFile"),
    "Targa": ("PIL.TgaImagePlugin", "TgaImageFile"),
}
"""Name of the format -> module and class of Pillow's plug-in."""

SUFFIXES = (".tga", ".psd", ".sgi", ".ras", ".pcx", ".qoi", ".dds", ".pcd")
"""Suffixes that count as images in a folder; icons and the like are read by name only."""

_SIGNATURES = (
    (rb"DDS ", "DDS"),
    (rb"\0\0\x01\0[\x01-\xff]\0|\0\0\x01\0\0[\x01-\xff]", "Windows icon"),
    (rb"\0\0\x02\0[\x01-\xff]\0.{3}\0", "Windows cursor"),
    (rb"icns", "macOS icon"),
    (rb"8BPS", "Photoshop PSD"),
    (rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]", "SGI"),
    (rb"\x59\xa6\x6a\x95", "Sun raster"),
    (rb"\x0a[\0\x02\x03\x04\x05][\0\x01][\x01\x02\x04\x08]", "PCX"),
    (rb"\xb1\x68\xde\x3a", "DCX"),
    (rb"qoif", "QOI"),
    (rb"SIMPLE  =", "FITS"),
    (rb"DanM|LinS", "MSP"),
    (rb"\s*#define[ \t]+\S+_width[ \t]", "XBM"),
    (rb"/\* XPM \*/", "XPM"),
    (rb"BLP[12]", "BLP"),
    (rb".{4}[\x11\x12]\xaf", "FLI animation"),
    (rb".{20}GIMP|\0\0\0.\0\0\0\x01", "GIMP brush"),
    (rb"FTEX", "FTEX"),
    (rb"Image type: ", "IFUNC IM"),
    (rb"\x80\xe8\0\0", "PIXAR"),
    (rb".{2048}PCD_", "Photo CD"),
    (rb"[\x28\x6c\x7c]\0\0\0.{8}\x01\0[\x01\x04\x08\x10\x18\x20]\0", "DIB"),
    (rb"\*\w+\nwidth ", "IM Tools"),
    (rb"\0\0\0\0\0\0\0\x04", "McIDAS"),
    (rb"P7 332", "XV thumbnail"),
    # No signature: map of colours, kind of picture, size that is not 0, bits of a pixel.
    (rb".[\0\x01][\x01\x02\x03\x09\x0a\x0b].{9}(?!\0\0)..(?!\0\0)..[\x01\x08\x0f\x10\x18\x20]", "Targa"),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in _SIGNATURES)
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I;16B")


def sniff_rare(head: bytes) -> str | None:
    """The name of the format by a file's first bytes, or None."""
    return next((name for pattern, name in _PATTERNS if pattern.match(head)), None)


def read_rare(data: Data) -> Header:
    """Take the header from Pillow's plug-in. Raises ImageError."""
    name = sniff_rare(bytes(data[:4096]))
    assert name is not None
    module, kind = PLUGINS[name]
    try:
        image = getattr(importlib.import_module(module), kind)(io.BytesIO(data))
    except Exception as error:  # whatever a plug-in raises for a damaged file
        raise damaged(name, f"Pillow cannot read its header ({reason_of(error)})") from None
    if image.mode not in _MODES:
        unsupported(f"{name} with samples of kind {image.mode}")
    if any(tile.codec_name == "fits_gzip" for tile in image.tile):
        unsupported("compressed FITS")  # Pillow inflates it without a limit
    sizes = len(image.info.get("sizes", ()))
    layered = name == "Photoshop PSD"  # its frames are layers; the first picture is all of them
    width, height = image.size
    return Header(
        name,
        width,
        height,
        frames=1 if layered else int(getattr(image, "n_frames", 1)),
        alpha=image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info,
        cmyk=image.mode == "CMYK",
        profile=bytes(image.info.get("icc_profile") or b""),
        remarks=(f"largest of {sizes} sizes",) if sizes > 1 else (),
    )
