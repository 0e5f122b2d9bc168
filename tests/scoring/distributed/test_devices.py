"""GPUs by number and numbers of workers. The GPUs are stand-ins: what is held is which worker would see which."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hiqa_cli.distributed.devices import needs_workers
from hiqa_cli.distributed.workers import start
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.errors import DeviceError, UsageError

PROCESSES = {"cpu": False, "cuda": False, "cuda:0": True, "cuda:all": True}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arguments of every WorkerPool, on a machine with three GPUs and eight processors."""
    calls: list[Any] = []
    monkeypatch.setattr(start, "WorkerPool", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(start, "usable_processors", lambda: 8)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return calls


def settings(device: str, threads: int | None = None) -> LoadSettings:
    return LoadSettings(None, "torch", device, "auto", None, threads, None)


@pytest.mark.parametrize(
    ("device", "workers", "visible"),
    [
        ("cuda:1", None, ["1"]),
        ("cuda:all", None, ["0", "1", "2"]),
        ("cuda:2,cuda:0", 4, ["2", "0"]),
    ],
)
def test_each_worker_sees_its_own_gpu(started: list[Any], device: str, workers: int | None, visible: list[str]) -> None:
    start.start_workers(settings(device), workers, 100)
    ((loaded, count, environments),) = started
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in environments] == visible
    assert (loaded.device, count) == ("cuda", workers or len(visible))
    assert loaded.threads == 8 // count


def test_numbers_count_the_gpus_that_the_environment_leaves(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-7f,6")
    start.start_workers(settings("cuda:1,cuda:2"), None, 100)
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in started[0][2]] == ["GPU-7f", "6"]


def test_no_more_workers_than_images_and_threads_as_given(started: list[Any]) -> None:
    start.start_workers(settings("cpu", threads=3), 4, 2)
    assert started[0][1:] == (2, ({},))
    assert started[0][0].threads == 3


def test_a_gpu_that_is_not_there_and_too_few_workers_are_refused(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match="device cuda:3 is not available: torch finds 3 CUDA devices"):
        start.start_workers(settings("cuda:0,cuda:3"), None, 9)
    with pytest.raises(UsageError, match="--workers 2 are fewer than the 3 devices"):
        start.start_workers(settings("cuda:all"), 2, 9)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(DeviceError, match="device cuda:all is not available"):
        start.start_workers(settings("cuda:all"), None, 9)
    assert started == []


@pytest.mark.parametrize(
    ("device", "expected"), [("cpu", False), ("cuda", False), ("cuda:0", True), ("cuda:all", True)]
)
def test_one_process_scores_unless_more_are_asked_for(device: str, expected: bool) -> None:
    assert needs_workers(device, None) is expected
    assert needs_workers(device, 1) is expected
    assert needs_workers(device, 2)


@pytest.mark.parametrize("device", ["cuda:x", "cuda:0,cuda:0", "cuda:0,cpu", "cuda:"])
def test_a_wrong_list_of_gpus_is_one_line(run_hiqa: Any, device: str) -> None:
    done = run_hiqa("score", "--device", device, "a.png")
    assert done.code == 2
    assert done.messages == [f"hiqa: --device: expected cuda:all, or different GPUs as cuda:0,cuda:1; found '{device}'"]
