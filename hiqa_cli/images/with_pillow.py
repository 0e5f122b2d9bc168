"""Decodes 8-bit pictures with Pillow, whose memory holds four bytes per pixel.

The plug-in of the format is called directly: `Image.open` tries others, and has a limit of its own on pixels.
"""

from __future__ import annotations

import importlib
import io

import numpy as np

from hiqa_cli.errors import reason_of

from .formats import rare
from .header import Data, Header, check_decoded_size, damaged

_PLUGINS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "HEIF": ("pillow_heif", "HeifImageFile"),
    **rare.PLUGINS,
}
_STRIP = 2**18  # pixels


def modules() -> list[str]:
    """The names of the modules that `decode_with_pillow` imports."""
    return [module for module, _ in _PLUGINS.values()]


def decode_with_pillow(data: Data, header: Header) -> tuple[np.ndarray, bool]:
    """Decode to (H, W, 3) RGB or, if the header has alpha, (H, W, 4) RGBA, as stored (not turned).

    The pixels are uint8, those of a grey picture of more than 8 bits uint16.
    Also returns whether the last row is all zero as stored: some decoders leave missing rows so.
    Raises ImageError.
    """
    module, name = _PLUGINS[header.format]
    plugin = getattr(importlib.import_module(module), name)
    try:
        image = plugin(io.BytesIO(data))
        del data
        if header.premultiplied:  # as stored: dividing by alpha would cost precision
            image.tile = [tile._replace(args=_without_division(tile.args)) for tile in image.tile]
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder raises for a damaged file
        raise damaged(header.format, f"Pillow cannot decode it ({reason_of(error)})") from None
    check_decoded_size(header, *image.size)
    if image.mode.startswith("I;16"):  # deep grey
        grey = np.asarray(image).astype(np.uint16)
        return np.repeat(grey[:, :, None], 3, axis=2), not grey[-1].any()
    mode = "RGBA" if header.alpha else "RGB"
    pixels = np.empty((header.height, header.width, len(mode)), np.uint8)
    rows = max(1, _STRIP // header.width)
    for top in range(0, header.height, rows):
        strip = image.crop((0, top, header.width, min(top + rows, header.height)))
        pixels[top : top + rows] = np.asarray(strip if strip.mode == mode else strip.convert(mode))
    last = image.crop((0, header.height - 1, header.width, header.height))
    return pixels, last.getbbox(**({"alpha_only": False} if last.mode[-1] in "Aa" else {})) is None


def _without_division(arguments: tuple) -> tuple:
    return tuple("RGBA" if argument == "RGBa" else argument for argument in arguments)
