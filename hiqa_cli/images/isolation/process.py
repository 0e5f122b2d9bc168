"""One child process that decodes pictures, seen from its parent.

What it says is not trusted: sizes are checked before memory is taken for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from typing import Any, BinaryIO, cast

import numpy as np

from hiqa_cli.errors import DependencyError, ImageError, exit_reason
from hiqa_cli.images.picture import Picture
from hiqa_cli.images.read import Reserve
from hiqa_cli.images.source import Limits

from .protocol import ProtocolError, receive, receive_into, send

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from hiqa_cli.images.isolation.child import main; main()"
)
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 5.0
_PIPE = 2**20  # bytes
_TYPES = {"uint8": np.uint8, "uint16": np.uint16}
# Nothing else of the environment is the decoders' business.
_ENVIRONMENT = ("PATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")


class Child:
    """A running child. decode() ends it where it raises anything but an ImageError that the child itself reports.

    process: id of the process whose child this is. restrictions: the names of those in effect, once it is ready.
    """

    def __init__(self, memory: int, seconds: float) -> None:
        """Start it, without waiting for it; memory, seconds: what it may use for a picture. Raises DependencyError."""
        if not sys.executable:
            raise DependencyError("a decoding process cannot be started: this Python does not know its own path")
        arguments = [sys.executable, "-P", "-c", _START, json.dumps(sys.path), str(memory)]
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # One thread: restrictions hold for threads that start later only.
        kept |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            self._popen = subprocess.Popen(
                arguments, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise DependencyError(f"a decoding process cannot be started: {error}") from error
        self.process = os.getpid()
        self.restrictions: tuple[str, ...] = ()
        self.end = weakref.finalize(self, _stop, self._popen, self.process)
        self._seconds = seconds
        self._requests, self._answers = cast(BinaryIO, self._popen.stdin), cast(BinaryIO, self._popen.stdout)
        _widen(self._requests)
        _widen(self._answers)
        self._has_greeted = False

    def ready(self) -> None:
        """Wait until it has started. Raises DependencyError where it does not."""
        if self._has_greeted:
            return
        try:
            with _Watch(self._popen, _SECONDS_TO_START):
                self.restrictions = tuple(str(name) for name in receive(self._answers)["restrictions"])
        except (KeyError, TypeError, ProtocolError) as error:
            self.end()
            raise DependencyError(f"a decoding process did not start: it {_end_of(self._popen, error)}") from None
        self._has_greeted = True

    def decode(self, data: bytes | bytearray, limits: Limits, reserve: Reserve) -> Picture:
        """Decode the bytes of a file. Raises ImageError."""
        self.ready()
        request = {"size": len(data), "max_pixels": limits.max_pixels, "max_bytes": limits.max_bytes}
        watch = _Watch(self._popen, self._seconds)
        try:
            with watch:
                send(self._requests, request, data)
                answer = receive(self._answers)
            if "error" not in answer:
                reserve(_pixels(answer, limits))  # takes as long as it takes
                with watch:
                    send(self._requests, {})
                    answer = receive(self._answers)
                    if "error" not in answer:
                        return self._take(answer, limits)
        except (OSError, ProtocolError) as error:
            self.end()
            reason = f"takes more than {self._seconds:g} s" if watch.was_late else _end_of(self._popen, error)
            raise ImageError(f"decoding it {reason}", "the file is damaged, or made to do harm") from None
        except BaseException:
            self.end()  # in the middle of an exchange
            raise
        raise ImageError(_line(answer["error"]), _line(answer.get("hint", "")))

    @property
    def is_running(self) -> bool:
        """Whether it runs, and belongs to this process, not to the parent of a fork."""
        return self.end.alive and self.process == os.getpid() and self._popen.poll() is None

    def _take(self, answer: dict[str, Any], limits: Limits) -> Picture:
        try:
            height, width, channels = (int(side) for side in answer["shape"])
            kind = _TYPES[answer["type"]]
            notes = tuple(_line(note) for note in answer["notes"])
            exif = tuple((_line(name), _line(value)) for name, value in answer["exif"])
            name = _line(answer["format"])
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError("an answer without a picture") from error
        if channels != 3 or min(height, width) < 1 or height * width > limits.max_pixels:
            raise ProtocolError(f"a picture of {width} x {height} px")
        pixels = np.empty((height, width, 3), kind)
        receive_into(self._answers, pixels.reshape(-1).view(np.uint8).data)
        return Picture(pixels, name, notes, exif)


class _Watch:
    """Kills a child if a block takes too long; several blocks have the time each."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        self.was_late = False
        self._child = child
        self._seconds = seconds

    def __enter__(self) -> None:
        self._timer = threading.Timer(self._seconds, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()

    def _kill(self) -> None:
        self.was_late = True
        self._child.kill()


def _pixels(answer: dict[str, Any], limits: Limits) -> int:
    pixels = answer.get("pixels")
    if not isinstance(pixels, int) or not 0 < pixels <= limits.max_pixels:
        raise ProtocolError(f"a picture of {pixels!r} pixels")
    return pixels


def _widen(stream: BinaryIO) -> None:
    """Let a pipe hold more (Linux): pictures pass in fewer writes."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE)


def _line(text: Any) -> str:
    """Text of the child in one line without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:2000])


def _end_of(child: subprocess.Popen[bytes], error: Exception) -> str:
    code = child.returncode
    if not code or code == -signal.SIGTERM:
        return f"failed: {error}"
    return f"ended its process with {exit_reason(code)}"


def _stop(child: subprocess.Popen[bytes], process: int) -> None:
    """End a child and collect it; in a fork of the process that started it: only forget it."""
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    if process != os.getpid():
        return
    try:
        child.wait(0.2)  # one that is dying says why
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
