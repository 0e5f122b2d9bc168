"""Paths of the pictures that hiqa writes: unique, inside the output folder, and never those of inputs.

The output folder mirrors the inputs' folders below their common root; where they have none but the root of the file
system, below the last names of each given folder, as many as tell them apart. A picture is named after the stem of its
input; inputs of one folder with the same stem use their full names.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.console.text import count, name_text
from hiqa_cli.engine.job import Outputs
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import check_output_folder, file_id
from hiqa_cli.files.remote.address import shown
from hiqa_cli.rows.row import DISCREPANCY, HALLUCINATION, QUALITY

from .inputs import Input, input_files

PANEL = "panel"
STANDARD_INPUT_FILE = "\0"  # stands for standard input; no file can have this name
STANDARD_INPUT_NAMES = ("stdin", "-")  # its stem, and its full name if a file has that stem


@dataclass(frozen=True)
class OutputPaths:
    """The pictures of one input, kind -> path."""

    pictures: dict[str, Path]

    @property
    def all_exist(self) -> bool:
        """Whether every picture is there."""
        return all(os.path.lexists(path) for path in self.pictures.values())


def plan_output_paths(inputs: Sequence[Input], folder: Path, kinds: Sequence[str]) -> list[OutputPaths | None]:
    """The pictures of every input; None for an input that has a problem.

    A file that is given twice has the same paths twice; different files never share a path.
    """
    anchors = {anchor for anchor in map(_anchor, inputs) if anchor}
    root = _common_root(anchors)
    is_shared = len(Path(root).parts) > 1 or root in anchors
    mirrored = {root: Path()} if is_shared else _mirrored(_outermost(anchors))
    places = [None if image.problem else _place(image, root) for image in inputs]
    names = _names({place for place in places if place is not None})
    plans: list[OutputPaths | None] = []
    for place in places:
        if place is None:
            plans.append(None)
            continue
        base = folder / _below(place[0], mirrored) / names[place]
        plans.append(OutputPaths({kind: Path(f"{base}.{kind}.png") for kind in kinds}))
    return plans


def _place(image: Input, root: str) -> tuple[str, str]:
    """(absolute folder, file name); standard input is placed in the root."""
    if image.is_standard_input:
        return root, STANDARD_INPUT_FILE
    path = shown(image.path)
    return _absolute(os.path.dirname(path)), os.path.basename(path)


def _anchor(image: Input) -> str:
    return "" if image.is_standard_input else _absolute(image.anchor)


def _absolute(folder: str) -> str:
    """The absolute path of a folder without `..`. Links are kept, except before `..`, which only the file system can
    resolve."""
    if os.pardir in Path(folder).parts:
        return os.path.realpath(folder)
    return os.path.abspath(folder)


def _common_root(anchors: Collection[str]) -> str:
    """The deepest folder that contains all, or "" if there is none (two drives, or standard input only)."""
    try:
        return os.path.commonpath(anchors) if anchors else ""
    except ValueError:  # different drives on Windows
        return ""


def _outermost(anchors: Collection[str]) -> list[str]:
    """The folders that lie in no other."""
    return [one for one in sorted(anchors) if not any(other in map(str, Path(one).parents) for other in anchors)]


def _mirrored(anchors: Sequence[str]) -> dict[str, Path]:
    """Where each folder is mirrored: its last names, as many as keep its place from being another's or inside it."""
    parts = {anchor: [re.sub(r"[:\\/]", "", part) or "root" for part in Path(anchor).parts] for anchor in anchors}
    length = dict.fromkeys(anchors, 1)
    while True:
        places = {anchor: Path(*parts[anchor][-length[anchor] :]) for anchor in anchors}
        clashing = [
            one
            for one in anchors
            for other in anchors
            if one != other and (places[one] == places[other] or places[other] in places[one].parents)
        ]
        longer = [anchor for anchor in clashing if length[anchor] < len(parts[anchor])]
        if not longer:
            return places
        for anchor in set(longer):
            length[anchor] += 1


def _below(folder: str, mirrored: dict[str, Path]) -> Path:
    """The place of a folder in the output folder."""
    for anchor in (folder, *map(str, Path(folder).parents)) if folder else ():
        if anchor in mirrored:
            return mirrored[anchor] / os.path.relpath(folder, anchor)
    return Path()


def _names(places: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The output name of every (folder, file name): its stem, or its full name if several files share the stem.

    A full name may be another file's stem (a.png beside a.png.tif), so this repeats until no names clash. Names that
    differ only in case or Unicode composition count as equal, as in some file systems.
    """
    stems = {place: _stem_and_full_name(place[1]) for place in places}
    names = {place: stem for place, (stem, _) in stems.items()}
    while True:
        owners = defaultdict(list)
        for place, name in names.items():
            folded = unicodedata.normalize("NFC", name_text(name)).casefold()
            owners[place[0], folded].append(place)
        shared = [place for group in owners.values() if len(group) > 1 for place in group]
        clashing = [place for place in shared if names[place] != stems[place][1]]
        if not clashing:
            return names
        files = [place for place in clashing if place[1] != STANDARD_INPUT_FILE]
        for place in files or clashing:  # standard input is renamed last
            names[place] = stems[place][1]


def _stem_and_full_name(file: str) -> tuple[str, str]:
    if file == STANDARD_INPUT_FILE:
        return STANDARD_INPUT_NAMES
    return os.path.splitext(file)[0], file


def check_output_paths(
    plans: Sequence[OutputPaths | None],
    inputs: Sequence[Input],
    folder: Path,
    *,
    may_exist: bool,
    hint: str,
) -> None:
    """Raise UsageError, before any work, if the pictures cannot or must not be written.

    may_exist: existing pictures will be replaced or kept. hint: what to do about pictures that must not exist.
    """
    check_output_folder(folder)
    inside = os.path.realpath(folder)
    targets = {path for plan in plans if plan for path in plan.pictures.values()}
    for parent in sorted({path.parent for path in targets}):
        if os.path.commonpath([os.path.realpath(parent), inside]) != inside:
            raise UsageError(f"{parent} is a link that leads out of {folder}", "give another folder")
    existing = [path for path in sorted(targets) if os.path.lexists(path)]
    sources = input_files(inputs) if existing else set()
    for path in existing:
        if file_id(path) in sources:
            raise UsageError(f"{path} is one of the input images", "give another folder")
        if path.is_dir():
            raise UsageError(f"{path} is a folder, expected a picture or nothing")
    if existing and not may_exist:
        others = f" (and {count(len(existing) - 1, 'other')})" if len(existing) > 1 else ""
        raise UsageError(f"{existing[0]} exists already{others}", hint)


def map_outputs(target: OutputPaths, *, keep: bool) -> Outputs:
    """The maps of an image as the outputs of its job. keep: leave out maps that exist."""
    paths = {kind: None if keep and os.path.lexists(path) else path for kind, path in target.pictures.items()}
    return Outputs(hallucination=paths[HALLUCINATION], discrepancy=paths[DISCREPANCY], quality=paths[QUALITY])


def map_names(target: OutputPaths) -> dict[str, str]:
    """The names of an image's maps, as rows have them."""
    return {kind: name_text(path) for kind, path in target.pictures.items()}
