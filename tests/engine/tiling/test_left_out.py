"""Borders are left out of the score; tiles and pictures keep their place in the whole image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.sample_images import photograph

from hiqa_cli.engine.job import Job, Outputs
from hiqa_cli.engine.outputs.colour_scale import LEFT_OUT, QUALITY_SCALE
from hiqa_cli.engine.outputs.preview import PreviewSlot, paint_quality
from hiqa_cli.engine.outputs.sinks import Canvas
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Scorer, Scoring
from hiqa_cli.engine.tiling.grid import plan_tiles
from hiqa_cli.engine.tiling.sides import NO_BORDERS, Borders
from hiqa_cli.images.read import decode_picture
from hiqa_cli.rows.row import borders_of, scored_row

PHOTO = photograph(400, 300)
BORDERS = Borders(30, 70, 20, 90)
FRAMED = np.zeros((460, 450, 3), np.uint8)
FRAMED[70:370, 30:430] = PHOTO
WITHIN = np.s_[70:370, 30:430]


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Scorer:
    return Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=1)


@pytest.mark.parametrize("scoring", [Scoring("exact"), Scoring("fast"), Scoring("fast", max_tiles=2)], ids=str)
def test_a_bordered_image_scores_as_without_its_borders(scorer: Scorer, scoring: Scoring) -> None:
    alone = scorer.score(PHOTO, scoring=scoring, hallucination=True, discrepancy=True)
    framed = scorer.score(FRAMED, scoring=scoring, hallucination=True, discrepancy=True)
    assert (framed.score, framed.uncertainty, framed.borders) == (alone.score, alone.uncertainty, BORDERS)
    assert (framed.width, framed.height) == (450, 460)
    assert [(t.x - 30, t.y - 70, t.score) for t in framed.tiles] == [(t.x, t.y, t.score) for t in alone.tiles]
    assert framed.notes[0] == "borders left out: left 30, top 70, right 20, bottom 90 px"
    assert framed.to_dict()["borders"] == {"left": 30, "top": 70, "right": 20, "bottom": 90}
    for mine, whole in ((framed.hallucination, alone.hallucination), (framed.discrepancy, alone.discrepancy)):
        assert mine is not None
        assert whole is not None
        assert np.array_equal(mine[WITHIN], whole)
        assert not mine[:70].any()
        assert not mine[:, 430:].any()
    assert np.array_equal(framed.distorted, FRAMED)


def test_borders_are_scored_when_they_are_kept(scorer: Scorer) -> None:
    kept = scorer.score(FRAMED, scoring=Scoring(keep_borders=True))
    assert (kept.borders, kept.notes) == (NO_BORDERS, ())
    assert kept.score != scorer.score(FRAMED).score
    assert {tile.x for tile in kept.tiles} == {0, 194}


def test_a_quality_map_is_grey_in_the_borders(scorer: Scorer, tmp_path: Path) -> None:
    slot = PreviewSlot()
    file = tmp_path / "quality.png"
    ((_, result),) = scorer.score_stream([Job(FRAMED, outputs=Outputs(quality=file, preview=slot))], stride=256)
    assert isinstance(result, ScoreResult)
    painted = decode_picture(file.read_bytes()).pixels[:460, :450]
    is_grey = (painted == LEFT_OUT).all(axis=2)
    assert is_grey[:70].all()
    assert is_grey[370:].all()
    assert is_grey[:, :30].all()
    assert is_grey[:, 430:].all()
    assert not is_grey[WITHIN].any()
    corner = QUALITY_SCALE.paint(np.array([result.tiles[0].score]))[0]
    assert abs(painted[70, 30].astype(int) - corner).max() <= 3
    row = scored_row("framed.png", result, {})
    assert borders_of(row) == BORDERS
    small = paint_quality(plan_tiles(400, 300, 256), [t.score for t in result.tiles], Canvas(450, 460, borders_of(row)))
    preview = slot.take()
    assert preview is not None
    assert preview.quality is not None
    assert abs(decode_picture(preview.quality).pixels.astype(int) - small).mean() < 4
    assert (small[:38] == LEFT_OUT).all()
