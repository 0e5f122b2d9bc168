"""What `auto` means on this machine: the fastest of a few ways to run the networks, measured with the networks.

One measurement runs a few tiles in each way, for about a second. It is made once and kept in the user's cache, by
processor, library versions and weights. Without a folder for the cache nothing is measured, and the kind of hardware
decides (`devices.known_precision`). The batch size is not measured: from 4 to 16 tiles it changes the time by less than
a tenth (docs/benchmarks.md).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from hiqa_cli._version import __version__
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.speed.timing import seconds_of
from hiqa_cli.errors import OutputError
from hiqa_cli.files.atomic import write_json

from .backend import Backend
from .cache import user_cache

MEASUREMENTS = "measurements.json"  # in the user's cache: key -> Measurement
WORTHWHILE = 0.8  # another way than the default is taken for at most this share of the default's time
ENOUGH_SECONDS = 0.35  # of measuring, after which no further round begins
ROUNDS = 3
TILES = 4  # in a measurement
FEWEST_THREADS = 4  # with fewer there is nothing to halve


@dataclass(frozen=True)
class Measurement:
    """A choice between ways to run the networks. milliseconds: of each way, per tile, the fastest of all rounds."""

    chosen: str
    milliseconds: dict[str, float]

    def __str__(self) -> str:
        times = ", ".join(f"{name} {value:.1f} ms" for name, value in self.milliseconds.items())
        return f"measured {times} a tile; chosen: {self.chosen}"


def cache_file() -> Path:
    """Where measurements are kept; FileNotFoundError without a home folder."""
    return user_cache() / MEASUREMENTS


def read_measurement(key: str, ways: Mapping[str, object]) -> Measurement | None:
    """The measurement that was kept under `key`; None where there is none, or not between these ways."""
    try:
        kept = json.loads(cache_file().read_bytes())[key]
        found = Measurement(str(kept["chosen"]), {str(k): float(v) for k, v in kept["milliseconds"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return found if found.chosen in ways and found.milliseconds.keys() == ways.keys() else None


def keep_measurement(key: str, measurement: Measurement) -> None:
    """Add a measurement to the cache; where it cannot be written, the next process measures again."""
    path = cache_file()
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError):
        kept = {}
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, (kept if isinstance(kept, dict) else {}) | {key: asdict(measurement)})


def can_keep() -> bool:
    """Whether there is a folder for the cache that can be written."""
    try:
        cache_file().parent.mkdir(parents=True, exist_ok=True)
        probe = cache_file().with_suffix(".probe")
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True


def measure(ways: Mapping[str, Callable[[], object]], tiles: int) -> Measurement:
    """Run each way once to warm up, then in alternating rounds; the first is the default.

    ways: name -> a function that runs `tiles` tiles and returns when they are done. Another way than the first is
    chosen only where it takes at most the share WORTHWHILE of the first one's time.
    """
    best = dict.fromkeys(ways, float("inf"))
    for run in ways.values():
        run()
    spent = 0.0
    for _ in range(ROUNDS):
        for name, run in ways.items():
            seconds = seconds_of(run)
            best[name] = min(best[name], seconds)
            spent += seconds
        if spent > ENOUGH_SECONDS:
            break
    default = next(iter(ways))
    fastest = min(best, key=lambda name: best[name])
    chosen = fastest if best[fastest] <= WORTHWHILE * best[default] else default
    return Measurement(chosen, {name: round(1000 * seconds / tiles, 2) for name, seconds in best.items()})


class BackendChoice:
    """Backends on one device, made when they are needed, and the choice between them.

    hardware: what the device calls itself. library: what runs the networks, with its version.
    """

    def __init__(self, hardware: str, library: str, weights_id: str, build: Callable[[str], Backend]) -> None:
        self._key = f"{hardware}, {library}, weights {weights_id}, hiqa {__version__}"
        self._build = build
        self._backends: dict[str, Backend] = {}

    def __getitem__(self, precision: str) -> Backend:
        if precision not in self._backends:
            self._backends[precision] = self._build(precision)
        return self._backends[precision]

    def measure_precision(self) -> Measurement | None:
        """float32 or bf16; None where the choice cannot be kept."""
        ways = {name: partial(self._run, name) for name in ("fp32", "bf16")}
        return choose(f"precision: {self._key}", ways, TILES)

    def measure_threads(self, precision: str) -> Measurement | None:
        """All threads of torch or half of them, and set torch to the faster: with two logical processors a core, half
        of them are faster on some machines. None where there are too few, or the choice cannot be kept."""
        import torch

        most = torch.get_num_threads()
        if most < FEWEST_THREADS:
            return None
        counts = {f"{number} threads": number for number in (most, most // 2)}

        def run(number: int) -> object:
            torch.set_num_threads(number)
            return self._run(precision)

        ways = {name: partial(run, number) for name, number in counts.items()}
        chosen = most
        try:
            measured = choose(f"threads, {precision}: {self._key}", ways, TILES)
            if measured is not None:
                chosen = counts[measured.chosen]
        finally:
            torch.set_num_threads(chosen)
        return measured

    def _run(self, precision: str) -> object:
        random = np.random.default_rng(0)
        tiles = random.integers(0, 256, (TILES, TILE, TILE, 3), np.uint8)
        return self[precision].predict_tiles(list(tiles), corrections=False)


def choose(key: str, ways: Mapping[str, Callable[[], object]], tiles: int) -> Measurement | None:
    """What was measured before under `key`, else a measurement that is kept; None where nothing can be kept."""
    kept = read_measurement(key, ways)
    if kept is not None:
        return kept
    if not can_keep():
        return None
    measurement = measure(ways, tiles)
    keep_measurement(key, measurement)
    return measurement
