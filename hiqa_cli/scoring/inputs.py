"""Which images are meant: paths, folders, patterns, standard input, lists of names."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hiqa_cli.console.text import count, name_text
from hiqa_cli.errors import UsageError, os_reason
from hiqa_cli.images.sniff import IMAGE_SUFFIXES, is_hiqa_output

from .file_lists import STANDARD_INPUT, read_file_list


@dataclass(frozen=True)
class Input:
    """One image to be read, or the reason why there is none.

    path: as given; for a file found in a folder, the folder as given and the way to the file.
    anchor: the folder that was given, or that the file lies in: outputs are mirrored below the
        common root of all anchors, also of those where nothing was found, so that a file that
        comes back does not move the others' outputs. Empty for standard input.
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
        """The path as text for outputs and messages, see text.name_text."""
        return name_text(self.path)


@dataclass
class Inputs:
    """All that was asked for, in order.

    own_skipped: pictures in folders that hiqa itself wrote.
    """

    images: list[Input] = field(default_factory=list)
    own_skipped: int = 0


def find_inputs(paths: Iterable[str], *, recursive: bool, files_from: str | None, nul_separated: bool) -> Inputs:
    """Everything that the command line names.

    Raises UsageError where nothing is named, standard input is used twice, or the list cannot be
    read; what matches nothing becomes an Input with its problem.
    """
    given = list(paths)
    uses = given.count(STANDARD_INPUT) + (files_from == STANDARD_INPUT)
    if uses > 1:
        raise UsageError("standard input (-) is asked for twice", "it can be read once only")
    if nul_separated and files_from is None:
        raise UsageError("-0 says how --files-from is to be read", "give --files-from FILE or -")
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
    """A path, or a pattern where no file has literally this name."""
    if os.path.lexists(path) or not glob.has_magic(path):
        _add_path(path, recursive, found)
        return
    matches = sorted(glob.glob(path, recursive=True))
    if not matches:
        found.images.append(Input(path, _plain_folder(path), "the pattern matches nothing"))
    for match in matches:
        _add_path(match, recursive, found)


def _plain_folder(pattern: str) -> str:
    """The deepest folder of a pattern that is not itself a pattern."""
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
    """Why nothing is there, or ""; a link that leads nowhere is told apart from a wrong name."""
    if not path:
        return "an empty path"
    if "\0" in path:
        return "a path cannot hold NUL; a list of names that end in NUL wants -0"
    try:
        os.stat(path)
    except FileNotFoundError:
        return "a link that leads nowhere" if os.path.islink(path) else "no such file or folder"
    except OSError as error:
        return os_reason(error)
    return ""


def _add_folder(folder: str, recursive: bool, found: Inputs) -> None:
    """The images of a folder; a folder that gives none is an error of its own."""
    before, own_before = len(found.images), found.own_skipped
    has_folders = False
    for path, problem in _walk(folder, recursive):
        if problem is None:
            has_folders = True
        elif problem:
            found.images.append(Input(path, folder, problem))
        elif is_hiqa_output(path):
            found.own_skipped += 1
        else:
            found.images.append(Input(path, folder))
    if len(found.images) == before:
        own = found.own_skipped - own_before
        details = [f"{count(own, 'picture')} of hiqa's own skipped"] if own else []
        details += ["its subfolders are read with -r"] if has_folders and not recursive else []
        reason = "; ".join(["no image in this folder", *details])
        found.images.append(Input(folder, folder, reason))


def _walk(folder: str, recursive: bool) -> Iterator[tuple[str, str | None]]:
    """(path, problem) of what a folder holds, by name; problem "": an image by its suffix; None: a
    subfolder that is not looked into. Hidden names and links to folders are passed over."""
    open_folders = [_listing(folder)]  # a stack, not a recursion: folders may lie very deep
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
    """The entries of a folder by name, or (folder, problem) where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        reason = os_reason(error)
        return iter([(folder, f"the folder cannot be read: {reason}")])


def _has_image_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _links_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that is closed: reading it will tell
        return False


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    """Hidden by Windows' attribute; elsewhere a leading dot says it."""
    try:
        attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    except OSError:
        return False
    return bool(attributes & getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0))


def real_paths(inputs: Iterable[Input]) -> set[str]:
    """The files behind the inputs, links followed: what must never be written over."""
    return {os.path.realpath(entry.path) for entry in inputs if not entry.problem and not entry.is_standard_input}
