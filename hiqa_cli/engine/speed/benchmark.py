"""Where scoring spends its time: each stage, the complete pipeline, and a comparison with plain convolutions.

Stages are timed one after another on the same images. In the pipeline a second thread reads and decodes while the
networks run, so it takes less than the sum of the stages.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.backends.torch_backend import TorchBackend
from hiqa_cli.engine.config import TILE, Scoring
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Job, Scorer
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.errors import HiqaError
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.source import Limits, read_bytes
from hiqa_cli.networks.hiqa import HiqaNet, as_floats

from .timing import add_seconds, median_seconds, seconds_of

AROUND = ("read", "decode", "tile", "write")  # the stages beside the networks
ROUNDS = 5
SEED = 1


@dataclass(frozen=True)
class Convolutions:
    """Torch's plain convolutions of the networks' shapes, timed individually.

    share: their time over that of G and R. tera_operations: 1e12 multiplications and additions per second, in the
        networks' precision.
    """

    share: float
    tera_operations: float


@dataclass(frozen=True)
class BenchResult:
    """Seconds are totals over all images.

    tiles: number of tiles that went through the networks.
    seconds: median of the complete pipeline; stages: each stage individually, in order: "G" and "R" with the backend
        torch, "networks" for both with any other.
    convolutions: with the backend torch only.
    peak_bytes: peak memory of this process; 0 where the system does not report it.
    """

    images: int
    megapixels: float
    tiles: int
    seconds: float
    stages: dict[str, float]
    convolutions: Convolutions | None
    peak_bytes: int

    @property
    def images_a_second(self) -> float:
        """Of the complete pipeline."""
        return self.images / self.seconds

    @property
    def megapixels_a_second(self) -> float:
        """Of the complete pipeline."""
        return self.megapixels / self.seconds

    @property
    def network_share(self) -> float:
        """Time of the networks over that of the pipeline: 1 where everything else runs in parallel with them."""
        return sum(self.stages[name] for name in self.stages if name not in AROUND) / self.seconds


def generated_images(width: int, height: int, count: int) -> list[bytes]:
    """JPEG files of smooth noise at several scales, about as expensive to decode as photographs."""
    rng = np.random.default_rng(SEED)
    files = []
    for _ in range(count):
        picture = np.zeros((height, width, 3), np.float32)
        for scale in (2, 8, 32, 128):
            small = rng.normal(0, 16, (3, height // scale + 2, width // scale + 2)).astype(np.float32)
            for channel, noise in enumerate(small):
                larger = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
                picture[:, :, channel] += np.asarray(larger)
        pixels = np.clip(picture + 128, 0, 255).astype(np.uint8)
        files.append(simplejpeg.encode_jpeg(pixels, quality=90, colorsubsampling="420"))
    return files


def bench(
    scorer: Scorer,
    images: Sequence[Path | bytes],
    scoring: Scoring,
    limits: Limits,
    write: Callable[[str, ScoreResult], None],
    report: Callable[[str], None],
) -> BenchResult:
    """Measure on files or their bytes.

    write: called with every result, as a command writes it. report: called with a line about progress.
    Raises ImageError where an image cannot be scored.
    """
    results: list[ScoreResult] = []
    _score_all(scorer, images, scoring, limits, lambda name, result: results.append(result))  # warms up as well
    networks = ("G", "R") if isinstance(scorer.backend, TorchBackend) else ("networks",)
    stages = dict.fromkeys((*AROUND[:-1], *networks, AROUND[-1]), 0.0)
    tiles: list[np.ndarray] = []
    pixels = 0
    for image, result in zip(images, results, strict=True):
        source = io.BytesIO(image) if isinstance(image, bytes) else image
        with add_seconds(stages, "read"):
            data = read_bytes(source, limits)
        with add_seconds(stages, "decode"):
            picture = decode_picture(data, limits)
        pixels += picture.width * picture.height
        with add_seconds(stages, "tile"):
            tiles += [np.array(cut_tile(picture.pixels, x, y)) for x, y in places_of(result, scoring)]
    report(f"bench: {len(images):,} images, {pixels / 1e6:.1f} megapixels, {len(tiles):,} tiles")
    for image, result in zip(images, results, strict=True):
        name = "image" if isinstance(image, bytes) else str(image)
        with add_seconds(stages, "write"):
            write(name, result)
    if isinstance(scorer.backend, TorchBackend):
        _time_networks(scorer.backend, tiles, stages)
    else:
        with add_seconds(stages, "networks"):
            scorer.backend.predict_tiles(tiles, corrections=False)
    pipeline = partial(seconds_of, partial(_score_all, scorer, images, scoring, limits, write))
    seconds = median_seconds({"pipeline": pipeline}, ROUNDS, warm_up=0)["pipeline"]
    return BenchResult(
        images=len(images),
        megapixels=pixels / 1e6,
        tiles=len(tiles),
        seconds=seconds,
        stages=stages,
        convolutions=_convolutions(scorer.backend, len(tiles), stages),
        peak_bytes=peak_memory(),
    )


def places_of(result: ScoreResult, scoring: Scoring) -> list[tuple[int, int]]:
    """(x, y) of the tiles that went through the networks."""
    borders = result.borders
    width, height = result.width - borders.left - borders.right, result.height - borders.top - borders.bottom
    if scoring.mode == "exact" or scoring.samples(width, height):
        return [(tile.x, tile.y) for tile in result.tiles]
    return [(x + borders.left, y + borders.top) for x, y in plan_tiles(width, height, TILE).places()]


@torch.inference_mode()
def _time_networks(backend: TorchBackend, tiles: Sequence[np.ndarray], stages: dict[str, float]) -> None:
    """Add the seconds of building batches to "tile", and those of G and R to theirs."""
    size = backend.batch_size
    for warm in (True, False):
        for first in range(0, min(len(tiles), size) if warm else len(tiles), size):
            found = dict.fromkeys(("tile", "G", "R"), 0.0)
            with add_seconds(found, "tile"):
                batch = backend.make_batch(tiles[first : first + size])
            with add_seconds(found, "G"):
                image = as_floats(batch)
                generated = backend.network.generator(image)
                _wait_for_device()
            with add_seconds(found, "R"):
                backend.network.compare(image, generated)
                _wait_for_device()
            for stage, seconds in found.items():
                stages[stage] += 0.0 if warm else seconds


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _score_all(
    scorer: Scorer,
    images: Sequence[Path | bytes],
    scoring: Scoring,
    limits: Limits,
    write: Callable[[str, ScoreResult], None],
) -> None:
    jobs = []
    for number, image in enumerate(images, start=1):
        name = f"image {number}" if isinstance(image, bytes) else str(image)
        jobs.append(Job(image, name, limits=limits))
    for job, result in scorer.score_stream(jobs, scoring=scoring):
        if isinstance(result, HiqaError):
            raise type(result)(f"{job.name}: {result.message}", result.hint)
        write(job.name, result)


def _convolutions(backend: Backend, tiles: int, stages: dict[str, float]) -> Convolutions | None:
    """The rate of plain convolutions, and their share of the measured stages."""
    if not isinstance(backend, TorchBackend):
        return None
    seconds, operations = time_convolutions(backend, ROUNDS)
    batches = tiles / backend.batch_size
    return Convolutions(seconds * batches / (stages["G"] + stages["R"]), operations / seconds / 1e12)


@torch.inference_mode()
def time_convolutions(backend: TorchBackend, rounds: int) -> tuple[float, float]:
    """(seconds, multiplications and additions) of torch's plain convolutions for one batch.

    Each convolution of G and R is timed individually, channels_last, in the networks' precision; medians are summed.
    """
    seconds = operations = 0.0
    for layer, shape in convolution_shapes(backend.network, backend.batch_size):
        like = layer.weight
        x = torch.rand(shape, device=like.device).to(like.dtype).to(memory_format=torch.channels_last)
        weight = like.detach().to(memory_format=torch.channels_last)
        convolve = partial(functional.conv2d, x, weight, layer.bias, layer.stride, layer.padding, groups=layer.groups)
        timed = partial(seconds_of, convolve, _wait_for_device)
        seconds += median_seconds({"layer": timed}, rounds, warm_up=2)["layer"]
        y = convolve()
        operations += 2 * y.numel() * layer.weight[0].numel()
    return seconds, operations


def convolution_shapes(network: HiqaNet, batch: int) -> list[tuple[nn.Conv2d, tuple[int, ...]]]:
    """Every convolution of the networks in the order of execution, with its input shape for a batch of tiles."""
    found: list[tuple[nn.Conv2d, tuple[int, ...]]] = []
    hooks = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(
                module.register_forward_pre_hook(lambda layer, args: found.append((layer, (batch, *args[0].shape[1:]))))
            )
    try:
        like = next(network.parameters())
        network(torch.zeros(1, 3, TILE, TILE, device=like.device))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def peak_memory() -> int:
    """Peak resident bytes of this process; 0 where the system does not report them."""
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
