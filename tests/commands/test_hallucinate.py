"""`hiqa hallucinate`: pictures in a folder or on standard output, never over anything."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from support.process import RunHiqa, picture_bytes, write_picture

from hiqa_cli.commands.app import run
from hiqa_cli.errors import UsageError
from hiqa_cli.images.read import decode_picture, read_picture
from hiqa_cli.images.sniff import is_hiqa_output


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_picture("photos/a.png", 1)
    write_picture("photos/a.jpg", 2)
    write_picture("photos/b c.png", 3, width=300, height=270)
    return tmp_path


def pictures(folder: str) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names
    )


def test_pictures_go_to_hiqa_out_and_are_named_on_standard_output(
    home: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["hallucinate", "photos/b c.png", "--weights", str(tiny_weights)]) == 0
    expected = ["b c.discrepancy.png", "b c.hallucination.png"]
    assert pictures("hiqa-out") == expected
    assert sorted(capsys.readouterr().out.splitlines()) == [f"hiqa-out/{name}" for name in expected]
    whole = read_picture("hiqa-out/b c.hallucination.png")
    assert (whole.width, whole.height) == (300, 270)
    assert all(is_hiqa_output(f"hiqa-out/{name}") for name in expected)


def test_stems_that_are_shared_give_way_to_full_names_and_a_bad_image_to_an_error(
    home: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photos/bad.png").write_bytes(picture_bytes()[:-20])
    code = run(["hallucinate", "photos", "-o", "o/deep", "--panel", "--weights", str(tiny_weights)])
    assert code == 1
    kinds = ("discrepancy", "hallucination", "panel")
    names = [f"{name}.{kind}.png" for name in ("a.jpg", "a.png", "b c") for kind in kinds]
    assert pictures("o/deep") == sorted(names)
    message, summary = capsys.readouterr().err.splitlines()
    assert message.startswith("hiqa: photos/bad.png: ")
    assert summary == "hiqa: 3 images hallucinated, 1 failed"


def test_existing_pictures_are_refused_before_any_work_unless_overwritten(home: Path, tiny_weights: Path) -> None:
    Path("out").mkdir()
    old = Path("out/b c.discrepancy.png")
    old.write_bytes(b"mine")
    call = ["hallucinate", "photos", "-o", "out", "--quiet"]
    with pytest.raises(UsageError, match=r"b c\.discrepancy\.png exists already"):
        run([*call, "--weights", "not-even-looked-at"])
    assert pictures("out") == ["b c.discrepancy.png"]
    assert old.read_bytes() == b"mine"
    assert run([*call, "--weights", str(tiny_weights), "--overwrite"]) == 0
    assert is_hiqa_output(str(old))


def test_a_picture_from_standard_input_goes_to_standard_output(
    home: Path, tiny_weights: Path, run_hiqa: RunHiqa
) -> None:
    data = Path("photos/b c.png").read_bytes()
    done = run_hiqa("hallucinate", "-", input=data, weights=tiny_weights, cwd=home)
    assert (done.code, done.err) == (0, b"")
    picture = decode_picture(done.out)
    assert (picture.width, picture.height) == (300, 270)
    assert not Path("hiqa-out").exists()


def test_what_is_no_image_on_standard_input_gives_no_picture_and_1(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no image")))
    assert run(["hallucinate", "-", "--weights", str(tiny_weights)]) == 1
    captured = capsysbinary.readouterr()
    assert captured.out == b""
    assert captured.err.startswith(b"hiqa: -: ")
