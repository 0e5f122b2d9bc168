"""Images decoded once: uint8 arrays in files of their own, mapped into memory by every process that cuts patches.

A file is named after the image's path, size and time of change: an image that changes is decoded anew. Files are
written under another name and renamed, so that several runs can fill one folder at the same time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from hiqa_cli.atomic import atomic_file
from hiqa_cli.errors import DatasetError, ImageError, OutputError, cannot_write, os_reason
from hiqa_cli.images.read import read_picture

HELD = 2048  # mapped files a process holds open


def default_cache_folder() -> Path:
    """hiqa's folder of the user's cache."""
    return Path(user_cache_dir("hiqa", appauthor=False))


def decode_images(paths: Iterable[Path], folder: Path, advance: Callable[[], None]) -> dict[Path, Path]:
    """Image -> its decoded file; decodes those that are not there yet, and calls `advance` after each image.

    DatasetError names an image that cannot be read; OutputError where the folder cannot be written.
    """
    wanted = list(dict.fromkeys(paths))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error

    def ready(path: Path) -> Path:
        file = folder / _name(path)
        if not file.exists():
            _decode(path, file)
        advance()
        return file

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        return dict(zip(wanted, pool.map(ready, wanted), strict=True))


@lru_cache(maxsize=HELD)
def open_array(file: Path) -> np.ndarray:
    """A kept array, mapped into memory: of a decoded file (H, W, 3) uint8 RGB pixels."""
    pixels: np.ndarray = np.load(file, mmap_mode="r")
    return pixels


def _name(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {os_reason(error)}") from error
    word = f"1\0{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    return f"{hashlib.sha256(word.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.npy"


def _decode(path: Path, file: Path) -> None:
    try:
        pixels = read_picture(path).pixels
    except ImageError as error:
        raise DatasetError(f"{path}: {error.message}", "hiqa datasets verify looks at every file") from error
    if pixels.dtype != np.uint8:  # 16 bits: patches are of 8
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    save_array(file, pixels)


def save_array(file: Path, array: np.ndarray) -> None:
    """Write an array that `open_array` reads, whole or not at all; OutputError."""
    try:
        with atomic_file(file, sync=False) as out:
            np.save(out, array)
    except OSError as error:
        raise OutputError(
            f"{file.parent} cannot hold the decoded images: {os_reason(error)}",
            "make room, or give another folder by --cache-dir",
        ) from error
