"""Measures how fast each stage trains, where its time goes, and how it compares to a plain convolution in the same run.

Patches per second count complete steps of the training loop. The share of the plain convolution's rate is

    (multiplications of a step / its seconds) / (those of a plain 3x3 convolution of 128 channels / its seconds)

with forward and backward pass of a step, in the precision of training, both timed in alternating rounds. Python's share
is that part of a step, without waiting and moving, which torch's profiler measures outside torch's operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch.profiler import ProfilerActivity, profile

from hiqa_cli.engine.speed.timing import add_seconds, median_seconds, no_wait, seconds_of
from hiqa_train.data.batch import Batch
from hiqa_train.distributed import RunDevice, join_processes
from hiqa_train.losses.perceptual import load_perceptual
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.sources.protocol import DataSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import UntrainedNetworks, load_generator
from hiqa_train.stages.plan import make_plan, vgg_layers
from hiqa_train.trainer.batches import load_batches
from hiqa_train.trainer.convolution_rate import PlainConvolution, count_multiplications
from hiqa_train.trainer.loop import TrainingStage

from .options import RunOptions

ROUNDS = 3
TURNS = ROUNDS + 5  # of steps to draw batches for, with warm-up, count and profile
STEP = "step"
PIECES = ("waiting for the loader", "moving and converting", "torch's operators", "Python")


@dataclass(frozen=True)
class StageProfile:
    """The speed of one stage.

    patches_a_second: with all losses of the stage. seconds: per step. gmac: 1e9 multiplications per step.
    share: of the plain convolution's rate. shares: of the time of a step, by PIECES.
    largest: the operators with the largest shares of torch's time, and these shares.
    """

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
        """Share of loader and Python; below 0.1 is good."""
        return self.shares[PIECES[0]] + self.shares[PIECES[3]]


def profile_stages(data: DataSource, recipe: Recipe, options: RunOptions) -> list[StageProfile]:
    """Profile every stage of the plan that the training loop runs, on untrained networks of its sizes."""
    with join_processes(options.device, options.precision) as run_device:
        plan = make_plan(recipe, data, has_generator=options.generator is not None, kinds=options.kinds)
        ready = load_generator(options.generator) if plan.has_generator else None
        layers = vgg_layers(recipe, plan.stages)
        perceptual = load_perceptual(options.vgg, layers) if layers else None
        factory = StageFactory(recipe, data, run_device, options.seed, perceptual)
        untrained = UntrainedNetworks(recipe, len(data.names), ready)
        in_loop = [name for name in plan.stages if not isinstance(recipe.stages[name], HeadsStage)]
        return [profile_stage(factory.build(name, untrained), recipe, run_device) for name in in_loop]


class StageTiming:
    """Runs the last steps of a stage as the training loop does, when all its losses are active."""

    def __init__(self, stage: TrainingStage, recipe: Recipe, run_device: RunDevice) -> None:
        self.stage, self.pieces, self.run_device = stage, recipe.watch.pieces, run_device
        self.turn = stage.cycle
        self.first = max(0, (stage.steps - 200) // self.turn * self.turn)
        self.number = self.first
        # may lie beyond the last step of a short stage: patches of any number can be drawn
        last = self.first + self.turn * TURNS
        self.batches: Iterator = load_batches(stage, recipe.watch, run_device, self.first, last)
        self.reset()

    def reset(self) -> None:
        """Set the measured seconds to 0."""
        self.seconds = dict.fromkeys((*PIECES[:2], STEP), 0.0)

    def run(self) -> None:
        """Run one cycle of steps."""
        for _ in range(self.turn):
            self.step([self.fetch()])

    def fetch(self) -> list[Batch]:
        """The pieces of the next batch, on the device."""
        with add_seconds(self.seconds, PIECES[0]):
            batch = next(self.batches)
        with add_seconds(self.seconds, PIECES[1]):
            return batch.to(self.run_device.device).micro_batches(self.pieces)

    def step(self, batches: list[list[Batch]]) -> None:
        """Run a step on each of these batches, given in pieces."""
        for pieces in batches:
            with add_seconds(self.seconds, STEP):
                torch.stack([loss.detach().float() for loss in self.stage.step(self.number, pieces).values()]).tolist()
            self.number += 1


def profile_stage(stage: TrainingStage, recipe: Recipe, run_device: RunDevice) -> StageProfile:
    """Count the multiplications of a few steps, time them against the plain convolution, and profile them."""
    steps = StageTiming(stage, recipe, run_device)
    steps.run()  # not counted: the first step with an adversarial loss also measures R on the validation part
    multiplications = count_multiplications(steps.run)
    plain = PlainConvolution(run_device.precision, run_device.device)
    calls = plain.calls_for(multiplications)
    wait = torch.cuda.synchronize if run_device.device.type == "cuda" else no_wait
    steps.reset()
    timed = {
        "steps": partial(seconds_of, steps.run),
        "plain": partial(seconds_of, partial(plain.run, calls), wait),
    }
    medians = median_seconds(timed, ROUNDS)
    seconds = medians["steps"]
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if run_device.device.type == "cuda" else [])]
    total = sum(steps.seconds.values())
    waited, moved, stepping = (part / total for part in steps.seconds.values())
    batches = [steps.fetch() for _ in range(steps.turn)]
    with profile(activities=activities) as profiler:
        profiled_seconds = seconds_of(partial(steps.step, batches))
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
    inside = sum(event.self_cpu_time_total for event in events) / 1e6
    # the profiler slows down operators and Python alike: take its shares, not its times
    operators = min(1.0, inside / profiled_seconds)
    shares = dict(zip(PIECES, (waited, moved, stepping * operators, stepping * (1 - operators)), strict=True))
    return StageProfile(
        stage.name,
        run_device.precision,
        steps.turn * stage.batch / seconds,
        seconds / steps.turn,
        multiplications / steps.turn / 1e9,
        (multiplications / seconds) / (calls * plain.MULTIPLICATIONS / medians["plain"]),
        shares,
        tuple((event.key, event.self_cpu_time_total / 1e6 / max(inside, 1e-9)) for event in events[:5]),
    )


def table(profiles: list[StageProfile]) -> list[str]:
    """Two lines per stage, then the precision and the slowest stage."""
    lines = [f"{'stage':<12}{'patches/s':>10}{'s a step':>10}{'GMAC':>10}{'of plain':>10}  where the time goes"]
    for one in profiles:
        where = ", ".join(f"{name} {100 * share:.1f} %" for name, share in one.shares.items())
        lines.append(
            f"{one.stage:<12}{one.patches_a_second:>10.2f}{one.seconds:>10.3f}{one.gmac:>10.1f}"
            f"{100 * one.share:>8.1f} %  {where}"
        )
        largest = ", ".join(f"{name} {100 * share:.0f} %" for name, share in one.largest)
        lines.append(f"{'':<12}largest of torch's operators: {largest}")
    lines.append(f"precision {profiles[0].precision}; of plain: share of the rate of a 3x3 convolution of 128 channels")
    slowest = min(profiles, key=lambda one: one.patches_a_second)
    lines.append(f"slowest: {slowest.stage}; loader and Python take {100 * slowest.overhead:.1f} % of it")
    return lines
