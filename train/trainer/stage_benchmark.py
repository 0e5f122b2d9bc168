"""How fast each stage trains, and where its time goes, beside torch's plain convolution in the same run.

Patches a second are of whole steps as the loop runs them. The share of the plain convolution's rate is

    (multiplications of a step / its seconds) / (those of a plain 3x3 convolution of 128 channels / its seconds)

a step's forward and backward both, in the precision that the stage trains in, the two timed in turn. Python's share is
what is left of a step's time when the time inside torch's operators, as torch's own profiler has it, is taken off.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from hiqa_train.data.sources.base import DataSource
from hiqa_train.losses.vgg import Vgg19Features
from hiqa_train.recipes.schema import Recipe
from hiqa_train.runs.plan import make_plan
from hiqa_train.runs.run import RunOptions
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import UntrainedNetworks, load_generator

from .convolution_rate import CONVOLUTION, alternate
from .distributed import RunDevice, join_processes
from .loop import TrainingStage, loader, numbers

ROUNDS = 3
PIECES = ("waiting for the loader", "moving and converting", "torch's operators", "Python")


@dataclass(frozen=True)
class StageProfile:
    """patches_a_second: of steps with every loss that the stage has; gmac: multiplications of a step, in thousand
    millions; share: of the plain convolution's rate; shares: of the step's time, by PIECES; largest: the operators that
    take most of torch's time, with their shares of it."""

    stage: str
    precision: str
    patches_a_second: float
    seconds: float
    gmac: float
    share: float
    shares: dict[str, float]
    largest: tuple[tuple[str, float], ...]

    @property
    def overhead(self) -> float:
        """Loader and Python: what is to stay under a tenth."""
        return self.shares[PIECES[0]] + self.shares[PIECES[3]]


def profile_material(material: DataSource, recipe: Recipe, options: RunOptions) -> list[StageProfile]:
    """Every stage that would run, on untrained networks of its size."""
    from hiqa_train.runs.run import vgg_layers

    with join_processes(options.device, options.precision) as machine:
        plan = make_plan(recipe, material, ready=options.generator is not None, kinds=options.kinds)
        ready = load_generator(options.generator) if plan.ready else None
        layers = vgg_layers(recipe, plan.stages)
        vgg = Vgg19Features(options.vgg, layers) if layers and options.vgg is not None else None
        builder = StageFactory(recipe, material, machine, options.seed, vgg)
        untrained = UntrainedNetworks(recipe, len(material.names), ready)
        return [profile_stage(builder.build(name, untrained), recipe, machine) for name in plan.stages]


class StageTiming:
    """A stage's steps as the loop runs them, its late ones, in which every loss has joined."""

    def __init__(self, stage: TrainingStage, recipe: Recipe, machine: RunDevice) -> None:
        self.stage, self.pieces, self.machine = stage, recipe.watch.pieces, machine
        # the features' losses come at every n-th step: a whole turn is timed
        self.turn = getattr(getattr(stage, "of_generator", stage.recipe), "features_every", 1)  # type: ignore[attr-defined]
        self.first = max(0, (stage.steps - 200) // self.turn * self.turn)
        self.number = self.first
        self.batches: Iterator = loader(stage, recipe.watch, machine, self.first)
        self.waited = self.moved = 0.0

    def run(self) -> None:
        """One turn."""
        for _ in range(self.turn):
            begin = time.perf_counter()
            batch = next(self.batches)
            came = time.perf_counter()
            pieces = batch.to(self.machine.device).micro_batches(self.pieces)
            moved = time.perf_counter()
            numbers(self.stage.step(self.number, pieces))
            self.waited += came - begin
            self.moved += moved - came
            self.number += 1


def profile_stage(stage: TrainingStage, recipe: Recipe, machine: RunDevice) -> StageProfile:
    """A few steps: counted, timed beside the plain convolution, and looked into by torch's profiler."""
    steps = StageTiming(stage, recipe, machine)
    with FlopCounterMode(display=False) as counter:
        steps.run()
    multiplications = counter.get_total_flops() / 2
    convolve, of_one = plain_convolution(machine)
    calls = max(1, round(multiplications / of_one))
    steps.waited = steps.moved = 0.0

    def plain() -> None:
        for _ in range(calls):
            convolve()
        if machine.device.type == "cuda":
            torch.cuda.synchronize()

    seconds, plain_seconds = alternate(steps.run, plain, ROUNDS)
    turns = ROUNDS + 1
    waited, moved = steps.waited / turns, steps.moved / turns
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if machine.device.type == "cuda" else [])]
    begin = time.perf_counter()
    with profile(activities=activities) as seen:
        steps.run()
    looked = time.perf_counter() - begin
    events = sorted(seen.key_averages(), key=lambda event: -event.self_cpu_time_total)
    inside = sum(event.self_cpu_time_total for event in events) / 1e6
    # the profiler slows operators and Python alike: its shares are taken, not its times
    python = max(0.0, 1 - inside / looked)
    shares = dict(zip(PIECES, (waited / seconds, moved / seconds, 0.0, python), strict=True))
    shares[PIECES[2]] = max(0.0, 1 - sum(shares.values()))
    return StageProfile(
        stage.name,
        machine.precision,
        steps.turn * stage.batch / seconds,
        seconds / steps.turn,
        multiplications / steps.turn / 1e9,
        (multiplications / seconds) / (calls * of_one / plain_seconds),
        shares,
        tuple((event.key, event.self_cpu_time_total / 1e6 / max(inside, 1e-9)) for event in events[:5]),
    )


def plain_convolution(machine: RunDevice):  # type: ignore[no-untyped-def]
    """The yardstick of `speed.py`, forward, in the machine's precision; and its multiplications."""
    count, channels, height, width = CONVOLUTION
    dtype = torch.bfloat16 if machine.precision == "bf16" else torch.float32
    plain: nn.Module = nn.Conv2d(channels, channels, 3, padding=1)
    plain = plain.to(machine.device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(CONVOLUTION).to(machine.device, dtype=dtype, memory_format=torch.channels_last)

    def convolve() -> None:
        with torch.no_grad():
            plain(image)

    return convolve, count * height * width * channels * channels * 9


def table(found: list[StageProfile]) -> list[str]:
    """For a person: a line a stage, then where its time goes."""
    lines = [f"{'stage':<12}{'patches/s':>10}{'s a step':>10}{'GMAC':>10}{'of plain':>10}  where the time goes"]
    for one in found:
        where = ", ".join(f"{name} {100 * share:.1f} %" for name, share in one.shares.items())
        lines.append(
            f"{one.stage:<12}{one.patches_a_second:>10.2f}{one.seconds:>10.3f}{one.gmac:>10.1f}"
            f"{100 * one.share:>8.1f} %  {where}"
        )
        largest = ", ".join(f"{name} {100 * share:.0f} %" for name, share in one.largest)
        lines.append(f"{'':<12}largest of torch's operators: {largest}")
    lines.append(f"precision {found[0].precision}; of plain: share of the rate of a 3x3 convolution of 128 channels")
    slowest = min(found, key=lambda one: one.patches_a_second)
    lines.append(f"slowest: {slowest.stage}; loader and Python take {100 * slowest.overhead:.1f} % of it")
    return lines
