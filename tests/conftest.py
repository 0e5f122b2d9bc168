"""What several test files need: weights without quality, small pictures, hiqa as a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hiqa_cli

if TYPE_CHECKING:
    from browser import Page

CHECKOUT = Path(hiqa_cli.__file__).resolve().parent.parent
HIQA = [sys.executable, "-m", "hiqa_cli"]
TIMEOUT = 120  # s; generous: a machine may be busy


@dataclass(frozen=True)
class Finished:
    """A process that has ended: exit code, standard output, standard error."""

    code: int
    out: bytes
    err: bytes

    @property
    def lines(self) -> list[str]:
        return self.out.decode("utf-8", "surrogateescape").splitlines()

    @property
    def messages(self) -> list[str]:
        return self.err.decode("utf-8", "surrogateescape").splitlines()


RunHiqa = Callable[..., Finished]


def environment(weights: Path | None = None, **more: str) -> dict[str, str]:
    """The environment of a child: none of the caller's own hiqa or locale settings."""
    unwanted = ("HIQA_", "LC_", "LANG", "PYTHONIOENCODING", "PYTHONUTF8", "NO_COLOR", "TERM")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), kept.get("PYTHONPATH", "")]))
    kept["OMP_NUM_THREADS"] = "1"
    kept["TERM"] = "xterm-256color"
    if weights is not None:
        kept["HIQA_WEIGHTS"] = str(weights)
    return {**kept, **more}


def obey_signals() -> None:
    """In a child: a test run in the background ignores SIGINT, and would hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small random weights: scores are finite, differ, and mean nothing."""
    from tiny_weights import write_tiny_weights

    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def other_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another folder of such weights."""
    from tiny_weights import write_tiny_weights

    return write_tiny_weights(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture
def signals_as_they_were() -> Iterator[None]:
    """Whoever runs a training in this process takes its signals: they are given back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def run_hiqa() -> RunHiqa:
    """run_hiqa(*arguments, weights=, cwd=, input=, env=): hiqa as a process, to its end."""

    def run(
        *arguments: str | bytes | Path,
        weights: Path | None = None,
        cwd: Path | None = None,
        input: bytes = b"",
        env: dict[str, str] | None = None,
    ) -> Finished:
        done = subprocess.run(
            [*HIQA, *arguments],
            cwd=cwd,
            input=input,
            capture_output=True,
            env=environment(weights, **(env or {})),
            timeout=TIMEOUT,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


def picture_bytes(seed: int = 0, width: int = 80, height: int = 60, suffix: str = ".png") -> bytes:
    """A small picture of smooth noise, encoded; another seed is another picture."""
    import cv2
    import numpy as np

    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


def write_picture(path: Path | str | bytes, seed: int = 0, **size: int) -> None:
    """Write such a picture; the suffix of the path says the format. Folders are made."""
    name = os.fsdecode(path)
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(picture_bytes(seed, suffix=os.path.splitext(name)[1].lower(), **size))


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium with an empty profile; where it is not to be had, tests that want it skip and say so."""
    from browser import start_browser, why_no_browser

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
    from report_material import write_small_page

    target = tmp_path_factory.mktemp("small") / "report.html"
    write_small_page(target)
    return target


@pytest.fixture
def page(driver: Any, small: Path) -> Page:
    """The browser at that page, opened anew."""
    from browser import Page

    return Page(driver).open(small)
