"""Writes a page while its rows come, and holds none of them: rows and pictures go to files at once.

Pictures lie inside the page up to a budget; beyond it beside it in one folder, NAME_files, as pictures and as scripts,
since a page opened from disk may fetch nothing. Thumbnails come first: as much of the budget as the thumbnails still to
come will probably take is kept free of the large pictures. Everything has temporary names until all of it is whole.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from hiqa_cli.atomic import commit, discard, temporary_path
from hiqa_cli.errors import cannot_write

from .document import Document, as_json

MARKER = "made-by-hiqa.txt"
MARKER_TEXT = "Pictures and data of the report beside this folder; made by hiqa, replaced with the report.\n"
TYPICAL_ROW = 200  # bytes of a row, and of the frame around a thumbnail
TYPICAL_THUMBNAIL = 14_000  # bytes as base64, of a photograph

COPY_BYTES = 1 << 16

NOWHERE, INSIDE, BESIDE = 0, 1, 2  # where a thumbnail or the rest of an entry lies, as rows say it


def folder_of(page: Path) -> Path:
    """The folder beside a page for what does not fit into it: report.html -> report_files."""
    return page.with_name(f"{page.stem}_files")


class PageWriter:
    """One page of its own: add() entries, then finish(), or abandon().

    target: the page; it and its folder are replaced by finish(), whether they may be is for the caller to settle.
    budget: bytes that the page may have; its rows stand in it however many they are.
    expected: about how many entries will come; a wrong number costs order only.
    """

    def __init__(self, target: Path, document: Document, budget: int, expected: int) -> None:
        self._target = target
        self._document = document
        self._free = budget - document.size
        self._expected = expected
        self._count = 0
        self._folder: Path | None = None
        self._temporaries: list[Path] = []
        self._rows, self._blocks = self._new_file(), self._new_file()
        self._whole = (0, 0)  # bytes of both that belong to whole entries: a signal may stop in the middle of one

    def add(
        self,
        row: Sequence[Any],
        thumbnails: Mapping[str, bytes],
        detail: Mapping[str, Any],
        pictures: Mapping[str, bytes],
    ) -> None:
        """One entry.

        row: what the page needs to list it; where thumbnails and the rest lie is put in front. thumbnails: kind ->
        WebP. detail: what it shows when opened, JSON, with pictures: kind -> WebP. Raises OutputError.
        """
        number, self._count = self._count, self._count + 1
        with self._failures():
            at = self._put_thumbnails(number, thumbnails) if thumbnails else NOWHERE
            rest = self._put_detail(number, detail, pictures) if detail or pictures else NOWHERE
            separator = ",\n" if number else ""
            self._put(self._rows, f"{separator}{as_json([at, rest, *row])}")
            self._whole = (self._rows.tell(), self._blocks.tell())

    def _put_thumbnails(self, number: int, thumbnails: Mapping[str, bytes]) -> int:
        blocks = [_block(f"{number}.{kind}", _data_url(data)) for kind, data in thumbnails.items()]
        if sum(map(len, blocks)) + self._to_come * TYPICAL_ROW <= self._free:
            for block in blocks:
                self._put(self._blocks, block)
            return INSIDE
        for kind, data in thumbnails.items():
            self._write_beside(f"{number}.{kind}.webp", data)
        return BESIDE

    def _put_detail(self, number: int, detail: Mapping[str, Any], pictures: Mapping[str, bytes]) -> int:
        reserved = self._to_come * (TYPICAL_ROW + TYPICAL_THUMBNAIL)
        base64_size = sum(4 * (len(data) + 2) // 3 for data in pictures.values())
        if base64_size + reserved <= self._free:
            urls = {kind: _data_url(data) for kind, data in pictures.items()}
            block = _block(f"{number}.detail", as_json({**detail, "pictures": urls}))
            if len(block) + reserved <= self._free:
                self._put(self._blocks, block)
                return INSIDE
        names = {kind: f"{number}.{kind}.webp" for kind in pictures}
        for kind, data in pictures.items():
            self._write_beside(names[kind], data)
        urls = {kind: f"{self.folder_url}/{name}" for kind, name in names.items()}
        script = f"hiqaArrived({number},{as_json({**detail, 'pictures': urls})});\n"
        self._write_beside(f"{number}.js", script.encode("ascii"))
        return BESIDE

    @property
    def _to_come(self) -> int:
        return max(0, self._expected - self._count)

    @property
    def folder_url(self) -> str:
        """The folder's name as a relative address."""
        return quote(os.fsencode(folder_of(self._target).name), safe="")

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the page and put it and its folder in place. facts: JSON for the page. Raises OutputError."""
        with self._failures():
            for part, whole in zip((self._rows, self._blocks), self._whole, strict=True):
                part.truncate(whole)
            page = self._new_file()
            around = {**facts, "folder": self.folder_url}
            self._put(page, self._document.before_rows(around, self._folder is not None))
            _append(page, self._rows)
            self._put(page, self._document.after_rows())
            _append(page, self._blocks)
            self._put(page, self._document.end())
            for file in (page, self._rows, self._blocks):
                file.close()
            self._place(Path(page.name))
        self.abandon()  # the two parts, which are no longer needed

    def _place(self, page: Path) -> None:
        """The folder first: a page never stands there without what it needs."""
        folder = folder_of(self._target)
        if folder.is_dir() and (folder / MARKER).exists():
            old = temporary_path(self._target)
            self._temporaries.append(old)
            os.replace(folder, old)
        if self._folder is not None:
            commit(self._folder, folder)
        commit(page, self._target)

    @property
    def folder(self) -> Path | None:
        """The folder beside the page, where something lies in it."""
        return None if self._folder is None else folder_of(self._target)

    def abandon(self) -> None:
        """Leave nothing behind of what is not in place; harmless after finish()."""
        self._rows.close()
        self._blocks.close()
        for path in self._temporaries:
            discard(path)

    def _new_file(self) -> BinaryIO:
        with self._failures():
            path = temporary_path(self._target)
            self._temporaries.append(path)
            return open(path, "w+b")

    def _write_beside(self, name: str, data: bytes) -> None:
        if self._folder is None:
            folder = temporary_path(self._target)
            self._temporaries.append(folder)
            folder.mkdir()
            (folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
            self._folder = folder
        (self._folder / name).write_bytes(data)

    def _put(self, file: BinaryIO, text: str) -> None:
        data = text.encode("utf-8")
        file.write(data)
        self._free -= len(data)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_write(self._target, error, "make room in its folder") from error


def _data_url(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")


def _block(name: str, text: str) -> str:
    """Text inside the page, found by its name: base64 and what as_json() makes need no escape."""
    return f'<p id="{name}">{text}</p>\n'


def _append(to: BinaryIO, part: BinaryIO) -> None:
    part.seek(0)
    shutil.copyfileobj(part, to, COPY_BYTES)
