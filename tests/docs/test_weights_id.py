"""Documents that name the released weights name those that come with this checkout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hiqa_cli.engine.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"(?:weights|id) `([0-9a-f]{8})`")


@pytest.mark.parametrize("document", ["weights/README.md", "docs/benchmarks.md", "docs/reports.md"])
def test_the_weights_id_in_a_document_is_that_of_the_released_weights(document: str) -> None:
    named = NAMED.findall((ROOT / document).read_text(encoding="utf-8"))
    assert named
    assert set(named) == {read_manifest(ROOT / "weights").weights_id}
