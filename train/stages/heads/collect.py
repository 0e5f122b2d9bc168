"""Passes examples through the networks and stores their rows in pieces, from which a stopped run resumes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.pipeline.statistics import image_statistics, pooled
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import to_tensor

from .examples import Draw, Example
from .rows import Rows

PIECE = 64  # draws per file
ABOUT = "about.json"  # the identity of data and networks
One = TypeVar("One")


def collect_rows(
    draws: Sequence[Draw],
    backend: Backend,
    folder: Path,
    identity: dict[str, Any],
    *,
    stopped: Callable[[], bool],
    report: Callable[[str], None],
) -> Rows | None:
    """The rows of all draws, see collect_pieces()."""

    def compute(some: Sequence[Draw], file: Path) -> None:
        rows_of([example for draw in some for example in draw()], backend).save(file)

    files = collect_pieces("heads", draws, compute, folder, identity, stopped=stopped, report=report)
    return None if files is None else Rows.joined([Rows.load(file) for file in files])


def collect_pieces(
    title: str,
    draws: Sequence[One],
    compute: Callable[[Sequence[One], Path], None],
    folder: Path,
    identity: dict[str, Any],
    *,
    stopped: Callable[[], bool],
    report: Callable[[str], None],
) -> list[Path] | None:
    """Compute the rows of all draws in files of `folder`, PIECE draws each, but for those that it already holds.
    Returns the files, or None if `stopped` returned True before the last one.

    compute: makes the rows of some draws, and writes them to a file. title: what messages begin with. identity: of data
    and networks. Raises UsageError if the folder holds rows of other data or networks, and OutputError.
    """
    check_identity(folder, identity)
    files = []
    for first in range(0, len(draws), PIECE):
        file = folder / f"{first:06}.npz"
        if not file.exists():
            if stopped():
                return None
            compute(draws[first : first + PIECE], file)
            if first // PIECE % 10 == 0:
                done = min(first + PIECE, len(draws))
                report(f"{title}: {done:,} of {len(draws):,} images and groups are through the networks")
        files.append(file)
    return files


def check_identity(folder: Path, identity: dict[str, Any]) -> None:
    """Write the identity of the folder's rows, or compare it with the one there. Raises UsageError if they differ."""
    about = folder / ABOUT
    if not about.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(about, identity)
    elif json.loads(about.read_bytes()) != json.loads(json.dumps(identity)):
        raise UsageError(f"{folder} holds rows of other data or networks", "remove it, or give another --out")


def rows_of(examples: Sequence[Example], backend: Backend) -> Rows:
    """Pass examples through the networks."""
    of_images = [image_statistics(backend, example.pixels) for example in examples]
    return Rows(
        statistics=np.concatenate([pooled(one.tiles, one.weights) for one in of_images]),
        whole=np.concatenate([one.whole for one in of_images]),
        human=np.array([example.human for example in examples], np.float32),
        measured=np.array([measured_quality(example) for example in examples], np.float32),
        source=np.array([example.source for example in examples]),
        subset=np.array([example.subset for example in examples]),
        group=np.array([example.group for example in examples]),
        validates=np.array([example.validates for example in examples]),
        scene=np.array([example.scene for example in examples]),
    )


def measured_quality(example: Example) -> float:
    """The full-reference quality of an example, 0..1; NaN without a reference."""
    if example.reference is None:
        return float("nan")
    return float(mdsi_quality(to_tensor([example.pixels]), to_tensor([example.reference])))
