"""What a report is told of one image."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_cli.engine.outputs.preview import Preview


@dataclass(frozen=True)
class TileScores:
    """Left and top edges (px) of 256x256 tiles, and their scores in points: all of a picture's, or a sample of them."""

    xs: tuple[int, ...]
    ys: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class ReportEntry:
    """One image of a run.

    path: as text, bytes that are not UTF-8 as surrogate escapes. score, uncertainty: points, None where there is an
    error, which then says why. width, height: px of the upright image. size: bytes of its file, None where unknown.
    notes: what was done to it on the way in. exif: (name, value) of camera, lens and exposure. tiles: None where the
    run did not tell. missing: why its pictures are not shown, "" where they are.
    """

    path: str
    score: float | None = None
    uncertainty: float | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    error: str = ""
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()
    tiles: TileScores | None = None
    preview: Preview | None = None
    missing: str = ""


@dataclass(frozen=True)
class RunFacts:
    """What a report says of a whole run.

    title: of the page. version: hiqa's. weights, mode, precision, stride: "" and None where no row tells. gate: the
    least score that passes, or None. unfinished: why some images are not here, "" where all are.
    """

    title: str
    version: str
    weights: str = ""
    mode: str = ""
    precision: str = ""
    stride: int | None = None
    gate: float | None = None
    unfinished: str = ""
