"""Decoding in child processes: the same pictures, and a child that dies, hangs or lies costs its picture only."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import sample_images as make

from hiqa_cli import Scorer
from hiqa_cli.errors import DependencyError, ImageError
from hiqa_cli.images.isolation import process
from hiqa_cli.images.isolation.reader import IsolatedReader
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.source import Limits

PHOTO = make.photograph()
PNG = make.encode(PHOTO, ".png")
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "GIF", "AVIF")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="restrictions of Linux")
# Replaces what the child decodes with: the file's bytes are code.
BOOBY_TRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
    "from hiqa_cli.images.isolation import child\n"
    "child.decode_picture = lambda data, limits, reserve: exec(bytes(data).decode())\n"
    "child.main()"
)


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    reader = IsolatedReader()
    yield reader
    reader.close()


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> Iterator[IsolatedReader]:
    """A reader whose child runs the bytes that it is to decode."""
    monkeypatch.setattr(process, "_START", BOOBY_TRAP)
    reader = IsolatedReader(memory=2**28, seconds=3)
    yield reader
    reader.close()


def reason(reader: IsolatedReader, data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        reader.decode_picture(data)
    return str(caught.value)


def test_pictures_of_every_format_are_the_same_as_without(reader: IsolatedReader) -> None:
    files = [make.pillow(PHOTO, kind) for kind in KINDS]
    files += [make.encode(PHOTO.astype(np.uint16) * 257, ".png"), make.with_exif(make.pillow(PHOTO, "JPEG"), 6)]
    for data in files:
        here, there = decode_picture(data), reader.decode_picture(data)
        assert np.array_equal(here.pixels, there.pixels)
        assert (here.format, here.notes, here.exif) == (there.format, there.notes, there.exif)
        assert there.pixels.dtype == here.pixels.dtype


def test_errors_are_the_same_as_without(reader: IsolatedReader) -> None:
    for data in (PNG[:-40], b"GIF89a", b"text", b"", make.pillow(PHOTO, "JPEG")[:900]):
        with pytest.raises(ImageError) as here:
            decode_picture(data)
        assert reason(reader, data) == str(here.value)
    with pytest.raises(ImageError, match="more than the limit of 100"):
        reader.decode_picture(PNG, Limits(max_pixels=100))


def test_threads_that_read_at_once_do_not_wait_for_each_other(reader: IsolatedReader) -> None:
    """A picture that waits for its room in memory would otherwise hold up the one before it."""
    waiting, second_is_read = threading.Event(), threading.Event()

    def hold(pixels: int) -> None:
        waiting.set()
        assert second_is_read.wait(60)

    thread = threading.Thread(target=reader.decode_picture, args=(PNG, Limits(), hold))
    thread.start()
    assert waiting.wait(60)
    reader.decode_picture(PNG)
    second_is_read.set()
    thread.join(60)
    assert not thread.is_alive()


@LINUX
def test_a_decoder_that_is_killed_costs_its_picture_and_the_child_is_replaced(
    trap: IsolatedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = reason(trap, b"import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert said == "decoding it ended its process with signal SIGSEGV; the file is damaged, or made to do harm"
    monkeypatch.undo()
    assert np.array_equal(trap.decode_picture(PNG).pixels, PHOTO)


@LINUX
def test_a_decoder_cannot_open_files_or_sockets_start_programs_or_take_memory(
    trap: IsolatedReader, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    for attempt in (
        f"open({str(tmp_path / 'secret')!r})",
        f"import os; os.close(2); open({str(tmp_path / 'secret')!r})",
        f"import os; os.mkdir({str(tmp_path / 'made')!r})",
        f"import os; os.unlink({str(tmp_path / 'secret')!r})",
        "import _socket; _socket.socket()",
        "import os; os.execv('/bin/true', ['true'])",
    ):
        said = reason(trap, attempt.encode())
        assert any(word in said for word in ("PermissionError", "Too many open files", "NotFound")), (attempt, said)
    assert reason(trap, b"bytearray(2**29)") == "decoding it takes more memory than a decoding process may use"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.slow
def test_a_decoder_that_hangs_is_ended(trap: IsolatedReader) -> None:
    assert reason(trap, b"while True: pass").startswith("decoding it takes more than 3 s")


def test_the_environment_of_a_decoder_holds_no_secrets(monkeypatch: pytest.MonkeyPatch, trap: IsolatedReader) -> None:
    trap.close()
    monkeypatch.setenv("API_TOKEN", "12345")
    assert "12345" not in reason(trap, b"import os; raise ValueError(str(dict(os.environ)))")


@pytest.mark.parametrize(
    "answer",
    [
        '{"shape": [100000, 100000, 3], "type": "uint8", "format": "x", "notes": [], "exif": []}',
        '{"shape": [2, 2, 4], "type": "uint8", "format": "x", "notes": [], "exif": []}',
        '{"shape": [2, 2, 3], "type": "object", "format": "x", "notes": [], "exif": []}',
        '{"pixels": 1000000000000}',
        '{"pixels": "many"}',
        "[1, 2]",
        "no json",
        "{}",
    ],
)
def test_an_answer_that_lies_is_an_error(trap: IsolatedReader, answer: str) -> None:
    code = f"import sys, struct; t = {answer.encode()!r}; o = sys.stdout.buffer\n"
    code += "o.write(struct.pack('<I', len(t)) + t); o.flush(); import time; time.sleep(9)"
    assert reason(trap, code.encode()).startswith("decoding it ")


def test_a_child_that_cannot_start_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_START", "raise SystemExit(7)")
    with pytest.raises(DependencyError, match="a decoding process did not start"):
        IsolatedReader().ready()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_starts_a_child_of_its_own(reader: IsolatedReader) -> None:
    reader.decode_picture(PNG)
    process_id = os.fork()
    if not process_id:
        same = np.array_equal(reader.decode_picture(PNG).pixels, PHOTO)
        reader.close()
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]) == 0
    assert np.array_equal(reader.decode_picture(PNG).pixels, PHOTO)


def test_an_isolated_scorer_gives_the_same_score_and_ends_its_child(tiny_weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    isolated = Scorer.load(tiny_weights, device="cpu", isolate=True)
    plain = Scorer.load(tiny_weights, device="cpu")
    for source in (path, PNG):
        assert isolated.score(source).score == plain.score(source).score
    (child,) = isolated._reader._idle  # type: ignore[attr-defined]
    del isolated
    child.end()
    assert child._popen.poll() is not None
