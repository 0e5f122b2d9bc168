"""HEIC and other HEIF files (ISO/IEC 23008-12), read by pillow-heif with 8 bits: the extra `heif`.

libheif turns and crops the picture. The boxes are walked here, as in AVIF: libheif does not always report data that are
missing.
"""

from __future__ import annotations

import io

from hiqa_cli.errors import reason_of
from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.extras import library
from hiqa_cli.images.header import Data, Header, damaged, longest_zero_run, refuse_zeros
from hiqa_cli.images.icc_profile import cicp_name

from .avif import check_boxes

NAME = "HEIF"


def read_heif(data: Data) -> Header:
    """Check that every item's data are within the file, and take the header from pillow-heif."""
    plugin = library("heif", "HEIC/HEIF")
    meta, _ = check_boxes(data, NAME)
    try:
        image = plugin.HeifImageFile(io.BytesIO(data))
    except Exception as error:  # whatever libheif raises for a damaged file
        raise damaged(NAME, f"pillow-heif cannot read it ({reason_of(error)})") from None
    profile = bytes(image.info.get("icc_profile") or b"")
    nclx = image.info.get("nclx_profile") or {}
    colour = cicp_name(nclx.get("color_primaries", 2), nclx.get("transfer_characteristics", 2)) if nclx else ""
    bits = int(image.info.get("bit_depth", 8))
    width, height = image.size
    for item, start, end in meta.extents:
        if meta.kinds.get(item) == b"hvc1":
            refuse_zeros(NAME, data, start, end, longest_zero_run(width, height))
    return Header(
        NAME,
        width,
        height,
        frames=int(getattr(image, "n_frames", 1)),
        decoder="pillow-heif",
        alpha=image.mode in ("RGBA", "LA", "RGBa"),
        premultiplied=image.mode == "RGBa",
        profile=profile,
        colour="" if profile else colour,
        exif=read_exif(bytes(image.info.get("exif") or b"")).shooting_data,
        remarks=(f"{bits}-bit samples read with 8 bits",) if bits > 8 else (),
    )
