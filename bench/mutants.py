"""Give hiqa many damaged and forged files, and count what becomes of them: the table of SECURITY.md.

    python bench/mutants.py --count 20000 --seed 1

Every mutant is decoded in a child process with 1 GiB of memory and 10 s, as with `hiqa score --isolate`. What ended the
process, took too long, or passed although it lacks picture data is kept in a folder. Runs for ever with --count 0.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from support.hostile.mutants import MUTATIONS, Mutant, mutants, sound_files

from hiqa_cli.errors import ImageError
from hiqa_cli.images.isolation.reader import IsolatedReader
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.source import Limits

MEMORY, SECONDS = 2**30, 10.0
LIMITS = Limits(max_pixels=10_000_000)
OUTCOMES = ("read, the same pixels", "read, other pixels", "read, with a note", "refused", "faults")
# Errors that no file should cause, and how they begin.
FAULTS = ("decoding it ended", "decoding it takes more than", "decoding it failed", "cannot be read (")


def outcome(mutant: Mutant, found: Picture | ImageError, whole: Picture) -> str:
    """One of OUTCOMES."""
    if isinstance(found, ImageError):
        return "faults" if found.message.startswith(FAULTS) else "refused"
    if np.array_equal(found.pixels, whole.pixels):
        return OUTCOMES[0]
    if set(found.notes) - set(whole.notes):
        return OUTCOMES[2]
    return "faults" if mutant.mutation == "prefix" else OUTCOMES[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("mutants"), metavar="DIR", help="folder for faults")
    options = parser.parse_args()
    whole = {kind: decode_picture(data) for kind, data in sound_files().items()}
    reader = IsolatedReader(MEMORY, SECONDS)
    counts: dict[str, Counter[str]] = {mutation: Counter() for mutation in MUTATIONS}
    slowest, begun = (0.0, ""), time.monotonic()
    seeds = itertools.count(options.seed) if not options.count else [options.seed]
    for mutant in itertools.chain.from_iterable(mutants(options.count or 20_000, seed) for seed in seeds):
        start = time.monotonic()
        found: Picture | ImageError
        try:
            found = reader.decode_picture(mutant.data, LIMITS)
        except ImageError as error:
            found = error
        slowest = max(slowest, (time.monotonic() - start, mutant.name))
        result = outcome(mutant, found, whole[mutant.kind])
        counts[mutant.mutation][result] += 1
        if result == "faults":
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / mutant.name.replace(" ", "_")).write_bytes(mutant.data)
            print(f"{mutant.name}: {found if isinstance(found, ImageError) else 'another picture without a note'}")
    print(f"{'':10}" + "".join(f"{name:>24}" for name in OUTCOMES))
    for mutation, found_counts in counts.items():
        print(f"{mutation:10}" + "".join(f"{found_counts[name]:>24,}" for name in OUTCOMES))
    print(f"{time.monotonic() - begun:.0f} s; slowest {slowest[0]:.2f} s ({slowest[1]})")


if __name__ == "__main__":
    main()
