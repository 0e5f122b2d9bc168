"""Files that were made to do harm: seeded prefixes, bit flips, lying headers and zeroed ranges of small sound files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image

from support import sample_images as make

MUTATIONS = ("prefix", "bits", "header", "zeros", "numbers", "swap")
_HEADER = 160  # bytes of a file's start that headers fill
_NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0")


@dataclass(frozen=True)
class Mutant:
    """A file, and how it came about."""

    kind: str
    mutation: str
    number: int
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.kind} {self.mutation} {self.number}"


def sound_files() -> dict[str, bytes]:
    """A small file of every format and of its main variants."""
    photo = make.photograph(96, 64)
    picture = Image.fromarray(photo)
    deep = photo.astype(np.uint16) * 257
    clear = np.dstack([photo, make.opacity(96, 64)])
    files = {
        "JPEG": make.with_exif(make.pillow(photo, "JPEG", quality=85), 6),
        "progressive JPEG": make.pillow(photo, "JPEG", progressive=True),
        "CMYK JPEG": make.pillow(picture.convert("CMYK"), "JPEG"),
        "PNG": make.pillow(photo, "PNG"),
        "palette PNG": make.pillow(picture.quantize(32), "PNG"),
        "16-bit PNG": make.encode(deep, ".png"),
        "WebP": make.pillow(photo, "WEBP"),
        "lossless WebP": make.pillow(clear, "WEBP", lossless=True),
        "16-bit TIFF": make.encode(deep, ".tiff"),
        "BMP": make.pillow(photo, "BMP"),
        "PPM": make.pillow(photo, "PPM"),
        "16-bit PGM": make.encode(deep[..., 0], ".pgm"),
        "JPEG 2000": make.pillow(photo, "JPEG2000"),
        "codestream": make.pillow(photo, "JPEG2000", no_jp2=True),
        "AVIF": make.pillow(photo, "AVIF"),
        "GIF": make.pillow(picture, "GIF"),
        "animated GIF": make.pillow(picture, "GIF", save_all=True, append_images=make.frames(2)),
    }
    # Pillow 11 cannot write Zstandard, and damages memory when it is asked to
    newer = ("zstd",) if int(PIL.__version__.split(".")[0]) >= 13 else ()
    for compression in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg", "lzma", *newer):
        files[f"{compression} TIFF"] = make.pillow(photo, "TIFF", compression=compression)
    files["fax TIFF"] = make.pillow(picture.convert("1"), "TIFF", compression="group4")
    return files


def mutants(count: int, seed: int) -> Iterator[Mutant]:
    """`count` mutants, of all files and mutations in turn."""
    files = list(sound_files().items())
    for number in range(count):
        kind, data = files[number % len(files)]
        mutation = MUTATIONS[number // len(files) % len(MUTATIONS)]
        chance = random.Random(f"{seed} {number}")
        yield Mutant(kind, mutation, number, mutate(data, mutation, chance))


def mutate(data: bytes, mutation: str, chance: random.Random) -> bytes:
    """One change of the kind."""
    if mutation == "prefix":
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    if mutation == "bits":
        for _ in range(chance.choice((1, 2, 8, 40))):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    elif mutation == "header":
        for _ in range(chance.choice((1, 2, 4))):
            changed[chance.randrange(min(_HEADER, len(changed)))] = chance.randrange(256)
    elif mutation == "zeros":
        start = chance.randrange(len(changed))
        end = min(len(changed), start + chance.choice((4, 64, 512, len(changed))))
        changed[start:end] = bytes(end - start)
    elif mutation == "numbers":  # sizes, offsets and counts are mostly of four bytes
        at = chance.randrange(max(1, min(4 * _HEADER, len(changed) - 4)))
        changed[at : at + 4] = chance.choice(_NUMBERS)
    else:
        a, b = sorted(chance.randrange(len(changed)) for _ in range(2))
        size = chance.randrange(1, 65)
        changed[a : a + size], changed[b : b + size] = changed[b : b + size], changed[a : a + size]
    return bytes(changed)
