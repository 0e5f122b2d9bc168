"""What `hiqa train` asks, shows and writes besides training: VGG-19, progress bar, TensorBoard, several databases."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
import types
from pathlib import Path

import pytest
from support.tiny_training import open_table, options, short_recipe

from hiqa_cli.commands.datasets.options import DatasetOptions
from hiqa_cli.commands.evaluate.protocols import splits
from hiqa_cli.commands.train import train
from hiqa_cli.commands.train.setup import choose_vgg, open_databases
from hiqa_cli.commands.usage.groups import expand_groups
from hiqa_cli.console.progress import stage_text
from hiqa_cli.errors import UsageError
from hiqa_train.data.splits import COUNT
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.run import train_databases
from hiqa_train.stages.plan import vgg_layers
from hiqa_train.trainer.loop import StopSignal
from hiqa_train.trainer.metrics_log import MetricsLog, Progress, ProgressListener


def quiet(line: str) -> None:
    """Nobody listens."""


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "hiqa"


def test_defaults_in_the_help_are_those_of_a_run_and_of_drawn_splits():
    assert inspect.signature(expand_groups(train)).parameters["seed"].default == RunOptions().seed
    (option,) = inspect.signature(expand_groups(splits)).parameters["num_splits"].annotation.__metadata__
    assert option.show_default.startswith(f"{COUNT},")


def test_vgg19_is_asked_for_only_where_a_stage_that_runs_needs_it(empty_cache):
    best = load_recipe("best")
    assert vgg_layers(best, ("joint",)) == vgg_layers(best, ("generator",)) == ("conv2_2", "conv3_2")
    for recipe, more, has_references in (
        (best, {}, False),
        (best, {"kinds": ("regressor",)}, True),
        (load_recipe("smoke"), {}, True),
        (best.only("alone", "generator", "final"), {"generator": Path("ready")}, True),
    ):
        assert choose_vgg(recipe, None, RunOptions(**more), quiet, has_references=has_references) == (recipe, None)
    off, file = choose_vgg(best, "off", RunOptions(), quiet, has_references=True)
    assert (vgg_layers(off, list(off.stages)), file) == ((), None)
    empty_cache.mkdir()
    held = empty_cache / "vgg19-dcbb9e9d.pth"
    held.write_bytes(b"checked when it came")
    assert choose_vgg(best, None, RunOptions(), quiet, has_references=True) == (best, held)


def test_the_bar_tells_stage_rate_time_left_and_losses():
    now = Progress("generator", 250, 1000, 35.25, 0.5, {"loss": 0.8, "pixel": 0.8, "psi": 0.03125, "gradient": 0.2})
    assert stage_text(now) == (
        "generator  ━━━━━━──────────────────  250/1,000  35.2 patches/s  6:15 left  pixel 0.8  psi 0.0312"
    )


def test_where_tensorboard_is_installed_it_gets_the_same_numbers(tmp_path, monkeypatch):
    written: list[tuple[str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / "tensorboard")

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            written.append(("closed", 0, 0))

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    watcher = ProgressListener(tmp_path, None)
    MetricsLog(watcher.metrics, "final", True).write_values(7, {"validation": {"error": 0.5}, "epoch": 2}, watcher)
    watcher.close()
    assert written == [("final/validation/error", 0.5, 7), ("final/epoch", 2, 7), ("closed", 0, 0)]
    assert json.loads(watcher.metrics.read_text()) == {
        "stage": "final", "step": 7, "validation": {"error": 0.5}, "epoch": 2
    }  # fmt: skip


def test_several_databases_are_divided_together_and_a_table_takes_its_training_parts_range(tmp_path):
    open_table(tmp_path, name="mine")
    text = (tmp_path / "mine.csv").read_text()
    lines = text.splitlines()
    extreme = [line.replace(",4,", ",9,") if line.endswith(",test") else line for line in lines]
    (tmp_path / "yours.csv").write_text("\n".join(extreme) + "\n")
    names = (str(tmp_path / "mine.csv"), str(tmp_path / "yours.csv"))
    said: list[str] = []
    opened = open_databases(DatasetOptions(names, (), True, None, False), RunOptions(), (), said.append)
    assert [part.name for part in opened.parts] == ["mine", "yours"]
    # 9 is given to images kept for tests alone: the range of the training part does not know of it
    assert max(sample.quality for sample in opened.parts[1].training) == 1
    assert max(sample.quality for sample in opened.tests[1]) > 1
    assert said[0].startswith("mine: 36 of 36 images; MOS 2..4, high is good; 18 for training, 9 for validation, 9 for")
    assert opened.options.record["split"]["test"]
    with pytest.raises(UsageError, match="mine is named twice"):
        open_databases(DatasetOptions((names[0], names[0]), (), True, None, False), RunOptions(), (), quiet)
    with pytest.raises(UsageError, match="expected one for each of 0 databases, found 1"):
        open_databases(DatasetOptions(names, (tmp_path,), True, None, False), RunOptions(), (), quiet)
    with pytest.raises(UsageError, match="are for tables"):
        open_databases(DatasetOptions(("live",), (), True, None, False), RunOptions(), (), quiet)


def test_a_split_of_ones_own_with_a_scene_on_two_sides_is_refused(tmp_path):
    open_table(tmp_path)
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ",test"
    (tmp_path / "leaky.csv").write_text("\n".join(lines) + "\n")
    message = "is in its training part and in its test part; a scene must be in one part only"
    with pytest.raises(UsageError, match=message):
        open_databases(DatasetOptions((str(tmp_path / "leaky.csv"),), (), True, None, False), RunOptions(), (), quiet)


def test_batches_and_patches_that_cannot_be_divided_are_named(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe()
    odd = dataclasses.replace(recipe, watch=dataclasses.replace(recipe.watch, pieces=3))
    with pytest.raises(
        UsageError, match="alone: expected a batch of a multiple of 3, found 4; 1 processes, each with 3 micro-batches"
    ):
        train_databases([part], odd, tmp_path / "run", options(tmp_path / "cache"), StopSignal(), quiet)
    recipe = recipe.with_stage("final", patch=80)
    with pytest.raises(UsageError, match="final: expected a patch of a multiple of 32 px, at least 64, found 80"):
        train_databases([part], recipe, tmp_path / "run", options(tmp_path / "cache"), StopSignal(), quiet)
    assert not (tmp_path / "run").exists()
