"""Freed memory is kept for the next feature map, up to a limit, where glibc can be told so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hiqa_cli.engine.backends import memory

# What glibc begins with; left to itself it may come to keep more, or not, as chance has it.
EAGER = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
MEASURE = """
import resource, sys
from pathlib import Path
import torch
from hiqa_cli.engine.backends.memory import keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

def feature_maps():
    for _ in range(10):
        [torch.ones(6 << 20) for _ in range(4)]  # 24 MiB each

if sys.argv[1] == "kept":
    assert keep_freed_memory() and keep_freed_memory()
feature_maps()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
feature_maps()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
held = resident()
pictures = [torch.ones(12 << 20) for _ in range(10)]  # 48 MiB each
grown = resident() - held
del pictures
print(faults * resource.getpagesize(), grown, resident() - held)
"""


def measured(what: str) -> tuple[int, int, int]:
    """(bytes faulted in for 40 feature maps, four at once; what ten pictures add to the process; what is left of that
    when they are let go)."""
    command = [sys.executable, "-c", MEASURE, what]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | EAGER)
    faulted, grown, left = map(int, run.stdout.split())
    return faulted, grown, left


@pytest.mark.slow
@pytest.mark.skipif(not memory.keep_freed_memory(), reason="no glibc here")
def test_feature_maps_take_memory_that_is_at_hand_and_pictures_give_theirs_back() -> None:
    faulted, grown, left = measured("kept")
    without, _, _ = measured("given back")
    assert faulted < 0.25 * without
    assert grown > 300 * 2**20
    assert left < 60 * 2**20


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(memory.ctypes, "CDLL", None)
    assert not memory.keep_freed_memory.__wrapped__()


def test_a_c_library_without_such_a_choice_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert not memory.keep_freed_memory.__wrapped__()
