"""hiqa as a process without the two seconds in which Python imports torch: a server imports everything once, and each
command runs in a fork of it, with its own arguments, environment, folder, standard streams, signals and exit code.

Linux only: elsewhere forking is missing, or unsafe after such imports.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from support.fork_client import exit_code, start

TESTS = Path(__file__).resolve().parents[1]
TRAINING = {"train", "splits", "official", "cross"}  # commands, or those of `evaluate`
LONGEST = 100_000  # bytes of a request: below what a socket takes at once
# Variables that Python and its libraries read when they start: a fork would not see them.
AT_START = ("PYTHON", "LC_", "LANG", "LD_", "OMP_", "MKL_", "MALLOC_", "OPENCV_", "TORCH", "ONEDNN_")


def can_fork(more: dict[str, str]) -> bool:
    """Whether a fork behaves as a new process would, with these variables more in its environment."""
    return sys.platform == "linux" and not any(name.startswith(AT_START) for name in more)


class ForkServer:
    """The server, as its client sees it. address: of the socket for fork_client.py."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hiqa-")
        self.address = os.path.join(self._folder.name, "socket")
        command = [sys.executable, "-m", "support.fork_server", self.address]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=TESTS, env=environment, stdin=pipe, stdout=pipe)
        assert self._process.stdout
        assert self._process.stdout.read(5) == b"ready"

    def run(
        self,
        arguments: Sequence[str],
        cwd: Path | None,
        environment: dict[str, str],
        data: bytes,
        timeout: float,
        before: str = "",
    ) -> tuple[int, bytes, bytes]:
        """Run hiqa to its end: exit code (negative for a signal), standard output, standard error.

        before: Python code that the process runs first.
        """
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        connection, pid = start(self.address, list(arguments), str(cwd or Path.cwd()), environment, theirs, before)
        for descriptor in theirs:
            os.close(descriptor)
        with connection, ThreadPoolExecutor(3) as threads:
            threads.submit(write_all, pipes[0][1], data)
            out, err = (threads.submit(read_all, pipe[0]) for pipe in pipes[1:])
            connection.settimeout(timeout)
            try:
                code = exit_code(connection)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["hiqa", *arguments], timeout, out.result(), err.result()) from None
            return code, out.result(), err.result()

    def close(self) -> None:
        self._process.communicate()  # closes its standard input
        self._folder.cleanup()


def write_all(descriptor: int, data: bytes) -> None:
    """Write and close; a reader that goes away is none of our business."""
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
    except BrokenPipeError:
        pass


def read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def import_everything() -> None:
    """What commands import when they are called."""
    for name in ("hiqa_cli", "hiqa_train"):
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if "experiments" not in module.name and not module.name.endswith("__main__"):
                import_module(module.name)
    for name in ("scipy.optimize", "scipy.stats", "rich.progress", "typer.rich_utils"):
        import_module(name)
    with suppress(ModuleNotFoundError):  # pydantic: what newer versions of typer convert options with
        import_module("typer._adapters")
    Image.init()  # Pillow's modules, one for each format


def serve(address: str) -> list[str]:
    """Answer clients until standard input ends. Returns in each process of a command: its arguments."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    os.write(1, b"ready")
    os.close(1)
    os.open(os.devnull, os.O_WRONLY)
    keepers: list[int] = []
    while True:
        if 0 in select.select([listener, 0], [], [])[0]:
            os._exit(0)
        connection = listener.accept()[0]
        message, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 3)
        request = json.loads(message)
        if TRAINING & set(request["arguments"][:2]):
            # torch imports its compiler for the first optimiser, which takes longer than a small training.
            import_module("torch._dynamo")
        keeper = os.fork()  # waits for the command, while the server is free for others
        if keeper:
            connection.close()
            for descriptor in descriptors:
                os.close(descriptor)
            keepers = [one for one in (*keepers, keeper) if os.waitpid(one, os.WNOHANG) == (0, 0)]
            continue
        listener.close()
        pid = os.fork()
        if pid == 0:
            connection.close()
            return become(request, descriptors)
        for descriptor in (0, 1, 2, *descriptors):
            os.close(descriptor)
        connection.send(str(pid).encode())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.send(str(status).encode())
        os._exit(0)


def become(request: dict[str, Any], descriptors: list[int]) -> list[str]:
    """Take over what a process starts with."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even if the tests run in the background
    # As Python opens them in the C locale.
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1
    )
    exec(request["before"], {})
    return list(request["arguments"])


def run_command() -> None:
    """`python -m hiqa_cli`; ends the process without taking hundreds of modules apart, which costs half a second."""
    try:
        runpy.run_module("hiqa_cli", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        code = stop.code
        if isinstance(code, int):
            for thread in threading.enumerate():
                if thread is not threading.main_thread() and not thread.daemon:
                    thread.join()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        raise


if __name__ == "__main__":
    sys.path.remove(str(TESTS))
    import_everything()
    gc.collect()
    gc.freeze()  # collecting in a fork would copy every page that objects lie in
    sys.argv[1:] = serve(sys.argv[1])
    run_command()
