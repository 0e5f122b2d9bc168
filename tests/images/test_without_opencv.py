"""A server without libGL, where OpenCV cannot be imported: everything but 16-bit files works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import sample_images as make
from support.process import TIMEOUT, environment

REASON = "libGL.so.1: cannot open shared object file: No such file or directory"
KINDS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "GIF", "AVIF")
COMMANDS = """
import sys
from hiqa_cli.commands.app import run
from hiqa_cli.errors import HiqaError

for line in sys.stdin.read().splitlines():
    print("exit", run(line.split("|")), file=sys.stderr, flush=True)
print("loaded" if "cv2" in sys.modules else "not loaded", file=sys.stderr)
"""


def hiqa(folder: Path, weights: Path, *commands: str) -> tuple[list[str], list[str]]:
    """Lines of standard output and of standard error of commands, their words separated by `|`, in one process."""
    broken = folder / "broken"
    broken.mkdir()
    (broken / "cv2.py").write_text(f"raise ImportError({REASON!r})\n")
    variables = environment(weights)
    variables["PYTHONPATH"] = f"{broken}:{variables['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input="\n".join(commands),
        env=variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the list of folders is separated by a colon")
def test_score_hallucinate_and_report_work_on_all_but_16_bit_files(tmp_path: Path, tiny_weights: Path) -> None:
    photo = make.photograph()
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for kind in KINDS:
        (pictures / f"{kind}.{'jp2' if kind == 'JPEG2000' else kind.lower()}").write_bytes(make.pillow(photo, kind))
    (pictures / "deep.png").write_bytes(make.encode(photo.astype(np.uint16) * 257, ".png"))
    _, errors = hiqa(
        tmp_path,
        tiny_weights,
        "score|-q|--jsonl|rows.jsonl|--maps|maps|--report|run.html|pictures",
        "hallucinate|pictures/JPEG.jpeg|-o|.|--panel",
        "report|rows.jsonl|-o|again.html",
        "report|rows.jsonl|--png|-o|sheet.png",
    )
    failures = [line for line in errors if "deep.png" in line and REASON in line]
    assert len(failures) == 1, errors
    assert "opencv-python-headless" in failures[0]
    assert [line for line in errors if line.startswith("exit")] == ["exit 1", "exit 0", "exit 0", "exit 0"], errors
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == len(KINDS) + 1
    for name in ("run.html", "again.html", "sheet.png"):
        assert (tmp_path / name).stat().st_size > 1000, name
    assert len(list((tmp_path / "maps").rglob("*.png"))) == 3 * len(KINDS)
    assert len(list(tmp_path.rglob("JPEG*.panel.png"))) == 1
    assert errors[-1] == "not loaded"
