"""Stream a page to disk: rows and images go to temporary files at once, so memory does not grow with the run.

Images are embedded up to the page's size limit. The rest goes to an assets folder next to the page (NAME_files), as
image files plus one script per entry, because a page opened from disk must not fetch files. Thumbnails take precedence:
large images are embedded only while the expected remaining thumbnails still fit. The page and its folder are renamed
into place when complete.
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

from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import commit, discard, make_temporary_folder, open_temporary, temporary_path

from .document import Document, as_json

MARKER = "made-by-hiqa.txt"  # marks a folder that a later report may replace
MARKER_TEXT = "Images and data of the hiqa report next to this folder. Replaced whenever the report is.\n"
TYPICAL_ROW = 200  # bytes of a row and of the markup around a thumbnail
TYPICAL_THUMBNAIL = 14_000  # bytes of a photo in base64
TYPICAL_PICTURES = 400_000  # bytes of the previews of a large photo in base64
COPY_BYTES = 1 << 16

ABSENT, EMBEDDED, IN_FOLDER = 0, 1, 2  # where a row's thumbnails or details are; data.js reads these numbers


def assets_folder(page: Path) -> Path:
    """The folder next to a page for what exceeds its size limit: report.html -> report_files."""
    return page.with_name(f"{page.stem}_files")


class PageWriter:
    """Writes one page: add() entries, then finish() or abandon().

    target: the page. finish() replaces it and its assets folder; callers check beforehand that they may be replaced.
    budget: size limit of the page in bytes; its rows are embedded even beyond it. expected: about how many entries will
    follow; a wrong number only affects which images are embedded. versions: pictures of an entry.
    """

    def __init__(self, target: Path, document: Document, budget: int, expected: int, versions: int = 1) -> None:
        self._target = target
        self._document = document
        self._free = budget - document.size
        self._expected = expected
        self._versions = versions
        self._count = 0
        self._folder: Path | None = None
        self._temporaries: list[Path] = []
        (_, self._rows), (_, self._embedded) = self._new_file(), self._new_file()
        self._complete = (0, 0)  # bytes of both files up to the last complete entry: a signal may interrupt add()

    def add(
        self,
        row: Sequence[Any],
        thumbnails: Mapping[str, bytes],
        detail: Mapping[str, Any],
        pictures: Mapping[str, bytes],
        pieces: Mapping[str, Sequence[bytes]],
    ) -> None:
        """Write one entry. Raises OutputError.

        row: JSON values that the page needs to list it. thumbnails: kind -> WebP. detail: JSON that the opened entry
        shows. pictures: kind -> WebP, shown in the opened entry. pieces: kind -> WebP files, shown at full size.
        """
        number, self._count = self._count, self._count + 1
        with self._os_errors():
            thumbnail_at = self._write_thumbnails(number, thumbnails) if thumbnails else ABSENT
            if pieces:
                detail = {**detail, "full": {"at": self._write_pieces(number, pieces), "kinds": list(pieces)}}
            detail_at = self._write_detail(number, detail, pictures) if detail or pictures else ABSENT
            separator = ",\n" if number else ""
            self._put(self._rows, f"{separator}{as_json([thumbnail_at, detail_at, *row])}")
            self._complete = (self._rows.tell(), self._embedded.tell())

    def _write_thumbnails(self, number: int, thumbnails: Mapping[str, bytes]) -> int:
        blocks = [_block(f"{number}.{kind}", _data_url(data)) for kind, data in thumbnails.items()]
        if sum(map(len, blocks)) + self._remaining * TYPICAL_ROW <= self._free:
            for block in blocks:
                self._put(self._embedded, block)
            return EMBEDDED
        for kind, data in thumbnails.items():
            self._write_to_folder(f"{number}.{kind}.webp", data)
        return IN_FOLDER

    def _write_pieces(self, number: int, pieces: Mapping[str, Sequence[bytes]]) -> int:
        named = {f"{number}.full.{kind}.{n}": data for kind, files in pieces.items() for n, data in enumerate(files)}
        reserved = (self._remaining + self._versions) * (TYPICAL_ROW + TYPICAL_THUMBNAIL + TYPICAL_PICTURES)
        if sum(4 * (len(data) + 2) // 3 + len(name) + 40 for name, data in named.items()) + reserved <= self._free:
            for name, data in named.items():
                self._put(self._embedded, _block(name, _data_url(data)))
            return EMBEDDED
        for name, data in named.items():
            self._write_to_folder(f"{name}.webp", data)
        return IN_FOLDER

    def _write_detail(self, number: int, detail: Mapping[str, Any], pictures: Mapping[str, bytes]) -> int:
        reserved = self._remaining * (TYPICAL_ROW + TYPICAL_THUMBNAIL)
        base64_size = sum(4 * (len(data) + 2) // 3 for data in pictures.values())
        if base64_size + reserved <= self._free:
            urls = {kind: _data_url(data) for kind, data in pictures.items()}
            block = _block(f"{number}.detail", as_json({**detail, "pictures": urls}))
            if len(block) + reserved <= self._free:
                self._put(self._embedded, block)
                return EMBEDDED
        names = {kind: f"{number}.{kind}.webp" for kind in pictures}
        for kind, data in pictures.items():
            self._write_to_folder(names[kind], data)
        urls = {kind: f"{self._folder_url}/{name}" for kind, name in names.items()}
        script = f"hiqaDetailLoaded({number},{as_json({**detail, 'pictures': urls})});\n"
        self._write_to_folder(f"{number}.js", script.encode("ascii"))
        return IN_FOLDER

    @property
    def _remaining(self) -> int:
        """Pictures still to come."""
        return max(0, self._expected - self._count) * self._versions

    @property
    def _folder_url(self) -> str:
        """The assets folder as a relative URL."""
        return quote(os.fsencode(assets_folder(self._target).name), safe="")

    def finish(self, facts: dict[str, Any]) -> Path | None:
        """Write the page, put it and its folder in place, and return the folder or None. Raises OutputError.

        facts: JSON for the page's scripts. An entry that a signal interrupted is left out.
        """
        with self._os_errors():
            for file, size in zip((self._rows, self._embedded), self._complete, strict=True):
                file.truncate(size)
            place, page = self._new_file()
            page_facts = {**facts, "folder": self._folder_url}
            self._put(page, self._document.before_rows(page_facts, self._folder is not None))
            _append(page, self._rows)
            for part in self._document.after_rows():
                self._put(page, part)
            _append(page, self._embedded)
            self._put(page, self._document.end())
            for file in (page, self._rows, self._embedded):
                file.close()
            self._put_in_place(place)
        self.abandon()
        return None if self._folder is None else assets_folder(self._target)

    def _put_in_place(self, page: Path) -> None:
        """Rename the folder first, so that no page is ever there without its folder."""
        folder = assets_folder(self._target)
        if folder.is_dir() and (folder / MARKER).exists():
            old = temporary_path(self._target)
            self._temporaries.append(old)
            os.replace(folder, old)
        if self._folder is not None:
            commit(self._folder, folder)
        commit(page, self._target)

    def abandon(self) -> None:
        """Remove temporary files; after finish() nothing else is left to remove."""
        self._rows.close()
        self._embedded.close()
        for path in self._temporaries:
            discard(path)

    def _new_file(self) -> tuple[Path, BinaryIO]:
        with self._os_errors():
            path, file = open_temporary(self._target)
            self._temporaries.append(path)
            return path, file

    def _write_to_folder(self, name: str, data: bytes) -> None:
        if self._folder is None:
            folder = make_temporary_folder(self._target)
            self._temporaries.append(folder)
            (folder / MARKER).write_text(MARKER_TEXT, encoding="utf-8")
            self._folder = folder
        (self._folder / name).write_bytes(data)

    def _put(self, file: BinaryIO, text: str) -> None:
        data = text.encode("utf-8")
        file.write(data)
        self._free -= len(data)

    @contextmanager
    def _os_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_write(self._target, error, "check its folder and the free disk space") from error


def _data_url(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")


def _block(name: str, text: str) -> str:
    """An element with an id; base64 and the output of as_json() need no escaping."""
    return f'<p id="{name}">{text}</p>\n'


def _append(target: BinaryIO, part: BinaryIO) -> None:
    part.seek(0)
    shutil.copyfileobj(part, target, COPY_BYTES)
