"""Fit the model of `engine.pipeline.kinds` and print what it finds on kinds, fonts and photographs kept out.

    python -m hiqa_train.data.kinds.fit BIQ2021/Images "BIQ2021/Train (Images and MOS).csv" kinds.safetensors
        --fonts /usr/share/fonts --held-fonts other-fonts

The same fonts, photographs and seed give the same weights on the same machine. It takes some minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

from hiqa_cli.engine.pipeline.kinds.features import FEATURES, features
from hiqa_cli.engine.pipeline.kinds.model import name_kinds
from hiqa_cli.engine.pipeline.kinds.names import KINDS, PHOTOGRAPH
from hiqa_cli.engine.tiling.borders import find_borders, inside
from hiqa_train.data.patches import choose_kind
from hiqa_train.distortions import distort, expand_shares
from hiqa_train.distortions.opencv import cv2

from .fonts import find_fonts
from .material import FITTED, HELD_OUT, make_pictures
from .wear import worn

VALIDATION = 1000  # photographs
TO_WEAR = 250  # of them, to test with after each of the other WAYS
TO_TEST = 25  # pictures of each maker that is kept out
WAYS = ("none", "worn", "distorted", "reduced")  # what happened to a photograph
FITTING = ("made", *(f"photographs, {way}" for way in WAYS))
DECIDING = tuple(f"deciding photographs, {way}" for way in ("none", "worn"))  # not fitted with: they set the threshold
FALSE_ALARMS = 0.008  # of these
REDUCED = (130, 420)  # px of the shorter side of a reduced photograph
HIDDEN = 24
STEPS = 3000
WEIGHT_DECAY = 0.02
THRESHOLDS = np.arange(-2, 6, 0.5)
Rows = tuple[np.ndarray, np.ndarray, list[str]]  # features, numbers in KINDS, names


def split_photographs(images: Path, table: Path) -> tuple[list[Path], list[Path]]:
    """(to fit with, to validate on) of the photographs in the first column of a table, by a hash of their names."""
    with table.open(newline="", encoding="utf-8-sig") as file:
        names = [row[0] for row in csv.reader(file)][1:]
    existing = {path.name.lower(): path for path in images.iterdir()}
    ordered = sorted((name for name in names if name.lower() in existing), key=_order)
    paths = [existing[name.lower()] for name in ordered]
    return paths[VALIDATION:], paths[:VALIDATION]


def _order(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def read(path: Path) -> np.ndarray:
    """The pixels of a file, (H, W, 3) uint8 RGB."""
    pixels = cv2.imread(str(path))
    assert pixels is not None, path
    return np.ascontiguousarray(pixels[:, :, ::-1])


def measured(pictures: Iterable[tuple[np.ndarray, str, str]]) -> Rows:
    """The features of pictures within their borders, as scoring measures them. pictures: (pixels, kind, name)."""
    rows, kinds, names = [], [], []
    for pixels, kind, name in pictures:
        rows.append(features(inside(pixels, find_borders(pixels))))
        kinds.append(KINDS.index(kind))
        names.append(name)
    return np.stack(rows), np.array(kinds), names


def photographs(paths: list[Path], seed: int, *, wear: str) -> Iterator[tuple[np.ndarray, str, str]]:
    """Photographs after one of WAYS: as they are, worn like made pictures, distorted as in training, or reduced and
    stored without loss, as a web page shows them."""
    shares = expand_shares({"all": 1.0})
    for number, path in enumerate(paths):
        random = np.random.default_rng([seed, number])
        pixels = read(path)
        name = wear
        if wear == "worn":
            pixels = worn(pixels, random)
        elif wear == "distorted":
            name = choose_kind(shares, random)
            top, left = (int(random.integers(side - 320 + 1)) for side in pixels.shape[:2])
            pixels = distort(np.ascontiguousarray(pixels[top : top + 320, left : left + 320]), name, random)
        elif wear == "reduced":
            factor = random.uniform(*REDUCED) / min(pixels.shape[:2])
            pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        yield pixels, PHOTOGRAPH, name


def fit(rows: Rows, deciding: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The weights of the model, with the lowest of THRESHOLDS at which at most FALSE_ALARMS of the `deciding` features,
    all of photographs, have another name."""
    torch.manual_seed(seed)
    measures, kinds, _ = rows
    mean, spread = measures.mean(axis=0), measures.std(axis=0) + 0.05
    scaled = torch.from_numpy(np.clip((measures - mean) / spread, -5, 5)).float()
    targets = torch.from_numpy(kinds)
    counts = np.bincount(kinds, minlength=len(KINDS))
    weights = torch.tensor(np.where(np.arange(len(KINDS)) == KINDS.index(PHOTOGRAPH), 4.0, 1.0) / counts).float()
    layers = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Dropout(0.1), nn.Linear(HIDDEN, len(KINDS)))
    optimiser = torch.optim.AdamW(layers.parameters(), 3e-3, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, STEPS)
    loss = nn.CrossEntropyLoss(weights / weights.sum() * len(KINDS), label_smoothing=0.02)
    for _ in range(STEPS):
        some = torch.randint(len(scaled), (512,))
        optimiser.zero_grad()
        loss(layers(scaled[some]), targets[some]).backward()
        optimiser.step()
        schedule.step()
    first, last = layers[0], layers[3]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    found = {
        "mean": mean,
        "spread": spread,
        "hidden.weight": first.weight.detach().numpy(),
        "hidden.bias": first.bias.detach().numpy(),
        "kind.weight": last.weight.detach().numpy(),
        "kind.bias": last.bias.detach().numpy(),
        "threshold": np.zeros(1, np.float32),
    }
    found = {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}
    for threshold in THRESHOLDS:
        found["threshold"][0] = threshold
        if np.mean(np.array(name_kinds(deciding, found)) != PHOTOGRAPH) <= FALSE_ALARMS:
            break
    return found


def report(title: str, rows: Rows, weights: dict[str, np.ndarray]) -> None:
    """Print, by name, how many are called what."""
    named = np.array(name_kinds(rows[0], weights))
    print(f"{title}: {np.mean(named != PHOTOGRAPH):.2%} of {len(named):,} called something else than a photograph")
    truth = np.array([KINDS[number] for number in rows[1]])
    for kind in dict.fromkeys(truth):
        for name in sorted(set(rows[2])) if kind != PHOTOGRAPH else ():
            here = (truth == kind) & (np.array(rows[2]) == name)
            if here.any():
                counts = ", ".join(
                    f"{one} {np.mean(named[here] == one):.0%}" for one in KINDS if (named[here] == one).any()
                )
                print(f"  {kind:10} {name:14} {np.mean(named[here] != PHOTOGRAPH):6.1%} found   {counts}")


def material(given: argparse.Namespace) -> dict[str, Iterable[tuple[np.ndarray, str, str]]]:
    """The sets of pictures: those of FITTING, and others to test with."""
    to_fit, to_validate = split_photographs(given.images, given.table)
    to_fit, to_decide = to_fit[: given.photographs], to_fit[-given.photographs // 4 :]
    seed, fonts, held = given.seed, find_fonts(given.fonts), find_fonts(given.held_fonts)
    share = given.photographs // len(WAYS)
    sets: dict[str, Iterable[tuple[np.ndarray, str, str]]] = {"made": made(FITTED, given.each, fonts, to_fit, seed)}
    for place, (way, name) in enumerate(zip(WAYS, FITTING[1:], strict=True)):
        some = to_fit if way == "none" else to_fit[(place - 1) * share : place * share]
        sets[name] = photographs(some, seed, wear=way)
    for name in DECIDING:
        sets[name] = photographs(to_decide, seed + 2, wear=name.rpartition(" ")[2])
    sets["held-out kinds and fonts"] = made(HELD_OUT, TO_TEST, held, to_validate, seed + 1)
    sets["validation photographs"] = photographs(to_validate, seed, wear="none")
    for way in WAYS[1:]:
        sets[f"validation photographs, {way}"] = photographs(to_validate[:TO_WEAR], seed + 1, wear=way)
    return sets


def cached(folder: Path, title: str, pictures: Iterable[tuple[np.ndarray, str, str]]) -> Rows:
    """The features of a set, read from a folder if they are there, else measured and kept there."""
    path = folder / f"{title.replace(', ', '-').replace(' ', '-')}.npz"
    if not path.exists():
        measures, kinds, names = measured(pictures)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, measures=measures, kinds=kinds, names=np.array(names))
    stored = np.load(path)
    return stored["measures"], stored["kinds"], stored["names"].tolist()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--fonts", type=Path, nargs="*", default=[])
    parser.add_argument("--held-fonts", type=Path, nargs="*", default=[])
    parser.add_argument("--each", type=int, default=30, help="pictures of each maker to fit with")
    parser.add_argument(
        "--photographs", type=int, default=2400, help="to fit with; a quarter of it in each of the other ways, too"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = given.output.with_suffix(".features")
    found = {title: cached(folder, title, pictures) for title, pictures in material(given).items()}
    fitting = [found[title] for title in FITTING]
    joined = (
        np.concatenate([rows[0] for rows in fitting]),
        np.concatenate([rows[1] for rows in fitting]),
        [name for rows in fitting for name in rows[2]],
    )
    weights = fit(joined, np.concatenate([found[title][0] for title in DECIDING]), given.seed)
    save_file(weights, given.output)
    for title, rows in found.items():
        report(title, rows, weights)


def made(*arguments: object) -> Iterator[tuple[np.ndarray, str, str]]:
    """make_pictures() as (pixels, kind, name)."""
    for one in make_pictures(*arguments):  # type: ignore[arg-type]
        yield one.pixels, one.kind, one.name


if __name__ == "__main__":
    main()
