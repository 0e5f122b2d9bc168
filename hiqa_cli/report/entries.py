"""From rows to a report's entries: of an image just scored, or of a finished row, whose picture is read again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hiqa_cli.console.text import name_text, path_of
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.outputs.preview import Preview
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.tiling.grid import plan_tiles
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.limits import Limits
from hiqa_cli.images.picture import Picture
from hiqa_cli.rows.row import Row
from hiqa_cli.scoring.output_paths import DISCREPANCY, HALLUCINATION

from .entry import ReportEntry, TileScores

NO_MAPS = "this run wrote no maps: hallucination and discrepancy map come with --maps, or with --report while scoring"


def entry_of_result(row: Row, file: str | None, result: ScoreResult, preview: Preview | None) -> ReportEntry:
    """The entry of an image that was scored a moment ago; file: None where it came from standard input."""
    return ReportEntry(
        path=row.path,
        score=row.score,
        uncertainty=row.uncertainty,
        width=result.width,
        height=result.height,
        size=None if file is None else file_size(file),
        notes=result.notes,
        exif=result.exif,
        tiles=_tile_scores([(tile.x, tile.y, tile.score) for tile in result.tiles]),
        preview=preview,
    )


def entry_of_error(row: Row) -> ReportEntry:
    """The entry of an image that could not be scored."""
    return ReportEntry(path=row.path, error=row.error)


def entries_of_rows(
    rows: Iterable[tuple[Row, str | None]], wants: Callable[[float | None], bool], limits: Limits
) -> Iterator[ReportEntry]:
    """The entries of finished rows, in order; pictures are read again, the next while the present one is reduced.

    rows: each with the path of its image where that is known better than by the row's own text. wants: whether an
    image of this score is to be shown.
    """
    from hiqa_cli.engine.pipeline.job import Job
    from hiqa_cli.engine.pipeline.prefetch import Prefetcher

    def jobs() -> Iterator[Job]:
        for row, path in rows:
            known = row if path is None else replace(row, path=name_text(path))
            yield Job(known.path, _reader(known, wants, limits), token=known)

    ahead = Prefetcher(jobs())
    try:
        while (arrived := ahead.take(wait=True)) is not None:
            job, outcome = arrived
            assert isinstance(job.token, Row)
            yield _entry_of_row(job.token, outcome)
            if isinstance(outcome, Picture):
                ahead.release(outcome.width * outcome.height)
    finally:
        ahead.close()


def _reader(row: Row, wants: Callable[[float | None], bool], limits: Limits) -> Callable[[], Picture]:
    from hiqa_cli.images.read import read_picture

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


def _entry_of_row(row: Row, outcome: Picture | HiqaError) -> ReportEntry:
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
    return ReportEntry(
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
    from hiqa_cli.engine.outputs.preview import (
        LARGE_SIDE,
        Closeup,
        as_eight_bits,
        encode_preview,
        paint_quality,
        reduce_to,
        tile_within,
    )

    maps: dict[str, Any] = row.more.get("maps") or {}
    found, missing = {}, [] if maps else [NO_MAPS]
    worst = _worst_place(tiles) if tiles is not None and max(picture.width, picture.height) > LARGE_SIDE else None
    imagined, lowest = None, min(tiles.scores) if tiles is not None else None
    for kind in (HALLUCINATION, DISCREPANCY) if maps else ():
        try:
            pixels = _map_pixels(maps.get(kind), picture)
            found[kind] = reduce_to(pixels, LARGE_SIDE)
            if kind == HALLUCINATION and worst is not None:
                imagined = tile_within(pixels, *worst).copy()
        except (ImageError, ValueError) as error:
            missing.append(f"its {kind} is not shown: {maps.get(kind)}: {error}")
    quality = None
    stride = _stride_of_row(row)
    grid = None if stride is None else plan_tiles(picture.width, picture.height, stride)
    if tiles is not None and grid is not None:
        if list(zip(tiles.xs, tiles.ys, strict=True)) == list(grid.places()):
            quality = paint_quality(grid, tiles.scores)
        else:
            missing.append("its quality map is not shown: a sample of its tiles was scored")
    preview = encode_preview(
        reduce_to(picture.pixels, LARGE_SIDE),
        found.get(HALLUCINATION),
        found.get(DISCREPANCY),
        quality,
        row.weights,
        None if worst is None else Closeup(as_eight_bits(tile_within(picture.pixels, *worst)), imagined, lowest),
    )
    return preview, "; ".join(missing)


def _worst_place(tiles: TileScores) -> tuple[int, int]:
    """Left and top edge of the tile with the lowest score, the first of several."""
    place = tiles.scores.index(min(tiles.scores))
    return tiles.xs[place], tiles.ys[place]


def _map_pixels(name: object, picture: Picture) -> Any:
    """The pixels of a map that `--maps` wrote, without the scale that stands beside some."""
    from hiqa_cli.images.read import read_picture

    if not isinstance(name, str):
        raise ImageError("the row does not name it")
    pixels = read_picture(Path(path_of(name))).pixels
    height, width = pixels.shape[:2]
    if height < picture.height or width < picture.width:
        raise ImageError(f"{width} x {height} px are too few for {picture.width} x {picture.height}")
    return pixels[: picture.height, : picture.width]


def _tiles_of_row(row: Row) -> TileScores | None:
    """The tiles of a row, where it tells of them."""
    tiles = row.more.get("tile_scores")
    if not isinstance(tiles, list) or not tiles:
        return None
    try:
        return _tile_scores([(int(tile["x"]), int(tile["y"]), float(tile["score"])) for tile in tiles])
    except (KeyError, TypeError, ValueError):
        return None


def _tile_scores(tiles: list[tuple[int, int, float]]) -> TileScores:
    xs, ys, scores = zip(*tiles, strict=True)
    return TileScores(xs, ys, scores)


def _stride_of_row(row: Row) -> int | None:
    settings = row.more.get("settings")
    stride = settings.get("stride") if isinstance(settings, dict) else None
    return stride if isinstance(stride, int) and 1 <= stride <= TILE else None


def file_size(path: str) -> int | None:
    """Bytes of a regular file, None for what has no size to speak of."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):
            return os.path.getsize(path)
    return None
