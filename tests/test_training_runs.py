"""Training itself: losses by hand, checkpoints, stages that learn, a run from photographs to weights that score."""

from __future__ import annotations

import dataclasses
import json
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_training_material import PICTURES, photograph

from hiqa_cli.engine.opencv import cv2
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import GeneratorConfig
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.checkpoint import load_checkpoint, save_checkpoint
from hiqa_train.gains import measure_gains, psnr
from hiqa_train.ladders import measure_ladders
from hiqa_train.loop import Averaged, Journal, StopSignal, TrainingDivergedError, learning_rate
from hiqa_train.losses import FLOOR, feature_loss, pixel_loss, ranking_loss, score_loss
from hiqa_train.pristine import Pristine
from hiqa_train.stage_generator import Features, GeneratorRecipe, train_generator
from hiqa_train.stage_regressor import ALONE, FINAL, begin_from, train_regressor
from hiqa_train.synthetic import SyntheticRecipe, train_synthetic
from hiqa_train.uncertainty import Case, check, fit_calibration
from hiqa_train.vgg import LAYERS, Vgg19Features

TINY_G = GeneratorConfig(channels=(8, 8, 8, 8, 8), stacks=2)
G_RECIPE = GeneratorRecipe(steps=8, batch=2, patch=64, warmup=2, features_from=0.5, features_every=2,
                           features_patch=32, checkpoint_every=3)  # fmt: skip
R_RECIPE = dataclasses.replace(ALONE, steps=6, groups=2, patch=64, workers=0, checkpoint_every=3)
ALONE_CONFIG = RegressorConfig(8, 8, 8, discrepancy=False, semantic=False)


@pytest.fixture(autouse=True)
def _signals_and_threads_as_they_were():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """Convolutions under VGG19's names, with few channels and random weights: enough for a gradient."""
    torch.manual_seed(0)
    tensors, before = {}, 3
    for layer in LAYERS:
        tensors[f"{layer}.weight"] = torch.randn(4, before, 3, 3) * 0.3
        tensors[f"{layer}.bias"] = torch.zeros(4)
        before = 4
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file(tensors, path)
    return path


def features(vgg_file) -> Features:
    torch.manual_seed(0)
    return Features(Vgg19Features(vgg_file), Regressor(ALONE_CONFIG).eval().requires_grad_(False))


def test_the_pixel_loss_is_one_for_the_input_and_less_for_the_truth():
    reference = torch.rand(2, 3, 16, 16)
    distorted = reference + 0.1
    assert float(pixel_loss(distorted, distorted, reference)) == pytest.approx(1, abs=1e-5)
    expected = (FLOOR / (0.01 + FLOOR)) ** 0.5
    assert float(pixel_loss(reference, distorted, reference)) == pytest.approx(expected, rel=1e-4)


def test_feature_and_score_losses_by_hand():
    a, b = torch.zeros(1, 2, 1, 1), torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    assert float(feature_loss(a, b)) == pytest.approx(1)
    assert float(feature_loss(b, b)) == 0
    assert float(score_loss(torch.tensor([0.2, 0.9]), torch.tensor([0.4, 0.8]))) == pytest.approx(0.15)


def test_the_ranking_loss_counts_only_what_an_order_lacks():
    target = torch.tensor([0.2, 0.8, 0.5, 0.5])
    assert float(ranking_loss(torch.tensor([0.2, 0.8, 0.1, 0.9]), target, group=2)) == 0
    swapped = torch.tensor([0.8, 0.2, 0.5, 0.5])
    assert float(ranking_loss(swapped, target, group=2)) == pytest.approx(1.2)


def test_the_learning_rate_rises_stays_and_falls():
    rates = [learning_rate(step, 100, 1.0, 10, 0.4) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:60] == [1.0] * 51
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert 0.01 <= rates[-1] < 0.05


def test_averaged_weights_lag_behind_and_forget_their_beginning():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    averaged = Averaged(network, 0.9)
    torch.nn.init.ones_(network.weight)
    averaged.update(network, 0)
    assert float(averaged.network.weight) == pytest.approx(0.9)  # type: ignore[arg-type]
    for step in range(100):
        averaged.update(network, step)
    assert float(averaged.network.weight) == pytest.approx(1, abs=1e-3)  # type: ignore[arg-type]


def test_a_loss_that_is_no_number_stops_the_run_with_the_step(tmp_path):
    with pytest.raises(TrainingDivergedError, match="'pixel' is nan at step 7"):
        Journal(tmp_path / "log.jsonl").add(7, {"pixel": float("nan")})


def test_a_checkpoint_is_refused_where_it_is_missing_broken_or_of_another_stage(tmp_path):
    with pytest.raises(UsageError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "none", "generator")
    (tmp_path / "broken").write_bytes(b"PK\x03\x04 half of one")
    with pytest.raises(UsageError, match="cannot read the checkpoint"):
        load_checkpoint(tmp_path / "broken", "generator")
    save_checkpoint(tmp_path / "other", {"kind": "regressor"})
    with pytest.raises(UsageError, match="stage 'regressor', expected 'generator'"):
        load_checkpoint(tmp_path / "other", "generator")
    assert not list(tmp_path.glob("*.part"))


def test_a_stopped_run_of_g_goes_on_to_the_bit(tmp_path, vgg_file):
    whole = train_generator(PICTURES, G_RECIPE, TINY_G, tmp_path / "whole",
                            features=features(vgg_file), resume=False, stop=StopSignal())  # fmt: skip

    class StopAfter(StopSignal):
        """Asks to stop at the first look, as a signal during a step would."""

        def __init__(self) -> None:
            super().__init__()
            self.asked = signal.SIGTERM

    out = tmp_path / "stopped"
    assert train_generator(PICTURES, G_RECIPE, TINY_G, out, features=features(vgg_file),
                           resume=False, stop=StopAfter()) is None  # fmt: skip
    assert load_checkpoint(out / "generator.ckpt", "generator")["step"] == 1
    rest = train_generator(PICTURES, G_RECIPE, TINY_G, out, features=features(vgg_file),
                           resume=True, stop=StopSignal())  # fmt: skip
    assert whole is not None
    assert rest is not None
    a, b = (load_checkpoint(path, "generator") for path in (whole, rest))
    for part in ("network", "averaged"):
        assert all(torch.equal(a[part][name], b[part][name]) for name in a[part])


def test_without_feature_networks_g_waits_where_they_would_join(tmp_path):
    done = train_generator(PICTURES, G_RECIPE, TINY_G, tmp_path, features=None, resume=False, stop=StopSignal())
    assert done is not None
    assert load_checkpoint(done, "generator")["step"] == 4
    lines = [json.loads(line) for line in (tmp_path / "generator.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["pixel"]) for line in lines)


def test_r_goes_on_to_the_bit_and_its_score_loss_falls(tmp_path):
    recipe = dataclasses.replace(R_RECIPE, steps=30, checkpoint_every=5, peak=5e-3, warmup=3)
    whole = train_regressor(PICTURES, recipe, ALONE_CONFIG, tmp_path / "whole", generator=None, begin=None,
                            resume=False, stop=StopSignal())  # fmt: skip
    assert whole is not None
    lines = [json.loads(line) for line in (tmp_path / "whole" / "regressor.jsonl").read_text().splitlines()]
    assert lines[-1]["score"] < lines[0]["score"]
    halfway = StopSignal()
    halfway.asked = signal.SIGINT
    out = tmp_path / "stopped"
    assert train_regressor(PICTURES, recipe, ALONE_CONFIG, out, generator=None, begin=None,
                           resume=False, stop=halfway) is None  # fmt: skip
    rest = train_regressor(PICTURES, recipe, ALONE_CONFIG, out, generator=None, begin=None,
                           resume=True, stop=StopSignal())  # fmt: skip
    assert rest is not None
    a, b = (load_checkpoint(path, "regressor") for path in (whole, rest))
    assert all(torch.equal(a["network"][name], b["network"][name]) for name in a["network"])


def test_r_begins_with_the_scores_of_the_r_that_saw_images_alone():
    torch.manual_seed(0)
    alone = Regressor(ALONE_CONFIG).eval()
    full = Regressor(RegressorConfig(8, 8, 8))
    begin_from(full, alone.state_dict())
    full.eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(full(x, torch.rand_like(x), torch.rand(2, 8, 2, 2)), alone(x), atol=1e-6)


def test_from_photographs_to_weights_that_score(tmp_path, vgg_file):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for n in range(12):
        cv2.imwrite(str(folder / f"{n}.png"), photograph(n, 320))
    recipe = SyntheticRecipe(
        alone=R_RECIPE, generator=G_RECIPE, generator_config=TINY_G, regressor_width=8, cases_a_picture=4,
        joined=dataclasses.replace(R_RECIPE, steps=2),
        final=dataclasses.replace(FINAL, steps=3, groups=1, patch=64, workers=1, checkpoint_every=2),
    )  # fmt: skip
    said: list[str] = []
    out = tmp_path / "run"
    weights = train_synthetic(
        folder, vgg_file, out, recipe, resume=False, stop=StopSignal(), tell=said.append
    )
    assert weights == out / "weights"
    result = Scorer.load(weights, device="cpu", precision="fp32").score(photograph(99, 256))
    assert 0 <= result.score <= 100
    assert result.uncertainty > 0
    with pytest.raises(UsageError, match="is not empty"):
        train_synthetic(folder, vgg_file, out, recipe, resume=False, stop=StopSignal(), tell=said.append)


def test_the_half_width_covers_the_share_it_is_fitted_for_and_grows_with_the_error():
    random = np.random.default_rng(0)

    def cases(number: int) -> list[Case]:
        made = []
        for _ in range(number):
            score = random.uniform(10, 95)
            target = score + random.normal(0, 1 + (100 - score) / 10)
            made.append(Case(score, tuple(random.normal(score, 5, 4)), 0.0, target))
        return made

    calibration = fit_calibration(cases(600))
    fresh = [
        dataclasses.replace(case, half_width=calibration.half_width(case.score, case.tiles))
        for case in cases(600)
    ]
    found = check(fresh)
    assert 0.75 < found.covered < 0.85
    assert found.error_ratio > 1.5


def test_measurements_of_random_weights_have_the_right_form(tmp_path):
    from tiny_weights import write_tiny_weights

    scorer = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32")
    images = [Pristine("a.png", photograph(1, 320)[:256, :256].copy())]
    ladders = measure_ladders(scorer, images, stride=256, tell=lambda line: None)
    assert set(ladders.mean_srocc) == {"noise", "blur", "jpeg", "jpeg2000", "down"}
    assert all(-1 <= value <= 1 for value in ladders.mean_srocc.values())
    assert 0 <= ladders.share_above <= 1
    gains, clean = measure_gains(scorer, images, stride=256, with_filters=False, tell=lambda line: None)
    assert 20 < gains["noise 25"].before < 21.5
    assert clean > 10


def test_psnr_by_hand():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black) == float("inf")
    assert psnr(black + 1, black) == pytest.approx(48.1308, abs=1e-3)


def test_speed_is_told_as_a_ratio_to_a_plain_convolution(tmp_path):
    from tiny_weights import write_tiny_weights

    from hiqa_train.speed import measure_speed

    found = measure_speed(str(write_tiny_weights(tmp_path / "w")), "fp32", rounds=1)
    assert 0.001 < found.gmac < 1
    assert found.seconds > 0
    assert found.ratio == pytest.approx(found.seconds / found.convolution_seconds)
