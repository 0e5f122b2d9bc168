"""Decoders never write to stderr, other threads' lines do, and a missing OpenCV is one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph()
JPEG = make.encode(PHOTO, ".jpg")


def test_damaged_pictures_leave_stderr_empty(capfd: pytest.CaptureFixture[str]) -> None:
    forged = JPEG[: len(JPEG) // 2] + b"\xff\xd9"
    damaged = (
        forged,
        make.png(96, 64, 8, 2, b"", packed=b"no zlib stream"),
        make.into_png(make.encode(PHOTO, ".png"), make.png_chunk(b"iCCP", b"x\0\0broken")),
        make.pillow(PHOTO, "JPEG2000", no_jp2=True),
        make.tiff(b"\x80\x0b" * 100, (96, 64), tags={259: (3, [5])}),
    )
    for data in damaged:
        try:
            decode_picture(data)
        except ImageError:
            continue
    assert capfd.readouterr().err == ""
    os.write(2, b"stderr works again\n")
    assert capfd.readouterr().err == "stderr works again\n"


def test_opencv_prints_nothing_about_a_damaged_file_and_keeps_its_settings(capfd: pytest.CaptureFixture[str]) -> None:
    log = getattr(getattr(cv2, "utils", None), "logging", cv2)
    before = log.setLogLevel(3)
    try:
        threads = cv2.getNumThreads()
        damaged = bytearray(make.tiff(b"\0" * 300, (10, 5), tags={258: (3, [16] * 3), 259: (3, [5])}))
        with pytest.raises(ImageError):
            decode_picture(damaged)
        assert (log.setLogLevel(3), cv2.getNumThreads()) == (3, threads)
    finally:
        log.setLogLevel(before)
    assert capfd.readouterr().err == ""


def test_sound_pictures_are_read_while_another_thread_logs_of_damage(capfd: pytest.CaptureFixture[str]) -> None:
    sound = (JPEG, *(make.pillow(PHOTO, "TIFF", compression=kind) for kind in ("tiff_lzw", "packbits", "jpeg")))
    lines = ("upload of 17.jpg failed: premature end of stream", "LZWDecode: Not enough data at scanline 3")
    ended = threading.Event()
    written = 0

    def log() -> None:
        nonlocal written
        while not ended.is_set():
            os.write(2, f"{lines[written % 2]}\n".encode())
            written += 1

    thread = threading.Thread(target=log)
    thread.start()
    try:
        notes = [decode_picture(data).notes for _ in range(20) for data in sound]
    finally:
        ended.set()
        thread.join()
    assert notes == [()] * len(notes)
    assert capfd.readouterr().err.splitlines() == [lines[number % 2] for number in range(written)]


def test_reading_opens_no_file_and_touches_no_descriptor(tmp_path: Path) -> None:
    """A container that is read-only and has no /tmp reads, too."""
    files = {
        "a.jpg": JPEG,
        "damaged.jpg": JPEG[: len(JPEG) // 2] + b"\xff\xd9",
        "lzw.tif": make.pillow(PHOTO, "TIFF", compression="tiff_lzw"),
        "damaged.tif": make.tiff(b"\x80\x0b" * 100, (96, 64), tags={259: (3, [5])}),
        "deep.png": make.encode(PHOTO.astype(np.uint16) * 257, ".png"),
        "a.avif": make.pillow(PHOTO, "AVIF"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    code = (
        "import os, sys\n"
        "from hiqa_cli.errors import ImageError\n"
        "from hiqa_cli.images.read import read_picture\n"
        "import cv2\n"
        "touched = []\n"
        "def note(event, found):\n"
        "    if event == 'open' and (found[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT): touched.append(found)\n"
        "    if event.startswith(('tempfile.', 'shutil.')): touched.append(event)\n"
        "sys.addaudithook(note)\n"
        "def dup(*found): touched.append(found)\n"
        "os.dup = os.dup2 = dup\n"
        "for name in sys.argv[1:]:\n"
        "    try: read_picture(name)\n"
        "    except ImageError as error: print(error)\n"
        "sys.exit(str(touched) if touched else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, *files], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 2


def test_messages_of_concurrent_decoders_are_not_mixed_up() -> None:
    forged = JPEG[: len(JPEG) // 2] + b"\xff\xd9"
    outcomes: dict[int, bool] = {}

    def work(index: int) -> None:
        for _ in range(10):
            try:
                decode_picture(forged if index % 2 else JPEG)
                refused = False
            except ImageError:
                refused = True
            outcomes[index] = outcomes.get(index, True) and refused == bool(index % 2)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == dict.fromkeys(range(8), True)


def test_reading_works_with_stderr_closed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    code = (
        "import os, sys; os.close(2); from hiqa_cli.images.read import read_picture;"
        "sys.exit(read_picture(sys.argv[1]).width)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.jpg")], check=False)
    assert run.returncode == 96


def importing_a_broken_cv2(tmp_path: Path, body: str) -> str:
    """The error of reading a 16-bit PNG if `import cv2` runs this body; 8-bit files of every format are read."""
    (tmp_path / "cv2.py").write_text(body)
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "GIF", "AVIF"):
        (tmp_path / f"{kind}.image").write_bytes(
            make.with_exif(JPEG, 6) if kind == "JPEG" else make.pillow(PHOTO, kind)
        )
    (tmp_path / "deep.png").write_bytes(make.encode(PHOTO.astype(np.uint16) * 257, ".png"))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from hiqa_cli.errors import ImageError\n"
        "from hiqa_cli.images.read import read_picture\n"
        "paths = list(Path(sys.argv[1]).glob('*.image'))\n"
        "assert len(paths) == 9 and all(read_picture(path).width for path in paths)\n"
        "try:\n    read_picture(Path(sys.argv[1]) / 'deep.png')\n"
        "except ImageError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout.count("\n") == 1
    return run.stdout


def test_an_opencv_that_lacks_a_system_library_is_explained_in_one_line(tmp_path: Path) -> None:
    body = "raise ImportError('libGL.so.1: cannot open shared object file:\\nNo such file')"
    said = importing_a_broken_cv2(tmp_path, body)
    assert "libGL.so.1" in said
    assert "opencv-python-headless" in said


def test_a_missing_opencv_is_explained_in_one_line(tmp_path: Path) -> None:
    body = "raise ModuleNotFoundError(\"No module named 'cv2'\", name='cv2')"
    said = importing_a_broken_cv2(tmp_path, body)
    assert said == ("16-bit or rare PNG: OpenCV (cv2) is not installed; pip install opencv-python-headless\n")
