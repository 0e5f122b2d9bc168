"""`auto` is measured: a slower bf16 is not chosen, a choice is kept, and without a cache nothing is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hiqa_cli.engine import loading
from hiqa_cli.engine.backends import automatic, devices
from hiqa_cli.engine.backends.automatic import Measurement, cache_file, choose, measure
from hiqa_cli.engine.scorer import Scorer


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ways return how long they take; a real clock on a busy machine would decide by chance."""
    monkeypatch.setattr(automatic, "seconds_of", lambda run: run())


def taking(seconds: float) -> Callable[[], float]:
    return lambda: seconds


@pytest.mark.parametrize(("bf16", "chosen"), [(0.030, "fp32"), (0.018, "fp32"), (0.010, "bf16")])
def test_another_way_is_chosen_only_where_it_saves_a_fifth(bf16: float, chosen: str) -> None:
    found = measure({"fp32": taking(0.020), "bf16": taking(bf16)}, tiles=2)
    assert found.chosen == chosen
    assert found.milliseconds["fp32"] == 10
    assert f"chosen: {chosen}" in str(found)


def test_a_choice_is_kept_by_its_key_and_made_again_for_other_ways() -> None:
    ways = {"fp32": taking(0.005), "bf16": taking(0.001)}
    assert choose("here", ways, 1).chosen == "bf16"
    slower_now = {"fp32": taking(0.0), "bf16": taking(0.005)}
    assert choose("here", slower_now, 1).chosen == "bf16"
    assert choose("elsewhere", slower_now, 1).chosen == "fp32"
    assert choose("here", {"fp32": taking(0.0)}, 1).chosen == "fp32"
    assert set(json.loads(cache_file().read_text())) == {"here", "elsewhere"}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"here": 3}', '{"here": {"chosen": "fp64", "milliseconds": {}}}'])
def test_a_cache_that_is_damaged_is_measured_anew(content: str) -> None:
    cache_file().parent.mkdir(parents=True)
    cache_file().write_text(content)
    assert choose("here", {"fp32": taking(0.002), "bf16": taking(0.0)}, 1).chosen == "bf16"
    assert json.loads(cache_file().read_text())["here"]["chosen"] == "bf16"


def test_without_a_folder_for_the_cache_nothing_is_measured(cache: Path) -> None:
    cache.write_text("a file, where the folder should be")

    def fails() -> None:
        raise AssertionError("measured")

    assert choose("here", {"fp32": fails, "bf16": fails}, 1) is None


def test_a_bf16_that_is_slower_here_is_not_chosen_whatever_the_processor_claims(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "cpu_bf16_flags", lambda: (True, True))
    seconds = {"bf16": 0.05, "fp32": 0.01}
    run = automatic.BackendChoice._run
    monkeypatch.setattr(automatic.BackendChoice, "_run", lambda self, name: (run(self, name), seconds[name])[1])
    first = Scorer.load(tiny_weights, device="cpu")
    assert first.precision == "fp32"
    assert "chosen: fp32" in first.choice
    seconds["fp32"] = 1.0  # kept: not measured again
    assert Scorer.load(tiny_weights, device="cpu").precision == "fp32"
    assert Scorer.load(tiny_weights, device="cpu", precision="bf16").choice == ""


def test_half_of_the_threads_are_taken_where_they_are_faster(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, set_to = torch.get_num_threads(), []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.setattr(automatic.BackendChoice, "_run", lambda self, name: 0.02 if set_to[-1] == 8 else 0.01)
    scorer = Scorer.load(tiny_weights, device="cpu", precision="fp32")
    assert "chosen: 4 threads" in scorer.choice
    assert set_to[-1] == 4
    set_to.clear()
    Scorer.load(tiny_weights, device="cpu", precision="fp32")
    assert set_to == [4]  # kept
    set_to.clear()
    assert Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=8).choice == ""
    monkeypatch.undo()
    assert torch.get_num_threads() == before


def test_what_was_measured_is_said_together() -> None:
    one, other = Measurement("fp32", {"fp32": 1.0, "bf16": 2.0}), Measurement("4 threads", {"8 threads": 3.0})
    assert loading.as_text([one, None, other]).count("chosen") == 2
    assert loading.as_text([None]) == ""
