"""Finds the images to score: paths, folders, patterns, standard input and lists of names."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hiqa_cli.console.text import count, name_text
from hiqa_cli.errors import UsageError, os_reason
from hiqa_cli.images.sniff import IMAGE_SUFFIXES, is_hiqa_output
from hiqa_cli.output_checks import FileId, file_ids

STANDARD_INPUT = "-"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
        return self.path == STANDARD_INPUT and not self.anchor

    @property
    def name(self) -> str:
        """The path as text for files and messages, see name_text()."""
        return name_text(self.path)


@dataclass
class Inputs:
    """All inputs, in order. outputs_skipped: number of pictures in folders that hiqa wrote."""

    images: list[Input] = field(default_factory=list)
    outputs_skipped: int = 0


def find_inputs(paths: Iterable[str], *, recursive: bool, files_from: str | None, nul_separated: bool) -> Inputs:
    """Find the inputs that the command line names.

    A path or pattern that matches nothing becomes an Input with a problem. Raises UsageError if nothing is named,
    standard input is used twice, or the list cannot be read.
    """
    given = list(paths)
    uses = given.count(STANDARD_INPUT) + (files_from == STANDARD_INPUT)
    if uses > 1:
        raise UsageError("standard input (-) is given twice", "it can be read only once")
    if nul_separated and files_from is None:
        raise UsageError("-0 needs --files-from", "give --files-from FILE or -")
    if not given and files_from is None:
        raise UsageError("no image given", "give files, folders, - or --files-from")
    found = Inputs()
    for path in given:
        if path == STANDARD_INPUT:
            found.images.append(Input(path))
        else:
            _add_argument(path, recursive, found)
    if files_from is not None:
        for path in read_file_list(files_from, nul_separated=nul_separated):
            _add_path(path, recursive, found)
    return found


def _add_argument(path: str, recursive: bool, found: Inputs) -> None:
    """Add a path, or the matches of a pattern unless a file has exactly this name."""
    if os.path.lexists(path) or not glob.has_magic(path):
        _add_path(path, recursive, found)
        return
    matches = sorted(glob.glob(path, recursive=True))
    if not matches:
        found.images.append(Input(path, _plain_folder(path), "the pattern matches nothing"))
    for match in matches:
        _add_path(match, recursive, found)


def _plain_folder(pattern: str) -> str:
    """The deepest folder of a pattern that is not a pattern itself."""
    folder = os.path.dirname(pattern)
    while folder and glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder or os.curdir


def _add_path(path: str, recursive: bool, found: Inputs) -> None:
    problem = _missing(path)
    if problem:
        folder = os.curdir if "\0" in path else os.path.dirname(path) or os.curdir
        found.images.append(Input(path, folder, problem))
    elif os.path.isdir(path):
        _add_folder(path, recursive, found)
    else:
        found.images.append(Input(path, os.path.dirname(path) or os.curdir))


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


def _add_folder(folder: str, recursive: bool, found: Inputs) -> None:
    """Add the images of a folder; a folder without images is an error."""
    images_before, outputs_before = len(found.images), found.outputs_skipped
    has_folders = False
    for path, problem in _walk(folder, recursive):
        if problem is None:
            has_folders = True
        elif problem:
            found.images.append(Input(path, folder, problem))
        elif is_hiqa_output(path):
            found.outputs_skipped += 1
        else:
            found.images.append(Input(path, folder))
    if len(found.images) == images_before:
        skipped = found.outputs_skipped - outputs_before
        details = [f"{count(skipped, 'picture')} written by hiqa skipped"] if skipped else []
        details += ["give -r to read its subfolders"] if has_folders and not recursive else []
        reason = "; ".join(["no image in this folder", *details])
        found.images.append(Input(folder, folder, reason))


def _walk(folder: str, recursive: bool) -> Iterator[tuple[str, str | None]]:
    """(path, problem) of a folder's contents, sorted by name.

    problem: "" for a file with the suffix of an image; None for a subfolder, if not recursive. Skips hidden names and
    links to folders.
    """
    open_folders = [_listing(folder)]  # a stack instead of recursion: folders may be very deep
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, tuple):
            yield entry
        elif entry.name.startswith(".") or _is_hidden(entry):
            continue
        elif entry.is_dir(follow_symlinks=False):
            if recursive:
                open_folders.append(_listing(entry.path))
            else:
                yield entry.path, None
        elif _has_image_suffix(entry.name) and not _links_to_folder(entry):
            yield entry.path, ""


def _listing(folder: str) -> Iterator[os.DirEntry[str] | tuple[str, str]]:
    """The entries of a folder, sorted by name, or (folder, problem) if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        return iter([(folder, f"the folder cannot be read: {os_reason(error)}")])


def _has_image_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _links_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circular link, or no permission: reading the file will report it
        return False


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    """Whether the entry has Windows' hidden attribute."""
    try:
        attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return bool(attributes & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0))


def input_files(inputs: Iterable[Input]) -> set[FileId]:
    """The files of the inputs, which must never be overwritten."""
    return file_ids(image.path for image in inputs if not image.problem and not image.is_standard_input)


def read_file_list(source: str, *, nul_separated: bool) -> list[str]:
    """The names in a list (a file, or - for standard input), in order, without empty ones. Raises UsageError.

    Names are literal, as `find` prints them: a pattern or a single `-` in a list is a file of that name.
    """
    data = _read_list(source).removeprefix(BYTE_ORDER_MARK)
    if nul_separated:
        return [os.fsdecode(name) for name in data.split(b"\0") if name]
    if b"\0" in data:
        raise UsageError(f"{_list_name(source)} contains NUL characters", "for names that end in NUL, give -0")
    lines = [os.fsdecode(line) for line in data.split(b"\n")]
    return [name for name in map(_strip_return, lines) if name]


def _read_list(source: str) -> bytes:
    try:
        if source == STANDARD_INPUT:
            if sys.stdin is None:
                raise UsageError("--files-from -: standard input is closed")
            return sys.stdin.buffer.read()
        with open(source, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{_list_name(source)} cannot be read: {os_reason(error)}") from error


def _list_name(source: str) -> str:
    return "--files-from -" if source == STANDARD_INPUT else f"--files-from: {source}"


def _strip_return(name: str) -> str:
    """Strip the CR of Windows' line ends, unless a file has exactly this name."""
    return name[:-1] if name.endswith("\r") and not os.path.lexists(name) else name
