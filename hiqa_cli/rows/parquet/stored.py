"""What `--parquet` wrote, read row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hiqa_cli.errors import UsageError, os_reason

from ..json_rows import FULL_JSON_LINES
from ..line_file import LineFile
from ..row import Row
from ..table import Place
from .files import ParquetReader
from .layout import Layout


class ParquetParts:
    """A file or a folder of `--parquet`, and the journal that a killed run left. See `StoredTable`."""

    has_tile_scores = True

    def __init__(self, name: str, hint: str) -> None:
        self.name, self.incomplete = name, False
        self._hint = hint
        self._reader = ParquetReader(name, hint)
        self._files: list[Path] = []
        self._journals: list[LineFile] = []

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """See `StoredTable`. place: number of the file, number of the row in it, or its bytes in a journal."""
        file = Path(self.name)
        layout = Layout.of_file(file) if file.is_file() else Layout.of(self.name)
        try:
            is_there = layout.file is not None and layout.file.exists()
            self._files = [*([layout.file] if is_there and layout.file is not None else []), *layout.parts()]
            self._journals = [LineFile(str(path), FULL_JSON_LINES, self._hint) for path in layout.journals()]
        except OSError as error:
            raise UsageError(f"{self.name} cannot be read: {os_reason(error)}", self._hint) from error
        if not self._files and not self._journals:
            raise UsageError(f"{self.name} cannot be read: no such file or directory")
        for number, path in enumerate(self._files):
            for place, row in enumerate(self._reader.rows(path, slim=False)):
                yield (number, place, 0), row
        for number, journal in enumerate(self._journals, start=len(self._files)):
            for (_, start, end), row in journal.rows():
                yield (number, start, end), row
            self.incomplete |= journal.incomplete

    def row_at(self, place: Place) -> Row:
        """See `StoredTable`. Holds one row group at a time: places in order are read fast, others slowly."""
        source, start, end = place
        if source >= len(self._files):
            return self._journals[source - len(self._files)].row_at((0, start, end))
        return self._reader.row_at(self._files[source], start)

    def close(self) -> None:
        """See `StoredTable`."""
        for journal in self._journals:
            journal.close()
