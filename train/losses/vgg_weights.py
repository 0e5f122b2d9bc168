"""VGG19's weights: torchvision's file in the user's cache, downloaded on request."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from io import BufferedRandom
from pathlib import Path

from hiqa_cli.errors import HiqaError, UsageError, cannot_write
from hiqa_cli.files.atomic import resumable_file
from hiqa_train.data.image_cache import default_cache_folder

# torchvision's VGG19_Weights.IMAGENET1K_V1; the digits in the name are the first of the file's sha256.
ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
MEGABYTES = 548
MAX_IDLE_REQUESTS = 3  # requests in a row without a new byte
TIMEOUT = 60  # s without a byte
BLOCK = 1 << 20  # bytes


class DownloadError(HiqaError):
    """The download failed, or the file has the wrong checksum."""


def cached(folder: Path | None = None) -> Path | None:
    """The path of torchvision's file in the cache, None without one. A file of this name has passed the checksum.

    folder: None for the user's cache.
    """
    try:
        path = (folder or default_cache_folder()) / ADDRESS.rpartition("/")[2]
    except UsageError:  # no cache
        return None
    return path if path.is_file() else None


def download(report: Callable[[str], None], *, folder: Path | None = None, address: str = ADDRESS) -> Path:
    """Download the file into the cache, check it against the checksum in its name, and return its path.

    An interrupted download continues at the next call. folder: None for the user's cache. address: whose file name
    contains the first digits of the sha256. Raises DownloadError and OutputError.
    """
    name = address.rpartition("/")[2]
    digits = re.search(r"-([0-9a-f]{8,64})\.", name)
    if digits is None:
        raise DownloadError(f"the file name {name} contains no sha256 digits")
    target = (folder or default_cache_folder()) / name
    if target.is_file():
        return target
    report(f"downloading {address} to {target}")
    try:
        with resumable_file(target) as file:
            _fetch(address, file)
            file.seek(0)
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if not found.startswith(digits[1]):
                file.truncate(0)  # not to be continued
                raise DownloadError(
                    f"{address}: expected a sha256 of {digits[1]}..., found {found[: len(digits[1])]}...",
                    "the file was removed; try again, or give --vgg FILE",
                )
    except OSError as error:
        raise cannot_write(target, error, "make room, or give --vgg FILE") from error
    return target


def _fetch(address: str, file: BufferedRandom) -> None:
    """Download all bytes, continuing after those that the file has; gives up after MAX_IDLE_REQUESTS in a row."""
    idle = 0
    while True:
        before = _size(file)
        reason = ""
        try:
            if _request_rest(address, file, before):
                return
        except urllib.error.HTTPError as error:
            reason = f"HTTP status {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        now = _size(file)
        idle = 0 if now > before else idle + 1
        if idle >= MAX_IDLE_REQUESTS:
            raise DownloadError(
                f"{address}: {reason or 'connection lost'} after {now:,} bytes",
                "run the command again to continue, or give --vgg FILE",
            )


def _size(file: BufferedRandom) -> int:
    return file.seek(0, os.SEEK_END)


def _request_rest(address: str, file: BufferedRandom, have: int) -> bool:
    """Request the bytes after the first `have` and append them; returns whether the file is complete."""
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        size = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        if size and int(size[1]) == have:
            return True  # the file was already complete
        file.truncate(0)  # longer than the file: it is another one
        return False
    with answer:
        start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        if not (answer.status == 206 and start is not None and int(start[1]) == have):
            file.truncate(0)  # the server sends everything
        length = answer.headers.get("Content-Length")
        expected = int(length) if length is not None else None
        received = 0
        # a lost connection raises IncompleteRead, or gives fewer bytes than announced
        with contextlib.suppress(http.client.IncompleteRead):
            while block := answer.read(BLOCK):
                file.write(block)
                received += len(block)
    return expected is None or received == expected
