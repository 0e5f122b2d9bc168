"""Protocols: no test scene is trained or validated on, in any database; medians; resuming."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.database_trees import write_tid
from support.database_trees.without_files import reading
from support.tiny_weights import weights_that_saw

from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_train.data.leakage import photograph_scenes, refuse_leakage, shared_scenes, trained_scenes
from hiqa_train.data.splits import draw_splits
from hiqa_train.datasets import Dataset, open_dataset
from hiqa_train.datasets.scenes import tid_scene
from hiqa_train.evaluation.predict import UnscoredImage
from hiqa_train.evaluation.protocols import methods
from hiqa_train.evaluation.protocols.baselines import Gmsd, NaturalScenes
from hiqa_train.evaluation.protocols.eval_splits import (
    EvaluationSplit,
    Study,
    evaluation_splits,
)
from hiqa_train.evaluation.protocols.methods import FittedMethod, GivenWeights, Loading, TrainedHiqa
from hiqa_train.evaluation.protocols.protocol import run_protocol
from hiqa_train.evaluation.protocols.summary import spread, summarise
from hiqa_train.recipes.loader import load_recipe

LOADING = Loading("cpu", "fp32", None, None, Scoring(stride=256, max_tiles=None))


class Never:
    """Never stops."""

    signal = 0


@pytest.fixture
def tid() -> Dataset:
    return reading("tid2008", [tid_scene(number) for number in range(1, 26)], each=6)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Five scenes of two types and five levels, with their files."""
    return open_dataset("tid2013", write_tid(tmp_path_factory.mktemp("tid") / "tid", 2013, scenes=5, types=2))


def go(eval_splits: list[EvaluationSplit], run: list[Any], out: Path, stop: Any = None) -> Any:
    """run_protocol, in silence."""
    return run_protocol("splits", eval_splits, run, out, stop=stop or Never(), report=lambda line: None)


@dataclass
class Recorder:
    """A method that predicts the number in a file's name, and writes down all that it is given."""

    name: str = "recorder"
    settings: Mapping[str, Any] = field(default_factory=dict)
    trained: list[EvaluationSplit] = field(default_factory=list)
    given: list[UnscoredImage] = field(default_factory=list)
    fails_at: int | None = None

    def check(self, eval_splits: list[EvaluationSplit]) -> None:
        """Any fold will do."""

    def fit(self, eval_split: EvaluationSplit, folder: Path, stop: object, report: object) -> FittedMethod | None:
        if eval_split.number == self.fails_at:
            raise HiqaError("the power went")
        self.trained.append(eval_split)
        return FittedMethod("x", lambda: self)

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[float]:
        self.given += images
        for image in images:
            yield sum(int(digit) for digit in image.path.stem if digit.isdigit()) + len(self.trained) / 100


def test_a_method_gets_training_and_validation_parts_and_only_the_files_of_test_images(small: Dataset, tmp_path: Path):
    eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=3))
    method = Recorder()
    go(eval_splits, [method], tmp_path)
    assert method.trained == eval_splits
    assert [image.path for image in method.given] == [
        s.path for eval_split in eval_splits for s in eval_split.tests[0].samples
    ]
    assert {f.name for f in dataclasses.fields(UnscoredImage)} == {"path", "reference"}


def test_the_scores_of_tested_images_change_no_prediction(small: Dataset, tmp_path: Path):
    splits = draw_splits([small], count=2)
    tested = set(splits.splits[0].test)
    turned = tuple(
        dataclasses.replace(sample, score=9 - sample.score, quality=1 - sample.quality)
        if sample.scene in tested else sample
        for sample in small.samples
    )  # fmt: skip
    found = []
    for name, held in (("as", small), ("turned", dataclasses.replace(small, samples=turned))):
        eval_splits = evaluation_splits(Study((held,), (held,)), splits)[:1]
        method = NaturalScenes(tmp_path / name / "features.jsonl")
        go(eval_splits, [method], tmp_path / name)
        data = json.loads((tmp_path / name / "nss" / "split-00" / "result.json").read_text())["tests"]["tid2013"]
        found.append(data["images"])
    assert [row[2] for row in found[0]] == [row[2] for row in found[1]]  # predictions
    assert [row[1] for row in found[0]] == pytest.approx([9 - row[1] for row in found[1]])  # published


def test_a_stopped_run_keeps_finished_splits_and_ends_with_the_same_result(small: Dataset, tmp_path: Path):
    eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=3))
    whole = go(eval_splits, [Recorder()], tmp_path / "whole")
    with pytest.raises(HiqaError, match="the power went"):
        go(eval_splits, [Recorder(fails_at=2)], tmp_path / "again")
    kept = {path: path.read_bytes() for path in (tmp_path / "again").rglob("result.json")}
    after = Recorder(trained=eval_splits[:2])  # so that its predictions are those of the third call
    again = go(eval_splits, [after], tmp_path / "again")
    assert after.trained == eval_splits
    assert {image.path for image in after.given} == {sample.path for sample in eval_splits[2].tests[0].samples}
    assert len(kept) == 2
    assert all(path.read_bytes() == data for path, data in kept.items())
    for name in ("recorder/split-00", "recorder/split-01", "recorder/split-02"):
        one, other = (json.loads((tmp_path / w / name / "result.json").read_text()) for w in ("whole", "again"))
        assert one["tests"]["tid2013"]["images"] == other["tests"]["tid2013"]["images"]
    for one, other in zip(summarise(whole["recorder"]), summarise(again["recorder"]), strict=True):
        for name, found in one.measures.items():
            # a fit may end elsewhere in its last digits: sums depend on where arrays lie in memory
            assert found.median == pytest.approx(
                other.measures[name].median, rel=1e-9, abs=1e-9
            )  # a zero RMSE is 3e-11


def test_images_scored_before_a_stop_are_not_scored_again(small: Dataset, tmp_path: Path):
    eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=1))

    class After:
        """Asks to stop once so many images are scored."""

        def __init__(self, images: int) -> None:
            self.left = images

        @property
        def signal(self) -> int:
            self.left -= 1
            return 15 if self.left < 0 else 0

    first, second = Recorder(), Recorder()
    stopped = go(eval_splits, [first], tmp_path, After(5))
    assert stopped is None
    lines = (tmp_path / "recorder" / "split-00" / "scores-tid2013-x.jsonl").read_text().splitlines()
    go(eval_splits, [second], tmp_path)
    assert 0 < len(lines) < 10
    assert len(second.given) == len(eval_splits[0].tests[0].samples) - len(lines)


def test_a_folder_is_never_continued_as_another_evaluation(small: Dataset, tmp_path: Path):
    def run(seed: int, **settings: int) -> None:
        eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=1, seed=seed))
        go(eval_splits, [Recorder(settings=settings)], tmp_path)

    run(0, steps=3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json*")}
    with pytest.raises(UsageError, match=r"holds another evaluation: settings\.steps was 3, now 4"):
        run(0, steps=4)
    with pytest.raises(UsageError, match=r"holds another evaluation: splits 0\.\w+\.tid2013 was"):
        run(3, steps=3)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json*")} == before
    (tmp_path / "other" / "recorder").mkdir(parents=True)
    (tmp_path / "other" / "recorder" / "thesis.txt").write_text("mine")
    eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=1))
    with pytest.raises(UsageError, match="is not empty and holds no evaluation"):
        go(eval_splits, [Recorder()], tmp_path / "other")


def test_a_generator_trained_on_test_scenes_or_unknown_ones_is_refused(small: Dataset, tmp_path: Path):
    eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=2))
    recipe = load_recipe("smoke")

    def check(scenes: Sequence[str] | None) -> None:
        folder = weights_that_saw(tmp_path / "w", scenes)
        TrainedHiqa(recipe, LOADING, 0, generator=folder).check(eval_splits)

    check(["cid22/1001682"])
    with pytest.raises(UsageError, match=r"--generator .* the training scenes are not recorded"):
        check(None)
    tested = next(iter(eval_splits[1].tested_scenes))
    with pytest.raises(UsageError, match=rf"--generator .*: test scenes were used in training: {tested}"):
        check(["cid22/1001682", tested])
    with pytest.raises(UsageError, match=rf"these weights: test scenes were used in training: {tested}"):
        GivenWeights(weights_that_saw(tmp_path / "v", [tested]), LOADING).check(eval_splits)


def test_a_generator_that_may_have_been_trained_on_a_test_scene_is_refused(tid: Dataset, tmp_path: Path):
    eval_splits = evaluation_splits(Study((tid,), (tid,)), draw_splits([tid], count=10))
    folder = weights_that_saw(tmp_path / "w", ["live/ocean"])  # kodim12 or kodim16
    with pytest.raises(UsageError, match=r"test scenes were used in training: kodim12 and 1 more"):
        TrainedHiqa(load_recipe("smoke"), LOADING, 0, generator=folder).check(eval_splits)


def test_trained_weights_that_record_a_tested_scene_end_the_run(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    eval_split = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=1))[0]
    for scenes in ([*eval_split.known_scenes, *eval_split.tested_scenes], None):
        weights = weights_that_saw(tmp_path / "w", scenes)
        monkeypatch.setattr(methods, "train_databases", lambda *_, weights=weights: weights)
        method = TrainedHiqa(load_recipe("smoke"), LOADING, 0)
        with pytest.raises(UsageError, match="the network trained for split 0"):
            method.fit(eval_split, tmp_path / "run", Never(), lambda line: None)


def test_a_database_without_references_uses_a_g_that_was_not_trained_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = reading("koniq10k", [f"koniq10k/{number}" for number in range(30)])
    eval_splits = evaluation_splits(Study((plain,), (plain,)), draw_splits([plain], count=1))
    TrainedHiqa(load_recipe("smoke"), LOADING, 0).check(eval_splits)  # hiqa's own weights saw none of these
    monkeypatch.setattr(
        methods, "trained_scenes", lambda where: trained_scenes(weights_that_saw(tmp_path / "w", ["koniq10k/3"]))
    )
    every = evaluation_splits(Study((plain,), (plain,)), draw_splits([plain], count=20))
    with pytest.raises(UsageError, match="the G of hiqa's weights: test scenes were used in training: koniq10k/3"):
        TrainedHiqa(load_recipe("smoke"), LOADING, 0).check(every)


def test_the_training_scenes_of_a_run_are_read_from_its_record(tmp_path: Path):
    (tmp_path / "run.json").write_text(json.dumps({"seen_scenes": ["kodim01"]}))
    assert trained_scenes(tmp_path).scenes == {"kodim01"}
    (tmp_path / "run.json").write_text(json.dumps({"seed": 1}))
    with pytest.raises(UsageError, match="are not recorded"):
        refuse_leakage(trained_scenes(tmp_path), ["kodim01"], "G", "give another")
    assert trained_scenes(None).scenes is not None  # of the weights that come with hiqa it is known


def test_kodaks_photographs_are_known_by_their_numbers():
    assert photograph_scenes("kodak24", ["01.webp", "24.webp"]) == {"kodim01", "kodim24"}
    assert photograph_scenes("mine", ["kodim07.png", "01.png"]) == {"kodim07", "mine/01"}
    assert shared_scenes(["live/house"], ["kodim01", "kodim22", "kodim02"]) == ["kodim01", "kodim22"]


def test_gmsd_needs_references(small: Dataset):
    bare = dataclasses.replace(small, samples=tuple(dataclasses.replace(s, reference=None) for s in small.samples))
    with pytest.raises(UsageError, match="gmsd needs references, which tid2013 lacks"):
        Gmsd().check(evaluation_splits(Study((bare,), (bare,)), draw_splits([bare], count=1)))


def test_medians_quartiles_and_deviation_are_those_of_the_splits(small: Dataset, tmp_path: Path):
    eval_splits = evaluation_splits(Study((small,), (small,)), draw_splits([small], count=5))
    results = go(eval_splits, [Gmsd()], tmp_path)
    assert results is not None
    rows = {row.type: row for row in summarise(results["gmsd"])}
    assert list(rows) == ["additive Gaussian noise", "chroma noise", "all"]
    values = [result.databases["tid2013"][-1].value("srocc") for result in results["gmsd"]]
    found = rows["all"].measures["srocc"]
    assert (found.median, found.low, found.high) == (np.median(values), min(values), max(values))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))
    assert (found.lower, found.upper) == tuple(np.percentile(values, (25, 75)))
    assert found.median > 0.5  # it is shown the undistorted picture


def test_a_split_without_a_correlation_is_counted_not_hidden():
    found = spread([0.5, float("nan"), 0.7])
    assert (found.median, found.splits, found.of) == (0.6, 2, 3)
    nothing = spread([float("nan")])
    assert np.isnan(nothing.median)
    assert (nothing.splits, nothing.of) == (0, 1)
