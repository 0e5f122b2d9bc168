"""Where the time of scoring goes: every stage alone, the whole way, and the share of what the machine can convolve.

Stages are timed one after the other on the same images; in the whole way reading and decoding run on a thread of
their own beside the networks, so that it takes less than the stages' sum. Times of a shared machine wander: only
ratios within one run mean something.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from hiqa_cli.errors import HiqaError, UsageError
from hiqa_cli.images.opencv import cv2
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import decode_picture, read_picture
from hiqa_cli.images.source import Limits, read_bytes
from hiqa_cli.networks.hiqa import HiqaNet

from .backends.torch_backend import TorchBackend
from .config import TILE, Scoring
from .results import ScoreResult
from .scorer import Job, Scorer
from .tiling.grid import cut_tile, plan_tiles

STAGES = ("read", "decode", "tile", "G", "R", "write")
ROUNDS = 5
SEED = 1


@dataclass(frozen=True)
class BenchResult:
    """images, megapixels, tiles: how much there was; tiles: that the networks saw.

    seconds: median of the whole way over all images; stages: seconds of each of STAGES alone, over all images.
    convolution_share: time that torch's plain convolutions of the same shapes take, each alone, over that of G and R.
    tera_operations: their rate in the networks' precision, 1e12 multiplications and additions a second.
    peak_bytes: of this process so far; 0 where the system does not say.
    """

    images: int
    megapixels: float
    tiles: int
    seconds: float
    stages: dict[str, float]
    convolution_share: float
    tera_operations: float
    peak_bytes: int

    @property
    def images_a_second(self) -> float:
        return self.images / self.seconds

    @property
    def megapixels_a_second(self) -> float:
        return self.megapixels / self.seconds

    @property
    def network_share(self) -> float:
        """Time of the networks alone over that of the whole way: 1 where everything else hides behind them."""
        return (self.stages["G"] + self.stages["R"]) / self.seconds


def generated_images(width: int, height: int, count: int) -> list[bytes]:
    """JPEG files of smooth noise at several scales: they cost what photographs cost, and show nothing."""
    rng = np.random.default_rng(SEED)
    files = []
    for _ in range(count):
        picture = np.zeros((height, width, 3), np.float32)
        for scale in (2, 8, 32, 128):
            small = rng.normal(0, 16, (height // scale + 2, width // scale + 2, 3)).astype(np.float32)
            picture += cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        ok, data = cv2.imencode(".jpg", np.clip(picture + 128, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert ok
        files.append(data.tobytes())
    return files


def bench(
    scorer: Scorer,
    images: Sequence[Path | bytes],
    scoring: Scoring,
    limits: Limits,
    write: Callable[[str, ScoreResult], None],
    tell: Callable[[str], None],
) -> BenchResult:
    """Measure on files or their bytes; `write` gets every result of the whole way, as a command would.

    Raises ImageError where an image cannot be scored.
    """
    results: list[ScoreResult] = []
    _whole(scorer, images, scoring, limits, lambda name, result: results.append(result))  # warm, and says which tiles
    stages = dict.fromkeys(STAGES, 0.0)
    tiles: list[np.ndarray] = []
    pixels = 0
    for image, result in zip(images, results, strict=True):
        source = io.BytesIO(image) if isinstance(image, bytes) else image
        with _timing(stages, "read"):
            data = read_bytes(source, limits)
        with _timing(stages, "decode"):
            picture = decode_picture(data, limits)
        pixels += picture.width * picture.height
        with _timing(stages, "tile"):
            tiles += [np.array(cut_tile(picture.pixels, x, y)) for x, y in places_of(result, scoring)]
    tell(f"bench: {len(images):,} images, {pixels / 1e6:.1f} megapixels, {len(tiles):,} tiles")
    for image, result in zip(images, results, strict=True):
        name = "image" if isinstance(image, bytes) else str(image)
        with _timing(stages, "write"):
            write(name, result)
    _time_networks(scorer, tiles, stages)
    seconds = median(_whole(scorer, images, scoring, limits, write) for _ in range(ROUNDS))
    alone, operations = time_convolutions(scorer, ROUNDS)
    batches = len(tiles) / scorer.backend.batch_size
    return BenchResult(
        images=len(images),
        megapixels=pixels / 1e6,
        tiles=len(tiles),
        seconds=seconds,
        stages=stages,
        convolution_share=alone * batches / (stages["G"] + stages["R"]),
        tera_operations=operations / alone / 1e12,
        peak_bytes=peak_memory(),
    )


def places_of(result: ScoreResult, scoring: Scoring) -> list[tuple[int, int]]:
    """Where the tiles lie that the networks saw of a picture."""
    if scoring.mode == "exact" or scoring.samples(result.width, result.height):
        return [(tile.x, tile.y) for tile in result.tiles]
    return list(plan_tiles(result.width, result.height, TILE).places())


@contextmanager
def _timing(stages: dict[str, float], stage: str) -> Iterator[None]:
    """Adds the seconds of its block to a stage."""
    begin = time.perf_counter()
    yield
    stages[stage] += time.perf_counter() - begin


@torch.inference_mode()
def _time_networks(scorer: Scorer, tiles: Sequence[np.ndarray], stages: dict[str, float]) -> None:
    """Adds the seconds of laying out batches to "tile", and those of G and R."""
    runner = torch_runner(scorer)
    size = runner.batch_size
    for warm in (True, False):
        for first in range(0, min(len(tiles), size) if warm else len(tiles), size):
            found = dict.fromkeys(STAGES, 0.0)
            with _timing(found, "tile"):
                batch = runner.batch_of(tiles[first : first + size])
            with _timing(found, "G"):
                imagined = runner.network.imagine(batch)
                _settle()
            with _timing(found, "R"):
                runner.network.judge(imagined)
                _settle()
            for stage, seconds in found.items():
                stages[stage] += 0.0 if warm else seconds


def torch_runner(scorer: Scorer) -> TorchBackend:
    """UsageError for a scorer whose networks torch cannot look into."""
    if not isinstance(scorer.backend, TorchBackend):
        raise UsageError(f"the stages are those of torch, not of {scorer.backend.name}", "load the scorer with torch")
    return scorer.backend


def _settle() -> None:
    """Waits until the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _whole(
    scorer: Scorer,
    images: Sequence[Path | bytes],
    scoring: Scoring,
    limits: Limits,
    write: Callable[[str, ScoreResult], None],
) -> float:
    jobs = []
    for number, image in enumerate(images):
        name = f"image {number + 1}" if isinstance(image, bytes) else str(image)
        jobs.append(Job(name, partial(_read, image, limits)))
    begin = time.perf_counter()
    for job, result in scorer.score_stream(jobs, scoring=scoring):
        if isinstance(result, HiqaError):
            raise type(result)(f"{job.name}: {result.message}", result.hint)
        write(job.name, result)
    return time.perf_counter() - begin


def _read(image: Path | bytes, limits: Limits) -> Picture:
    return read_picture(io.BytesIO(image) if isinstance(image, bytes) else image, limits)


@torch.inference_mode()
def time_convolutions(scorer: Scorer, rounds: int) -> tuple[float, float]:
    """(seconds, multiplications and additions) of torch's plain convolutions of G's and R's shapes, channels_last,
    in the networks' precision, for one batch: the sum of the medians of each layer alone."""
    network, device = torch_runner(scorer).network, scorer.device
    seconds = operations = 0.0
    for layer, shape in convolution_shapes(network, scorer.backend.batch_size):
        like = layer.weight
        x = torch.rand(shape, device=device).to(like.dtype).to(memory_format=torch.channels_last)
        weight = like.detach().to(memory_format=torch.channels_last)
        times = []
        for turn in range(rounds + 2):
            begin = time.perf_counter()
            y = functional.conv2d(x, weight, layer.bias, layer.stride, layer.padding, groups=layer.groups)
            _settle()
            if turn > 1:
                times.append(time.perf_counter() - begin)
        seconds += median(times)
        operations += 2 * y.numel() * layer.weight[0].numel()
    return seconds, operations


def convolution_shapes(network: HiqaNet, batch: int) -> list[tuple[nn.Conv2d, tuple[int, ...]]]:
    """Every convolution of the networks, in the order of the data, with the shape that it sees of a batch of tiles."""
    seen: list[tuple[nn.Conv2d, tuple[int, ...]]] = []
    hooks = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(
                module.register_forward_pre_hook(lambda layer, args: seen.append((layer, (batch, *args[0].shape[1:]))))
            )
    try:
        like = next(network.parameters())
        network.as_modules(torch.zeros(1, 3, TILE, TILE, device=like.device))
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def peak_memory() -> int:
    """The most bytes that this process has held so far; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
