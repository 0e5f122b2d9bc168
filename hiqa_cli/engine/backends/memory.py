"""Keep freed memory for the next feature map instead of returning it to the system.

glibc returns freed buffers of more than a few megabytes and allocates them again for the next convolution; faulting in
and zeroing their pages costs some per cent of a forward pass (bench/README.md).
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

# Parameters of mallopt(3) and their values. Buffers up to LARGEST_ON_HEAP (the most that glibc before 2.35 accepts) are
# allocated on the heap, as feature maps are, and up to KEPT bytes of free memory stay at its end. Whole images are
# larger, and are returned as soon as they are freed.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 * 2**20  # bytes
LARGEST_ON_HEAP = 32 * 2**20  # bytes


@cache
def keep_freed_memory() -> bool:
    """Keep up to KEPT bytes of freed memory in this process; takes effect once. False without glibc: other C libraries
    keep memory anyway, or have no such setting."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_ON_HEAP)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
