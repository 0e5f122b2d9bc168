"""CSV and JSON lines that are there, read row by row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from hiqa_cli.errors import UsageError, os_reason

from .codec import RowReader, TableFormat
from .row import Row
from .table import Place


class LineFile:
    """CSV or JSON lines. See `StoredTable`. form: once the header is read, that of the table itself."""

    def __init__(self, name: str, form: TableFormat, hint: str) -> None:
        self.name, self.form, self.incomplete = name, form, False
        self.has_tile_scores = not form.header
        self._hint = hint
        self._file: BinaryIO | None = None

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """See `StoredTable`."""
        try:
            with open(self.name, "rb") as file:
                reader = RowReader(file, self.form, self.name, self._hint)
                for saved in reader:
                    yield (0, saved.start, saved.end), saved.row
                self.form = reader.form
                self.incomplete = reader.complete < os.fstat(file.fileno()).st_size
        except OSError as error:
            raise UsageError(f"{self.name} cannot be read: {os_reason(error)}") from error

    def row_at(self, place: Place) -> Row:
        """See `StoredTable`."""
        _, start, end = place
        try:
            if self._file is None:
                self._file = open(self.name, "rb")  # noqa: SIM115  (close() closes it)
            self._file.seek(start)
            line = self._file.read(end - start)
        except OSError as error:
            raise UsageError(f"{self.name} cannot be read: {os_reason(error)}") from error
        if len(line) != end - start:
            raise UsageError(f"{self.name} became shorter while it was read", "read it again when no run writes it")
        return self.form.decode(line)

    def close(self) -> None:
        """See `StoredTable`."""
        if self._file is not None:
            self._file.close()
