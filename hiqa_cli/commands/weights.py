"""`hiqa weights`: what is installed, whether it is unaltered, under which terms, how good. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.text import name_text
from hiqa_cli.engine.manifest import FileCheck, Manifest, default_folder, read_manifest, verify_manifest
from hiqa_cli.rows.codec import encode_text
from hiqa_cli.scoring.row_printer import write

from . import options as common


def weights(
    weights: common.WeightsFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object on standard output.")] = False,
) -> int:
    """What weights are installed: checked, with licence, training data, quality.

    The sha256 of every file is compared with the manifest. Exit codes: 0 all as they should be; 1 a
    file is missing or altered; 2 there are no weights, or wrong usage.
    """
    folder = default_folder() if weights is None else weights
    manifest = read_manifest(folder)
    checks = verify_manifest(folder)
    facts = describe(folder, manifest, checks)
    if as_json:
        write(encode_text(json.dumps(facts, indent=2, ensure_ascii=False)).decode() + "\n")
    else:
        write("\n".join(as_lines(facts)) + "\n")
    return ExitCode.OK if all(check.ok for check in checks) else ExitCode.FAILED


def describe(folder: Path, manifest: Manifest, checks: list[FileCheck]) -> dict[str, Any]:
    """All facts, as --json gives them."""
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
    """The same facts for a person."""
    lines = [
        f"weights   {facts['weights']}  {facts['name']} {facts['version']}",
        f"folder    {facts['folder']}",
        f"licence   {facts['licence']}",
    ]
    for file in facts["files"]:
        state = "sha256 as it should be" if file["ok"] else f"NOT AS IT SHOULD BE: {file['found']}"
        lines.append(f"file      {file['file']}  {file['bytes'] / 2**20:.1f} MiB  {state}")
    for data in facts["training_data"]:
        lines.append(f"data      {data['name']} ({data['terms']}): {data['use']}")
    lines += [f"measured  {line}" for line in _flat(facts["measured"])]
    return lines


def _flat(value: Any, name: str = "") -> list[str]:
    """A free structure, one line a value: "ladders noise: 0.98"."""
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            lines += _flat(inner, f"{name} {key}".strip())
        return lines
    if isinstance(value, list):
        return [f"{name}: {', '.join(str(item) for item in value)}"]
    return [f"{name}: {value}" if name else str(value)]
