"""The files of a report: size limit, assets folder, hostile names, memory; without a browser."""

from __future__ import annotations

import base64
import re
import sys
import tracemalloc
from pathlib import Path

import pytest
from support.report_material import MB, block, detail, entry, many, preview, rows, write_page

from hiqa_cli.errors import OutputError
from hiqa_cli.files.atomic import discard_unfinished
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.sniff import is_hiqa_output
from hiqa_cli.report.contact_sheet import ContactSheet
from hiqa_cli.report.entry import RunFacts
from hiqa_cli.report.page.document import as_json
from hiqa_cli.report.page.run_page import RunPage
from hiqa_cli.report.pairs import align_paths, match_paths

HOSTILE = "<img src=x onerror=alert(1)>.jpg"


def test_a_page_within_its_size_limit_is_one_file(tmp_path: Path) -> None:
    shown = preview()
    assets = write_page(tmp_path / "report.html", [entry("a.jpg", 40.0, shown), entry("b.jpg", None)])
    assert assets is None
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    first, second = rows(tmp_path / "report.html")
    assert (first["path"], first["score"], first["thumbnail_at"], first["detail_at"]) == ("a.jpg", 40.0, 1, 1)
    assert (second["score"], second["error"], second["thumbnail_at"]) == (None, "truncated JPEG", 0)
    shown_large = detail(tmp_path / "report.html", 0)
    assert shown_large["tiles"] == {"xs": [0, 128, 0, 128], "ys": [0, 0, 32, 32], "scores": [40.0, 40.0, 35.0, 45.0]}
    kinds = {"distorted", "hallucination", "discrepancy", "quality"}
    assert set(shown_large["pictures"]) == kinds
    data = base64.b64decode(shown_large["pictures"]["distorted"].partition(",")[2])
    assert data == shown.distorted
    assert decode_picture(data).pixels.shape == (240, 320, 3)


def test_beyond_the_size_limit_images_go_to_a_folder_and_thumbnails_last(tmp_path: Path) -> None:
    entries = many(60, preview())
    page = tmp_path / "a & b#.html"
    for budget, thumbnails_inside in ((MB, 60), (MB // 4, None)):
        assets = write_page(page, entries, budget)
        assert assets == tmp_path / "a & b#_files"
        assert page.stat().st_size <= budget
        found = rows(page)
        assert {row["detail_at"] for row in found} == {1, 2} if thumbnails_inside else {2}
        inside = [row["thumbnail_at"] for row in found].count(1)
        assert inside == thumbnails_inside or 0 < inside < 60
        outside = next(number for number, row in enumerate(found) if row["detail_at"] == 2)
        assert detail(page, outside)["pictures"]["distorted"] == f"a%20%26%20b%23_files/{outside}.distorted.webp"
        assert is_hiqa_output(assets / f"{outside}.distorted.webp")
        assert len(list(assets.glob("*.js"))) == [row["detail_at"] for row in found].count(2)


def test_a_smaller_report_removes_the_folder_of_a_larger_one(tmp_path: Path) -> None:
    entries = many(60, preview())
    write_page(tmp_path / "report.html", entries, MB)
    assert write_page(tmp_path / "report.html", entries[:2]) is None
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_names_and_exif_are_data_and_the_content_policy_is_strict(tmp_path: Path) -> None:
    texts = [HOSTILE, "</script><script>alert(2)</script>.png", "--><!--&lt;.png", "</template>.png"]
    texts.append("caf\udce9\n\u2028.png")
    entries = [entry(text, 50.0, exif=(("camera", text),), notes=(text,), missing=text) for text in texts]
    write_page(tmp_path / "report.html", entries, gate=60.0)
    assert [row["path"] for row in rows(tmp_path / "report.html")] == texts
    assert [detail(tmp_path / "report.html", n)["exif"][0][1] for n in range(len(texts))] == texts
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<img src=x" not in page
    assert "alert(2)</script>" not in page
    assert page.count("</template>") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#x27;", "'").split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'nonce-[\w-]{20,}'", rules["script-src"])
    assert rules["style-src"] == rules["script-src"]
    assert rules["img-src"] == "data:"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(""", page)


def test_embedded_json_contains_nothing_that_begins_markup() -> None:
    text = as_json({"a": "<&>é\udce9\u2028"})
    assert text.isascii()
    assert not set(text) & {"<", "&", "\n"}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = preview(64, 48)
    # pathlib interns every name, and Python's table of interned strings grows by megabytes at once.
    monkeypatch.setattr(sys, "intern", str)

    def peak(count: int) -> int:
        tracemalloc.start()
        page = RunPage(tmp_path / f"{count}.html", "many", 50 * MB, count)
        for number in range(count):
            page.add(entry(f"photos/IMG_{number:06}.jpg", 50.0, shown))
        page.finish(RunFacts("many", "0.1.0"))
        largest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return largest

    few, lots = peak(100), peak(1600)
    assert lots < few + 50_000  # another 1,500 rows have 120,000 bytes, their images 5 million


def test_an_abandoned_report_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    page = RunPage(tmp_path / "report.html", "new", MB // 4, 50)
    for one in many(50, preview()):
        page.add(one)
    assert len(list(tmp_path.glob(".hiqa-*"))) == 3
    page.abandon()
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"
    RunPage(tmp_path / "other.html", "never finished", MB, 1)
    discard_unfinished()  # as the end of the process does
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_an_entry_interrupted_by_a_signal_is_left_out_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = RunPage(tmp_path / "report.html", "stopped", MB, 3)
    page.add(entry("whole.jpg", 50.0, preview()))
    write = page._writer._put

    def torn(file: object, text: str) -> None:
        write(file, text[: len(text) // 2])  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(page._writer, "_put", torn)
    with pytest.raises(KeyboardInterrupt):
        page.add(entry("torn.jpg", 50.0, preview()))
    monkeypatch.setattr(page._writer, "_put", write)
    page.finish(RunFacts("stopped", "0.1.0", warning="stopped after 1 of 3 images"))
    assert [row["path"] for row in rows(tmp_path / "report.html")] == ["whole.jpg"]
    assert (tmp_path / "report.html").read_text("utf-8").endswith("</p>\n</template>\n</body>\n</html>\n")


def test_a_report_that_cannot_be_written_raises_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"nowhere/report\.html cannot be written: no such file or directory"):
        write_page(tmp_path / "nowhere/report.html", [])


def test_a_contact_sheet_shows_the_worst_images_and_needs_no_other_preview(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "sheet.png", 3)
    asked = []
    scores = [50.0, 20.0, 90.0, 10.0, 70.0, 30.0, 60.0]
    for number, score in enumerate(scores):
        if sheet.needs_preview(score):
            asked.append(score)
            sheet.add(entry(f"ünicode/{number}.jpg", score, preview(seed=number)))
        else:
            sheet.add(entry(f"{number}.jpg", score))
    sheet.add(entry("torn.jpg", None))
    assert asked == [50.0, 20.0, 90.0, 10.0, 30.0]
    sheet.finish(RunFacts("a sheet", "0.1.0"))
    assert is_hiqa_output(tmp_path / "sheet.png")
    pixels = decode_picture((tmp_path / "sheet.png").read_bytes()).pixels
    assert pixels.shape[1] > 3 * 320
    photo = pixels[54 + 20 : 54 + 220, 18 + 20 : 18 + 300].astype(int)  # in the first cell: the worst, number 3
    expected = decode_picture(preview(seed=3).thumbnail).pixels[20:220, 20:300].astype(int)
    assert abs(photo - expected).mean() < 1.0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (["a/x.jpg", "a/s/y.jpg"], ["/b/s/y.webp", "/b/x.webp"], ["x", "s/y"]),
        (["in/trip/1.jpg", "in/trip/2.jpg"], ["out/trip/1.png", "out/2/2.png", "out/trip/2.png"], ["trip/1", "trip/2"]),
        (["a/1.jpg", "a/1.png", "a/2.jpg"], ["b/1.jpg", "b/1.png", "b/2.png"], ["1.jpg", "1.png", "2"]),
        (["a/1.jpg", "a/1.png"], ["b/1.webp"], []),
        (["a/1.jpg", "a/1.jpg"], ["b/./1.webp"], ["1"]),
        (["1.jpg"], ["2.jpg"], []),
    ],
)
def test_pairs_are_matched_below_each_runs_root_without_suffix(
    first: list[str], second: list[str], expected: list[str]
) -> None:
    matching = match_paths(first, second)
    assert [name for name, _, _ in matching.pairs] == expected
    for name, mine, theirs in matching.pairs:
        assert Path(first[mine]).stem == Path(second[theirs]).stem
        assert first[mine].rsplit(".", 1)[0].endswith(name.removesuffix(".jpg").removesuffix(".png"))
    matched = {mine for _, mine, _ in matching.pairs}
    assert set(matching.only_first) == {first.index(path) for path in first} - matched
    assert len(matching.only_second) + len(matching.pairs) == len(set(second))


def test_the_facts_of_a_page_are_the_engines_own(tmp_path: Path) -> None:
    from hiqa_cli.engine.config import GRADES
    from hiqa_cli.engine.outputs.colour_scale import DISCREPANCY_SCALE

    write_page(tmp_path / "report.html", [], gate=55.5)
    facts = block(tmp_path / "report.html", "facts")
    assert facts["grades"] == list(GRADES)
    assert facts["gate"] == 55.5
    scale = facts["scales"]["discrepancy"]
    assert [label for _, label in scale["ticks"]] == [label for _, label in DISCREPANCY_SCALE.ticks]
    low = DISCREPANCY_SCALE.table[0]
    assert scale["colours"][0] == f"rgb({low[0]} {low[1]} {low[2]})"


def test_every_version_is_matched_with_the_first() -> None:
    images = align_paths(
        [["a/x.png", "a/s/y.png", "a/alone.png"], ["b/s/y.jpg", "b/new.jpg", "b/x.jpg"], ["c/x.webp", "c/new.webp"]]
    )
    assert [(image.name, image.indices, image.is_matched) for image in images] == [
        ("x", (0, 2, 0), True),
        ("s/y", (1, 0, None), True),
        ("a/alone.png", (2, None, None), False),
        ("b/new.jpg", (None, 1, None), False),
        ("c/new.webp", (None, None, 1), False),
    ]
