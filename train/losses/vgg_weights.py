"""Where VGG19's weights come from: a file of the user's, the user's cache, or torchvision's own file, downloaded."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from hiqa_cli.errors import HiqaError, OutputError, os_reason
from hiqa_train.data.image_cache import default_cache_folder

# torchvision's VGG19_Weights.IMAGENET1K_V1; the digits in the name are the first of the file's sha256.
ADDRESS = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
MEGABYTES = 548
TRIES = 3
TIMEOUT = 60  # s without a byte
BLOCK = 1 << 20


class DownloadError(HiqaError):
    """The file did not come, or is not the one that was meant."""


def cached(folder: Path | None = None) -> Path | None:
    """torchvision's file in the user's cache, if it is there: it was checked before it got its name."""
    path = (folder or default_cache_folder()) / ADDRESS.rpartition("/")[2]
    return path if path.is_file() else None


def download(tell: Callable[[str], None], *, folder: Path | None = None, address: str = ADDRESS) -> Path:
    """Bring the file into the cache and check it against the digits in its name; its path.

    What came before a break is kept, and gone on with. address: for tests. DownloadError, OutputError.
    """
    name = address.rpartition("/")[2]
    digits = re.search(r"-([0-9a-f]{8,64})\.", name)
    if digits is None:
        raise DownloadError(f"{name} has no digits of its sha256 in its name")
    target = (folder or default_cache_folder()) / name
    if target.is_file():
        return target
    part = target.with_name(f"{name}.part")
    tell(f"downloads {address} into {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(address, part)
        found = sha256(part)
        if not found.startswith(digits[1]):
            part.unlink()
            raise DownloadError(
                f"{address}: its sha256 begins with {found[: len(digits[1])]}, expected {digits[1]}",
                "it was thrown away; try again, or give --vgg FILE",
            )
        os.replace(part, target)
    except OSError as error:
        reason = os_reason(error)
        raise OutputError(f"{target} cannot be written: {reason}", "make room, or give --vgg FILE") from error
    return target


def _fetch(address: str, part: Path) -> None:
    """All bytes into `part`, going on behind those that it holds, in at most TRIES goes that bring nothing new."""
    idle = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        reason = ""
        try:
            if _go_on(address, part, before):
                return
        except urllib.error.HTTPError as error:
            reason = f"the server says {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        now = part.stat().st_size if part.exists() else 0
        idle = 0 if now > before else idle + 1
        if idle >= TRIES:
            raise DownloadError(
                f"{address}: {reason or 'the connection breaks off'} after {now:,} bytes",
                "call again to go on, or give --vgg FILE",
            )


def _go_on(address: str, part: Path, have: int) -> bool:
    """One request; whether everything is there now."""
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        whole = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        if whole and int(whole[1]) == have:
            return True  # nothing was missing
        part.unlink()  # longer than the file: not a beginning of it
        return False
    with answer:
        begin = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
        goes_on = answer.status == 206 and begin is not None and int(begin[1]) == have
        length = answer.headers.get("Content-Length")
        expected = int(length) if length is not None else None
        came = 0
        # a cut connection shows as an IncompleteRead, or as fewer bytes than were announced
        with open(part, "ab" if goes_on else "wb") as out, contextlib.suppress(http.client.IncompleteRead):
            while block := answer.read(BLOCK):
                out.write(block)
                came += len(block)
    return expected is None or came == expected


def sha256(path: Path) -> str:
    """In hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
