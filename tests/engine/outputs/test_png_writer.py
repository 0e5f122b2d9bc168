"""PNG pictures written in strips: every reader sees the same pixels, and no half file is left."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from hiqa_cli.engine.outputs.png_writer import PngWriter, own_text
from hiqa_cli.errors import OutputError
from hiqa_cli.images.read import is_hiqa_output


def photograph_like(height: int, width: int) -> np.ndarray:
    """Smooth parts, edges and noise, so that every filter is chosen somewhere."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 2 + y, 255 - x, (x // 16 + y // 16) % 2 * 200], axis=2)
    picture[: height // 3] += rng.integers(-30, 30, (height // 3, width, 3))
    picture[-(height // 4) :] = 77
    return np.clip(picture, 0, 255).astype(np.uint8)


def written(picture: np.ndarray, strips: list[int], channels: int = 3, false_colour: bool = False) -> bytes:
    stream, (height, width) = io.BytesIO(), picture.shape[:2]
    with PngWriter(stream, width, height, channels, "a test", false_colour=false_colour) as png:
        for start, stop in zip([0, *strips], [*strips, len(picture)], strict=True):
            png.write(picture[start:stop])
    return stream.getvalue()


@pytest.mark.parametrize("false_colour", [False, True])
@pytest.mark.parametrize("strips", [[], [1, 2, 90], [64, 128]])
def test_opencv_and_pillow_read_back_what_was_written(strips: list[int], false_colour: bool) -> None:
    picture = photograph_like(200, 131)
    data = written(picture, strips, false_colour=false_colour)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), picture)
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert by_opencv is not None
    assert np.array_equal(by_opencv[:, :, ::-1], picture)


def test_grey_pictures_and_single_pixels_can_be_written() -> None:
    grey = photograph_like(50, 60)[:, :, 0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written(grey, [7], 1)))), grey)
    pixel = np.array([[[9, 8, 7]]], np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written(pixel, [])))), pixel)


def test_both_ways_to_compress_pay_where_they_are_meant() -> None:
    photograph = photograph_like(200, 131)
    assert len(written(photograph, [])) < 0.8 * len(written(photograph, [], false_colour=True))
    table = np.random.default_rng(1).integers(0, 256, (16, 3), np.uint8)
    y, x = np.mgrid[:200, :131]
    painted = table[(x * y // 300 + np.random.default_rng(2).integers(0, 2, x.shape)) % 16]
    assert len(written(painted, [], false_colour=True)) < 0.8 * len(written(painted, []))


def test_a_picture_is_known_as_hiqas_own_by_its_text(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    with PngWriter(target, 4, 4, 3, own_text("hallucination", "0123abcd")) as png:
        png.write(np.zeros((4, 4, 3), np.uint8))
    text = Image.open(target).info["hiqa"]
    assert "0123abcd" in text
    assert "hallucination" in text
    assert is_hiqa_output(target)


def test_the_name_appears_only_when_the_picture_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.png"
    png = PngWriter(target, 4, 4, 3, "x")
    png.write(np.zeros((4, 4, 3), np.uint8))
    png.finish()
    assert not target.exists()
    png.commit()
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_an_error_leaves_the_old_picture_and_no_half_file(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    png = PngWriter(target, 4, 4, 3, "x")
    png.write(np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="due: 1"), png:
        png.write(np.zeros((3, 4, 3), np.uint8))
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_picture_that_lacks_rows_is_not_finished(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    with pytest.raises(ValueError, match="2 rows"), PngWriter(target, 4, 4, 3, "x") as png:
        png.write(np.zeros((2, 4, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"a\.png cannot be written: ") as caught:
        PngWriter(tmp_path / "file" / "a.png", 4, 4, 3, "x")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_picture_has_the_rights_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with PngWriter(tmp_path / "a.png", 1, 1, 3, "x") as png:
            png.write(np.zeros((1, 1, 3), np.uint8))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o644


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".png")
    with PngWriter(target, 1, 1, 3, "x") as png:
        png.write(np.zeros((1, 1, 3), np.uint8))
    assert target.exists()


class Full(io.RawIOBase):
    """A disk that is full after the first bytes."""

    def write(self, data: object) -> int:
        raise OSError(28, "No space left on device")


class Gone(io.RawIOBase):
    """A pipe whose reader went away."""

    def write(self, data: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_full_disk_is_an_output_error_and_a_lost_reader_a_broken_pipe() -> None:
    with pytest.raises(OutputError, match="no space left on device"):
        PngWriter(Full(), 4, 4, 3, "x")  # type: ignore[arg-type]
    with pytest.raises(BrokenPipeError):
        PngWriter(Gone(), 4, 4, 3, "x")  # type: ignore[arg-type]


def test_a_picture_that_nobody_holds_any_more_is_removed_when_the_process_ends(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hiqa_cli.engine.outputs.png_writer import PngWriter, own_text\n"
        "kept = PngWriter(Path(sys.argv[1]) / 'kept.png', 1, 1, 3, own_text('hallucination', '0'))\n"
        "import numpy as np; kept.write(np.zeros((1, 1, 3), np.uint8)); kept.finish(); kept.commit()\n"
        "PngWriter(Path(sys.argv[1]) / 'lost.png', 1, 1, 3, own_text('hallucination', '0'))\n"
        "print(len(list(Path(sys.argv[1]).glob('.hiqa-*.part'))))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]
