"""The end of a run: fit the stated half-width on validation images and write OUT/weights."""

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
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.sources.protocol import DataSource
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
    data: DataSource,
    measured: dict[str, Any],
    trained_scenes: Iterable[str] | None,
    report: Callable[[str], None],
    *,
    anchored: bool,
) -> Path:
    """Fit the half-width on scores of the weights as released (float16), and write the folder. Returns the folder.

    trained_scenes: all scenes that any of the networks was trained on, None if unknown. anchored: first fit the scale
    (see uncertainty/scale_anchor.py) and change `network` accordingly. Raises OutputError, as on a full disk.
    """
    knots = network.knots(len(data.names))

    def save(where: Path, calibration: Calibration) -> None:
        maps = dict(zip(data.names, knots, strict=True)) if len(knots) > 1 else {}
        try:
            save_weights(
                where,
                generator,
                network.regressor,
                calibration,
                name=f"trained on {', '.join(data.names)}",
                version="1",
                licence=LICENCE,
                training_data=data.terms(),
                measured={**measured, "maps": maps},
                seen_scenes=trained_scenes,
            )
        except OutputError as error:
            raise OutputError(error.message, RESUME_HINT) from error

    unfitted = folder.with_name(f".{folder.name}")  # hidden, so that it is not mistaken for the released weights
    save(unfitted, UNFITTED)
    scorer = Scorer.load(unfitted, device="cpu", precision="fp32")
    cases = data.interval_cases(observe_activations(scorer), knots, report)
    if anchored:
        anchor = fit_anchor(cases)
        report(f"anchored the scale: logits times {anchor.gain:.3f}, plus {anchor.shift:+.3f}")
        anchor.apply(network.regressor)
        first, *others = knots  # the first is hiqa's scale itself
        knots = [first, *map(anchor.moved_knots, others)]
        cases = [anchor.moved(case) for case in cases]
    calibration, error_head = fit_half_width(cases)
    network.regressor.set_error_head(error_head)
    save(folder, calibration)
    shutil.rmtree(unfitted)
    report(f"weights in {folder}")
    return folder
