"""Files that are no image, no regular file, or too large are refused in one line that names what they are."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.read import Limits, decode_picture, read_picture
from hiqa_cli.images.sniff import IMAGE_SUFFIXES, is_hiqa_output

PHOTO = make.photograph()
PNG = make.encode(PHOTO, ".png")
JPEG = make.encode(PHOTO, ".jpg")
posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")


def refusal(source: object, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(ImageError) as caught:
        read_picture(source, limits)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        # a fixed date: test names hold these bytes, and processes that run tests together must agree on the names
        archive.writestr(zipfile.ZipInfo("photo.txt", (2020, 1, 1, 0, 0, 0)), "hello")
    return out.getvalue()


def ftyp(*brands: bytes) -> bytes:
    body = brands[0] + bytes(4) + b"".join(brands)
    return struct.pack(">I", len(body) + 8) + b"ftyp" + body + bytes(64)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"just some words\n", "not an image: a text file"),
        ("größer\n".encode("utf-16"), "not an image: a text file (UTF-16)"),
        (b"\xef\xbb\xbfpath,score\n", "not an image: a text file"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "not an image: an HTML page"),
        (b'<?xml version="1.0"?>\n<!-- made by -->\n<svg xmlns="x"/>', "not an image: an SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not an image: a Git LFS pointer"),
        (b"%PDF-1.7\n\xe2\xe3", "PDF is not supported"),
        (b"8BPS\0\1" + bytes(40), "damaged Photoshop PSD: Pillow cannot read its header"),
        (ftyp(b"isom", b"mp41"), "MP4 video is not supported"),
        (b"II\xbc\x01" + bytes(40), "JPEG XR is not supported"),
        (b"v/1\x01" + bytes(40), "OpenEXR is not supported"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n", "Radiance HDR is not supported"),
        (b"PF\n2 2\n-1.0\n" + bytes(48), "PFM (floating-point) is not supported"),
        (zipped(), "ZIP archive or office document is not supported"),
        (b"\x1f\x8b\x08\0" + bytes(20), "archive is not supported"),
        (b"\x93NUMPY\x01\0", "NumPy array file is not supported"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "sound is not supported"),
        (bytes(5000), "not an image: it begins with 4,096 zero bytes"),
        (bytes(range(130, 190)), "not an image in a known format: it begins with bytes 82 83 84"),
    ],
)
def test_unsupported_files_are_refused_by_name(data: bytes, expected: str) -> None:
    assert refusal(io.BytesIO(data)).startswith(expected)
    with pytest.raises(ImageError):
        decode_picture(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), "12-bit JPEG"),
        (JPEG.replace(b"\xff\xc0\x00\x11", b"\xff\xc3\x00\x11"), "lossless JPEG"),
        (JPEG.replace(b"\xff\xc0\x00\x11", b"\xff\xf7\x00\x11"), "JPEG-LS"),
        (make.tiff(bytes(64), (4, 4), [32], 1, tags={339: (3, [3])}), "TIFF with floating-point samples"),
        (make.tiff(bytes(16), (4, 4), [8], 1, tags={339: (3, [2])}), "TIFF with signed or complex"),
        (make.tiff(bytes(64), (4, 4), [32], 1), "TIFF with 32-bit grey samples"),
        (make.tiff(bytes(80), (4, 4), [8] * 5, 2), "TIFF with 5 channels of RGB"),
        (make.tiff(bytes(48), (4, 4), [8] * 3, 9), "TIFF with colour space 9"),
        (make.tiff(bytes(96), (4, 4), [16] * 3, tags={284: (3, [2])}), "TIFF with 16-bit planar channels"),
        (make.tiff(bytes(48), (4, 4), tags={259: (3, [34712])}), "TIFF with compression 34712"),
        (make.bmp((2, 2), 24, PNG, compression=5), "BMP that contains a PNG"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nTUPLTYPE X\nENDHDR\n12345", "PAM of type X"),
    ],
)
def test_variants_that_decoders_misread_are_refused_by_name(data: bytes, expected: str) -> None:
    message = refusal(io.BytesIO(data))
    assert message.startswith(expected)
    assert "is not supported" in message


def test_a_missing_file_a_folder_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.jpg") == "no such file"
    assert refusal(tmp_path) == "a folder, not an image file"
    assert refusal("a\0b.jpg").startswith("no such file")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert refusal(tmp_path / "loop.png").startswith("cannot be read: ")
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png") == "the file is empty (0 bytes)"


@posix
def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)
    path.chmod(0)
    was_root = os.geteuid() == 0
    if was_root:  # root may read everything: be somebody else for a moment
        os.seteuid(65534)
    try:
        assert refusal(path) == "no permission to read it"
    finally:
        if was_root:
            os.seteuid(0)


@posix
def test_devices_and_sockets_are_refused_without_being_read(tmp_path: Path) -> None:
    for device in ("/dev/zero", "/dev/null", "/dev/urandom"):
        assert refusal(device) == "a device, not an image file"
    with open("/dev/zero", "rb") as zeros:
        assert refusal(zeros) == "a device, not an image file"
    with socket.socket(socket.AF_UNIX) as server:
        place = tmp_path / "s"
        server.bind(str(place))
        assert refusal(place) == "a socket, not an image file"


def test_names_of_any_alphabet_and_of_any_bytes_are_opened(tmp_path: Path) -> None:
    for name in ("grün und blau.png", "写真.png", "a'b\"c$(d).png", "line\nbreak.png"):
        (tmp_path / name).write_bytes(PNG)
        assert np.array_equal(read_picture(tmp_path / name).pixels, PHOTO)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_name_that_is_not_utf8_is_opened_as_bytes_and_as_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(raw, "wb") as file:
        file.write(PNG)
    assert np.array_equal(read_picture(raw).pixels, PHOTO)
    assert np.array_equal(read_picture(os.fsdecode(raw)).pixels, PHOTO)


@contextmanager
def writing(data: bytes, target: int | Path) -> Iterator[None]:
    """Feeds a pipe from a thread; the reader may close it early."""

    def feed() -> None:
        try:
            with open(target, "wb", buffering=0) as pipe:
                for start in range(0, len(data), 1000):
                    pipe.write(data[start : start + 1000])
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=feed)
    thread.start()
    yield
    thread.join()


@posix
def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with writing(PNG, tmp_path / "pipe.png"):
        assert np.array_equal(read_picture(tmp_path / "pipe.png").pixels, PHOTO)


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="no /dev/fd")
def test_a_pipe_at_dev_fd_and_an_open_stream_are_read() -> None:
    source, target = os.pipe()
    with writing(PNG, target):
        assert np.array_equal(read_picture(f"/dev/fd/{source}").pixels, PHOTO)
    os.close(source)
    source, target = os.pipe()
    with writing(JPEG, target), open(source, "rb") as stream:
        assert read_picture(stream).format == "JPEG"


@posix
def test_a_truncated_picture_from_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with writing(PNG[:3000], tmp_path / "pipe.png"):
        assert refusal(tmp_path / "pipe.png").startswith("truncated PNG: 3,000 bytes")


def test_more_bytes_than_the_limit_are_refused_from_files_and_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    exact, less = Limits(max_bytes=len(PNG)), Limits(max_bytes=len(PNG) - 1)
    assert np.array_equal(read_picture(path, exact).pixels, PHOTO)
    assert np.array_equal(read_picture(io.BytesIO(PNG), exact).pixels, PHOTO)
    for source in (path, io.BytesIO(PNG)):
        message = refusal(source, less)
        assert message.startswith(f"larger than the limit of {len(PNG) - 1:,} bytes")
        assert message.endswith("raise max_bytes (--max-bytes)")
    with pytest.raises(ImageError, match="larger than the limit"):
        decode_picture(PNG, less)


def test_at_most_one_byte_beyond_the_limit_is_read_from_a_stream() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readinto(self, room: bytearray) -> int:  # type: ignore[override]
            start = PNG[self.given : self.given + len(room)]
            room[:] = start + bytes(len(room) - len(start))
            self.given += len(room)
            return len(room)

    stream = Endless()
    assert refusal(stream, Limits(max_bytes=3_000_000)).startswith("larger than the limit")
    assert stream.given == 3_000_001


def test_a_stream_that_is_no_image_is_refused_before_its_rest_is_read() -> None:
    stream = io.BytesIO(b"words and words\n" * 1_000_000)
    assert refusal(stream).startswith("not an image: a text file")
    assert stream.tell() < 2**21


def test_a_file_that_grows_while_it_is_read_is_read_to_its_new_end(tmp_path: Path) -> None:
    class Growing(io.BytesIO):
        def readinto(self, room: bytearray) -> int:  # type: ignore[override]
            return super().readinto(memoryview(room)[:1500])

    assert np.array_equal(read_picture(Growing(PNG)).pixels, PHOTO)


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The PNG with another size in its header and a correct checksum."""
    header = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + make.png_chunk(b"IHDR", header) + data[33:]


def test_more_pixels_than_the_limit_are_refused_from_the_header() -> None:
    assert decode_picture(PNG, Limits(max_pixels=96 * 64)).width == 96
    for data in (PNG, JPEG, make.tiff(PHOTO, (96, 64)), make.pillow(PHOTO, "JPEG2000")):
        message = refusal(io.BytesIO(data), Limits(max_pixels=96 * 64 - 1))
        assert message == "96 x 64 = 6,144 pixels, more than the limit of 6,143; raise max_pixels (--max-pixels)"
    bomb = with_size(PNG, 30_000, 30_000)
    assert refusal(io.BytesIO(bomb)).startswith("30000 x 30000 = 900,000,000 pixels")


def test_sizes_beyond_what_an_int_holds_are_refused_whatever_the_limit() -> None:
    huge = Limits(max_pixels=10**20)
    message = refusal(io.BytesIO(with_size(PNG, 2**31 - 1, 2**31 - 1)), huge)
    assert message.startswith("2147483647 x 2147483647 px (beyond the decoders' limits)")
    wide = JPEG.replace(struct.pack(">HH", 64, 96), struct.pack(">HH", 65535, 65535))
    assert refusal(io.BytesIO(wide), huge).startswith("JPEG with a side above 65,500 px")


def test_hiqas_output_is_recognised_by_its_text_chunk(tmp_path: Path) -> None:
    own = make.into_png(PNG, make.png_chunk(b"gAMA", bytes(4)), make.png_chunk(b"tEXt", b"hiqa\x00map"))
    other = make.into_png(PNG, make.png_chunk(b"tEXt", b"Software\x00hiqa"))
    for name, data in {"own": own, "other": other, "plain": PNG, "short": own[:50], "jpeg": JPEG}.items():
        (tmp_path / name).write_bytes(data)
        assert is_hiqa_output(tmp_path / name) == (name == "own")
    assert not is_hiqa_output(tmp_path)
    assert not is_hiqa_output(tmp_path / "missing")
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe.png")
        assert not is_hiqa_output(tmp_path / "pipe.png")


def test_suffixes_and_limits_need_no_heavy_imports() -> None:
    code = (
        "import sys, hiqa_cli.images.sniff, hiqa_cli.images.source;"
        "sys.exit(bool({'cv2', 'numpy', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".avif"} <= IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)
