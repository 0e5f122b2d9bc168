"""Formats that need a library of an extra: hiqa[heif], hiqa[jxl], hiqa[raw]."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from hiqa_cli.errors import ImageError, reason_of

_MODULES = {"heif": "pillow_heif", "jxl": "pillow_jxl.JpegXLImagePlugin", "raw": "rawpy"}
_SUFFIXES = {
    "heif": (".heic", ".heif", ".hif"),
    "jxl": (".jxl",),
    "raw": (".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".3fr", ".iiq"),
}


def library(extra: str, kind: str) -> ModuleType:
    """The library that reads a kind of file. Raises ImageError, which names the extra, where it is not installed."""
    try:
        return importlib.import_module(_MODULES[extra])
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        reason = "" if missing else f" ({reason_of(error)})"
        raise ImageError(f"{kind} needs the extra {extra}{reason}", f"pip install 'hiqa[{extra}]'") from None


def modules() -> tuple[str, ...]:
    """The names of the modules that `library` imports."""
    return tuple(_MODULES.values())


def suffixes() -> frozenset[str]:
    """Suffixes of the formats whose extras are installed: lower case, with the dot."""
    found = (extra for extra, name in _MODULES.items() if importlib.util.find_spec(name.partition(".")[0]))
    return frozenset(suffix for extra in found for suffix in _SUFFIXES[extra])
