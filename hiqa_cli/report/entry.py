"""What a report shows: one entry per image, and facts about the run."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_cli.engine.outputs.preview import Preview


@dataclass(frozen=True)
class TileScores:
    """Left and top edges (px) of 256x256 tiles with their scores (0..100); all tiles of an image, or a sample."""

    xs: tuple[int, ...]
    ys: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class ReportEntry:
    """One image of a run.

    path: text; bytes that are not UTF-8 are surrogate escapes. score, uncertainty: points (0..100), None for a failed
    image, whose reason is `error`. width, height: px of the image in upright orientation. size: bytes of its file, None
    if unknown. reasons: the kind of a picture that is no photograph, and why the score is low. notes: what was done
    to it before scoring. exif: (name, value) of camera, lens, exposure and date. tiles: None if the row has no tile
    scores. missing: why some previews are not shown, "" if all are.
    """

    path: str
    score: float | None = None
    uncertainty: float | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    error: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()
    tiles: TileScores | None = None
    preview: Preview | None = None
    missing: str = ""


@dataclass(frozen=True)
class RunFacts:
    """Facts about a whole run, shown at the top of its page.

    title: of the page. version: of hiqa. weights, mode, precision, stride (px): "" or None if unknown. gate: lowest
    passing score, None if not set. warning: shown prominently, for example that the run was interrupted; "" for none.
    versions: of a page that compares: the facts of each version.
    """

    title: str
    version: str
    weights: str = ""
    mode: str = ""
    precision: str = ""
    stride: int | None = None
    gate: float | None = None
    warning: str = ""
    versions: tuple[RunFacts, ...] = ()
