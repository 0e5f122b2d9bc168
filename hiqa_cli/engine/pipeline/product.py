"""Matrix products beside the networks, without BLAS."""

from __future__ import annotations

import numpy as np


def product(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`rows` (..., N) times `weights` (M, N) or (N,): (..., M) or (...).

    numpy's `@` runs on the threads of BLAS, which wait for each other by spinning. While the networks use all cores,
    one such product of a few thousand numbers takes a whole time slice of the system, and a dozen of them half as long
    as the networks.
    """
    return np.asarray(np.einsum("...n,mn->...m" if weights.ndim > 1 else "...n,n->...", rows, weights))
