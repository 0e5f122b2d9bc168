"""The end of a run: fit the stated half-width on validation images and write OUT/weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import TORCH
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.errors import OutputError
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.hiqa import AnyRegressor
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.sources.protocol import DataSource
from hiqa_train.stages.heads.stage import UNFITTED, TrainedHeads, anchored_cases
from hiqa_train.trainer.checkpoint import RESUME_HINT
from hiqa_train.uncertainty.activations import observe_activations
from hiqa_train.uncertainty.error_head import attach_error_head
from hiqa_train.uncertainty.interval_fit import fit_half_width

LICENCE = "as the owner of this run decides, within the terms of its training data"


@dataclass(frozen=True)
class ReleaseFacts:
    """Facts for the manifest. measured: its entry of that name. trained_scenes: all scenes that any of the networks was
    trained on, None if unknown."""

    data: DataSource
    measured: Mapping[str, Any]
    trained_scenes: Iterable[str] | None

    def save(
        self,
        folder: Path,
        generator: Generator,
        regressor: AnyRegressor,
        calibration: Calibration,
        maps: Mapping[str, Sequence[float]],
    ) -> None:
        """Write the weights. maps: for each database, its qualities at evenly spaced scores (losses/score_maps.py).
        Raises OutputError, as on a full disk."""
        try:
            save_weights(
                folder,
                generator,
                regressor,
                calibration,
                name=f"trained on {', '.join(self.data.names)}",
                version="1",
                licence=LICENCE,
                training_data=self.data.terms(),
                measured={**self.measured, "maps": maps},
                seen_scenes=self.trained_scenes,
            )
        except OutputError as error:
            raise OutputError(error.message, RESUME_HINT) from error


def release(
    folder: Path, generator: Generator, network: MappedRegressor, facts: ReleaseFacts, report: Callable[[str], None]
) -> Path:
    """Fit the half-width on scores of the weights as they are released (in float16), and write the folder.

    Returns the folder. Raises OutputError.
    """
    names = facts.data.names
    knots = network.knots(len(names))
    maps = dict(zip(names, knots, strict=True)) if len(knots) > 1 else {}
    unfitted = folder.with_name(f".{folder.name}")  # hidden, so that it is not mistaken for the released weights
    facts.save(unfitted, generator, network.regressor, UNFITTED, maps)
    scorer = Scorer.load(unfitted, backend=TORCH, device="cpu", precision="fp32")  # only torch records activations
    cases = facts.data.interval_cases(observe_activations(scorer), knots, report)
    calibration, error_head = fit_half_width(cases)
    attach_error_head(network.regressor, error_head)
    facts.save(folder, generator, network.regressor, calibration, maps)
    shutil.rmtree(unfitted)
    report(f"weights in {folder}")
    return folder


def release_heads(
    folder: Path,
    generator: Generator,
    trained: TrainedHeads,
    growth: Mapping[str, float],
    facts: ReleaseFacts,
    report: Callable[[str], None],
) -> Path:
    """As release(), for heads that were trained on stored rows, on which scale, score maps and uncertainty are fitted.

    growth: by database, how many times larger errors are on images that the heads were not trained on. Of databases
    without it, only validation rows are used.
    """
    names = facts.data.names  # in the order of `Rows.source`
    anchor, knots, cases = anchored_cases(trained, lambda source: growth.get(names[source], 0.0))
    report(f"anchored the scale: logits times {anchor.gain:.3f}, plus {anchor.shift:+.3f}")
    calibration, error_head = fit_half_width(cases)
    attach_error_head(trained.regressor, error_head)
    # the clean images, which come first, have no map: their scale is hiqa's
    maps = dict(zip(names[1:], knots, strict=True))
    facts.save(folder, generator, trained.regressor, calibration, maps)
    report(f"weights in {folder}")
    return folder
