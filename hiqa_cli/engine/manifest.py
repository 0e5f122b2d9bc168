"""The manifest of a folder of weights: what they are, and the sha256 of every file. Needs no torch.

`manifest.json` names the weights, their licence, the data they were trained on and what they
measured; its own sha256 is the weights' identity, since it holds the hash of everything else.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.errors import WeightsError, os_reason

FORMAT = 1
MANIFEST = "manifest.json"
GENERATOR_FILE = "generator.safetensors"
REGRESSOR_FILE = "regressor.safetensors"
WEIGHT_FILES = (GENERATOR_FILE, REGRESSOR_FILE)
REINSTALL = "get the folder again; hiqa never scores with weights it cannot vouch for"


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says, checked for its form.

    files: name -> (sha256 in hex, bytes).
    training_data: one {"name", "terms", "use"} a data set.
    measured: free, as training wrote it.
    seen_scenes: names of all scenes that any of the networks was trained on or chosen by, as the training suite names
        them; None where that was not recorded.
    weights_id: first 8 hex digits of the sha256 of the manifest's own bytes.
    """

    name: str
    version: str
    licence: str
    training_data: tuple[dict[str, str], ...]
    measured: dict[str, Any]
    files: dict[str, tuple[str, int]]
    weights_id: str
    seen_scenes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FileCheck:
    """One file of the manifest: the sha256 it should have, whether it has it, its size in bytes.

    found: what is there instead, in words, where `ok` is false ("missing", "altered", ...).
    """

    file: str
    sha256: str
    ok: bool
    bytes: int
    found: str = ""


def default_folder() -> Path:
    """The folder of the weights that came with the package; WeightsError where none came."""
    try:
        folder = Path(str(importlib.resources.files("hiqa_cli.weights")))
    except ModuleNotFoundError as error:
        raise WeightsError(
            "no weights are installed with this hiqa",
            "install hiqa with pip, or give --weights DIR",
        ) from error
    return folder


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; WeightsError where there is none, or it is not one hiqa knows."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        what = "no such folder" if not folder.is_dir() else os_reason(error)
        raise WeightsError(
            f"no weights in {folder}: {MANIFEST}: {what}",
            f"a folder of weights holds {MANIFEST}, {GENERATOR_FILE} and {REGRESSOR_FILE}",
        ) from error
    try:
        fields = json.loads(data)
        if not isinstance(fields, dict):
            raise TypeError("not an object")
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON that hiqa wrote: {error}", REINSTALL) from error
    if fields.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is of format {fields.get('format')!r}, this hiqa knows {FORMAT}",
            "a newer hiqa may read it",
        )
    try:
        return _checked(fields, hashlib.sha256(data).hexdigest()[:8])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"{path}: the manifest {problem}", REINSTALL) from error


def _checked(fields: dict[str, Any], weights_id: str) -> Manifest:
    files = {
        name: (str(fields["files"][name]["sha256"]).lower(), int(fields["files"][name]["bytes"]))
        for name in WEIGHT_FILES
    }
    unknown = sorted(set(fields["files"]) - set(WEIGHT_FILES))
    if unknown:
        raise ValueError(f"names a file that hiqa does not know: {unknown[0]}")
    return Manifest(
        name=str(fields["name"]),
        version=str(fields["version"]),
        licence=str(fields["licence"]),
        training_data=tuple(
            {key: str(row[key]) for key in ("name", "terms", "use")} for row in fields["training_data"]
        ),
        measured=dict(fields["measured"]),
        files=files,
        weights_id=weights_id,
        seen_scenes=_texts(fields.get("seen_scenes")),
    )


def _texts(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError("has seen_scenes that are no list of names")
    return tuple(value)


def read_verified(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of one file, which are those that the manifest vouches for; else WeightsError."""
    sha256, size = manifest.files[name]
    path = folder / name
    try:
        found_size = path.stat().st_size
        if found_size != size:  # before reading: somebody may have put anything there
            raise WeightsError(f"{path} has {found_size} bytes, its manifest says {size}", REINSTALL)
        data = path.read_bytes()
    except OSError as error:
        reason = os_reason(error)
        raise WeightsError(f"{path} cannot be read: {reason}", REINSTALL) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WeightsError(
            f"{path} is altered: its sha256 begins {found[:8]}, its manifest says {sha256[:8]}",
            REINSTALL,
        )
    return data


def verify_manifest(folder: Path | str | None = None) -> list[FileCheck]:
    """Check every file of a folder (None: the installed weights) against its manifest.

    Raises WeightsError where the manifest itself cannot be read; a file that fails is a row.
    """
    where = default_folder() if folder is None else Path(os.fspath(folder))
    manifest = read_manifest(where)
    rows = []
    for name, (sha256, size) in manifest.files.items():
        found = ""
        try:
            read_verified(where, manifest, name)
        except WeightsError as error:
            found = error.message
        rows.append(FileCheck(name, sha256, not found, size, found))
    return rows
