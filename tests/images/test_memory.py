"""Peak memory of reading, measured in a separate process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import sample_images as make

resource = pytest.importorskip("resource", reason="no resource usage on this system")

MEASURE = """
import resource, sys
from hiqa_cli.images.read import read_picture
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
picture = read_picture(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before)
"""


def peak(path: Path) -> int:
    """Bytes that reading the file adds to the peak of the process."""
    run = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_of_12_megapixels_takes_at_most_2_3_times_its_size_in_memory(tmp_path: Path, orientation: int) -> None:
    photo = np.tile(make.photograph(600, 400), (7, 7, 1))
    data = make.with_exif(make.encode(photo, ".jpg"), orientation)
    (tmp_path / "a.jpg").write_bytes(data)
    assert peak(tmp_path / "a.jpg") < 2.3 * photo.nbytes


def test_a_16_bit_picture_with_alpha_takes_little_more_than_twice_its_size_and_its_file(
    tmp_path: Path,
) -> None:
    photo = np.tile(make.photograph(600, 400), (4, 4, 1)).astype(np.uint16) * 257
    deep = np.dstack([photo, photo[..., 0]])
    data = make.encode(deep, ".png", cv2.IMWRITE_PNG_COMPRESSION, 1)
    (tmp_path / "a.png").write_bytes(data)
    assert peak(tmp_path / "a.png") < 2.3 * deep.nbytes + len(data)
