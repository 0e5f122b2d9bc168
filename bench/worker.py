"""One scorer in a process of its own: reads orders as JSON lines on standard input, answers on standard output.

    {"do": "load", "name": "musiq", "threads": 2}
    {"do": "forward", "precision": "bf16", "width": 512, "height": 384}   -> {"seconds": ...}

Called as `worker.py NAME THREADS FILE...` it is a complete command of a peer instead: load, decode, score every file
in float32, end.

hiqa's forward pass is everything from the decoded pixels to the score; a peer's is its module's forward on a tensor.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

# a peer's environment has no hiqa: the timing core, which needs nothing else, comes from this checkout
sys.path.append(str(Path(__file__).parent.parent))

from hiqa_cli.engine.speed.timing import seconds_of

SEED = 3


def image(width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8 noise: the time of a network does not depend on the content."""
    return np.random.default_rng(SEED).integers(0, 256, (height, width, 3), np.uint8)


def load_hiqa(threads: int) -> Callable[[str, np.ndarray], None]:
    from hiqa_cli import Scorer

    scorers = {precision: Scorer.load(precision=precision, threads=threads) for precision in ("fp32", "bf16")}

    def forward(precision: str, pixels: np.ndarray) -> None:
        scorers[precision].score(pixels)

    return forward


def load_brisque(threads: int) -> Callable[[str, np.ndarray], None]:
    import cv2
    from brisque import BRISQUE

    cv2.setNumThreads(threads)
    brisque = BRISQUE(url=False)

    def forward(precision: str, pixels: np.ndarray) -> None:
        brisque.score(pixels)

    return forward


def build_peer(name: str) -> Any:
    """One of pyiqa's networks with random weights; keeps timm from downloading any."""
    import timm

    create = timm.create_model
    timm.create_model = lambda *args, **options: create(*args, **{**options, "pretrained": False})
    if name == "wadiqam_nr":
        from pyiqa.archs.wadiqam_arch import WaDIQaM

        return WaDIQaM(metric_type="NR", pretrained=False)
    if name == "musiq":
        from pyiqa.archs.musiq_arch import MUSIQ

        return MUSIQ(pretrained=False)
    if name == "topiq_nr":
        from pyiqa.archs.topiq_arch import CFANet

        return CFANet(semantic_model_name="resnet50", use_ref=False, pretrained=False, backbone_pretrain=False)
    if name == "hyperiqa":
        from pyiqa.archs.hypernet_arch import HyperNet

        return HyperNet(pretrained=False)
    from pyiqa.archs.cnniqa_arch import CNNIQA

    return CNNIQA(pretrained=None)


def load_peer(name: str, threads: int) -> Callable[[str, np.ndarray], None]:
    import torch

    torch.set_num_threads(threads)
    network = build_peer(name).eval()

    def forward(precision: str, pixels: np.ndarray) -> None:
        tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            network(tensor)

    return forward


def score_files(name: str, threads: int, files: list[str]) -> None:
    """A complete command of a peer."""
    import cv2

    run = LOADERS[name](threads) if name in LOADERS else load_peer(name, threads)
    for file in files:
        pixels = cv2.imread(file)
        assert pixels is not None
        run("fp32", cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


LOADERS = {"hiqa": load_hiqa, "brisque": load_brisque}


def main() -> None:
    """Answer until standard input ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    run: Callable[[str, np.ndarray], None] | None = None
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if order["do"] == "load":
                    name, threads = order["name"], order["threads"]
                    run = LOADERS[name](threads) if name in LOADERS else load_peer(name, threads)
                else:
                    assert run is not None, "load first"
                    pixels = image(order["width"], order["height"])
                    answer["seconds"] = seconds_of(partial(run, order["precision"], pixels))
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        score_files(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
    else:
        main()
