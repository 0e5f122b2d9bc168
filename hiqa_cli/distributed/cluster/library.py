"""Ray, which only clusters need: the extra hiqa[ray]. It is made quiet, and reports nothing to anybody."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterator
from typing import Any

from hiqa_cli.errors import DependencyError, DeviceError, UsageError

# Unless the user has set them: no use statistics, no lines of Ray's C++ part on standard error.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}


def import_ray() -> Any:
    """ray with ray.data. Raises DependencyError, which names the extra, without it."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be loaded: {error}"
        raise DependencyError(f"--ray needs ray[data], which {reason}", "pip install 'hiqa[ray]'") from None
    return ray


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """ray, connected to a cluster until the block ends.

    address: None: Ray's own way: RAY_ADDRESS, else a cluster of this machine, else a new one on this machine. Raises
    UsageError for an address that is none, DeviceError where no cluster answers.
    """
    ray = import_ray()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _silent():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, configure_logging=True)
    except ValueError as error:
        raise UsageError(f"--ray-address {address}: {one_line(error)}", "expected HOST:PORT, auto or local") from None
    except Exception as error:
        where = address or "this machine"
        raise DeviceError(f"no Ray cluster answers at {where}: {one_line(error)}", "see: ray status") from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray installs its own
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        yield ray
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Nothing goes to the process's standard error: Ray's C++ part says there that it has been told to be quiet."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def one_line(error: BaseException) -> str:
    """The first line of Ray's often long messages that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
