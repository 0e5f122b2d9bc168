"""Search for files that hiqa's readers fail on, guided by coverage (atheris, libFuzzer).

    pip install atheris
    python bench/fuzz.py CORPUS -max_total_time=600 -rss_limit_mb=2048 -timeout=10

CORPUS is a folder, filled with a small file of every format where it is empty; files that reach new lines of hiqa's own
readers are added to it. Any outcome but a picture or an `ImageError` in one line is a crash: the file is kept, and the
traceback printed. Decoding runs in this process, so a library that ends it is found as well. Further options are
libFuzzer's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
with atheris.instrument_imports(include=["hiqa_cli.images"]):
    from hiqa_cli.errors import ImageError
    from hiqa_cli.images.read import decode_picture
    from hiqa_cli.images.source import Limits

from support.hostile.mutants import sound_files

LIMITS = Limits(max_pixels=1_000_000)
# Errors that no file should cause, and how they begin; they hold an exception that no reader foresaw.
UNFORESEEN = ("decoding it failed", "cannot be read (")


def try_file(data: bytes) -> None:
    """Decode a file; AssertionError where the outcome is none of those promised."""
    try:
        picture = decode_picture(data, LIMITS)
    except ImageError as error:
        message = str(error)
        assert "\n" not in message, message
        assert not message.startswith(UNFORESEEN), message
        return
    height, width, channels = picture.pixels.shape
    assert channels == 3, channels
    assert 0 < height * width <= LIMITS.max_pixels, (height, width)


def main() -> None:
    corpus = Path(next(argument for argument in sys.argv[1:] if not argument.startswith("-")))
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for kind, data in sound_files().items():
            (corpus / kind.replace(" ", "-")).write_bytes(data)
    atheris.Setup(sys.argv, try_file)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
