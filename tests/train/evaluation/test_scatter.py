"""The scatter plot: marks where the numbers are, round ticks, a curve, a legend by type."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hiqa_cli.errors import OutputError
from hiqa_train.datasets import Sample
from hiqa_train.evaluation.correlation import Logistic
from hiqa_train.evaluation.predict import Prediction
from hiqa_train.evaluation.scatter import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    LEFT,
    LEGEND,
    TOP,
    WIDTH,
    Axis,
    axis_for,
    draw_scatter,
    round_step,
    write_plot,
)


def prediction(score: float, published: float, kind: str | None = None) -> Prediction:
    return Prediction(Sample(Path("x.png"), published, 0.5, "scene", distortion=kind), score)


def plot(predictions: list[Prediction], curve: Logistic | None = None) -> np.ndarray:
    return draw_scatter(predictions, curve, title="title", subtitle="below it", x_label="score", y_label="MOS")


def colour_at(canvas: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    return tuple(int(value) for value in canvas[round(y), round(x)])


@pytest.mark.parametrize(
    ("span", "step"), [(100, 20), (1, 0.2), (7.3, 1), (112 + 3, 20), (0.04, 0.005), (8, 1), (9, 2), (40, 5)]
)
def test_ticks_are_at_round_numbers_of_at_most_eight_steps(span: float, step: float):
    assert round_step(span) == pytest.approx(step)
    ticks = Axis(0, span, 0, 100).ticks
    assert 3 <= len(ticks) <= 9
    assert np.allclose(np.array(ticks) / step, np.round(np.array(ticks) / step))


def test_every_mark_is_in_its_place_in_the_colour_of_its_type():
    points = [(10, 2, "blur"), (50, 8, "noise"), (90, 5, "blur")]
    canvas = plot([prediction(*point) for point in points])
    x = axis_for([10, 50, 90], LEFT, WIDTH - LEGEND - LEFT)
    y = axis_for([2, 8, 5], TOP, HEIGHT - TOP - BOTTOM, flipped=True)
    for score, published, kind in points:
        expected = COLOURS[0] if kind == "blur" else COLOURS[1]
        assert colour_at(canvas, x.place(score), y.place(published)) == expected
    assert float(y.place(8)) < float(y.place(2))  # high numbers on top


def test_the_curve_goes_through_its_own_values():
    curve = Logistic(9, 1, 50, 12)
    canvas = plot([prediction(0, 0), prediction(100, 10)], curve)
    x, y = axis_for([0, 100], LEFT, WIDTH - 40 - LEFT), axis_for([0, 10], TOP, HEIGHT - TOP - BOTTOM, flipped=True)
    for score in (20, 45, 60, 80):
        assert max(colour_at(canvas, x.place(score), y.place(curve(np.array([score])))[0])) < 60
        assert min(colour_at(canvas, x.place(score), y.place(curve(np.array([score])))[0] + 25)) > 200


def test_24_types_and_long_names_stay_on_the_picture():
    predictions = [prediction(n, n % 7, f"a rather long name of distortion type {n}") for n in range(24)]
    canvas = plot(predictions, Logistic(9, 1, 50, 12))
    assert (canvas[:, -3:] == 255).all()  # nothing is cut off at the right
    legend = canvas[:, WIDTH - LEGEND + 20 :]
    assert all((legend == colour).all(axis=2).any() for colour in COLOURS)


def test_without_types_there_is_no_legend_and_one_value_still_has_an_axis():
    canvas = plot([prediction(5, 3), prediction(5, 3)])
    assert canvas.shape == (HEIGHT, WIDTH, 3)
    assert axis_for([5, 5], 0, 100).low < 5 < axis_for([5, 5], 0, 100).high


def test_it_is_written_as_a_png_of_hiqas_own_and_refused_where_it_cannot_be(tmp_path: Path):
    canvas = plot([prediction(1, 2), prediction(2, 3)])
    write_plot(tmp_path / "plot.png", canvas, "1234abcd")
    assert np.array_equal(cv2.imread(str(tmp_path / "plot.png"))[..., ::-1], canvas)
    assert b"weights 1234abcd; plot" in (tmp_path / "plot.png").read_bytes()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_plot(tmp_path / "file" / "plot.png", canvas, "x")
