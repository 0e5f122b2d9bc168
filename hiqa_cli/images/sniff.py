"""Recognises image formats by suffix and by first bytes. Imports nothing heavy.

Files that are no supported image are refused by the name of what they are.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO, NoReturn

from hiqa_cli.errors import ImageError

from .extras import suffixes
from .formats.rare import SUFFIXES, sniff_rare

HIQA_PNG_KEY = "hiqa"
"""Keyword of the PNG text chunk (tEXt) that marks hiqa's output."""

HIQA_WEBP_CHUNK = b"hiqa"
"""Name of the RIFF chunk that marks hiqa's output in a WebP."""

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".dib"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".pam", ".jp2", ".j2k", ".j2c", ".jpc", ".avif", ".gif"),
        *SUFFIXES,
        *suffixes(),
    }
)
"""Suffixes that count as images in a folder: lower case, with the dot; those of extras where they are installed."""


def image_files(folder: Path) -> list[Path]:
    """The entries of a folder with the suffix of an image, sorted. OSError is passed on."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


SNIFFED = 4096
"""Bytes from the start of a file that `sniff` examines."""

_HINT = "hiqa reads JPEG, PNG, WebP, TIFF, BMP, PNM, JPEG 2000, AVIF, GIF and more; with extras HEIC, JPEG XL and raw"

_SUPPORTED = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"BM....\0\0\0\0|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "BMP"),
    (rb"P[1-6](\s|#)|P7\n", "PNM"),
    (rb"\0\0\0\x0cjP  \r\n\x87\n", "JP2"),
    (rb"\xff\x4f\xff\x51", "J2K"),
    (rb"GIF8[79]a", "GIF"),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JXL"),
)
_CAMERA_RAW = rb"II\*\0.{4}CR|IIRO|IIRS|MMOR|IIU\0|FUJIFILMCCD-RAW|II.{4}HEAPCCDR|FOVb|\0MRM|....ftypcrx "
_UNSUPPORTED = (
    (rb"....ftyp(qt  |isom|iso\d|mp4|M4V|avc1|3gp|dash)", "MP4 video"),
    (rb"II\xbc", "JPEG XR"),
    (rb"%PDF-|\xef\xbb\xbf%PDF-", "PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"gimp xcf", "GIMP XCF"),
    (rb"v/1\x01", "OpenEXR"),
    (rb"#\?(RADIANCE|RGBE)", "Radiance HDR"),
    (rb"P[Ff]\s", "PFM (floating-point)"),
    (rb"FLIF", "FLIF"),
    (rb"SDPX|XPDS", "DPX"),
    (rb".{128}DICM", "DICOM"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "Windows metafile"),
    (rb"RIFF....AVI |\x1aE\xdf\xa3|\0\0\x01[\xb3\xba]|FLV\x01", "video"),
    (rb"RIFF....WAVE|ID3|OggS|fLaC", "sound"),
    (rb"PK\x03\x04|PK\x05\x06", "ZIP archive or office document"),
    (rb"\x1f\x8b|BZh\d|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|.{257}ustar", "archive"),
    (rb"\x93NUMPY", "NumPy array file"),
    (rb"\x89HDF", "HDF5"),
    (rb"\x7fELF|MZ", "program"),
    (rb"SQLite format 3", "SQLite database"),
)
_TEXT = (
    (rb"version https://git-lfs", "a Git LFS pointer (the image itself was not fetched)"),
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", "an SVG drawing"),
    (rb"\s*(<!--.*?-->\s*)*<(!DOCTYPE\s+html|html|head|body)", "an HTML page"),
    (rb"\s*<\?xml", "an XML file"),
    (rb"\s*[\[{].*[\]}:,]", "a JSON or other text file"),
)
_EXTRA_PATTERNS = (
    (re.compile(_CAMERA_RAW, re.DOTALL), "RAW"),
    (re.compile(rb"....ftyp(hei|hev|mif1|msf1)", re.DOTALL), "HEIF"),
)
_SUPPORTED_PATTERNS = tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in _SUPPORTED)
_UNSUPPORTED_PATTERNS = tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in _UNSUPPORTED)
_TEXT_PATTERNS = tuple((re.compile(pattern, re.DOTALL | re.IGNORECASE), name) for pattern, name in _TEXT)


def sniff(head: bytes) -> str:
    """The format by a file's first SNIFFED bytes: JPEG, PNG, WebP, TIFF, BMP, PNM, JP2, J2K, AVIF, GIF, HEIF, JXL, RAW,
    or "rare" for those of `formats.rare`.

    Raises ImageError, naming the kind of file, for anything else.
    """
    if not head:
        raise ImageError("the file is empty (0 bytes)")
    for pattern, name in _SUPPORTED_PATTERNS:
        if pattern.match(head):
            return name
    if _is_avif(head):
        return "AVIF"
    for pattern, name in _EXTRA_PATTERNS:
        if pattern.match(head):
            return name
    for pattern, name in _UNSUPPORTED_PATTERNS:
        if pattern.match(head):
            _refuse(name)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if sniff_rare(head):
        return "rare"
    _refuse_text(head)
    if not head.strip(b"\0"):
        raise ImageError(f"not an image: it begins with {len(head):,} zero bytes", _HINT)
    shown = head[:8].hex(" ")
    raise ImageError(f"not an image in a known format: it begins with bytes {shown}", _HINT)


def _is_avif(head: bytes) -> bool:
    """Whether this is an ISO base media file with AVIF among its brands, major or compatible."""
    if head[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    return bool(brands & {b"avif", b"avis"})


def _refuse(name: str) -> NoReturn:
    raise ImageError(f"{name} is not supported", _HINT)


def _refuse_text(head: bytes) -> None:
    """Raise ImageError if this is text: UTF-16, or UTF-8 without control characters (the last one may be cut)."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ImageError("not an image: a text file (UTF-16)", _HINT)
    body = head.removeprefix(b"\xef\xbb\xbf")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(body) - 3:
            return
        text = body[: error.start].decode("utf-8")
    if any(c < " " and c not in "\t\n\r\f\x1b\b" for c in text):
        return
    for pattern, name in _TEXT_PATTERNS:
        if pattern.match(body):
            raise ImageError(f"not an image: {name}", _HINT)
    raise ImageError("not an image: a text file", _HINT)


def is_hiqa_output(path: str | bytes | os.PathLike) -> bool:
    """Whether hiqa wrote the file: a PNG with a tEXt chunk `hiqa` before the picture data, or a WebP with a hiqa chunk.

    Reads chunk headers only. False for anything else, including unreadable files and pipes.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            head = file.read(12)
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                file.seek(8)
                return _has_png_mark(file)
            return head[:4] == b"RIFF" and head[8:] == b"WEBP" and _has_webp_mark(file)
    except (OSError, ValueError):
        return False


def _has_png_mark(file: BinaryIO) -> bool:
    for _ in range(64):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind in (b"IDAT", b"IEND"):
            return False
        if kind == b"tEXt":
            keyword = file.read(min(length, 80)).partition(b"\0")[0]
            if keyword == HIQA_PNG_KEY.encode("latin-1"):
                return True
            length -= min(length, 80)
        file.seek(length + 4, os.SEEK_CUR)
    return False


def _has_webp_mark(file: BinaryIO) -> bool:
    for _ in range(64):
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8 or head[:4] == HIQA_WEBP_CHUNK:
            return len(head) == 8
        file.seek(length + (length & 1), os.SEEK_CUR)
    return False
