"""Validation that several processes share."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from hiqa_train.distributed import RunDevice
from hiqa_train.trainer.validation import Validation


class Numbers:
    """A source whose batches are their numbers."""

    epoch_length = 10

    def draw(self, numbers: range) -> SimpleNamespace:
        return SimpleNamespace(to=lambda device: list(numbers))


def test_every_process_measures_every_other_batch_and_together_all_of_them() -> None:
    devices = [RunDevice(torch.device("cpu"), "fp32", rank, 2) for rank in range(2)]
    shares = [list(Validation(Numbers(), 10, 1, 4, device).batches()) for device in devices]  # type: ignore[arg-type]
    assert shares == [[[0, 1, 2, 3], [8, 9]], [[4, 5, 6, 7]]]
    alone = RunDevice(torch.device("cpu"), "fp32")
    assert alone.gather(shares[0]) == shares[0]
