"""The timing core of every speed measurement: warm-up, alternating rounds, medians.

The speed of a shared machine drifts. Rounds therefore alternate between the candidates, so that a drift affects all
alike; only ratios within one run are comparable. Imports the standard library only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median


def no_wait() -> None:
    """Return at once: for work that is complete when its call returns."""


def seconds_of(call: Callable[[], object], wait: Callable[[], None] = no_wait) -> float:
    """Wall-clock seconds of one call. wait: returns once an asynchronous device has finished."""
    begin = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - begin


def median_seconds(measures: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 1) -> dict[str, float]:
    """Median seconds of each measure over `rounds` rounds, each of which runs every measure once, in order.

    measures: name -> function that returns its own seconds. warm_up: uncounted rounds before.
    """
    times: dict[str, list[float]] = {name: [] for name in measures}
    for turn in range(warm_up + rounds):
        for name, measure in measures.items():
            seconds = measure()
            if turn >= warm_up:
                times[name].append(seconds)
    return {name: median(values) for name, values in times.items()}


@contextmanager
def add_seconds(totals: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of the block to `totals[name]`."""
    begin = time.perf_counter()
    yield
    totals[name] += time.perf_counter() - begin
