"""Where the rows of `--parquet` lie: a folder of closed parts, each a Parquet file of one row group, and a journal of
the rows since, as JSON lines; or one file, into which the parts of a folder beside it are joined as a run ends.

A journal is named after the part that it becomes, and is void once that part exists. A file names the parts that were
joined into it, which are void from then on. A kill between any two steps therefore neither loses a row nor doubles one.
Readers of Parquet pass over names that begin with an underscore.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from .library import arrow

SUFFIX = ".parquet"
JOINED = b"hiqa.joined"  # key in a file's metadata: the runs whose parts it holds
_PART = re.compile(r"part-(\d{6,})-([0-9a-f]{8})\.parquet")
_JOURNAL = re.compile(r"_part-(\d{6,})-([0-9a-f]{8})\.jsonl")


@dataclass(frozen=True)
class Layout:
    """file: the one that the parts are joined into; None: they stay. folder: of the parts."""

    file: Path | None
    folder: Path

    @classmethod
    def of(cls, path: str) -> Layout:
        """The layout of a path that `--parquet` takes: a name in .parquet is a file, unless a folder has it."""
        place = Path(path)
        if place.suffix.lower() == SUFFIX and not place.is_dir():
            return cls.of_file(place)
        return cls(None, place)

    @classmethod
    def of_file(cls, file: Path) -> Layout:
        """The layout of a file by whatever name, with the parts that are not joined yet in a folder beside it."""
        return cls(file, file.with_name(f"{file.name}.parts"))

    def parts(self) -> list[Path]:
        """The closed parts that are not joined yet, in order. OSError is passed on."""
        joined = self._joined()
        return [self.folder / name for _, run, name in self._listing(_PART) if run not in joined]

    def journals(self) -> list[Path]:
        """The journals whose parts are not closed, in order; a run leaves one if it is killed."""
        joined, parts = self._joined(), {Path(name).stem for _, _, name in self._listing(_PART)}
        found = self._listing(_JOURNAL)
        return [self.folder / name for _, run, name in found if run not in joined and Path(name).stem[1:] not in parts]

    def next_part(self, run: str) -> Path:
        """The path of the next part of a run."""
        numbers = [number for kind in (_PART, _JOURNAL) for number, _, _ in self._listing(kind)]
        return self.folder / f"part-{max(numbers, default=-1) + 1:06d}-{run}{SUFFIX}"

    def own_files(self) -> list[Path]:
        """Every part and journal, void or not."""
        return [self.folder / name for kind in (_PART, _JOURNAL) for _, _, name in self._listing(kind)]

    def foreign_file(self) -> str:
        """The name of something in the folder that hiqa did not write there, or nothing. OSError is passed on."""
        names = sorted(os.listdir(self.folder)) if self.folder.is_dir() else []
        return next((name for name in names if not name.startswith(".") and not _is_own(name)), "")

    def runs(self) -> set[str]:
        """The runs that have parts or journals in the folder."""
        return {run for kind in (_PART, _JOURNAL) for _, run, _ in self._listing(kind)}

    def _listing(self, kind: re.Pattern[str]) -> list[tuple[int, str, str]]:
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        matches = [match for match in map(kind.fullmatch, names) if match]
        return sorted((int(match[1]), match[2], match[0]) for match in matches)

    def _joined(self) -> set[str]:
        if self.file is None or not self.file.is_file() or not self.file.stat().st_size:
            return set()
        pa = arrow()
        try:
            metadata = pa.parquet.read_schema(self.file).metadata or {}
        except pa.ArrowInvalid:  # no Parquet: whoever reads its rows says so
            return set()
        return set(metadata.get(JOINED, b"").decode().split())


def journal_of(part: Path) -> Path:
    """The journal that becomes a part."""
    return part.with_name(f"_{part.stem}.jsonl")


def part_of(journal: Path) -> Path:
    """The part that a journal becomes."""
    return journal.with_name(f"{journal.stem[1:]}{SUFFIX}")


def new_run() -> str:
    """A name for a run that no other has."""
    return secrets.token_hex(4)


def holds_parts(path: str) -> bool:
    """Whether a path is a folder of parts or journals."""
    try:
        return any(map(_is_own, os.listdir(path)))
    except (OSError, ValueError):
        return False


def _is_own(name: str) -> bool:
    return bool(_PART.fullmatch(name) or _JOURNAL.fullmatch(name))
