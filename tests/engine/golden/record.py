"""Records the scores of new released weights, in float32, in examples.json: `python tests/engine/golden/record.py`."""

from __future__ import annotations

import json
from pathlib import Path

from hiqa_cli import Scorer

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
GOLDEN = Path(__file__).with_name("examples.json")


def main() -> None:
    """Score every example, and write the file."""
    scorer = Scorer.load(device="cpu", precision="fp32")
    images = sorted(path for path in EXAMPLES.iterdir() if path.suffix in (".png", ".jpg", ".jp2"))
    results = {path.name: scorer.score(path) for path in images}
    scores = {name: [round(one.score, 3), round(one.uncertainty, 3)] for name, one in results.items()}
    golden = {"weights": scorer.weights_id, "precision": scorer.precision, "scores": scores}
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
