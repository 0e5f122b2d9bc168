"""The manifest of a folder of weights: what they are, and the sha256 of every file. Needs no torch.

`manifest.json` states name, version, licence, training data and measured accuracy of the weights. Since it contains the
hashes of all other files, its own sha256 identifies the weights.
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
REASONS_FILE = "reasons.safetensors"
WEIGHT_FILES = (GENERATOR_FILE, REGRESSOR_FILE)
OPTIONAL_FILES = (REASONS_FILE,)
REINSTALL = "get the folder again; hiqa does not score with weights that it cannot verify"


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`, validated.

    files: name -> (sha256 in hex, bytes).
    training_data: one {"name", "terms", "use"} per data set.
    measured: free form, as training wrote it.
    seen_scenes: names of all scenes that any of the networks was trained on or selected with; None where that was not
        recorded.
    weights_id: first 8 hex digits of the sha256 of the manifest file.
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
    """The check of one file of the manifest: its expected sha256, whether it matches, its size in bytes.

    found: where `ok` is false, what is wrong ("missing", "altered", ...).
    """

    file: str
    sha256: str
    ok: bool
    bytes: int
    found: str = ""


def default_folder() -> Path:
    """The folder of the weights that are installed with the package, or of a checkout that is not installed.

    WeightsError if there is neither.
    """
    try:
        return Path(str(importlib.resources.files("hiqa_cli.weights")))
    except ModuleNotFoundError as error:
        checkout = Path(__file__).resolve().parents[2] / "weights"
        if (checkout / MANIFEST).is_file():
            return checkout
        raise WeightsError(
            "no weights are installed with this hiqa", "install hiqa with pip, or give --weights DIR"
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder; WeightsError where it is missing, invalid or of an unknown format."""
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
            f"{path} has format {fields.get('format')!r}, this hiqa reads {FORMAT}",
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
        for name in (*WEIGHT_FILES, *(name for name in OPTIONAL_FILES if name in fields["files"]))
    }
    unknown = sorted(set(fields["files"]) - set(files))
    if unknown:
        raise ValueError(f"lists an unknown file: {unknown[0]}")
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
        raise ValueError("has seen_scenes that are not a list of names")
    return tuple(value)


def read_verified(folder: Path, manifest: Manifest, name: str) -> bytes:
    """Read one file and check it against the manifest; WeightsError where it does not match."""
    sha256, size = manifest.files[name]
    path = folder / name
    try:
        found_size = path.stat().st_size
        if found_size != size:  # before reading, since the file may be anything
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

    Raises WeightsError where the manifest itself cannot be read.
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
