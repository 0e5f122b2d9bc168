"""Files that hiqa reads run no code: weights are safetensors and JSON, checkpoints are loaded as tensors only."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import HiqaError
from hiqa_train.trainer.checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
# Modules and functions that run what they read.
RUNS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
# Actors and driver of one run on Ray, which pickles all that they say to each other itself.
OWN_MESSAGES = {"hiqa_cli/distributed/cluster/actor.py: pickle", "hiqa_cli/distributed/cluster/driver.py: pickle"}
CALLS_THAT_RUN_CODE = {"eval", "exec", "torch.jit.load", "yaml.load"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("hiqa_cli", "train", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def test_nothing_reads_a_pickle() -> None:
    found = []
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [f"{name}: {alias.name}" for alias in node.names if alias.name.split(".")[0] in RUNS_CODE]
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS_CODE:
                taken = {alias.name for alias in node.names}
                found += [f"{name}: {node.module}"] if taken != {"UnpicklingError"} else []  # what torch raises
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS_THAT_RUN_CODE:
                found.append(f"{name}:{node.lineno}: {ast.unparse(node.func)}()")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                found.append(f"{name}:{node.value.lineno}: allow_pickle")
    assert set(found) == OWN_MESSAGES


def test_torch_load_takes_tensors_only() -> None:
    calls = {
        f"{name}:{node.lineno}": {word.arg: ast.unparse(word.value) for word in node.keywords}
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    }
    assert calls
    assert {place for place, words in calls.items() if words.get("weights_only") != "True"} == set()


class Harmful:
    """A pickle of this makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"step": Harmful(tmp_path / "harm")}, tmp_path / "checkpoint.pt")
    with pytest.raises(HiqaError):
        read_checkpoint(tmp_path / "checkpoint.pt")
    assert not (tmp_path / "harm").exists()


def test_weights_that_are_a_pickle_are_refused(tiny_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in tiny_weights.iterdir():
        data = pickle.dumps(Harmful(tmp_path / "harm")) if path.suffix == ".safetensors" else path.read_bytes()
        (folder / path.name).write_bytes(data)
    with pytest.raises(HiqaError):
        load_weights(folder)
    assert not (tmp_path / "harm").exists()
