"""Finds the images to score: paths, folders, patterns, standard input and lists of names."""

from __future__ import annotations

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hiqa_cli.console.text import count, name_text
from hiqa_cli.errors import UsageError, os_reason
from hiqa_cli.files.output_checks import FileId, file_ids
from hiqa_cli.files.remote.address import is_address, is_archive, shown
from hiqa_cli.images.sniff import is_hiqa_output
from hiqa_cli.rows.path_column import read_column, split_column

from .exclusion import Exclusion
from .walk import Entry, EntryKind, is_searched, walk, walk_address

STANDARD_INPUT = "-"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class InputOptions:
    """What the command line names as inputs.

    paths: files, folders, patterns, addresses, - for standard input. files_from: a list of further paths, or -.
    nul_separated: whether names in that list end in NUL instead of a line end. exclude: see `Exclusion`.
    """

    paths: tuple[str, ...] = ()
    recursive: bool = False
    files_from: str | None = None
    nul_separated: bool = False
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Input:
    """One image to read, or the reason why it cannot be read.

    path: as given; for a file found in a folder, the folder as given and the path below it.
    anchor: the folder that was given, or that contains the file; "" for standard input. Outputs are mirrored below the
        common root of all anchors, including those without images, so that a file that reappears does not move the
        outputs of others.
    problem: why no image can be read here, else "".
    """

    path: str
    anchor: str = ""
    problem: str = ""

    @property
    def is_standard_input(self) -> bool:
        """Whether it is standard input, not a file named "-"."""
        return self.path == STANDARD_INPUT and not self.anchor

    @property
    def name(self) -> str:
        """The path as text for files and messages, see name_text(); of an address without its secrets."""
        return name_text(shown(self.path))


@dataclass
class Inputs:
    """All inputs, in order.

    outputs_skipped: number of pictures in folders that hiqa wrote. excluded: number of files and folders left out, by
    --exclude or as folders of the system. elsewhere: number of images of other shards.
    """

    images: list[Input] = field(default_factory=list)
    outputs_skipped: int = 0
    excluded: int = 0
    elsewhere: int = 0

    @property
    def why_empty(self) -> str:
        """Why there are no images at all."""
        return f"--exclude leaves out all {self.excluded:,} named" if self.excluded else "the list of files is empty"


def find_inputs(options: InputOptions) -> Inputs:
    """Find the inputs that the command line names.

    A path or pattern that matches nothing becomes an Input with a problem. Raises UsageError if nothing is named,
    standard input is used twice, the list cannot be read, or a pattern to exclude makes no sense.
    """
    uses = options.paths.count(STANDARD_INPUT) + (options.files_from == STANDARD_INPUT)
    if uses > 1:
        raise UsageError("standard input (-) is given twice", "it can be read only once")
    if options.nul_separated and options.files_from is None:
        raise UsageError("-0 needs --files-from", "give --files-from FILE or -")
    if not options.paths and options.files_from is None:
        raise UsageError("no image given", "give files, folders, - or --files-from")
    search = Search(options.recursive, Exclusion(options.exclude))
    for path in options.paths:
        if path == STANDARD_INPUT:
            search.found.images.append(Input(path))
        else:
            search.add_argument(path)
    if options.files_from is not None:
        for path in read_file_list(options.files_from, nul_separated=options.nul_separated):
            search.add_path(path)
    return search.found


class Search:
    """Collects inputs in `found`, in the order of the arguments."""

    def __init__(self, recursive: bool, exclusion: Exclusion) -> None:
        self.found = Inputs()
        self._recursive = recursive
        self._exclusion = exclusion

    def add_argument(self, path: str) -> None:
        """Add a path, or the matches of a pattern unless a file has exactly this name."""
        if is_address(path):
            self._add_address(path, patterns=True)
        elif os.path.lexists(path) or not glob.has_magic(path):
            self.add_path(path)
        else:
            self._add_matches(path)

    def _add_matches(self, path: str) -> None:
        folder = _plain_folder(path)
        is_excluded = self._exclusion.below(folder)
        matches = [match for match in sorted(glob.glob(path, recursive=True)) if _is_wanted(match)]
        if not matches:
            self.found.images.append(Input(path, folder, "the pattern matches nothing"))
        for match in matches:
            if is_excluded(os.path.relpath(match, folder), os.path.isdir(match)):
                self.found.excluded += 1
            else:
                self._add(match)

    def add_path(self, path: str) -> None:
        """Add a file, or the images of a folder; a missing file becomes an Input with a problem."""
        if is_address(path):
            self._add_address(path, patterns=False)
        elif self._exclusion.named(path, os.path.isdir(path)):
            self.found.excluded += 1
        else:
            self._add(path)

    def _add(self, path: str) -> None:
        problem = _missing(path)
        if not problem and os.path.isdir(path):
            self._add_folder(path, walk(path, self._recursive, self._exclusion.below(path)))
        elif not problem and is_archive(path):
            self._add_address(path, patterns=False)
        else:
            folder = os.curdir if "\0" in path else os.path.dirname(path) or os.curdir
            self.found.images.append(Input(path, folder, problem))

    def _add_address(self, path: str, *, patterns: bool) -> None:
        """Add one file, not looking whether it is there, or what a folder, pattern or archive holds."""
        if self._exclusion.named(path, False):
            self.found.excluded += 1
            return
        entries = walk_address(path, self._recursive, self._exclusion.below(path), patterns=patterns)
        if entries is None:
            self.found.images.append(Input(path, os.path.dirname(shown(path))))
        else:
            self._add_folder(path, entries)

    def _add_folder(self, folder: str, entries: Iterable[Entry]) -> None:
        """Add the images of a folder; a folder without images is an error."""
        number: Counter[EntryKind] = Counter()
        outputs = 0
        anchor = shown(folder)
        for entry in entries:
            if entry.kind is EntryKind.IMAGE and not is_address(entry.path) and is_hiqa_output(entry.path):
                outputs += 1
                continue
            number[entry.kind] += 1
            if entry.kind in (EntryKind.IMAGE, EntryKind.PROBLEM):
                self.found.images.append(Input(entry.path, anchor, entry.problem))
        self.found.outputs_skipped += outputs
        self.found.excluded += number[EntryKind.EXCLUDED]
        if not number[EntryKind.IMAGE] + number[EntryKind.PROBLEM]:
            details = [f"{count(outputs, 'picture')} written by hiqa skipped"] if outputs else []
            details += [f"{number[EntryKind.EXCLUDED]:,} excluded"] if number[EntryKind.EXCLUDED] else []
            details += ["give -r to read its subfolders"] if number[EntryKind.FOLDER] else []
            self.found.images.append(Input(folder, anchor, "; ".join(["no image in this folder", *details])))


def _is_wanted(match: str) -> bool:
    """Whether a match of a pattern is a folder, or a file that a search reads."""
    return os.path.isdir(match) or is_searched(match)


def _plain_folder(pattern: str) -> str:
    """The deepest folder of a pattern that is not a pattern itself."""
    folder = os.path.dirname(pattern)
    while folder and glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or os.curdir


def _missing(path: str) -> str:
    """Why nothing is there, or ""; distinguishes a broken link from a wrong name."""
    if not path:
        return "an empty path"
    if "\0" in path:
        return "a path cannot contain NUL; for a list of names that end in NUL, give -0"
    try:
        os.stat(path)
    except FileNotFoundError:
        return "a broken link" if os.path.islink(path) else "no such file or folder"
    except OSError as error:
        return os_reason(error)
    return ""


def input_files(inputs: Iterable[Input]) -> set[FileId]:
    """The files of the inputs, which must never be overwritten."""
    return file_ids(image.path for image in inputs if not image.problem and not image.is_standard_input)


def read_file_list(source: str, *, nul_separated: bool, option: str = "--files-from") -> list[str]:
    """The names in a list (a file, or - for standard input) or a column of a table (FILE::COLUMN), in order, without
    empty ones. Raises UsageError, which names the option.

    Names are literal, as `find` prints them: a pattern or a single `-` in a list is a file of that name.
    """
    column = split_column(source)
    if column is not None:
        if nul_separated:
            raise UsageError("-0 is for lists of names that end in NUL", "leave it out for a column of a table")
        return read_column(*column, option)
    data = _read_list(source, option).removeprefix(BYTE_ORDER_MARK)
    if nul_separated:
        return [os.fsdecode(name) for name in data.split(b"\0") if name]
    if b"\0" in data:
        raise UsageError(f"{_list_name(source, option)} contains NUL characters", "for names that end in NUL, give -0")
    lines = [os.fsdecode(line) for line in data.split(b"\n")]
    return [name for name in map(_strip_return, lines) if name]


def _read_list(source: str, option: str) -> bytes:
    try:
        if source == STANDARD_INPUT:
            if sys.stdin is None:
                raise UsageError(f"{option} -: standard input is closed")
            return sys.stdin.buffer.read()
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{_list_name(source, option)} cannot be read: {os_reason(error)}") from error


def _list_name(source: str, option: str) -> str:
    return f"{option} -" if source == STANDARD_INPUT else f"{option}: {source}"


def _strip_return(name: str) -> str:
    """Strip the CR of Windows' line ends, unless a file has exactly this name."""
    return name[:-1] if name.endswith("\r") and not os.path.lexists(name) else name
