"""Keeping freed memory for the next feature map, instead of giving it back to the system at once.

glibc hands freed buffers of more than a few megabytes back, and takes them anew for the next convolution: page
after page is then faulted in and zeroed again, which costs up to a third of a forward pass in float32.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

# Parameters of mallopt(3), and what they are set to: below the first, buffers come from the heap, which fits the
# largest feature map of a batch; so much free memory at the heap's end is kept. Whole pictures are larger than that, and
# go back as soon as they are done.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 * 2**20  # bytes
LARGEST_ON_HEAP = (32 * 2**20,)  # bytes


@cache
def keep_freed_memory() -> bool:
    """For the whole process, once: let up to KEPT bytes of freed memory stay at hand. False where the C library is not
    glibc: others keep it anyway, or offer no such choice."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = any(mallopt(M_MMAP_THRESHOLD, size) for size in LARGEST_ON_HEAP)
    return bool(mallopt(M_TRIM_THRESHOLD, KEPT)) and taken
