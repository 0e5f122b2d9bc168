"""A Scorer in other people's processes: forked workers, spawned workers, copies."""

from __future__ import annotations

import copy
import os
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from support.process import in_fork
from support.tiny_weights import write_tiny_weights

from hiqa_cli import Job, Outputs, Scorer
from hiqa_cli.errors import UsageError, WeightsError

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 520, 3), dtype=np.uint8)
SAME = 1e-3  # points; one thread and two round alike to this

forks = pytest.mark.skipif(sys.platform != "linux", reason="forking after torch has run is unsafe on this system")


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Iterator[Scorer]:
    """A Scorer that has run on two threads, which a fork does not have."""
    before = torch.get_num_threads()
    scorer = Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=2)
    scorer.score(PICTURE)
    yield scorer
    torch.set_num_threads(before)


@forks
def test_a_fork_goes_on_with_one_thread_and_the_same_score(scorer: Scorer) -> None:
    score, settings = in_fork(lambda: (scorer.score(PICTURE).score, scorer.settings))
    assert score == pytest.approx(scorer.score(PICTURE).score, abs=SAME)
    assert (settings["threads"], scorer.settings["threads"]) == (1, 2)


@forks
def test_a_fork_that_loads_its_own_scorer_is_told_that_it_has_one_thread(scorer: Scorer, tiny_weights: Path) -> None:
    def load() -> tuple[float, list[str]]:
        warnings: list[str] = []
        own = Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=2, on_warning=warnings.append)
        return own.score(PICTURE).score, warnings

    score, warnings = in_fork(load)
    assert score == pytest.approx(scorer.score(PICTURE).score, abs=SAME)
    assert warnings == ["one thread, not 2: this process is the fork of one that had started torch's threads"]


@forks
def test_a_fork_of_a_fork_scores(scorer: Scorer) -> None:
    score = in_fork(lambda: in_fork(lambda: scorer.score(PICTURE).score))
    assert score == pytest.approx(scorer.score(PICTURE).score, abs=SAME)


@forks
def test_a_stream_belongs_to_the_process_that_began_it(scorer: Scorer, tmp_path: Path) -> None:
    target = tmp_path / "panel.png"
    with scorer.score_stream([Job(PICTURE), Job(PICTURE, outputs=Outputs(panel=target))]) as stream:
        next(stream)
        with pytest.raises(UsageError, match=rf"scored in process {os.getpid()}, not in its fork \d+; begin another"):
            in_fork(lambda: next(stream))
        in_fork(stream.close)
        next(stream)
    assert target.stat().st_size > 1000, "the fork's close() removed its parent's picture"


@forks
@pytest.mark.slow
def test_a_fork_of_openvino_says_in_one_sentence_what_to_do(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scorer = Scorer.load(tiny_weights, backend="openvino", precision="fp32")
    with pytest.raises(UsageError, match=r"OpenVINO's threads do not survive the fork .*; call Scorer.load\(\) after"):
        in_fork(lambda: scorer.score(PICTURE))


def score_it(scorer: Scorer) -> tuple[float, int]:
    """A task of a worker: the score, and which Scorer gave it."""
    return scorer.score(PICTURE).score, id(scorer)


@pytest.mark.slow
def test_a_spawned_worker_scores_with_a_pickled_scorer_and_loads_it_once(scorer: Scorer) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as workers:
        answers = list(workers.map(score_it, [scorer] * 3))
    assert [score for score, _ in answers] == pytest.approx([scorer.score(PICTURE).score] * 3, abs=SAME)
    assert len({which for _, which in answers}) == 1


def test_a_pickle_holds_how_to_load_but_no_networks(scorer: Scorer) -> None:
    data = pickle.dumps(scorer)
    assert len(data) < 2000
    again = pickle.loads(data)
    assert again is not scorer
    assert again.settings == scorer.settings
    assert again.score(PICTURE).score == scorer.score(PICTURE).score


def test_a_relative_folder_of_weights_is_found_from_anywhere(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_weights.parent)
    data = pickle.dumps(Scorer.load(tiny_weights.name, device="cpu", precision="fp32"))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(data).score(PICTURE).width == 520


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_is_a_scorer_of_its_own(scorer: Scorer, duplicate: type) -> None:
    other = duplicate(scorer)
    assert other.backend is not scorer.backend
    assert other.score(PICTURE).score == scorer.score(PICTURE).score


def test_other_weights_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    write_tiny_weights(tmp_path)
    scorer = Scorer.load(tmp_path, device="cpu", precision="fp32")
    data = pickle.dumps(scorer)
    write_tiny_weights(tmp_path, seed=1)
    with pytest.raises(WeightsError, match=rf"are \w{{8}}, those of the pickled .* were {scorer.weights_id}; give"):
        pickle.loads(data)
