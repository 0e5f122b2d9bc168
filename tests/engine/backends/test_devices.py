"""Devices and precisions: what is asked for is had or refused, what is left open is settled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.backends import devices
from hiqa_cli.engine.backends.backend import TileOutOfMemoryError, is_out_of_memory
from hiqa_cli.engine.backends.devices import Placement, cpu_bf16_flags, place
from hiqa_cli.engine.backends.torch_backend import TorchBackend
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import DeviceError, UsageError
from hiqa_cli.networks.hiqa import HiqaNet, HiqaOutput


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_refused_with_what_is(device: str) -> None:
    if device in devices.available_devices():
        pytest.skip(f"{device} is here")
    with pytest.raises(DeviceError, match=f"device {device} is not available: torch finds .*cpu"):
        Scorer.load("nowhere", device=device)


def test_unknown_words_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="one of auto, cpu, cuda, mps, found 'gpu'"):
        place("gpu", "auto")
    with pytest.raises(UsageError, match="one of auto, fp32, bf16, found 'fp16'"):
        place("cpu", "fp16")


@pytest.mark.parametrize("option", ["batch_size", "threads"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True])
def test_counts_below_one_are_refused(option: str, value: object) -> None:
    with pytest.raises(UsageError, match=r"whole number of at least 1, found"):
        Scorer.load("nowhere", **{option: value})  # type: ignore[arg-type]


def test_without_a_measurement_auto_is_bf16_exactly_where_it_is_known_to_be_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for flags, precision in (((True, True), "bf16"), ((True, False), "fp32"), ((False, False), "fp32")):
        monkeypatch.setattr(devices, "cpu_bf16_flags", lambda flags=flags: flags)
        assert place("cpu", "auto") == Placement("cpu", precision)
    requested = place("cpu", "bf16")
    assert requested.precision == "bf16"
    assert "slower" in requested.warning


def test_the_processors_flags_come_from_linux_or_else_from_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags\t\t: fpu avx2 avx512_bf16 sse\n")
    assert cpu_bf16_flags(cpuinfo) == (True, False)
    cpuinfo.write_text("processor : 0\nflags\t\t: fpu avx2 avx512_bf16x amx_bf16\n")
    assert cpu_bf16_flags(cpuinfo) == (False, True)
    capabilities = {"avx512_bf16": True, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert cpu_bf16_flags(tmp_path / "absent") == (True, False)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert cpu_bf16_flags(tmp_path / "absent") == (False, False)


class Forgetful(HiqaNet):
    """A network that has memory for batches of `fits` tiles only."""

    fits = 2
    error: type[Exception] = RuntimeError

    def forward(self, distorted: torch.Tensor) -> HiqaOutput:
        if len(distorted) > self.fits:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(distorted)


def forgetful(fits: int, batch_size: int, notices: list[str]) -> TorchBackend:
    network = Forgetful(*tiny_networks())
    network.fits = fits
    return TorchBackend(network, Placement("cpu", "fp32"), batch_size, notices.append)


TILES = list(np.random.default_rng(0).integers(0, 256, (9, 256, 256, 3), np.uint8))


def test_a_batch_that_does_not_fit_is_halved_with_a_line_and_nothing_is_lost() -> None:
    notices: list[str] = []
    backend = forgetful(2, 8, notices)
    statistics = backend.predict_tiles(TILES, corrections=False).statistics
    assert notices == [
        "out of memory at batch size 8, continuing with 4",
        "out of memory at batch size 4, continuing with 2",
    ]
    assert len(statistics) == len(TILES)
    plenty = TorchBackend(HiqaNet(*tiny_networks()), Placement("cpu", "fp32"), 9, notices.append)
    expected = plenty.predict_tiles(TILES, corrections=False).statistics
    np.testing.assert_allclose(statistics, expected, rtol=1e-3, atol=1e-5)
    assert backend.batch_size == 2


def test_a_single_tile_that_does_not_fit_is_named_by_its_place() -> None:
    backend = forgetful(0, 2, [])
    with pytest.raises(TileOutOfMemoryError) as caught:
        backend.predict_tiles(TILES[:1], corrections=False)
    assert caught.value.index == 0


def test_only_errors_about_memory_count_as_such() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_device_whose_driver_fails_is_a_device_error_in_one_line() -> None:
    class Refusing(HiqaNet):
        def to(self, *args: object, **kwargs: object) -> HiqaNet:  # type: ignore[override]
            if args and args[0] == "cuda":
                raise RuntimeError("CUDA error: device is busy\nCompile with more words")
            return super().to(*args, **kwargs)  # type: ignore[call-overload]

    with pytest.raises(DeviceError) as caught:
        TorchBackend(Refusing(*tiny_networks()), Placement("cuda", "fp32"), 1, print)
    assert "device cuda cannot be used: CUDA error: device is busy" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_name_all_that_a_score_may_depend_on(tmp_path: Path) -> None:
    scorer = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32")
    assert scorer.settings.keys() >= {
        "hiqa",
        "weights",
        "device",
        "precision",
        "batch_size",
        "threads",
        "torch",
    }
    assert scorer.settings["weights"] == scorer.weights_id
    assert scorer.settings["batch_size"] == 8
