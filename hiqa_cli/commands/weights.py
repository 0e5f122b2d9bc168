"""`hiqa weights`: which weights are installed, their checksums, licence, training data and accuracy. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import name_text
from hiqa_cli.engine.manifest import FileCheck, Manifest, default_folder, read_manifest, verify_manifest
from hiqa_cli.rows.codec import encode_text
from hiqa_cli.scoring.options import BackendOptions

from . import options as common


def weights(
    weights: common.WeightsFolder = BackendOptions.weights,
    as_json: common.AsJson = False,
) -> int:
    """Show the weights: checksums, licence, training data, accuracy.

    Compares the SHA-256 of every file with the manifest.

    Exit codes: 0 all checksums match; 1 a file is missing or altered; 2 no weights found, or wrong usage.
    """
    folder = default_folder() if weights is None else weights
    manifest = read_manifest(folder)
    checks = verify_manifest(folder)
    facts = describe(folder, manifest, checks)
    if as_json:
        write_output(encode_text(json.dumps(facts, indent=2, ensure_ascii=False)).decode() + "\n")
    else:
        write_output("\n".join(as_lines(facts)) + "\n")
    return ExitCode.OK if all(check.ok for check in checks) else ExitCode.FAILED


def describe(folder: Path, manifest: Manifest, checks: list[FileCheck]) -> dict[str, Any]:
    """All facts, as --json prints them."""
    return {
        "weights": manifest.weights_id,
        "name": manifest.name,
        "version": manifest.version,
        "folder": name_text(folder),
        "licence": manifest.licence,
        "files": [
            {
                "file": check.file,
                "bytes": check.bytes,
                "sha256": check.sha256,
                "ok": check.ok,
                "found": check.found or None,
            }
            for check in checks
        ],
        "training_data": [dict(row) for row in manifest.training_data],
        "measured": manifest.measured,
    }


def as_lines(facts: dict[str, Any]) -> list[str]:
    """The facts as text."""
    lines = [
        f"weights   {facts['weights']}  {facts['name']} {facts['version']}",
        f"folder    {facts['folder']}",
        f"licence   {facts['licence']}",
    ]
    for file in facts["files"]:
        state = "checksum OK" if file["ok"] else f"checksum MISMATCH: {file['found']}"
        lines.append(f"file      {file['file']}  {file['bytes'] / 2**20:.1f} MiB  {state}")
    for data in facts["training_data"]:
        lines.append(f"data      {data['name']} ({data['terms']}): {data['use']}")
    lines += [f"measured  {line}" for line in _flat(facts["measured"])]
    return lines


def _flat(value: Any, name: str = "") -> list[str]:
    """Nested values, one line each: "ladders noise: 0.98"."""
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            lines += _flat(inner, f"{name} {key}".strip())
        return lines
    if isinstance(value, list):
        return [f"{name}: {', '.join(str(item) for item in value)}"]
    return [f"{name}: {value}" if name else str(value)]
