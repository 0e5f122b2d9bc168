"""A Scorer in other people's processes: forked workers, spawned workers, copies."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from support.process import CHECKOUT, TIMEOUT, in_fork
from support.tiny_weights import write_tiny_weights

from hiqa_cli import Job, Outputs, Scorer
from hiqa_cli.engine.backends.automatic import can_keep
from hiqa_cli.engine.backends.openvino_models import cache_folder
from hiqa_cli.errors import OutputError, UsageError, WeightsError

PICTURE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
SAME = 1e-3  # points; one thread and two round alike to this

forks = pytest.mark.skipif(sys.platform != "linux", reason="forking after torch has run is unsafe on this system")


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Iterator[Scorer]:
    """A Scorer that has run on two threads, and runs on one from then on: waiting for one another is slow where others
    use the processor, too."""
    before = torch.get_num_threads()
    scorer = Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=2)
    scorer.score(PICTURE)
    torch.set_num_threads(1)
    yield scorer
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def expected(scorer: Scorer) -> float:
    return scorer.score(PICTURE).score


@pytest.fixture
def two_threads(expected: float) -> Iterator[None]:
    """Two threads for what is forked."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@forks
@pytest.mark.usefixtures("two_threads")
def test_a_fork_goes_on_with_one_thread_and_the_same_score(scorer: Scorer, expected: float) -> None:
    score, settings = in_fork(lambda: (scorer.score(PICTURE).score, scorer.settings))
    assert score == pytest.approx(expected, abs=SAME)
    assert (settings["threads"], scorer.settings["threads"]) == (1, 2)


@forks
@pytest.mark.usefixtures("two_threads")
def test_a_fork_that_loads_its_own_scorer_is_told_that_it_has_one_thread(expected: float, tiny_weights: Path) -> None:
    def load() -> tuple[float, list[str]]:
        warnings: list[str] = []
        own = Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=2, on_warning=warnings.append)
        return own.score(PICTURE).score, warnings

    score, warnings = in_fork(load)
    assert score == pytest.approx(expected, abs=SAME)
    assert warnings == ["one thread, not 2: this process is the fork of one that had started torch's threads"]


@forks
@pytest.mark.usefixtures("two_threads")
def test_a_fork_of_a_fork_scores(scorer: Scorer, expected: float) -> None:
    assert in_fork(lambda: in_fork(lambda: scorer.score(PICTURE).score)) == pytest.approx(expected, abs=SAME)


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


def test_several_threads_score_with_one_scorer(scorer: Scorer) -> None:
    images = [np.random.default_rng(seed).integers(0, 256, (70, 90, 3), dtype=np.uint8) for seed in range(6)]
    alone = [scorer.score(image).score for image in images]
    with ThreadPoolExecutor(3) as threads:
        assert [result.score for result in threads.map(scorer.score, images)] == pytest.approx(alone, abs=SAME)


@forks
@pytest.mark.usefixtures("two_threads")
def test_a_fork_scores_though_a_thread_of_its_parent_was_scoring(scorer: Scorer, expected: float) -> None:
    with scorer.backend.lock:
        score = in_fork(lambda: scorer.score(PICTURE).score)
    assert score == pytest.approx(expected, abs=SAME)


def score_it(scorer: Scorer) -> tuple[float, int]:
    """A task of a worker: the score, and which Scorer gave it."""
    return scorer.score(PICTURE).score, id(scorer)


@pytest.mark.slow
def test_a_spawned_worker_scores_with_a_pickled_scorer_and_loads_it_once(scorer: Scorer, expected: float) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as workers:
        answers = list(workers.map(score_it, [scorer] * 3))
    assert [score for score, _ in answers] == pytest.approx([expected] * 3, abs=SAME)
    assert len({which for _, which in answers}) == 1


def test_a_pickle_holds_how_to_load_but_no_networks(scorer: Scorer, expected: float) -> None:
    data = pickle.dumps(scorer)
    assert len(data) < 2000
    again = pickle.loads(data)
    assert again is not scorer
    torch.set_num_threads(1)
    assert again.settings == scorer.settings
    assert again.score(PICTURE).score == expected


def test_a_relative_folder_of_weights_is_found_from_anywhere(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_weights.parent)
    data = pickle.dumps(Scorer.load(tiny_weights.name, device="cpu", precision="fp32"))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(data).score(PICTURE).width == 90


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_is_a_scorer_of_its_own(scorer: Scorer, expected: float, duplicate: type) -> None:
    other = duplicate(scorer)
    torch.set_num_threads(1)
    assert other.backend is not scorer.backend
    assert other.score(PICTURE).score == expected


def test_other_weights_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    write_tiny_weights(tmp_path)
    scorer = Scorer.load(tmp_path, device="cpu", precision="fp32")
    data = pickle.dumps(scorer)
    write_tiny_weights(tmp_path, seed=1)
    with pytest.raises(WeightsError, match=rf"are \w{{8}}, those of the pickled .* were {scorer.weights_id}; give"):
        pickle.loads(data)


# A read-only root would need more rights than these: what programs write to, and where they look for users, is enough.
CONTAINER = """
set -e
mount --bind /dev/null /etc/passwd
for folder in /var/tmp /dev/shm /tmp; do
    mount --bind $folder $folder
    mount -o remount,bind,ro,nosuid,nodev $folder
done
cd /tmp
exec env -i "$@"
"""


@pytest.mark.slow
def test_a_container_without_a_folder_for_temporary_files_home_or_user_name_scores() -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("this system gives tests no mounts of their own")
    environment = [f"PYTHONPATH={CHECKOUT}", "OMP_NUM_THREADS=1", "PATH=/usr/bin:/bin"]
    program = (
        "import tempfile, os; from hiqa_cli import Scorer\n"
        "try: tempfile.gettempdir(); raise SystemExit('there is a folder for temporary files')\n"
        "except FileNotFoundError: pass\n"
        f"scorer = Scorer.load(precision='fp32'); print(scorer.score({str(CHECKOUT / 'examples/coffee.png')!r}).width)"
    )
    command = [*namespace, "sh", "-c", CONTAINER, "sh", *environment, sys.executable, "-B", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.stdout, done.stderr) == ("384\n", "")


def test_a_user_without_a_home_folder_gets_no_folder_named_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as without HOME and user name
    monkeypatch.chdir(tmp_path)
    assert not can_keep()
    with pytest.raises(OutputError, match="cannot be written: the user has no home folder; set XDG_CACHE_HOME"):
        cache_folder()
    assert list(tmp_path.iterdir()) == []
