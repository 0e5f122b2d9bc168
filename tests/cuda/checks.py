"""Checks of scoring and training on a CUDA device, as plain functions: `check.sh` runs them without pytest, and
`test_cuda.py` runs the same ones as tests.

They use no package beyond torch and numpy: `stand_ins` reads the weights where safetensors is missing.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

if __package__ in (None, ""):
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from stand_ins import install

install()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from hiqa_cli.engine.backends.backend import TileOutputs  # noqa: E402
from hiqa_cli.engine.backends.devices import Placement, batch_size_for  # noqa: E402
from hiqa_cli.engine.backends.torch_backend import TorchBackend  # noqa: E402
from hiqa_cli.engine.config import TILE  # noqa: E402
from hiqa_cli.engine.weights import load_weights  # noqa: E402
from hiqa_cli.networks.hiqa import HiqaNet  # noqa: E402
from hiqa_train.data.batch import Batch  # noqa: E402
from hiqa_train.distributed import RunDevice  # noqa: E402
from hiqa_train.losses.terms import Loss  # noqa: E402
from hiqa_train.recipes.stages import OptimiserSettings  # noqa: E402
from hiqa_train.trainer.loss_reader import LossReader  # noqa: E402
from hiqa_train.trainer.network_trainer import NetworkTrainer  # noqa: E402

WEIGHTS = Path(__file__).parents[2] / "weights"
LARGEST, MEAN = 0.5, 0.1  # points between the CPU in float32 and the device
LONE = {"fp32": 0.01, "bf16": 0.05}  # points between a tile alone and among others


@cache
def tiles(count: int = 48) -> tuple[np.ndarray, ...]:
    """Tiles with edges or without, gradients, texture and noise, the same in every run."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:TILE, :TILE]
    found = []
    for number in range(count):
        waves = np.stack([np.sin((x * (c + 1) + y * number) / (6 + 2 * number % 37)) for c in range(3)], axis=2)
        blocks = random.normal(0, 40, (TILE // 16, TILE // 16, 3)).repeat(16, 0).repeat(16, 1)
        levels = 128 + 50 * waves / (1 + number % 3 * 4) + blocks * (number % 2)
        found.append(np.clip(levels + random.normal(0, number % 24, (TILE, TILE, 3)), 0, 255).astype(np.uint8))
    return tuple(found)


def backend(device: str, precision: str, batch_size: int = 16, said: list[str] | None = None) -> TorchBackend:
    """The released networks on a device."""
    loaded = load_weights(WEIGHTS)
    network = HiqaNet(loaded.generator, loaded.regressor)
    return TorchBackend(network, Placement(device, precision), batch_size, (said if said is not None else []).append)


@cache
def reference_backend() -> TorchBackend:
    """The CPU in float32."""
    return backend("cpu", "fp32")


@cache
def on_cpu() -> TileOutputs:
    """What the reference finds in the tiles."""
    return reference_backend().predict_tiles(tiles(), corrections=True)


@cache
def whole() -> np.ndarray:
    """What R sees of a whole image, for every tile the same."""
    return reference_backend().view_tiles(tiles()[:1])


def scores(found: TileOutputs, network: TorchBackend | None = None) -> np.ndarray:
    """Scores of tiles, by the CPU's heads or a network's own."""
    return (network or reference_backend()).predict(found.statistics, whole())[:, 0]


def scores_are_those_of_the_cpu() -> list[str]:
    """In both precisions; hallucinations and views of whole images too."""
    lines = []
    for precision in ("fp32", "bf16"):
        network = backend("cuda", precision)
        found = network.predict_tiles(tiles(), corrections=True)
        difference = np.abs(scores(found, network) - scores(on_cpu()))
        corrections = np.abs(found.corrections - on_cpu().corrections).max() * 255
        lines.append(
            f"{precision}: scores differ from the CPU's by {difference.mean():.4f} on the average, "
            f"{difference.max():.4f} at most; hallucinations by {corrections:.2f} of 255 at most"
        )
        assert difference.max() <= LARGEST, lines[-1]
        assert difference.mean() <= MEAN, lines[-1]
        seen = np.abs(network.view_tiles(tiles()[:4]) - reference_backend().view_tiles(tiles()[:4])).max()
        assert seen < 0.01, f"{precision}: views of whole images differ by {seen}"
        if precision == "fp32":
            assert corrections < 0.5, lines[-1]
    return lines


def a_tile_has_one_score_whatever_the_batch() -> list[str]:
    """Alone, in batches that need padding, and where several batches are under way."""
    lines = []
    for precision, most in LONE.items():
        together = scores(backend("cuda", precision, 16).predict_tiles(tiles(), corrections=False))
        for size, count in ((1, 5), (8, 13), (4, 48)):
            found = backend("cuda", precision, size).predict_tiles(tiles()[:count], corrections=False)
            worst = float(np.abs(scores(found) - together[:count]).max())
            lines.append(f"{precision}: {count} tiles in batches of {size} differ by {worst:.5f} points at most")
            assert worst <= most, lines[-1]
    again = backend("cuda", "fp32", 16).predict_tiles(tiles(), corrections=False).statistics
    first = backend("cuda", "fp32", 16).predict_tiles(tiles(), corrections=False).statistics
    assert np.array_equal(again, first), "two runs with the same batches differ"
    return [*lines, "two runs with the same batches agree to the bit"]


def sixteen_bits_score_as_eight() -> list[str]:
    """uint16 tiles go another way to the device."""
    network = backend("cuda", "fp32")
    eight = scores(network.predict_tiles(tiles()[:6], corrections=False))
    sixteen = network.predict_tiles([tile.astype(np.uint16) * 257 for tile in tiles()[:6]], corrections=False)
    worst = float(np.abs(scores(sixteen) - eight).max())
    assert worst < 0.01, worst
    return [f"16-bit tiles differ from the same 8-bit ones by {worst:.5f} points at most"]


def float32_is_no_tf32() -> list[str]:
    """With TF32 the hallucination's error would be about 2^-11 of the largest features."""
    exact = backend("cuda", "fp32").predict_tiles(tiles()[:4], corrections=True).corrections
    worst = float(np.abs(exact - on_cpu().corrections[:4]).max())
    assert worst < 2e-4, worst
    return [f"float32 hallucinations differ from the CPU's by {worst:.1e} of full range"]


def memory_that_runs_out_halves_the_batch() -> list[str]:
    """And the scores are complete and right."""
    said: list[str] = []
    network = backend("cuda", "fp32", 64, said)
    network.predict_tiles(tiles()[:1], corrections=False)
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    allowed = torch.cuda.memory_reserved() + 700 * 2**20
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    try:
        found = scores(network.predict_tiles(tiles() + tiles(), corrections=False))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    difference = np.abs(found[: len(tiles())] - scores(on_cpu())).max()
    assert difference <= LARGEST
    return [f"with little memory: {'; '.join(said) or 'a batch of 64 fits'}"]


class PixelObjective(nn.Module):
    """Mean squared error of G's hallucination."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, batch: Batch) -> Loss:
        error = (self.generator(batch.distorted).hallucination.float() - batch.reference).square().mean()
        return Loss(error, {"pixel": error.detach()})


def training_batch(step: int, size: int = 8) -> Batch:
    """Noisy tiles with their references."""
    random = np.random.default_rng(step)
    clean = np.stack([tiles()[(step * size + n) % len(tiles())][:128, :128] for n in range(size)])
    noisy = np.clip(clean + random.normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    numbers = torch.zeros(size, dtype=torch.int64)
    return Batch(torch.from_numpy(noisy), torch.from_numpy(clean), None, numbers, numbers, ("tile",) * size)


def train(device: str, precision: str, steps: int, rate: float = 1e-4) -> tuple[list[float], list[Tensor], float]:
    """(losses, weights on the CPU, patches a second)."""
    settings = OptimiserSettings(
        rate=rate, optimiser="adamw", weight_decay=0.0, warmup=1, decay_share=0.0, averaging=0.9, clip=1.0, drop_every=0
    )
    run_device = RunDevice(torch.device(device), precision)
    generator = load_weights(WEIGHTS).generator.train().requires_grad_(True)
    trainer = NetworkTrainer(PixelObjective(generator), generator, settings, steps, run_device)
    reader, losses = LossReader(run_device.device), []
    begin = time.perf_counter()
    for step in range(steps):
        batch = training_batch(step)
        batch = (batch.pin_memory() if device == "cuda" else batch).to(run_device.device)
        parts, _ = trainer.train_step(step, [(batch,)])
        losses += [found.losses["pixel"] for found in reader.add(step, parts, batch.files, 0.0)]
    losses += [found.losses["pixel"] for found in reader.flush()]
    weights = [parameter.detach().float().cpu() for parameter in trainer.network.parameters()]
    return losses, weights, steps * 8 / (time.perf_counter() - begin)


def training_steps_are_those_of_the_cpu() -> list[str]:
    """Losses of a few steps, in float32 and under autocast."""
    here, _, _ = train("cpu", "fp32", 3)
    lines = []
    for precision, most in (("fp32", 1e-3), ("bf16", 3e-2)):
        there, _, rate = train("cuda", precision, 3)
        worst = max(abs(a - b) / a for a, b in zip(here, there, strict=True))
        lines.append(f"training in {precision}: losses of three steps differ from the CPU's by {worst:.1e} of theirs")
        assert worst < most, lines[-1]
    losses, _, rate = train("cuda", "bf16", 60)
    assert statistics.fmean(losses[-10:]) < statistics.fmean(losses[:10])
    return [*lines, f"training: the loss falls over 60 steps; {rate:.0f} patches of 128 px a second, batch 8, bf16"]


def seconds(call: Callable[[], object], rounds: int = 5) -> float:
    """Median seconds; the call returns when the device is done."""
    call()
    call()
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        torch.cuda.synchronize()
        found.append(time.perf_counter() - begin)
    return statistics.median(found)


def plain_rate(dtype: torch.dtype) -> float:
    """Multiplications a second of a 3x3 convolution of 128 channels on 64 maps of 64x64."""
    layer = nn.Conv2d(128, 128, 3, padding=1, bias=False).to("cuda", dtype, memory_format=torch.channels_last)
    image = torch.rand(64, 128, 64, 64, device="cuda", dtype=dtype).to(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        taken = seconds(lambda: [layer(image) for _ in range(10)])
    return 10 * 64 * 64 * 64 * 128 * 128 * 9 / taken


def multiplications() -> float:
    """Of G and R on a tile."""
    from torch.utils.flop_counter import FlopCounterMode

    loaded = load_weights(WEIGHTS)
    network = HiqaNet(loaded.generator, loaded.regressor).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 3, TILE, TILE))
    return counter.get_total_flops() / 2


def speed() -> list[str]:
    """Tiles a second from memory to scores, and the time of one small picture."""
    lines = ["precision  batch  tiles/s  of plain convolution"]
    gmac = multiplications()
    many = tiles() * 22
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        plain = plain_rate(dtype)
        largest = batch_size_for(torch.cuda.mem_get_info()[0], precision)
        for size in (8, 32, largest):
            network = backend("cuda", precision, size)
            taken = seconds(lambda network=network: network.predict_tiles(many, corrections=False))
            rate = len(many) / taken
            lines.append(f"{precision:9} {size:6} {rate:8.0f} {100 * rate * gmac / plain:8.0f} %")
        one = backend("cuda", precision, 8)
        taken = seconds(lambda one=one: one.predict_tiles(tiles()[:4], corrections=False), 20)
        lines.append(f"{precision:9} four tiles (512x384) at once: {1000 * taken:.2f} ms")
    return lines


CHECKS = (
    scores_are_those_of_the_cpu,
    a_tile_has_one_score_whatever_the_batch,
    sixteen_bits_score_as_eight,
    float32_is_no_tf32,
    memory_that_runs_out_halves_the_batch,
    training_steps_are_those_of_the_cpu,
    speed,
)


def main() -> int:
    """Run every check, print what it found; 1 if one failed."""
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was checked")
        return 1
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    failed = 0
    for check in CHECKS:
        begin = time.perf_counter()
        try:
            lines = check()
        except Exception as error:
            failed += 1
            lines = [f"FAILED: {type(error).__name__}: {error}"]
        print(f"\n{check.__name__.replace('_', ' ')} ({time.perf_counter() - begin:.0f} s)", *lines, sep="\n  ")
    print(f"\n{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
