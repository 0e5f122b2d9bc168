"""Freed memory is kept for the next feature map, up to a limit, where glibc can be told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hiqa_cli.engine import allocation

MEASURE = """
import gc, resource, sys
from pathlib import Path
import torch
from hiqa_cli.engine.allocation import keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

if sys.argv[1] == "kept":
    assert keep_freed_memory() and keep_freed_memory()
for _ in range(20):
    torch.ones(12 << 20)  # 48 MiB, a large feature map
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(12 << 20)
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
held = resident()
many = [torch.ones(12 << 20) for _ in range(20)]
grown = resident() - held
del many
gc.collect()
print(faults * resource.getpagesize(), grown, resident() - held)
"""


def measured(what: str) -> tuple[int, int, int]:
    """(bytes faulted in for ten buffers of 48 MiB one after the other; what 20 of them at once add to the process; what
    is left of that when they are freed)."""
    run = subprocess.run([sys.executable, "-c", MEASURE, what], capture_output=True, text=True, check=True)
    faulted, grown, left = map(int, run.stdout.split())
    return faulted, grown, left


@pytest.mark.skipif(not allocation.keep_freed_memory(), reason="no glibc here")
def test_buffers_are_taken_from_memory_that_is_at_hand_and_memory_goes_back_beyond_a_limit() -> None:
    faulted, grown, left = measured("kept")
    assert faulted < 100 * 2**20
    assert grown > 800 * 2**20
    assert left < allocation.KEPT + 64 * 2**20
    without, _, _ = measured("given back")
    assert without > 400 * 2**20


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(allocation.ctypes, "CDLL", None)
    assert not allocation.keep_freed_memory.__wrapped__()


def test_a_c_library_without_such_a_choice_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda name: object())
    assert not allocation.keep_freed_memory.__wrapped__()


def test_an_older_glibc_gets_the_most_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    class Older:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            told.append((parameter, value))
            return int(parameter != allocation.M_MMAP_THRESHOLD or value <= 32 * 2**20)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(allocation.ctypes, "CDLL", lambda name: Older)
    assert allocation.keep_freed_memory.__wrapped__()
    assert told[-2:] == [(allocation.M_MMAP_THRESHOLD, 32 * 2**20), (allocation.M_TRIM_THRESHOLD, allocation.KEPT)]
