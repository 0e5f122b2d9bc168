"""500 seeded mutants of small files of every format: none crashes a decoder, hangs, fills memory or passes half empty.

`bench/mutants.py` tries as many as wanted; SECURITY.md holds what it found.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.hostile.mutants import mutants, sound_files
from support.process import RunHiqa

from hiqa_cli.errors import ImageError
from hiqa_cli.images.isolation.reader import IsolatedReader
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.source import Limits

COUNT = 500
SEED = 20181
SECONDS = 10.0
MEMORY = 2**30
LIMITS = Limits(max_pixels=10_000_000)
CRASHES = ("decoding it ended", "decoding it takes", "decoding it failed", "cannot be read (")


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    reader = IsolatedReader(MEMORY, SECONDS)
    yield reader
    reader.close()


def test_mutants_end_in_a_picture_or_in_one_clear_error(reader: IsolatedReader) -> None:
    whole = {kind: decode_picture(data) for kind, data in sound_files().items()}
    faults = []
    read = refused = 0
    for mutant in mutants(COUNT, SEED):
        begun = time.monotonic()
        try:
            picture = reader.decode_picture(mutant.data, LIMITS)
        except ImageError as error:
            refused += 1
            if str(error).startswith(CRASHES) or "\n" in str(error) or len(str(error)) > 400:
                faults.append(f"{mutant.name}: {error}")
        else:
            read += 1
            same = np.array_equal(picture.pixels, whole[mutant.kind].pixels)
            if mutant.mutation == "prefix" and not same and not set(picture.notes) - set(whole[mutant.kind].notes):
                faults.append(f"{mutant.name}: {len(mutant.data)} bytes give another picture without a note")
        if time.monotonic() - begun > SECONDS:
            faults.append(f"{mutant.name}: {time.monotonic() - begun:.1f} s")
    assert faults == []
    assert read > COUNT / 20
    assert refused > COUNT / 3


@pytest.mark.slow
def test_mutants_are_rows_of_the_command_and_no_prefix_scores_without_its_pixels(
    run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path
) -> None:
    for kind, data in sound_files().items():
        (tmp_path / kind).write_bytes(data)
    tried = list(mutants(COUNT, SEED))
    for mutant in tried:
        (tmp_path / mutant.name).write_bytes(mutant.data)
    names = [path.name for path in tmp_path.iterdir()]
    done = run_hiqa(
        *("score", "--files-from", "-", "--max-pixels", "100000", "--jsonl", "out.jsonl", "-q"),
        *("--precision", "fp32"),
        weights=tiny_weights, cwd=tmp_path, input="\n".join(names).encode(),
    )  # fmt: skip
    assert done.code == 1
    assert b"Traceback" not in done.err
    stored = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    rows = {row["path"]: row for row in stored}
    assert len(stored) == len(names)
    assert rows.keys() == set(names)
    assert len(done.lines) == sum(row["score"] is not None for row in stored)
    assert all((row["score"] is None) == bool(row["error"]) and "\n" not in (row["error"] or "") for row in stored)
    for mutant in tried:
        found, whole = rows[mutant.name], rows[mutant.kind]
        if mutant.mutation == "prefix" and found["error"] is None:
            assert found["score"] == whole["score"] or set(found["notes"]) - set(whole["notes"]), mutant.name
