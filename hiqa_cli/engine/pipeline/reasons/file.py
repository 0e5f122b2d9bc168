"""The head of reasons in a folder of weights: an optional file, named in the manifest like the networks."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hiqa_cli.engine.manifest import (
    MANIFEST,
    REASONS_FILE,
    WEIGHT_FILES,
    default_folder,
    read_manifest,
    read_verified,
)
from hiqa_cli.engine.weights import pack_tensors, refusal, safetensors_metadata
from hiqa_cli.files.atomic import write_bytes
from hiqa_cli.networks.traits import PAIR, RegressorTraits

from .head import ReasonsHead, head_from, packed


def read_head(folder: Path | None, traits: RegressorTraits) -> ReasonsHead | None:
    """The head of a folder of weights (None: the installed ones), verified; None where they have none, or an R whose
    statistics are not those that it reads. Raises WeightsError."""
    where = default_folder() if folder is None else folder
    manifest = read_manifest(where)
    if traits != PAIR or REASONS_FILE not in manifest.files:
        return None
    data = read_verified(where, manifest, REASONS_FILE)
    path = where / REASONS_FILE
    try:
        metadata = safetensors_metadata(data)
    except (ValueError, struct.error, AttributeError) as error:
        raise refusal(path, f"is not a safetensors file ({error})") from error
    return head_from(data, metadata, lambda problem: refusal(path, problem))


def add_head(weights: Path, head: ReasonsHead, measured: Mapping[str, Any], folder: Path) -> str:
    """Write a folder of weights that holds those of another and the head; returns its weights id.

    G and R stay as they are, byte for byte. measured: what was measured of the head, for the manifest. The manifest is
    written last. Raises WeightsError where `weights` are not complete, and OutputError.
    """
    manifest = read_manifest(weights)
    data = {name: read_verified(weights, manifest, name) for name in WEIGHT_FILES}
    data[REASONS_FILE] = pack_tensors(*packed(head))
    fields = json.loads((weights / MANIFEST).read_bytes())
    fields["files"] = {
        name: {"sha256": hashlib.sha256(one).hexdigest(), "bytes": len(one)} for name, one in data.items()
    }
    fields["measured"] = {**fields["measured"], "reasons": dict(measured)}
    for name, one in data.items():
        write_bytes(folder / name, one)
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    write_bytes(folder / MANIFEST, text.encode("utf-8"))
    return read_manifest(folder).weights_id
