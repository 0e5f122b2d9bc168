"""Build report entries from new scores, or from the rows of an earlier run, whose images are read again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.console.text import name_text, path_from_name
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.outputs.full_size import MAP_PIECE_QUALITY, PIECE_QUALITY, FullSize, encode_pieces
from hiqa_cli.engine.outputs.preview import LARGE_SIDE, Preview, as_uint8, encode_preview, paint_quality, reduce_to
from hiqa_cli.engine.outputs.sinks import Canvas
from hiqa_cli.engine.pipeline.prefetch import READERS, Prefetcher
from hiqa_cli.engine.pipeline.sources import PictureReader
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.tiling.grid import plan_tiles
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.row import DISCREPANCY, HALLUCINATION, Row, borders_of

from .entry import ReportEntry, TileScores

NOT_NEEDED = "not read: its preview is not needed"
NO_MAPS = "no hallucination or discrepancy map: score with --maps, or write the report with hiqa score --report"


def entry_from_result(row: Row, file: str | None, result: ScoreResult, preview: Preview | None) -> ReportEntry:
    """The entry of an image that was just scored. file: its path, None for standard input."""
    return ReportEntry(
        path=row.path,
        score=row.score,
        uncertainty=row.uncertainty,
        width=result.width,
        height=result.height,
        size=None if file is None else _file_size(file),
        reasons=row.words,
        notes=result.notes,
        exif=result.exif,
        tiles=_tile_scores([(tile.x, tile.y, tile.score) for tile in result.tiles]),
        preview=preview,
    )


def entry_from_error(row: Row) -> ReportEntry:
    """The entry of an image that could not be scored."""
    return ReportEntry(path=row.path, error=row.error)


def entries_from_rows(
    rows: Iterable[tuple[Row, str | None]],
    needs_preview: Callable[[float | None], bool],
    limits: Limits,
    reader: PictureReader,
    *,
    full_size: bool,
) -> Iterator[ReportEntry]:
    """Yield the entries of saved rows in order, reading the next image while the current one is reduced.

    rows: (row, path of its image, or None to use the row's own path). needs_preview: whether an image with this score
    needs its preview; all other images are not read. reader: reads images and maps.
    full_size: whether previews keep large images at full size.
    """

    def jobs() -> Iterator[Job]:
        for row, path in rows:
            located = row if path is None else replace(row, path=name_text(path))
            yield _job(located, limits, NOT_NEEDED if not needs_preview(located.score) else "")

    prefetcher = Prefetcher(jobs(), READERS, reader)
    try:
        while (ready := prefetcher.take(wait=True)) is not None:
            job, picture = ready
            assert isinstance(job.token, Row)
            yield _entry_from_row(job.token, picture, reader, full_size)
            if isinstance(picture, Picture):
                prefetcher.release(picture.width * picture.height)
    finally:
        prefetcher.close()


def _job(row: Row, limits: Limits, problem: str) -> Job:
    """Reads the image of a row again, unless there is a problem with it."""
    source = ""
    if not problem and row.path == "-" and not os.path.lexists("-"):
        problem = "read from standard input, not stored"
    if not problem:
        try:
            source = path_from_name(row.path)
        except ValueError:
            problem = "not a valid path on this system"
    return Job(source, row.path, limits=limits, problem=problem, token=row)


def _entry_from_row(row: Row, picture: Picture | HiqaError, reader: PictureReader, full_size: bool) -> ReportEntry:
    if row.score is None or row.width is None or row.height is None:
        return entry_from_error(row)
    tiles = _tiles_of_row(row)
    entry = ReportEntry(
        row.path,
        row.score,
        row.uncertainty,
        row.width,
        row.height,
        reasons=row.words,
        notes=row.notes,
        tiles=tiles,
    )
    if isinstance(picture, HiqaError):
        return entry if picture.message == NOT_NEEDED else replace(entry, missing=str(picture))
    if (picture.width, picture.height) != (row.width, row.height):
        found, expected = f"{picture.width} x {picture.height}", f"{row.width} x {row.height}"
        return replace(entry, missing=f"image changed: {found} px now, {expected} px when scored")
    preview, missing = _preview_from_row(row, picture, tiles, reader, full_size)
    size = None
    with contextlib.suppress(ValueError):
        size = _file_size(path_from_name(row.path))
    return replace(entry, size=size, exif=picture.exif, preview=preview, missing=missing)


def _preview_from_row(
    row: Row, picture: Picture, tiles: TileScores | None, reader: PictureReader, full_size: bool
) -> tuple[Preview, str]:
    """The previews of a row's image and maps, and why some of them are missing."""
    maps: dict[str, Any] = row.extra.get("maps") or {}
    missing = [] if maps else [NO_MAPS]
    keeps_full = full_size and max(picture.width, picture.height) > LARGE_SIDE
    previews: dict[str, np.ndarray] = {}
    pieces: dict[str, tuple[bytes, ...]] = {}
    if keeps_full:
        pieces["distorted"] = encode_pieces(as_uint8(picture.pixels), PIECE_QUALITY, row.weights, "preview")
    for kind, quality in ((HALLUCINATION, PIECE_QUALITY), (DISCREPANCY, MAP_PIECE_QUALITY)) if maps else ():
        try:
            pixels = _map_pixels(maps.get(kind), picture, reader)
        except (ImageError, ValueError) as error:
            missing.append(f"{kind} not shown: {maps.get(kind)}: {error}")
            continue
        previews[kind] = reduce_to(pixels, LARGE_SIDE)
        if keeps_full:
            pieces[kind] = encode_pieces(as_uint8(pixels), quality, row.weights, f"preview of the {kind}")
    quality_map, reason = _quality_preview(row, picture, tiles)
    missing += [reason] if reason else []
    preview = encode_preview(
        reduce_to(picture.pixels, LARGE_SIDE),
        previews.get(HALLUCINATION),
        previews.get(DISCREPANCY),
        quality_map,
        row.weights,
        FullSize(pieces) if pieces else None,
    )
    return preview, "; ".join(missing)


def _quality_preview(row: Row, picture: Picture, tiles: TileScores | None) -> tuple[np.ndarray | None, str]:
    """The quality map (h, w, 3) uint8 RGB from the tile scores, and why there is none although tiles were scored."""
    if tiles is None or row.stride is None:
        return None, ""
    borders = borders_of(row)
    width, height = picture.width - borders.left - borders.right, picture.height - borders.top - borders.bottom
    if width < 1 or height < 1:
        return None, "quality map not shown: the borders in the row are wider than the image"
    grid = plan_tiles(width, height, Scoring(row.mode or Scoring.mode, row.stride).tile_stride)
    places = [(x + borders.left, y + borders.top) for x, y in grid.places()]
    if list(zip(tiles.xs, tiles.ys, strict=True)) != places:
        return None, "quality map not shown: only a sample of the tiles was scored"
    return paint_quality(grid, tiles.scores, Canvas(picture.width, picture.height, borders)), ""


def _map_pixels(name: object, picture: Picture, reader: PictureReader) -> np.ndarray:
    """The pixels of a map file that `--maps` wrote, without its colour scale."""
    if not isinstance(name, str):
        raise ImageError("not named in the row")
    pixels = reader.read_picture(Path(path_from_name(name))).pixels
    height, width = pixels.shape[:2]
    if height < picture.height or width < picture.width:
        raise ImageError(f"{width} x {height} px, smaller than its image of {picture.width} x {picture.height} px")
    return pixels[: picture.height, : picture.width]


def _tiles_of_row(row: Row) -> TileScores | None:
    tiles = row.extra.get("tile_scores")
    if not isinstance(tiles, list) or not tiles:
        return None
    try:
        return _tile_scores([(int(tile["x"]), int(tile["y"]), float(tile["score"])) for tile in tiles])
    except (KeyError, TypeError, ValueError):
        return None


def _tile_scores(tiles: list[tuple[int, int, float]]) -> TileScores:
    xs, ys, scores = zip(*tiles, strict=True)
    return TileScores(xs, ys, scores)


def _file_size(path: str) -> int | None:
    """Bytes of a regular file, None for anything else."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):
            return os.path.getsize(path)
    return None
