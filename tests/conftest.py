"""What several test files need: weights without quality, small pictures, hiqa as a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.fork_server import ForkServer, can_fork
from support.process import HIQA, TIMEOUT, Finished, RunHiqa, environment

if TYPE_CHECKING:
    from support.browser import Page

# Workers share the cores: one thread each. Read when torch is imported, which comes later.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that drive a browser are slow, too."""
    for item in items:
        if "driver" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def torch_by_default() -> Iterator[None]:
    """`auto` means torch in this process: OpenVINO would compile the networks of every test's weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hiqa_cli.engine.loading.preferred_backend", lambda device: "torch")
        yield


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small random weights: scores are finite, differ, and mean nothing."""
    from support.tiny_weights import write_tiny_weights

    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another folder of such weights."""
    from support.tiny_weights import write_tiny_weights

    return write_tiny_weights(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture
def signals_as_they_were() -> Iterator[None]:
    """Whoever runs a training in this process takes its signals: they are given back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def brief_fit() -> Iterator[None]:
    """Runs of this process fit the error head in few steps: their end is as quick as their stages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hiqa_train.uncertainty.error_head.MIN_STEPS", 20)
        yield


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """A process that has imported everything, and forks."""
    server = ForkServer(environment())
    yield server
    server.close()


@pytest.fixture(scope="session")
def run_hiqa(request: pytest.FixtureRequest) -> RunHiqa:
    """run_hiqa(*arguments, weights=, cwd=, input=, env=, before=, timeout=): hiqa as a process, to its end.

    before: Python code that the process runs first.
    """

    def run(
        *arguments: str | bytes | Path,
        weights: Path | None = None,
        cwd: Path | None = None,
        input: bytes = b"",
        env: dict[str, str] | None = None,
        before: str = "",
        timeout: float = TIMEOUT,
    ) -> Finished:
        variables = environment(weights, **(env or {}))
        if can_fork(env or {}):
            server: ForkServer = request.getfixturevalue("fork_server")
            words = [os.fsdecode(one) for one in arguments]
            return Finished(*server.run(words, cwd, variables, input, timeout, before))
        code = f"{before}\nimport runpy\nrunpy.run_module('hiqa_cli', run_name='__main__', alter_sys=True)"
        command = [sys.executable, "-c", code] if before else HIQA
        done = subprocess.run(
            [*command, *arguments],
            cwd=cwd, input=input, capture_output=True, env=variables, timeout=timeout, check=False,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def hiqa_words(request: pytest.FixtureRequest) -> list[str]:
    """The command `hiqa` for shells."""
    if not can_fork({}):
        return HIQA
    client = Path(__file__).parent / "support" / "fork_client.py"
    return [sys.executable, "-S", str(client), request.getfixturevalue("fork_server").address]


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium with an empty profile; where it is not to be had, tests that want it skip and say so."""
    from support.browser import start_browser, why_no_browser

    missing = why_no_browser()
    if missing and os.environ.get("HIQA_BROWSER_TESTS") == "required":
        pytest.fail(f"reports must be tried in a browser here: {missing}")
    if missing:
        pytest.skip(f"reports are not tried in a browser: {missing}")
    profile = tmp_path_factory.mktemp("profile")
    browser = start_browser(profile)
    browser.downloads = profile / "downloads"
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of six pictures and two errors."""
    from support.report_material import write_small_page

    target = tmp_path_factory.mktemp("small") / "report.html"
    write_small_page(target)
    return target


@pytest.fixture
def page(driver: Any, small: Path) -> Page:
    """The browser at that page, opened anew."""
    from support.browser import Page

    return Page(driver).open(small)
