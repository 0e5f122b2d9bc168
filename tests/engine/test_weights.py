"""Weights are taken exactly as they were released, or refused in one line that says why."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save
from support.process import CHECKOUT, environment
from support.tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.weights import load_weights, save_weights, verify_manifest
from hiqa_cli.errors import WeightsError

Tensors = dict[str, torch.Tensor]
Metadata = dict[str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_weights(tmp_path / "weights")


def refusal(folder: Path) -> str:
    """The one line with which the folder is refused."""
    with pytest.raises(WeightsError) as caught:
        load_weights(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def repack(folder: Path, file: str, change: Callable[[Tensors, Metadata], None]) -> None:
    """Change a file as somebody would who then writes an honest manifest for it."""
    with safe_open(folder / file, "pt") as stored:
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        metadata = dict(stored.metadata())
    change(tensors, metadata)
    vouch(folder, file, save(tensors, metadata))


def vouch(folder: Path, file: str, data: bytes) -> None:
    """Put bytes into a file and their sha256 into the manifest."""
    (folder / file).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][file] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_what_was_saved_comes_back_in_float16_steps(folder: Path) -> None:
    loaded = load_weights(folder)
    generator, regressor = tiny_networks()
    for ours, theirs in ((generator, loaded.generator), (regressor, loaded.regressor)):
        assert not theirs.training
        for name, tensor in ours.state_dict().items():
            assert torch.equal(tensor.half().float(), theirs.state_dict()[name].float()), name
    assert loaded.calibration == Calibration((1.0, 0.2, -0.3, 0.1, -0.1), 1.0)
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert loaded.weights_id == digest[:8]
    assert loaded.manifest.training_data[0]["name"] == "none"


def test_files_are_float16_and_carry_their_architecture(folder: Path) -> None:
    with safe_open(folder / "regressor.safetensors", "pt") as stored:
        metadata = stored.metadata()
        types = {stored.get_tensor(name).dtype for name in stored.keys()}  # noqa: SIM118
    assert types == {torch.float16}
    assert metadata["hiqa.network"] == "regressor"
    assert json.loads(metadata["hiqa.config"])["width"] == 4
    assert set(metadata) >= {"hiqa.format", "hiqa.version", "hiqa.calibration"}


@pytest.mark.slow
def test_the_same_weights_have_the_same_id_however_often_they_are_saved(tmp_path: Path) -> None:
    assert len({load_weights(write_tiny_weights(tmp_path / str(n))).weights_id for n in range(8)}) == 1


def test_an_altered_file_is_refused(folder: Path) -> None:
    path = folder / "generator.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "generator.safetensors is altered: its sha256 begins" in refusal(folder)
    checks = {row.file: row.ok for row in verify_manifest(folder)}
    assert checks == {"generator.safetensors": False, "regressor.safetensors": True}


def test_a_truncated_file_is_refused_with_both_sizes(folder: Path) -> None:
    path = folder / "regressor.safetensors"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-10])
    assert f"has {size - 10} bytes, its manifest says {size}" in refusal(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "regressor.safetensors").unlink()
    assert "regressor.safetensors cannot be read: no such file" in refusal(folder)
    assert [row.found != "" for row in verify_manifest(folder)] == [False, True]


def test_a_folder_without_a_manifest_and_no_folder_are_refused(tmp_path: Path) -> None:
    assert "manifest.json: no such file" in refusal(tmp_path)
    assert "manifest.json: no such folder" in refusal(tmp_path / "absent")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not JSON that hiqa wrote: not an object"),
        ('{"format": 2}', "has format 2, this hiqa reads 1"),
        ('{"name": "x"}', "has format None"),
        ('{"format": 1, "files": {}}', "lacks 'generator.safetensors'"),
        ("\xff", "is not JSON"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(folder: Path, text: str, reason: str) -> None:
    (folder / "manifest.json").write_bytes(text.encode("latin-1"))
    assert reason in refusal(folder)


def drop(tensors: Tensors, metadata: Metadata) -> None:
    del tensors["enter.weight"]


def add(tensors: Tensors, metadata: Metadata) -> None:
    tensors["surplus"] = torch.zeros(1, dtype=torch.float16)


def reshape(tensors: Tensors, metadata: Metadata) -> None:
    tensors["enter.bias"] = torch.zeros(5, dtype=torch.float16)


def put_nan(tensors: Tensors, metadata: Metadata) -> None:
    tensors["enter.bias"][0] = float("nan")


def put_inf(tensors: Tensors, metadata: Metadata) -> None:
    tensors["enter.weight"][0, 0, 0, 0] = float("-inf")


def widen(tensors: Tensors, metadata: Metadata) -> None:
    tensors["enter.bias"] = tensors["enter.bias"].float()


def rename(tensors: Tensors, metadata: Metadata) -> None:
    metadata["hiqa.network"] = "regressor"


def age(tensors: Tensors, metadata: Metadata) -> None:
    metadata["hiqa.format"] = "7"


def forget(tensors: Tensors, metadata: Metadata) -> None:
    del metadata["hiqa.config"]


def nonsense(tensors: Tensors, metadata: Metadata) -> None:
    metadata["hiqa.config"] = '{"channels": [-4, 4], "stacks": 2}'


def deepen(tensors: Tensors, metadata: Metadata) -> None:
    metadata["hiqa.config"] = '{"channels": [4, 4, 8, 8, 8], "stacks": 3}'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (drop, "lacks the tensor enter.weight (1 missing)"),
        (add, "has the unknown tensor surplus"),
        (reshape, "has enter.bias of shape (5,), expected (4,)"),
        (put_nan, "has NaN or Inf in enter.bias"),
        (put_inf, "has NaN or Inf in enter.weight"),
        (widen, "has enter.bias as torch.float32, expected torch.float16"),
        (rename, "has hiqa.network 'regressor', expected 'generator'"),
        (age, "has hiqa.format '7', expected '1'"),
        (forget, "has no usable hiqa.config"),
        (nonsense, "has no usable hiqa.config"),
        (deepen, "lacks the tensor"),
    ],
)
def test_a_file_that_is_not_exactly_the_network_is_refused(
    folder: Path, change: Callable[[Tensors, Metadata], None], reason: str
) -> None:
    repack(folder, "generator.safetensors", change)
    assert reason in refusal(folder)


def test_a_file_that_is_no_safetensors_file_is_refused(folder: Path) -> None:
    for data in (b"", b"\x08", b"not a tensor in sight, for many bytes", b"\xff" * 64):
        vouch(folder, "generator.safetensors", data)
        assert "is not a safetensors file" in refusal(folder)


def test_a_calibration_that_is_not_finite_is_refused(folder: Path) -> None:
    def spoil(tensors: Tensors, metadata: Metadata) -> None:
        metadata["hiqa.calibration"] = '{"coefficients": [1, 2, 3, NaN, 5], "scale": 1}'

    repack(folder, "regressor.safetensors", spoil)
    assert "has no usable hiqa.calibration" in refusal(folder)


def test_two_networks_that_do_not_fit_each_other_are_refused(folder: Path) -> None:
    def narrow(tensors: Tensors, metadata: Metadata) -> None:
        config = json.loads(metadata["hiqa.config"])
        metadata["hiqa.config"] = json.dumps({**config, "semantic_channels": 5})
        tensors["project.weight"] = tensors["project.weight"][:, :5].contiguous()

    repack(folder, "regressor.safetensors", narrow)
    assert "do not fit each other" in refusal(folder)


def test_weights_beyond_float16_are_not_saved(tmp_path: Path) -> None:
    generator, regressor = tiny_networks()
    with torch.no_grad():
        generator.enter.weight[0, 0, 0, 0] = 1e6
    with pytest.raises(WeightsError, match=r"generator's enter\.weight"):
        save_weights(
            tmp_path,
            generator,
            regressor,
            Calibration((0, 0, 0, 0, 0)),
            name="x",
            version="1",
            licence="none",
            training_data=[],
            measured={},
        )
    assert not (tmp_path / "manifest.json").exists()


def test_verifying_a_folder_loads_no_torch(folder: Path) -> None:
    code = (
        "import sys; from hiqa_cli.engine.weights import verify_manifest; "
        f"rows = verify_manifest({str(folder)!r}); "
        "print(all(row.ok for row in rows), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.slow
def test_loading_brings_in_no_compiler(folder: Path) -> None:
    code = (
        "import sys; from hiqa_cli.engine.scorer import Scorer; "
        f"Scorer.load({str(folder)!r}, device='cpu'); print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_checkout_that_is_not_installed_takes_the_weights_beside_the_package(tmp_path: Path):
    shutil.copytree(CHECKOUT / "hiqa_cli", tmp_path / "hiqa_cli", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import importlib.resources as r, sys\n"
        "files = r.files\n"
        "def none(name):\n"
        "    if name == 'hiqa_cli.weights': raise ModuleNotFoundError(name)\n"
        "    return files(name)\n"
        "r.files = none\n"
        "from hiqa_cli.engine.manifest import default_folder\n"
        "print(default_folder())\n"
    )
    command, variables = [sys.executable, "-c", code], {**environment(), "PYTHONPATH": str(tmp_path)}
    without = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "no weights are installed with this hiqa" in without.stderr
    (tmp_path / "weights").mkdir()
    shutil.copy(CHECKOUT / "weights" / "manifest.json", tmp_path / "weights")
    found = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == (tmp_path / "weights").resolve()
