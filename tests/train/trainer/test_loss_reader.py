"""Losses reach the host in order, as late as the reader is told to be."""

from __future__ import annotations

import pytest
import torch

from hiqa_train.trainer.loss_reader import LossReader

CPU = torch.device("cpu")


def losses(value: float) -> dict[str, torch.Tensor]:
    return {"pixel": torch.tensor(value), "gradient": torch.tensor(value / 2, dtype=torch.float64)}


@pytest.mark.parametrize(
    ("lag", "ready"), [(0, [[0], [1], [2], [3]]), (1, [[], [0], [1], [2]]), (3, [[], [], [], [0]])]
)
def test_steps_come_in_order_and_as_late_as_the_lag(lag: int, ready: list[list[int]]) -> None:
    reader = LossReader(CPU, lag)
    found = [reader.add(step, losses(float(step)), (f"{step}.png",), 0.5) for step in range(4)]
    assert [[one.step for one in some] for some in found] == ready
    rest = reader.flush()
    assert [one.step for one in rest] == list(range(4 - lag, 4))
    for one in [*(one for some in found for one in some), *rest]:
        assert one.losses == {"pixel": one.step, "gradient": one.step / 2}
        assert one.files == (f"{one.step}.png",)
    assert reader.flush() == []


def test_on_a_cpu_nothing_is_late() -> None:
    assert LossReader(CPU).add(0, losses(1.0), (), 0.0)[0].losses["pixel"] == 1.0
