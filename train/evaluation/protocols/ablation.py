"""The paper's ablation (figure 4) and an oracle, as variants of one recipe that differ in one idea each.

    BL      R on the distorted image alone
    HCM     + hallucination: R sees the discrepancy map; G with pixel and VGG loss
    QPL     + the quality-aware loss (5)
    ADV     + a plain GAN, d_fake = 0 always
    QADV    d_fake by formula (7) instead
    HSF     + fusion of G's features (11): the whole method
    oracle  HSF with the true reference's map instead of the hallucination's

A stage that several variants share is trained once. Joint stages are left out. Every choice is made on the validation
part; the test part is measured once, at the end.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hiqa_cli.errors import UsageError, cannot_write
from hiqa_cli.files.atomic import write_json
from hiqa_cli.files.output_checks import claimed_folder
from hiqa_train.data.image_cache import default_cache_folder
from hiqa_train.data.leakage import RUN_RECORD
from hiqa_train.data.scored_images import open_samples
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.datasets.sample import Sample
from hiqa_train.distributed import is_leader, join_processes
from hiqa_train.evaluation.correlation import Agreement, measure
from hiqa_train.evaluation.tile_scores import score
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import GeneratorStage, RegressorStage
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.run import train_databases
from hiqa_train.runs.run_record import PERCEPTUAL, recorded_perceptual
from hiqa_train.stages.initialise import TrainedNetworks
from hiqa_train.stages.plan import generator_stage
from hiqa_train.trainer.checkpoint import BEST, LAST, RESUME_HINT
from hiqa_train.trainer.loop import StopSignal

VARIANTS = ("BL", "HCM", "QPL", "ADV", "QADV", "HSF", "oracle")
# Figure 4, on TID2008: SROCC, PLCC (medians of ten splits). The paper has no oracle there.
PAPER = {
    "BL": (0.755, 0.800),
    "HCM": (0.859, 0.870),
    "QPL": (0.864, 0.887),
    "ADV": (0.894, 0.910),
    "QADV": (0.910, 0.918),
    "HSF": (0.941, 0.949),
}


@dataclass(frozen=True)
class AblationRow:
    """One variant, measured on the test part. perceptual: the identity of its perceptual loss's network, if any."""

    variant: str
    agreement: Agreement
    perceptual: Mapping[str, Any] | None


def variant(recipe: Recipe, name: str) -> Recipe:
    """The recipe with only the ideas of a variant. UsageError if the recipe lacks a stage that they need."""
    generator_name = generator_stage(recipe)
    regressors = [n for n, stage in recipe.stages.items() if isinstance(stage, RegressorStage)]
    if not generator_name or len(regressors) < 2:
        raise UsageError(f"the recipe {recipe.name} has no stages to ablate", "it needs an R alone, a G and a final R")
    alone, final = regressors[0], regressors[-1]
    recipe = recipe.only(*regressors, generator_name)
    if name == "BL":
        return recipe.only(alone)
    generator = recipe.stages[generator_name]
    assert isinstance(generator, GeneratorStage)
    adversarial: Literal["none", "plain", "quality"] = "quality"
    if name in ("HCM", "QPL"):
        adversarial = "none"
    elif name == "ADV":
        adversarial = "plain"
    psi_weight = 0.0 if name == "HCM" else generator.psi_weight
    recipe = recipe.with_stage(generator_name, adversarial=adversarial, psi_weight=psi_weight)
    sees = "reference" if name == "oracle" else "hallucination"
    return recipe.with_stage(final, sees=sees, fusion=name in ("HSF", "oracle"))


def run_ablation(
    part: DatabaseSplit,
    test: Sequence[Sample],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    report: Callable[[str], None],
) -> list[AblationRow] | None:
    """Train every variant in OUT/NAME and measure it on the test part. Returns None if `stop` ended it early."""
    if not all(sample.reference is not None for sample in (*part.training, *part.validation, *test)):
        raise UsageError(f"{part.name}: the ablation needs every image's reference", "TID2008 is the paper's")
    if not options.resume and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", "give --resume to continue it, or another --out")
    with claimed_folder("--out", out) if is_leader() else nullcontext():
        rows = _train_variants(part, test, recipe, out, options, stop, report)
    if rows is not None:
        write_rows(out / "ablation.json", part.name, rows)
    return rows


def _train_variants(
    part: DatabaseSplit,
    test: Sequence[Sample],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    report: Callable[[str], None],
) -> list[AblationRow] | None:
    rows = []
    trained: dict[str, Path] = {}
    for name in VARIANTS:
        changed = variant(recipe, name)
        where = out / name
        reused = reuse_stages(changed, where, trained)
        mine = dataclasses.replace(options, resume=reused or (where / RUN_RECORD).exists(), generator=None)
        report(f"ablation: {name}")
        if train_databases([part], changed, where, mine, stop, report) is None:
            return None
        rows.append(AblationRow(name, measure_variant(where, changed, mine, test), recorded_perceptual(where)))
        report(f"ablation: {name}: SROCC {rows[-1].agreement.srocc:.3f}, PLCC {rows[-1].agreement.plcc:.3f}")
    return rows


def reuse_stages(recipe: Recipe, where: Path, trained: dict[str, Path]) -> bool:
    """Link the stages that an earlier variant has trained after the same stages into this variant's folder. Returns
    whether there were any. trained: description of a stage and those before it -> the folder of the first one."""
    reused = False
    for number, name in enumerate(recipe.stages, start=1):
        described = json.dumps([asdict(stage) for stage in list(recipe.stages.values())[:number]], sort_keys=True)
        source = trained.setdefault(described, where / name)
        for file in (LAST, BEST) if source != where / name else ():
            target = where / name / file
            if not target.exists():
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.link(source / file, target)  # checkpoints are replaced, never written into
                except OSError as error:
                    raise cannot_write(target, error, RESUME_HINT) from error
            reused = True
    return reused


def measure_variant(where: Path, recipe: Recipe, options: RunOptions, test: Sequence[Sample]) -> Agreement:
    """Measure a finished variant on the test images, tile by tile as in scoring."""
    regressors = [name for name, stage in recipe.stages.items() if isinstance(stage, RegressorStage)]
    stage = recipe.stages[regressors[-1]]
    assert isinstance(stage, RegressorStage)
    finished, generator_name = TrainedNetworks(where, None), generator_stage(recipe)
    network = finished.regressor(regressors[-1])
    generator = finished.generator(generator_name) if generator_name else None
    images = open_samples([(0, sample) for sample in test], options.cache or default_cache_folder(), lambda: None)
    with join_processes(options.device, "fp32") as run_device:
        network.to(run_device.device)
        if generator is not None:
            generator.to(run_device.device)
        predicted = [score(image, network, stage, run_device, generator=generator) for image in images]
    # qualities on both sides: high is good
    return measure(predicted, [image.quality for image in images], high_is_good=True)


def write_rows(path: Path, database: str, rows: Sequence[AblationRow]) -> None:
    """The table as JSON. OutputError."""
    of_rows = {row.variant: {**asdict(row.agreement), PERCEPTUAL: row.perceptual} for row in rows}
    write_json(path, {"database": database, "rows": of_rows})


def table(database: str, rows: Sequence[AblationRow]) -> list[str]:
    """The table as text, beside the paper's numbers."""
    networks = sorted({row.perceptual["network"] for row in rows if row.perceptual is not None})
    lines = [
        f"ablation on {database}'s test part ({rows[0].agreement.images} images, one split), the paper's figure 4",
        "(TID2008, medians of ten splits; it has no oracle there);",
        f"perceptual loss: {', '.join(networks) or 'none'}",
        f"{'':<8}{'SROCC':>8}{'PLCC':>8}   {'paper':>8}{'':>8}",
    ]
    for row in rows:
        theirs = "".join(f"{value:>8.3f}" for value in PAPER.get(row.variant, ()))
        lines.append(f"{row.variant:<8}{row.agreement.srocc:>8.3f}{row.agreement.plcc:>8.3f}   {theirs}".rstrip())
    return lines
