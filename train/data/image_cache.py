"""The cache of decoded images: uint8 arrays in files that every process that cuts patches maps into memory.

A cached file is named after the image's path, size and modification time, so that an image that changes is decoded
again. Files are written atomically: several runs can fill one folder at the same time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from hiqa_cli.engine.backends.cache import user_cache
from hiqa_cli.errors import DatasetError, ImageError, OutputError, UsageError, cannot_write, os_reason
from hiqa_cli.files.atomic import atomic_file
from hiqa_cli.images.read import read_picture

MAX_OPEN_FILES = 2048  # mapped files that a process keeps open
NAME_VERSION = "1"  # part of every file's name; changes with what the files hold


def default_cache_folder() -> Path:
    """hiqa's folder in the user's cache. UsageError for a user without a home folder."""
    try:
        return user_cache()
    except FileNotFoundError as error:
        raise UsageError(f"no folder for the cache: {os_reason(error)}", "set HOME or XDG_CACHE_HOME") from error


def decode_images(paths: Iterable[Path], folder: Path, advance: Callable[[], None]) -> dict[Path, Path]:
    """Image -> its cached file; decodes those that are missing and calls `advance` after each image.

    Raises DatasetError for an image that cannot be read, OutputError for a folder that cannot be written.
    """
    wanted = list(dict.fromkeys(paths))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error

    def decode(path: Path) -> Path:
        file = folder / _cached_name(path)
        if not file.exists():
            _decode(path, file)
        advance()
        return file

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
        return dict(zip(wanted, pool.map(decode, wanted), strict=True))


@lru_cache(maxsize=MAX_OPEN_FILES)
def open_array(file: Path) -> np.ndarray:
    """A cached array, mapped into memory; of a decoded image (H, W, 3) uint8 RGB."""
    array: np.ndarray = np.load(file, mmap_mode="r")
    return array


def save_array(file: Path, array: np.ndarray) -> None:
    """Write an array for `open_array` atomically. Raises OutputError."""
    try:
        with atomic_file(file, sync=False) as out:
            np.save(out, array)
    except OSError as error:
        raise OutputError(
            f"{file.parent} cannot hold the decoded images: {os_reason(error)}",
            "make room, or give another folder by --cache-dir",
        ) from error


def _cached_name(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {os_reason(error)}") from error
    key = f"{NAME_VERSION}\0{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    return f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.npy"


def _decode(path: Path, file: Path) -> None:
    try:
        pixels = read_picture(path).pixels
    except ImageError as error:
        raise DatasetError(f"{path}: {error.message}", "check all files with hiqa datasets verify") from error
    if pixels.dtype != np.uint8:  # 16 bits: patches have 8
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    save_array(file, pixels)
