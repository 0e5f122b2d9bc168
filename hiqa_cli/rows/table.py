"""Files that rows are appended to: checked before work, written a whole row at a time, resumed.

A row reaches the file in one write, so that a kill costs none that is finished. Resuming appends too;
rows that are replaced (errors tried again) stay until settle() puts the new ones in their places, in
one rename.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import defaultdict, deque
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from hiqa_cli.atomic import atomic_file
from hiqa_cli.errors import OutputError, UsageError, cannot_write, os_reason
from hiqa_cli.output_checks import check_output_file

from .codec import Record, TableFormat, read_records
from .row import Row, key_text

COPY_BYTES = 1 << 20


class Existing(Enum):
    """What becomes of a file that is there and not empty."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    RESUME = "resume"


class Table:
    """One --csv or --jsonl file."""

    def __init__(self, path: str, form: TableFormat, existing: Existing) -> None:
        """Checks the file, changes nothing. Raises UsageError.

        path: as given, kept as `name`; `path` is the file itself, links followed.
        """
        self.name = path
        self.form = form
        self.path = os.path.realpath(path)
        self._existing = existing
        self._file: int | None = None
        self._size = 0
        self._whole = 0  # bytes of whole rows found
        self.records: list[Record] = []
        self._waiting: dict[str, deque[int]] = defaultdict(deque)  # rows to replace, by path
        self._replaced: dict[int, tuple[int, int] | None] = {}  # old row -> new span, or dropped
        self._moved: list[tuple[int, int]] = []
        self._check(existing)

    def _check(self, existing: Existing) -> None:
        option = self.form.option
        status = check_output_file(self.name, option, in_place=True)
        if status is None:
            return
        if existing is Existing.RESUME:
            self._read(status)
        elif status.st_size and existing is Existing.REFUSE:
            raise UsageError(
                f"{option} {self.name}: exists already",
                "go on with it by --resume, replace it by --overwrite, or give another file",
            )

    def _read(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{self.form.option} {self.name}: --resume wants an ordinary file")
        try:
            with open(self.path, "rb") as file:
                self.records, self._whole = read_records(file, self.form, self.name)
        except OSError as error:
            raise UsageError(f"{self.form.option} {self.name}: {os_reason(error)}") from error

    def bytes_of(self, start: int, end: int) -> bytes:
        """These bytes of the file as it was found. OutputError where it cannot be read any more."""
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                return file.read(end - start)
        except OSError as error:
            raise OutputError(f"{self.name} cannot be read again: {os_reason(error)}") from error

    def replace(self, place: int) -> None:
        """The next row of the same path takes the place of this one."""
        self._waiting[key_text(self.records[place].row.path)].append(place)

    def drop(self, place: int) -> None:
        """This row is outdone by another one in the file: settle() leaves it out."""
        self._replaced[place] = None

    def begin(self) -> None:
        """Open the file for appending; only now is an old one emptied, or a torn line cut off."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        if self._existing is Existing.OVERWRITE:
            flags |= os.O_TRUNC
        try:
            self._file = os.open(self.path, flags, 0o666)
            if self._existing is Existing.RESUME:
                os.ftruncate(self._file, self._whole)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            raise UsageError(f"{self.form.option} {self.name}: {os_reason(error)}") from error
        if not self._size:
            self._write(self.form.header)

    def append(self, row: Row) -> None:
        """Write one row, whole. Raises OutputError, and then the file ends with the row before."""
        start = self._size
        self._write(self.form.encode(row))
        waiting = self._waiting.get(key_text(row.path))
        if waiting:
            span = (start, self._size)
            self._replaced[waiting.popleft()] = span
            self._moved.append(span)

    def _write(self, data: bytes) -> None:
        assert self._file is not None, "begin() comes first"
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):  # not every file can be cut
                os.ftruncate(self._file, self._size)
            raise cannot_write(self.name, error, "finished rows are kept; make room, then --resume") from error
        self._size += written

    def close(self) -> None:
        """Close the file, and put replaced rows into their places: all or nothing."""
        if self._file is None:
            return
        # a signal may have come right after a row was written: the file knows better than _size
        size = os.fstat(self._file).st_size
        os.close(self._file)
        self._file = None
        if self._replaced:
            self._settle(size)

    def _settle(self, size: int) -> None:
        try:
            with atomic_file(Path(self.path), preserve=True) as new, open(self.path, "rb") as old:
                for start, end in self._settled_spans(size):
                    _copy(old, new, start, end)
        except OSError as error:
            raise OutputError(f"{self.name}: new rows cannot replace old ones: {os_reason(error)}") from error

    def _settled_spans(self, size: int) -> list[tuple[int, int]]:
        """Which bytes of the file make up the new one, in order."""
        spans = [(0, len(self.form.header))]
        for place, record in enumerate(self.records):
            span = self._replaced.get(place, (record.start, record.end))
            spans += [span] if span is not None else []
        position = self._whole
        for start, end in self._moved:  # what lies between was appended without replacing
            spans.append((position, start))
            position = end
        return [*spans, (position, size)]


def _copy(old: BinaryIO, new: BinaryIO, start: int, end: int) -> None:
    old.seek(start)
    left = end - start
    while left:
        piece = old.read(min(left, COPY_BYTES))
        if not piece:
            raise OSError("the file was shortened by somebody else")
        new.write(piece)
        left -= len(piece)
