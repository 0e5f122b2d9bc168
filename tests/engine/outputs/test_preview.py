"""The small pictures of a report as the engine makes them while it scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.sample_images import photograph

from hiqa_cli.engine.job import Job, Outputs
from hiqa_cli.engine.outputs.colour_scale import QUALITY_SCALE
from hiqa_cli.engine.outputs.full_size import PIECE, PIECE_QUALITY
from hiqa_cli.engine.outputs.preview import PREVIEW_QUALITY, Preview, PreviewSlot, fit, paint_quality
from hiqa_cli.engine.outputs.sinks import Canvas
from hiqa_cli.engine.outputs.webp import stamped_webp
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.tiling.grid import plan_tiles
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.sniff import is_hiqa_output


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Scorer:
    return Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=1)


def previewed(scorer: Scorer, pixels: np.ndarray) -> tuple[ScoreResult, Preview]:
    """Score an array and give its preview, too."""
    slot = PreviewSlot()
    job = Job(pixels, outputs=Outputs(preview=slot))
    ((_, result),) = scorer.score_stream([job], stride=256)
    assert isinstance(result, ScoreResult)
    preview = slot.take()
    assert preview is not None
    assert slot.take() is None  # let go of
    return result, preview


def pixels_of(webp: bytes | None) -> np.ndarray:
    assert webp is not None
    return decode_picture(webp).pixels.astype(int)


def assert_shows(webp: bytes | None, imagined: np.ndarray, quality: int) -> None:
    """The picture is this one, as WebP keeps it (of what random weights imagine, coloured noise, it loses much)."""
    kept = pixels_of(stamped_webp(imagined, quality, "expected"))
    assert abs(pixels_of(webp) - kept).mean() < 0.5


def test_a_small_picture_is_shown_as_it_is(scorer: Scorer, tmp_path: Path) -> None:
    photo = photograph(330, 260)
    result, preview = previewed(scorer, photo)
    assert abs(pixels_of(preview.distorted) - photo).mean() < 4
    whole = scorer.score(photo, stride=256, hallucination=True)
    assert whole.hallucination is not None
    assert_shows(preview.hallucination, whole.hallucination, PREVIEW_QUALITY)
    assert pixels_of(preview.thumbnail).shape == (252, 320, 3)
    assert preview.full is None  # it is shown at full size anyway
    grid = plan_tiles(330, 260, 256)
    painted = paint_quality(grid, [tile.score for tile in result.tiles], Canvas(330, 260))
    assert abs(pixels_of(preview.quality) - painted).mean() < 4
    assert abs(painted.mean(axis=(0, 1)) - QUALITY_SCALE.paint(np.array([result.score]))[0]).max() < 8
    (tmp_path / "own.webp").write_bytes(preview.thumbnail)
    assert is_hiqa_output(tmp_path / "own.webp")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_large_picture_is_kept_at_full_size_in_pieces(scorer: Scorer, dtype: type) -> None:
    photo = photograph(1500, 300)
    _, preview = previewed(scorer, photo if dtype is np.uint8 else photo.astype(np.uint16) * 257)
    assert pixels_of(preview.distorted).shape == pixels_of(preview.discrepancy).shape == (256, 1280, 3)
    whole = scorer.score(photo, stride=256, hallucination=True).hallucination
    assert preview.full is not None
    assert whole is not None
    assert set(preview.full.pieces) == {"distorted", "hallucination", "discrepancy"}
    for kind, expected in (("distorted", photo), ("hallucination", whole)):
        joined = np.concatenate([pixels_of(piece) for piece in preview.full.pieces[kind]], axis=1)
        assert joined.shape == (300, 1500, 3)
        kept = [pixels_of(stamped_webp(expected[:, cut], PIECE_QUALITY, "", 2)) for cut in np.s_[:PIECE, PIECE:]]
        assert abs(joined - np.concatenate(kept, axis=1)).mean() < 0.5, kind


def test_full_size_is_left_out_where_it_is_not_wanted(scorer: Scorer) -> None:
    slot = PreviewSlot(full_size=False)
    list(scorer.score_stream([Job(photograph(1400, 20), outputs=Outputs(preview=slot))], stride=256))
    assert slot.preview is not None
    assert slot.preview.full is None


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 1400), (1400, 2)])
def test_no_picture_is_too_thin_for_a_preview(scorer: Scorer, width: int, height: int) -> None:
    _, preview = previewed(scorer, photograph(width, height))
    columns, rows = fit(width, height, 1280)
    assert pixels_of(preview.distorted).shape == (rows, columns, 3)
    assert min(pixels_of(preview.thumbnail).shape) >= 1
