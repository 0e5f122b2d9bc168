"""Takes from the process what a decoder does not need: memory without limit, files, new descriptors, dumps.

Limits are those of POSIX; files are closed off with Landlock (Linux 5.13). A system that lacks one goes without it:
the names of those in effect are returned.
"""

from __future__ import annotations

import contextlib
import ctypes
import struct
import sys
from collections.abc import Callable

_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _RESTRICT_SELF, _VERSION = 444, 446, 1  # Landlock's numbers, the same on every architecture
_FILE_RIGHTS = (13, 14, 15, 15, 16)  # number of rights over files, by version from 1 on


def restrict(memory: int) -> list[str]:
    """Restrict this process, which has one thread, permanently. memory: bytes beyond what it uses now."""
    limit = _limits(memory)
    # Limits come last: Landlock takes a descriptor.
    return [*_close_files(), *limit()]


def _limits(memory: int) -> Callable[[], list[str]]:
    """A function that sets the limits, and needs no file for it."""
    try:
        import resource
    except ImportError:  # Windows
        return list
    wanted = {
        "memory": (resource.RLIMIT_AS, _address_space() * resource.getpagesize() + memory),
        "file size": (resource.RLIMIT_FSIZE, 0),
        "core dumps": (resource.RLIMIT_CORE, 0),
        "new descriptors": (resource.RLIMIT_NOFILE, 0),
    }

    def limit() -> list[str]:
        done = []
        for name, (number, value) in wanted.items():
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(number, (value, value))
                done.append(name)
        return done

    return limit


def _address_space() -> int:
    """Pages of address space in use; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0])
    except OSError:
        return 0


def _close_files() -> list[str]:
    if not sys.platform.startswith("linux"):
        return []
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return []
    rights = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS)) - 1]) - 1
    # All rights, and no rule that grants one.
    attributes = struct.pack("=Q", rights)
    rules = library.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0 or library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    return ["files"] if library.syscall(_RESTRICT_SELF, rules, 0) == 0 else []
