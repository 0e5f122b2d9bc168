"""Report entries and pages for tests, made without scoring."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.engine.outputs.full_size import FullSize, encode_pieces
from hiqa_cli.engine.outputs.preview import LARGE_SIDE, Preview, encode_preview, reduce_to
from hiqa_cli.report.entry import ReportEntry, RunFacts, TileScores
from hiqa_cli.report.page.run_page import RunPage
from support.sample_images import photograph

MB = 1_000_000
HOSTILE = "x/<img src=x onerror=alert(1)>.jpg"
NAMES = ["b/IMG_2.jpg", "b/IMG_10.jpg", "a/sunset.jpg", HOSTILE, "x/caf\udce9 \U0001f480.jpg", "x/two\nlines.jpg"]
SHOWN = [name.replace("\udce9", "\ufffd") for name in NAMES]  # as the browser driver returns them
SCORES = [70.0, 20.0, 55.0, 35.0, 90.0, 62.0]


def preview(width: int = 320, height: int = 240, seed: int = 0) -> Preview:
    """A preview made from one photograph."""
    return preview_of(photograph(width, height, seed))


def preview_of(pixels: np.ndarray) -> Preview:
    """A preview of an image (H, W, 3), mirrored as its hallucination, unchanged as its map; a large one at full
    size, too."""
    shown = reduce_to(pixels, LARGE_SIDE)
    full = None
    if shown.shape != pixels.shape:
        sides = {"distorted": pixels, "hallucination": pixels[:, ::-1], "discrepancy": pixels}
        full = FullSize({kind: encode_pieces(side, 88, "00000000", kind) for kind, side in sides.items()})
    return encode_preview(shown, shown[:, ::-1], shown, shown[:64, :64], "00000000", full)


def entry(path: str, score: float | None = 50.0, shown: Preview | None = None, **more: Any) -> ReportEntry:
    """An entry of 384x288 px with four tiles, or a failed one if score is None."""
    if score is None:
        return ReportEntry(path, error="truncated JPEG")
    tiles = TileScores((0, 128, 0, 128), (0, 0, 32, 32), (score, score, score - 5, score + 5))
    return ReportEntry(path, score, 8.0, 384, 288, size=12345, tiles=tiles, preview=shown, **more)


def write_page(
    target: Path, entries: list[ReportEntry], budget: int = 50 * MB, gate: float | None = None
) -> Path | None:
    """A page of these entries; returns the assets folder next to it, None if there is none."""
    page = RunPage(target, "a report", budget, len(entries))
    for one in entries:
        page.add(one)
    return page.finish(RunFacts("a report", "0.1.0", "00000000", "fast", "fp32", 128, gate))


def write_small_page(target: Path) -> None:
    """A page of the six images of NAMES and two errors, with gate 60."""
    exif = (("camera", "<b>Canon</b> EOS R5"), ("aperture", "f/2.8"))
    entries = [
        entry(name, score, preview(seed=number), exif=exif, notes=("first of 12 frames",))
        for number, (name, score) in enumerate(zip(NAMES, SCORES, strict=True))
    ]
    entries[2] = replace(entries[2], uncertainty=15.0, width=3000, height=2000, size=99, tiles=None)
    entries += [entry("x/<script>torn</script>.jpg", None), entry("gone.jpg", None)]
    write_page(target, entries, gate=60.0)


def many(count: int, shown: Preview) -> list[ReportEntry]:
    """Entries in 37 folders, with scores spread over the scale."""
    scores = np.random.default_rng(0).beta(4, 2, count) * 100
    return [entry(f"photos/day {n % 37:02}/IMG_{n:05}.jpg", float(score), shown) for n, score in enumerate(scores)]


def block(page: Path, name: str) -> Any:
    """The JSON of a script block, by its id."""
    opening = f'<script type="application/json" id="{name}">'
    found = re.search(rf"{opening}(.*?)</script>", page.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


def rows(page: Path) -> list[dict[str, Any]]:
    """The rows of a page as dictionaries."""
    fields = ["thumbnail_at", "detail_at", *block(page, "facts")["fields"]]
    return [dict(zip(fields, row, strict=True)) for row in block(page, "rows")]


def detail(page: Path, number: int) -> dict[str, Any]:
    """The detail of an entry, embedded or in the assets folder."""
    text = page.read_text("utf-8")
    embedded = re.search(rf'<p id="{number}\.detail">(.*?)</p>', text, re.DOTALL)
    if embedded:
        return dict(json.loads(embedded[1]))
    script = (page.parent / f"{page.stem}_files" / f"{number}.js").read_text("ascii")
    call = re.fullmatch(rf"hiqaDetailLoaded\({number},(.*)\);\n", script, re.DOTALL)
    assert call
    return dict(json.loads(call[1]))
