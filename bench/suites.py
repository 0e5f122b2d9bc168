"""Read folders of image files, such as the test suites of other projects, with hiqa, Pillow and libvips, and compare.

    pip install pyvips-binary pyvips 'hiqa[heif,jxl,raw]'
    python bench/suites.py SUITE... --json suites.json

Prints a table with one line for each folder, then every file that Pillow or libvips reads and hiqa refuses, and every
file whose pixels differ, with hiqa's own reason. Each file is read in a worker process with 6 GiB of memory and a
minute; a worker that dies is replaced. The libraries that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite_readers import serve

SECONDS = 60.0
LIBRARIES = ("pillow", "vips")
OUTCOMES = ("same", "other", "refused", "only hiqa", "neither")


class Worker:
    """A process that compares one file at a time."""

    def __init__(self) -> None:
        self._start()

    def compare(self, path: Path) -> dict[str, Any]:
        self._connection.send(os.fspath(path))
        try:
            if self._connection.poll(SECONDS):
                return self._connection.recv()
            reason = f"took more than {SECONDS:g} s"
        except (EOFError, OSError):
            reason = "ended the process"
        self._process.kill()
        self._process.join()
        self._start()
        return {
            "hiqa": "not compared",
            "notes": (),
            "pillow": f"cannot read: {reason}",
            "vips": f"cannot read: {reason}",
        }

    def close(self) -> None:
        self._connection.close()
        self._process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


def files_in(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        yield from (path for path in (Path(parent, name) for name in sorted(names)) if path.is_file())


def outcome(found: dict[str, Any], library: str) -> str:
    """One of OUTCOMES."""
    if found[library].startswith(("cannot read", "absent")):
        return "neither" if found["hiqa"] else "only hiqa"
    if found["hiqa"]:
        return "refused"
    return "same" if found[library] == "same" else "other"


def report(results: dict[str, dict[str, dict[str, Any]]]) -> None:
    """results: by folder and by file."""
    print(
        "| suite | files | " + " | ".join(f"{library}: {name}" for library in LIBRARIES for name in OUTCOMES[:4]) + " |"
    )
    print("|---|" + "---:|" * (1 + 4 * len(LIBRARIES)))
    for suite, files in results.items():
        columns = [
            suite,
            f"{sum(outcome(found, library) != 'neither' for found in files.values() for library in LIBRARIES[:1]):,}",
        ]
        for library in LIBRARIES:
            counts = Counter(outcome(found, library) for found in files.values())
            columns += [f"{counts[name]:,}" for name in OUTCOMES[:4]]
        print(f"| {' | '.join(columns)} |")
    for title, wanted in (("Refused", "refused"), ("Other pixels", "other")):
        print(f"\n{title}:\n")
        for suite, files in results.items():
            for name, found in files.items():
                by = [library for library in LIBRARIES if outcome(found, library) == wanted]
                if by:
                    said = found["hiqa"] or "; ".join(
                        [*(f"{library}: {found[library]}" for library in by), *found["notes"]]
                    )
                    print(f"{suite}/{name} ({', '.join(by)}): {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+", type=Path, metavar="SUITE", help="folder of files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every result; an existing one is continued")
    options = parser.parse_args()
    results: dict[str, dict[str, dict[str, Any]]] = {}
    worker = Worker()
    for suite in options.suites:
        found = results[suite.name] = {}
        for path in files_in(suite):
            found[os.fspath(path.relative_to(suite))] = worker.compare(path)
        print(f"{suite.name}: {len(found):,} files", file=sys.stderr)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))
    worker.close()
    report(results)


if __name__ == "__main__":
    main()
