"""`hiqa report` and `hiqa score --report`: reports of new scores and of saved runs."""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.exif_samples import WORDS, shot
from support.process import Finished, RunHiqa, picture_bytes, write_picture
from support.report_material import block, detail, rows

from hiqa_cli.commands.app import run
from hiqa_cli.errors import UsageError
from hiqa_cli.images import read
from hiqa_cli.images.read import decode_picture

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names of any bytes, pipes and signals")

HOSTILE = "<img src=x onerror=alert(1)>.jpg"
LATIN = b"caf\xe9.png"


@dataclass
class Scored:
    """A scored run with rows, maps and a report."""

    home: Path
    done: Finished


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, run_hiqa: RunHiqa, tiny_weights: Path) -> Scored:
    from support.sample_images import photograph, pillow

    home = tmp_path_factory.mktemp("report")
    (home / "photos/sub").mkdir(parents=True)
    (home / "photos/a.jpg").write_bytes(pillow(photograph(600, 400), "JPEG", exif=shot()))
    write_picture(home / "photos" / HOSTILE, 2)
    write_picture(bytes(home / "photos/sub") + b"/" + LATIN, 3)
    (home / "photos/torn.jpg").write_bytes(picture_bytes(6, suffix=".jpg")[:-200])
    done = run_hiqa(
        *("score", "photos", "-r", "--report", "report.html", "--jsonl", "out.jsonl", "--maps", "maps"),
        *("--min-score", "60"),
        weights=tiny_weights,
        cwd=home,
    )
    return Scored(home, done)


def mean_difference(first: str, second: str) -> float:
    """Mean absolute difference of two images given as data URLs, in 8-bit levels."""
    one, two = (decode_picture(base64.b64decode(url.partition(",")[2])).pixels.astype(int) for url in (first, second))
    return float(abs(one - two).mean())


def test_scoring_writes_a_report_in_addition_to_its_tables(scored: Scored) -> None:
    assert scored.done.code == 1  # an image failed
    assert len(scored.done.lines) == 3
    page = scored.home / "report.html"
    lines = [json.loads(line) for line in (scored.home / "out.jsonl").read_bytes().splitlines()]
    found = rows(page)
    for name in ("path", "score", "uncertainty", "width", "height"):
        assert [row[name] for row in found] == [line[name] for line in lines]
    assert [row["path"] for row in found][2] == "photos/sub/caf\udce9.png"
    assert [bool(row["error"]) for row in found] == [False, False, False, True]
    assert found[1]["size"] == (scored.home / "photos/a.jpg").stat().st_size
    facts = block(page, "facts")
    assert (facts["title"], facts["gate"], facts["weights"]) == ("photos", 60, lines[0]["weights"])
    large = detail(page, 1)
    assert large["tiles"]["scores"] == [round(tile["score"], 1) for tile in lines[1]["tile_scores"]]
    assert tuple(map(tuple, large["exif"])) == WORDS
    assert set(large["pictures"]) == {"distorted", "hallucination", "discrepancy", "quality"}
    assert "reflected" in " ".join(detail(page, 0)["notes"])


def test_a_saved_run_gives_the_same_page_without_scoring(
    scored: Scored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scored.home)
    assert run(["report", "out.jsonl", "-o", "again.html", "--quiet"]) == 0
    assert capsys.readouterr().out == "again.html\n"
    pages = [scored.home / "report.html", scored.home / "again.html"]
    assert rows(pages[0]) == rows(pages[1])
    for number in range(3):
        first, second = (detail(page, number) for page in pages)
        pictures = first.pop("pictures"), second.pop("pictures")
        assert first == second
        for kind in pictures[0]:
            assert mean_difference(pictures[0][kind], pictures[1][kind]) < 1.0, kind


@pytest.mark.slow
@pytest.mark.parametrize("call", [["report", "out.jsonl", "-o"], ["compare", "out.jsonl", "out.jsonl", "--report"]])
def test_with_isolate_no_file_of_a_saved_run_is_decoded_in_this_process(
    scored: Scored, monkeypatch: pytest.MonkeyPatch, call: list[str]
) -> None:
    monkeypatch.chdir(scored.home)
    assert run([*call, "plain.html", "--overwrite", "--quiet"]) == 0
    monkeypatch.setattr(read, "_decode", lambda *_: 1 / 0)
    assert run([*call, "child.html", "--overwrite", "--isolate", "--quiet"]) == 0
    sizes = [Path(name).stat().st_size for name in ("plain.html", "child.html")]
    assert sizes[0] == sizes[1]  # previews and all; each has a random key


def test_a_run_without_maps_shows_images_and_tiles_and_names_what_is_missing(
    scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scored.home)
    lines = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    for line in lines:
        line.pop("maps", None)
    Path("bare.txt").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert run(["report", "bare.txt", "-o", "bare.html", "--quiet"]) == 0  # known by how it begins
    shown = detail(scored.home / "bare.html", 1)
    assert set(shown["pictures"]) == {"distorted", "quality"}
    assert "--maps" in shown["missing"]
    whole = detail(scored.home / "report.html", 1)["pictures"]["quality"]
    assert mean_difference(shown["pictures"]["quality"], whole) < 1.0


def test_sampled_tiles_are_shown_in_place_without_a_quality_map(
    scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scored.home)
    line = json.loads(Path("out.jsonl").read_bytes().splitlines()[1])
    line["tile_scores"] = line["tile_scores"][1::3]
    Path("sample.jsonl").write_text(f"{json.dumps(line)}\n")
    assert run(["report", "sample.jsonl", "-o", "sample.html", "--quiet"]) == 0
    shown = detail(scored.home / "sample.html", 0)
    assert shown["tiles"]["xs"] == [tile["x"] for tile in line["tile_scores"]]
    assert set(shown["pictures"]) == {"distorted", "hallucination", "discrepancy"}
    assert "only a sample of the tiles was scored" in shown["missing"]


def test_rows_of_missing_or_changed_images_stay_and_say_so(
    scored: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(scored.home / "photos", tmp_path / "photos")
    shutil.copy(scored.home / "out.jsonl", tmp_path / "out.jsonl")
    monkeypatch.chdir(tmp_path)
    os.remove("photos/a.jpg")
    write_picture(f"photos/{HOSTILE}", 2, width=90)
    with open("out.jsonl", "ab") as file:
        file.write(b'{"path": "photos/torn off')
    assert run(["report", "out.jsonl"]) == 0
    assert rows(tmp_path / "report.html") == [
        {**row, "thumbnail_at": 0 if number < 2 else row["thumbnail_at"], "size": None if number < 2 else row["size"]}
        for number, row in enumerate(rows(scored.home / "report.html"))
    ]
    missing = [detail(tmp_path / "report.html", number)["missing"] for number in range(3)]
    assert missing[1] == "no such file"
    assert missing[0] == "image changed: 90 x 60 px now, 80 x 60 px when scored"
    assert "maps/photos/sub/caf" in missing[2] or "maps/sub/caf" in missing[2]
    messages = capsys.readouterr().err.splitlines()
    assert "last line is incomplete" in messages[0]
    assert messages[1].startswith("hiqa: 2 images of 4 shown without a preview: ")
    assert "incomplete" in block(tmp_path / "report.html", "facts")["warning"]


def test_a_report_scores_images_but_never_its_own_files(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_picture(f"{number}.png", number, width=256, height=256)
    call = ["report", ".", "-r", "--embed-limit-mb", "1", "--weights", str(tiny_weights), "--min-score", "100"]
    monkeypatch.setattr("hiqa_cli.report.options.BYTES_PER_MB", 70_000)
    assert run(call) == 0  # the gate is the page's
    captured = capsys.readouterr()
    assert captured.out == "report.html\n"
    assert "stored in report_files/: keep it next to report.html" in captured.err
    assert (tmp_path / "report_files/made-by-hiqa.txt").exists()
    with pytest.raises(UsageError, match=r"report\.html: exists already"):
        run(call)
    assert run([*call, "--overwrite"]) == 0
    assert "pictures written by hiqa skipped" in capsys.readouterr().err
    assert len(rows(tmp_path / "report.html")) == 3


def test_a_resumed_run_reports_all_rows(
    scored: Scored, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    shutil.copytree(scored.home, home)
    monkeypatch.chdir(home)
    write_picture("photos/torn.jpg", 6)
    outputs = ["--report", "report.html", "--csv", "out.csv", "--jsonl", "out.jsonl", "--maps", "maps"]
    assert run(["score", "photos", "-r", *outputs, "--resume", "--quiet", "--weights", str(tiny_weights)]) == 0
    before = {row["path"]: row for row in rows(scored.home / "report.html")}
    after = rows(home / "report.html")
    assert {row["path"] for row in after} == set(before)
    assert all(row["score"] is not None for row in after)
    place = next(number for number, row in enumerate(after) if row["path"] == "photos/a.jpg")
    assert detail(home / "report.html", place)["tiles"] == detail(scored.home / "report.html", 1)["tiles"]


def test_a_contact_sheet_of_the_worst(
    scored: Scored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scored.home)
    assert run(["report", "out.jsonl", "--png", "--worst", "2"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("report.png\n", "")
    assert decode_picture(Path("report.png").read_bytes()).pixels.shape == (54 + 324, 18 + 2 * 338, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no image given"),
        (["out.jsonl", "photos"], "cannot be combined with other paths"),
        (["out.jsonl", "--stride", "64"], "--stride applies to scoring"),
        (["out.jsonl", "-r"], "--recursive applies to scoring"),
        (["out.jsonl", "--exclude", "*.png"], "--exclude applies to scoring"),
        (["out.jsonl", "--keep-borders"], "--keep-borders applies to scoring"),
        (["--compare", "out.jsonl", "b b.jsonl"], "hiqa compare out.jsonl 'b b.jsonl' --report new.html"),
        (["missing.jsonl"], "missing.jsonl cannot be read: no such file"),
        (["empty.jsonl"], "empty.jsonl holds no row"),
        (["broken.jsonl"], "broken.jsonl is not a table that --jsonl wrote: line 1 does not fit"),
        (["photos", "--worst", "3"], "give --png as well"),
        (["photos", "--png", "--embed-limit-mb", "3"], "--png writes an image"),
        (["photos", "-o", "photos"], "is a folder, expected a file"),
        (["photos", "-o", "nowhere/x.html"], "no such folder: nowhere"),
        (["photos", "-o", "photos/a.jpg", "--overwrite"], "is one of the input files"),
        (["out.jsonl", "-o", "out.jsonl", "--overwrite"], "is one of the input files"),
        (["photos", "-o", "mine.html", "--overwrite"], "mine_files already exists and was not written by hiqa report"),
        (["photos", "-o", "-"], "expected a file, found -"),
    ],
)
def test_wrong_usage_is_one_line_before_any_work(
    arguments: list[str], message: str, scored: Scored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scored.home)
    Path("empty.jsonl").write_bytes(b"")
    Path("broken.jsonl").write_bytes(b"path,score\n")
    Path("mine_files").mkdir(exist_ok=True)
    before = sorted(os.listdir())
    output = [] if "-o" in arguments else ["-o", "new.png" if "--png" in arguments else "new.html"]
    with pytest.raises(UsageError) as raised:
        run(["report", *arguments, *output, "--weights", "not-even-looked-at"])
    assert message in str(raised.value)
    assert sorted(os.listdir()) == before


def test_a_report_and_a_table_never_share_a_file(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scored.home)
    with pytest.raises(UsageError, match="are the same file"):
        run(["score", "photos", "--report", "x", "--csv", "./x"])
    with pytest.raises(UsageError, match="give --report FILE"):
        run(["score", "photos", "--embed-limit-mb", "5"])
