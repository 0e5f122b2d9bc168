"""The checks of `check.sh` as tests, where there is a CUDA device; and the script itself, where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import checks  # noqa: E402
import stand_ins  # noqa: E402

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: tests/cuda/check.sh is untried")


@needs_cuda
@pytest.mark.slow
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_on_a_cuda_device(check) -> None:
    assert check()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.slow
def test_without_a_device_the_script_says_that_nothing_was_checked() -> None:
    done = subprocess.run([sys.executable, str(HERE / "checks.py")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "no CUDA device: nothing was checked\n"


def test_weights_are_read_without_safetensors_as_with_it() -> None:
    from safetensors.torch import load

    data = next(checks.WEIGHTS.glob("*.safetensors")).read_bytes()
    one, other = load(data), stand_ins.load(data)
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.slow
def test_the_tiles_of_the_checks_differ_in_score() -> None:
    found = checks.reference_backend().predict_tiles(checks.tiles()[:6], corrections=False)
    assert checks.scores(found).std() > 1


@pytest.mark.slow
def test_a_training_step_of_the_checks_runs_on_a_cpu() -> None:
    losses, _, _ = checks.train("cpu", "fp32", 2)
    assert len(losses) == 2
    assert all(loss > 0 for loss in losses)
