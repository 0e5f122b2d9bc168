"""The end of a run: OUT/weights, the half-width fitted on validation pictures, in the form that the scorer takes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.errors import OutputError
from hiqa_cli.networks.generator import Generator
from hiqa_train.data.sources.protocol import DataSource
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.trainer.checkpoint import RESUME_HINT
from hiqa_train.uncertainty.activations import observe_activations
from hiqa_train.uncertainty.interval_fit import fit_half_width
from hiqa_train.uncertainty.scale_anchor import fit_anchor

UNFITTED = Calibration((0.0, 0.0, 0.0, 0.0, 0.0))
LICENCE = "as the owner of this run decides, within the terms of its training data"


def release(
    folder: Path,
    generator: Generator,
    network: MappedRegressor,
    material: DataSource,
    measured: dict[str, Any],
    seen: Iterable[str] | None,
    tell: Callable[[str], None],
    *,
    anchored: bool,
) -> Path:
    """Fit the half-width with the weights as released (float16), and write the folder. OutputError: a full disk.

    seen: all scenes that any of the networks saw, None where that is not known. anchored: set the scale (anchor.py)
    before, in the network that is given.
    """
    knots = network.knots(len(material.names))

    def save(where: Path, calibration: Calibration) -> None:
        maps = dict(zip(material.names, knots, strict=True)) if len(knots) > 1 else {}
        try:
            save_weights(
                where,
                generator,
                network.regressor,
                calibration,
                name=f"trained on {', '.join(material.names)}",
                version="1",
                licence=LICENCE,
                training_data=material.terms(),
                measured={**measured, "maps": maps},
                seen_scenes=seen,
            )
        except OutputError as error:
            raise OutputError(error.message, RESUME_HINT) from error

    unfitted = folder.with_name(f".{folder.name}")  # must not be taken for what is released
    save(unfitted, UNFITTED)
    scorer = Scorer.load(unfitted, device="cpu", precision="fp32")
    cases = material.interval_cases(observe_activations(scorer), knots, tell)
    if anchored:
        anchor = fit_anchor(cases)
        tell(f"the scale is set: logits times {anchor.gain:.3f} and {anchor.shift:+.3f}")
        anchor.move(network.regressor)
        first, *others = knots  # the first is hiqa's scale itself
        knots = [first, *map(anchor.moved_knots, others)]
        cases = [anchor.moved(case) for case in cases]
    calibration, doubt = fit_half_width(cases)
    network.regressor.give_doubt(doubt)
    save(folder, calibration)
    shutil.rmtree(unfitted)
    tell(f"weights in {folder}")
    return folder
