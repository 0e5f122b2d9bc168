"""Addresses: what is one, which archive a member is in, and how an address reads without its secrets."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

MEMBER = "::"
ARCHIVES = (".tar", ".zip")
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_USER = re.compile(r"(?<=://)[^/?#@\s]*@")
_SIGNED = re.compile(
    r"(?i)^(x-(amz|goog|oss|cos|ms)-.*|.*(signature|token|secret|passw|credential).*|sig|key|api[-_]?key|auth|"
    r"awsaccesskeyid|googleaccessid|key-pair-id|policy|expires|s[etvprk]|sk[oitev]+|spr|sdd)$"
)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>)]+")


def is_url(path: str) -> bool:
    """Whether a path begins with a scheme, as in s3://."""
    return _SCHEME.match(path) is not None


def is_address(path: str) -> bool:
    """Whether a path is a URL or a member of an archive; a file of exactly this name is neither."""
    return is_url(path) or (split_member(path)[1] is not None and not os.path.lexists(path))


def is_archive(path: str) -> bool:
    """Whether a path is that of an archive whose members can be read."""
    return location(path).lower().endswith(ARCHIVES) and split_member(path)[1] is None


def split_member(path: str) -> tuple[str, str | None]:
    """(archive, member) of `archive::member`; (path, None) of anything else."""
    archive, mark, member = path.partition(MEMBER)
    if mark and member and location(archive).lower().endswith(ARCHIVES):
        return archive, member
    return path, None


def location(path: str) -> str:
    """A path; of a URL of the web, without query and fragment."""
    return re.split(r"[?#]", path, maxsplit=1)[0] if is_web(path) else path


def is_web(path: str) -> bool:
    """Whether a path is a URL of the web, where anything may be a file."""
    return path.lower().startswith(("http://", "https://"))


def shown(path: str) -> str:
    """An address without user, password and signature, as messages, rows and names of output files have it."""
    if not is_url(path):
        return path
    archive, member = split_member(path)
    plain = _USER.sub("", archive)
    if "?" in plain and (is_web(plain) or "=" in plain):
        base, _, query = plain.partition("?")
        query, hash_mark, fragment = query.partition("#")
        kept = [part for part in query.split("&") if not _SIGNED.match(unquote(part.partition("=")[0]))]
        plain = base + ("?" if kept else "") + "&".join(kept) + hash_mark + fragment
    return plain if member is None else f"{plain}{MEMBER}{member}"


def scrubbed(text: str) -> str:
    """A message of a library in one line, its URLs without secrets."""
    return _IN_TEXT.sub(lambda found: shown(found.group()), " ".join(text.split()))
