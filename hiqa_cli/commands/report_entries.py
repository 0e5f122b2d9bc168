"""From rows to a report's entries: of an image just scored, or of a finished row, whose picture is read again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine.limits import Limits
from ..engine.picture import Picture
from ..engine.preview import Preview
from ..engine.results import ScoreResult
from ..engine.tiles import plan_tiles
from ..errors import HiqaError, ImageError
from ..report.entry import Entry, TileScores
from .inputs import Input
from .rows import Row
from .targets import DISCREPANCY, HALLUCINATION
from .text import name_text, path_of

NO_MAPS = "this run wrote no maps: hallucination and discrepancy map come with --maps, or with --report while scoring"


def entry_of_result(row: Row, entry: Input, result: ScoreResult, preview: Preview | None) -> Entry:
    """The entry of an image that was scored a moment ago."""
    grid = plan_tiles(result.width, result.height, result.stride)
    return Entry(
        path=row.path,
        score=row.score,
        uncertainty=row.uncertainty,
        width=result.width,
        height=result.height,
        size=None if entry.is_standard_input else file_size(entry.path),
        notes=result.notes,
        exif=result.exif,
        tiles=TileScores(grid.xs, grid.ys, tuple(tile.score for tile in result.tiles)),
        preview=preview,
    )


def entry_of_error(row: Row) -> Entry:
    """The entry of an image that could not be scored."""
    return Entry(path=row.path, error=row.error)


def entries_of_rows(
    rows: Iterable[tuple[Row, str | None]], wants: Callable[[float | None], bool], limits: Limits
) -> Iterator[Entry]:
    """The entries of finished rows, in order; pictures are read again, the next while the present one is reduced.

    rows: each with the path of its image where that is known better than by the row's own text. wants: whether an
    image of this score is to be shown.
    """
    from ..engine.jobs import Job
    from ..engine.read_ahead import ReadAhead

    def jobs() -> Iterator[Job]:
        for row, path in rows:
            known = row if path is None else replace(row, path=name_text(path))
            yield Job(known.path, _reader(known, wants, limits), token=known)

    ahead = ReadAhead(jobs())
    try:
        while (arrived := ahead.take(wait=True)) is not None:
            job, outcome = arrived
            assert isinstance(job.token, Row)
            yield _entry_of_row(job.token, outcome)
            if isinstance(outcome, Picture):
                ahead.release(outcome.width * outcome.height)
    finally:
        ahead.close()


def _reader(
    row: Row, wants: Callable[[float | None], bool], limits: Limits
) -> Callable[[], Picture]:
    from ..engine.reading import read_picture

    def read() -> Picture:
        if not wants(row.score):
            raise ImageError("")
        if row.path == "-" and not os.path.lexists("-"):
            raise ImageError("it came from standard input")
        try:
            picture = read_picture(path_of(row.path), limits)
        except ValueError as error:
            raise ImageError("its name is no path on this system") from error
        if (picture.width, picture.height) != (row.width, row.height):
            found, expected = f"{picture.width} x {picture.height}", f"{row.width} x {row.height}"
            raise ImageError(f"now {found} px, {expected} px when it was scored")
        return picture

    return read


def _entry_of_row(row: Row, outcome: Picture | HiqaError) -> Entry:
    if row.score is None or row.width is None or row.height is None:
        return entry_of_error(row)
    tiles = _tiles_of_row(row)
    notes = tuple(str(note) for note in row.more.get("notes") or ())
    preview, size, missing = None, None, ""
    if isinstance(outcome, HiqaError):
        missing = str(outcome)
    else:
        preview, missing = preview_of_row(row, outcome, tiles)
        with contextlib.suppress(ValueError):
            size = file_size(path_of(row.path))
    return Entry(
        row.path,
        row.score,
        row.uncertainty,
        row.width,
        row.height,
        size=size,
        notes=notes,
        exif=outcome.exif if isinstance(outcome, Picture) else (),
        tiles=tiles,
        preview=preview,
        missing=missing,
    )


def preview_of_row(row: Row, picture: Picture, tiles: TileScores | None) -> tuple[Preview, str]:
    """The small pictures of a row's image and its maps, and why some of them are not there."""
    from ..engine.preview import (
        LARGE_SIDE,
        Closeup,
        as_eight_bits,
        encode_preview,
        paint_quality,
        reduce_to,
        tile_within,
    )
    from ..engine.tiles import TileGrid

    maps: dict[str, Any] = row.more.get("maps") or {}
    found, missing = {}, [] if maps else [NO_MAPS]
    worst = _worst_place(tiles) if tiles is not None and max(picture.width, picture.height) > LARGE_SIDE else None
    imagined = None
    for kind in (HALLUCINATION, DISCREPANCY) if maps else ():
        try:
            pixels = _map_pixels(maps.get(kind), picture)
            found[kind] = reduce_to(pixels, LARGE_SIDE)
            if kind == HALLUCINATION and worst is not None:
                imagined = tile_within(pixels, *worst).copy()
        except (ImageError, ValueError) as error:
            missing.append(f"its {kind} is not shown: {maps.get(kind)}: {error}")
    quality = None
    if tiles is not None:
        grid = TileGrid(picture.width, picture.height, tiles.xs, tiles.ys)
        quality = paint_quality(grid, tiles.scores)
    preview = encode_preview(
        reduce_to(picture.pixels, LARGE_SIDE),
        found.get(HALLUCINATION),
        found.get(DISCREPANCY),
        quality,
        row.weights,
        None if worst is None else Closeup(as_eight_bits(tile_within(picture.pixels, *worst)), imagined),
    )
    return preview, "; ".join(missing)


def _worst_place(tiles: TileScores) -> tuple[int, int]:
    """Left and top edge of the tile with the lowest score, the first of several."""
    row, column = divmod(tiles.scores.index(min(tiles.scores)), len(tiles.xs))
    return tiles.xs[column], tiles.ys[row]


def _map_pixels(name: object, picture: Picture) -> Any:
    """The pixels of a map that `--maps` wrote, without the scale that stands beside some."""
    from ..engine.reading import read_picture

    if not isinstance(name, str):
        raise ImageError("the row does not name it")
    pixels = read_picture(Path(path_of(name))).pixels
    height, width = pixels.shape[:2]
    if height < picture.height or width < picture.width:
        raise ImageError(f"{width} x {height} px are too few for {picture.width} x {picture.height}")
    return pixels[: picture.height, : picture.width]


def _tiles_of_row(row: Row) -> TileScores | None:
    """The tiles of a row, where it tells of them and they are those of its stride."""
    tiles = row.more.get("tile_scores")
    settings = row.more.get("settings")
    stride = settings.get("stride") if isinstance(settings, dict) else None
    if not isinstance(tiles, list) or not isinstance(stride, int) or row.width is None or row.height is None:
        return None
    grid = plan_tiles(row.width, row.height, stride)
    try:
        places = [(tile["x"], tile["y"]) for tile in tiles]
        scores = tuple(float(tile["score"]) for tile in tiles)
    except (KeyError, TypeError, ValueError):
        return None
    return TileScores(grid.xs, grid.ys, scores) if places == list(grid.places()) else None


def file_size(path: str) -> int | None:
    """Bytes of a regular file, None for what has no size to speak of."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):
            return os.path.getsize(path)
    return None
