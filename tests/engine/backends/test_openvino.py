"""The engine openvino gives torch's scores, and no longer needs torch once its networks are made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.process import CHECKOUT, RunHiqa, write_picture
from support.tiny_weights import write_tiny_weights

from hiqa_cli.engine.scorer import Scorer, Scoring
from hiqa_cli.errors import DeviceError, OutputError, UsageError, WeightsError

GONE = "import os; os._exit(77)\n"  # whoever imports this ends on the spot


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache of this module's tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def both(cache: Path, tiny_weights: Path) -> tuple[Scorer, Scorer]:
    """torch, OpenVINO."""
    torch = Scorer.load(tiny_weights, device="cpu", precision="fp32")
    return torch, Scorer.load(tiny_weights, backend="openvino", precision="fp32")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(paths):
        write_picture(path, seed, width=300 + 100 * seed, height=280)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return [*paths, tmp_path / "broken.jpg"]


def without(folder: Path, *modules: str) -> dict[str, str]:
    """An environment in which importing one of these modules ends the process."""
    for module in modules:
        (folder / module).mkdir(parents=True)
        (folder / module / "__init__.py").write_text(GONE)
    return {"PYTHONPATH": f"{folder}:{CHECKOUT}"}


@pytest.mark.slow
def test_networks_are_made_once_and_then_score_without_torch_as_torch_does(
    tmp_path: Path, pictures: list[Path], tiny_weights: Path, run_hiqa: RunHiqa
) -> None:
    asked = ["score", "--precision", "fp32", "--jsonl", "-", *map(str, pictures)]
    here = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    quiet = without(tmp_path / "quiet", "openvino_telemetry")
    alone = without(tmp_path / "alone", "openvino_telemetry", "torch")
    by_torch = run_hiqa(*asked, weights=tiny_weights)
    first = run_hiqa(*asked, "--backend", "openvino", weights=tiny_weights, env={**here, **quiet})
    second = run_hiqa(*asked, "--backend", "openvino", weights=tiny_weights, env={**here, **alone})
    assert (by_torch.code, first.code, second.code) == (1, 1, 1)  # one picture is broken
    assert "for OpenVINO, once" in first.messages[0]
    assert first.messages[1:] == second.messages == by_torch.messages
    assert first.lines == second.lines
    for ours, theirs in zip(map(json.loads, second.lines), map(json.loads, by_torch.lines), strict=True):
        assert ours["path"] == theirs["path"]
        if theirs["error"] is not None:
            assert ours["error"] == theirs["error"]
            continue
        assert ours["score"] == pytest.approx(theirs["score"], abs=0.05)
        assert ours["uncertainty"] == pytest.approx(theirs["uncertainty"], abs=0.05)


def test_a_missing_package_is_one_line_with_the_command(
    tmp_path: Path, pictures: list[Path], tiny_weights: Path, run_hiqa: RunHiqa
) -> None:
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "openvino.py").write_text("raise ModuleNotFoundError('gone', name='openvino')\n")
    env = {"PYTHONPATH": f"{tmp_path / 'absent'}:{CHECKOUT}"}
    done = run_hiqa("score", "--backend", "openvino", str(pictures[0]), weights=tiny_weights, env=env)
    assert done.code == 2
    assert done.messages == ["hiqa: openvino is not installed; pip install openvino, or use --backend torch"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "exact"])
@pytest.mark.parametrize("size", [(400, 300), (90, 40), (600, 530)])
def test_scores_tiles_and_pictures_are_those_of_torch(
    both: tuple[Scorer, Scorer], mode: str, size: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (*size, 3), np.uint16)
    pixels[: size[0] // 2] //= 8
    for picture in (pixels, (pixels >> 8).astype(np.uint8)):
        theirs, ours = (scorer.score(picture, scoring=Scoring(mode), hallucination=True) for scorer in both)
        assert ours.score == pytest.approx(theirs.score, abs=0.05)
        assert ours.uncertainty == pytest.approx(theirs.uncertainty, abs=0.05)
        assert [tile.score for tile in ours.tiles] == pytest.approx([tile.score for tile in theirs.tiles], abs=0.05)
        assert ours.hallucination is not None
        assert theirs.hallucination is not None
        assert np.abs(ours.hallucination.astype(int) - theirs.hallucination).max() <= 1


def test_neither_threads_nor_batch_size_move_a_score(both: tuple[Scorer, Scorer], tiny_weights: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (520, 300, 3), np.uint8)
    other = Scorer.load(tiny_weights, backend="openvino", precision="fp32", threads=1, batch_size=3)
    assert other.score(pixels).score == pytest.approx(both[1].score(pixels).score, abs=1e-3)
    assert (other.settings["threads"], other.settings["batch_size"]) == (1, 3)
    assert other.settings["engine"] == "openvino"


@pytest.mark.slow
def test_networks_that_are_altered_are_made_anew_and_weights_that_are_refused(
    cache: Path, other_weights: Path, tmp_path: Path
) -> None:
    told: list[str] = []

    def load() -> None:
        Scorer.load(other_weights, backend="openvino", precision="fp32", on_warning=told.append)

    load()
    load()
    assert len(told) == 1
    (made,) = [path for path in (cache / "hiqa" / "openvino").iterdir() if path.name in told[0]]
    data = (made / "regressor.blob").read_bytes()
    (made / "regressor.blob").write_bytes(data[: len(data) // 2])
    load()
    assert len(told) == 2
    assert (made / "regressor.blob").stat().st_size > len(data) // 2
    weights = other_weights / "generator.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(WeightsError, match="is altered"):
            load()
    finally:
        weights.write_bytes(whole)


@pytest.mark.slow
def test_what_it_cannot_do_is_refused_in_a_line(
    tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match="on the CPU, not on cuda; use --backend torch"):
        Scorer.load(tiny_weights, backend="openvino", device="cuda")
    with pytest.raises(UsageError, match="one of auto, torch, openvino, found 'onnx'"):
        Scorer.load(tiny_weights, backend="onnx")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="cannot be written"):
        Scorer.load(tiny_weights, backend="openvino", precision="fp32")


@pytest.mark.slow
def test_released_weights_score_an_example_as_torch_does_in_both_precisions(cache: Path) -> None:
    example = CHECKOUT / "examples" / "coffee_jpeg.jpg"
    expected, _ = json.loads((Path(__file__).parents[1] / "golden" / "examples.json").read_text())["scores"][
        example.name
    ]
    assert Scorer.load(backend="openvino", precision="fp32").score(example).score == pytest.approx(expected, abs=0.05)
    try:
        rounded = Scorer.load(backend="openvino", precision="bf16")
    except DeviceError:
        return  # a processor without it
    assert rounded.score(example).score == pytest.approx(expected, abs=0.5)


@pytest.mark.slow
def test_the_paper_s_r_scores_as_with_torch(cache: Path, tmp_path: Path) -> None:
    folder = write_tiny_weights(tmp_path / "paper", seed=4)
    pixels = np.random.default_rng(2).integers(0, 256, (300, 280, 3), np.uint8)
    ours, theirs = (
        Scorer.load(folder, backend=name, device="cpu", precision="fp32").score(pixels)
        for name in ("openvino", "torch")
    )
    assert ours.score == pytest.approx(theirs.score, abs=0.05)
    assert [tile.score for tile in ours.tiles] == pytest.approx([tile.score for tile in theirs.tiles], abs=0.05)
