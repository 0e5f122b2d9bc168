"""Keeping freed memory for the next feature map, instead of giving it back to the system at once.

glibc hands freed buffers of more than a few megabytes back, and takes them anew for the next convolution: page
after page is then faulted in and zeroed again, which costs some per cent of a forward pass (bench/README.md).
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

# Parameters of mallopt(3), and what they are set to: smaller buffers than the first (which glibc before 2.35 takes no
# larger) come from the heap, as feature maps do; so much free memory at the heap's end is kept. Whole pictures are
# larger, and go back as soon as they are done.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 * 2**20  # bytes
LARGEST_ON_HEAP = 32 * 2**20  # bytes


@cache
def keep_freed_memory() -> bool:
    """For the whole process, once: let up to KEPT bytes of freed memory stay at hand. False where the C library is not
    glibc: others keep it anyway, or offer no such choice."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_ON_HEAP)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
