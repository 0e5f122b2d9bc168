"""hiqa as a real process, a fork of the test's own process, and small pictures."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hiqa_cli

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
    kept["HIQA_BACKEND"] = "torch"  # OpenVINO would compile the networks of every test's weights
    if weights is not None:
        kept["HIQA_WEIGHTS"] = str(weights)
    return {**kept, **more}


def obey_signals() -> None:
    """In a child: a test run in the background ignores SIGINT, and would hand that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def killed_when(pattern: str) -> str:
    """Code for a process that kills itself with SIGKILL as soon as a file matches the pattern."""
    return f"""
import glob, os, signal, threading, time

def watch():
    while not glob.glob({pattern!r}):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
"""


def files_of_at_most(size: int) -> str:
    """Code for a process that cannot write more than `size` bytes to a file, as on a full disk."""
    return f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


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


def in_fork(function: Callable[[], Any]) -> Any:
    """What `function` returns or raises in a fork, such as a worker of a pre-forking server; TimeoutError where it does
    not end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer: Any = function()
        except BaseException as error:
            answer = error
        with open(writer, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(writer)
    try:
        with open(reader, "rb") as file:
            if not select.select([file], [], [], TIMEOUT)[0]:
                raise TimeoutError("the fork waits for ever")
            answer = pickle.load(file)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if isinstance(answer, BaseException):
        raise answer
    return answer
