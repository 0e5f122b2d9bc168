"""Tables that rows are appended to while a run goes on, whatever they are stored as: checked before any work, resumed,
and complete after a kill up to the last row that was appended."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from hiqa_cli.errors import UsageError

from .row import Row

Place = tuple[int, int, int]
"""Where a row of a table is: its file, of several, and its beginning and end there, or its number and 0."""


class IfExists(Enum):
    """What to do with an output file that exists."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"
    RESUME = "resume"


class Table(Protocol):
    """A table that a run writes. To construct one checks its place and reads the rows to resume; it changes nothing and
    raises UsageError.

    name: as given. option: the command line's option for it. path: of the file or folder, links followed.
    rows: rows of an earlier run, to be resumed, without tile scores.
    is_unique: whether an image has one row, however often it is given; otherwise as many as it is given.
    has_tile_scores: whether full_row() has them.
    """

    @property
    def name(self) -> str: ...

    @property
    def option(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def rows(self) -> Sequence[Row]: ...

    @property
    def is_unique(self) -> bool: ...

    @property
    def has_tile_scores(self) -> bool: ...

    def is_current(self, path: str, number: int | None) -> bool:
        """Whether this old row has the score of the image at `path`. Asked once for every image of a run but standard
        input, before open(); number: None where no old row has the path."""

    def full_row(self, number: int) -> Row:
        """An old row with everything that was stored. Raises OutputError."""

    def replace(self, number: int) -> None:
        """Let the next appended row of the same path replace this old row."""

    def drop(self, number: int) -> None:
        """Remove this old row at the latest on close()."""

    def open(self) -> None:
        """Begin to write; removes an earlier table that is to be overwritten. Raises UsageError."""

    def append(self, row: Row) -> None:
        """Write one row, which from now on survives a kill. After an OutputError the table ends with the row before."""

    def close(self) -> None:
        """Finish, also after an error; does nothing the second time. Raises OutputError."""


def refusal(option: str, name: str) -> UsageError:
    """The error of a table that exists and may be neither continued nor replaced."""
    return UsageError(
        f"{option} {name}: exists already", "continue it by --resume, replace it by --overwrite, or give another file"
    )
