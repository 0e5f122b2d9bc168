"""`hiqa bench` and the measurements of modes and samples: numbers that hang together, on small pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch
from support.sample_images import photograph
from support.tiny_weights import write_tiny_weights

from hiqa_cli.commands.app import run
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.speed.benchmark import convolution_shapes, generated_images, time_convolutions
from hiqa_cli.errors import ImageError, UsageError
from hiqa_train.datasets import Sample
from hiqa_train.evaluation.clean.mode_comparison import Differences, draw, measure_modes, measure_sampling


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photographs with noise, of different sizes."""
    folder = tmp_path_factory.mktemp("photos")
    for number, size in enumerate(((500, 250), (520, 400), (600, 300), (400, 400))):
        cv2.imwrite(str(folder / f"{number}.png"), photograph(*size)[:, :, ::-1] // (number + 1))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def scorer(weights: Path) -> Scorer:
    return Scorer.load(weights, device="cpu", precision="fp32", backend="torch")


@pytest.mark.slow
def test_bench_measures_generated_images(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    call = ["bench", "--weights", str(weights), "--quiet", "--size", "300x260", "--count", "3", "--backend", "torch"]
    run([*call, "--json", str(file)])
    shown = capsys.readouterr().out
    facts = json.loads(file.read_text())
    assert (facts["images"], facts["tiles"]) == (3, 12)
    assert facts["megapixels"] == pytest.approx(3 * 300 * 260 / 1e6)
    assert list(facts["stages"]) == ["read", "decode", "tile", "G", "R", "write"]
    assert all(seconds > 0 for seconds in facts["stages"].values())
    assert facts["images_a_second"] == pytest.approx(3 / facts["seconds"])
    assert facts["convolutions"]["share"] > 0
    assert facts["peak_bytes"] > 50e6
    for word in (*facts["stages"], "images/s", "megapixels/s", "TFLOP/s", "Peak memory"):
        assert word in shown
    with pytest.raises(UsageError, match="exists"):
        run([*call, "--json", str(file)])


def test_bench_times_the_networks_as_one_stage_with_openvino(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["bench", "--weights", str(weights), "--quiet", "--size", "300x260", "--count", "1", "--backend", "openvino"]
    assert run([*call, "--json", "-"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert list(facts["stages"]) == ["read", "decode", "tile", "networks", "write"]
    assert facts["network_share"] == pytest.approx(facts["stages"]["networks"] / facts["seconds"])
    assert facts["convolutions"] is None
    assert run(call) == 0
    assert capsys.readouterr().out.startswith("mode fast, hiqa ")


@pytest.mark.slow
def test_bench_takes_images_and_refuses_what_it_cannot_score(
    weights: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["bench", "--weights", str(weights), "--quiet", "--json", "-"]
    run([*call, str(folder), "--mode", "exact"])
    facts = json.loads(capsys.readouterr().out)
    assert (facts["images"], facts["tiles"], facts["settings"]["mode"]) == (4, 3 + 12 + 8 + 9, "exact")
    (tmp_path / "torn.png").write_bytes((folder / "0.png").read_bytes()[:-30])
    with pytest.raises(ImageError, match=r"torn\.png: truncated"):
        run([*call, str(tmp_path / "torn.png")])
    for wrong, word in (
        ([str(folder), "--size", "9x9"], "not both"),
        (["--size", "9"], "WIDTHxHEIGHT"),
        (["missing.png"], "missing.png"),
    ):
        with pytest.raises(UsageError, match=word):
            run([*call, *wrong])


def test_every_convolution_is_timed_in_the_shape_that_it_sees(scorer: Scorer) -> None:
    network = scorer.backend.network
    layers = convolution_shapes(network, 8)
    assert len(layers) == sum(isinstance(module, torch.nn.Conv2d) for module in network.modules())
    assert {shape[0] for _, shape in layers} == {8}
    assert max(shape[2] for _, shape in layers) == 256
    seconds, operations = time_convolutions(scorer.backend, rounds=1)
    assert seconds > 0
    by_hand = 0
    for layer, (batch, _, height, _) in layers:
        side = height // layer.stride[0]
        by_hand += 2 * batch * layer.weight.numel() * side * side
    assert operations == by_hand


def test_generated_images_are_the_same_each_time() -> None:
    assert generated_images(64, 48, 2) == generated_images(64, 48, 2)
    assert len(set(generated_images(64, 48, 3))) == 3


def test_differences_are_signed_and_absolute() -> None:
    assert Differences.of([1, 5], [2, 2]) == Differences(mean=1.0, mean_absolute=2.0, largest=3.0)


@pytest.mark.slow
def test_modes_are_compared_with_each_other_and_with_people(scorer: Scorer, folder: Path) -> None:
    paths = sorted(folder.iterdir()) * 3
    samples = [Sample(path, n / 12, n / 12, f"{n}") for n, path in enumerate(paths)]
    result = measure_modes(scorer, samples, stride=128, report=ignore)
    by_hand = {}
    for mode in ("exact", "fast"):
        by_hand[mode] = [scorer.score(sample.path, scoring=Scoring(mode)).score for sample in samples]
    expected = Differences.of(by_hand["fast"], by_hand["exact"])
    assert result.differences.largest == pytest.approx(expected.largest, abs=1e-3)
    assert result.differences.largest > 0
    assert result.gain == pytest.approx(result.srocc["fast"] - result.srocc["exact"])
    assert result.gain_interval[0] <= result.gain_interval[1]
    assert [sample.scene for sample in draw(samples, 2)] == [sample.scene for sample in draw(samples, 2)]
    assert len(draw(samples, None)) == 12


def test_samples_are_compared_with_whole_pictures(scorer: Scorer, folder: Path) -> None:
    told: list[str] = []
    result = measure_sampling(scorer, folder, Scoring(max_tiles=2, tolerance=0.0), report=told.append)
    assert result.pictures == len(told) == 3  # the smallest has two tiles
    assert result.differences.largest > 0
    assert result.megapixels == pytest.approx((0.16, 0.208))
    with pytest.raises(UsageError, match="large enough"):
        measure_sampling(scorer, folder, Scoring(), report=told.append)


ignore: Callable[[str], None] = lambda line: None  # noqa: E731
