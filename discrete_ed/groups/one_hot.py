"""Columns that look like the values of one variable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST_ROWS = 20
"""rows from which on columns that hold one 1 in each row are hardly so by chance"""


def one_hot_columns(bits: NDArray[Any]) -> list[range]:
    """Neighbouring columns of a table `(N, D)` of which exactly one holds a 1 in every row, as one-hot codes do.

    At least two of the columns must vary, rows must be many enough to exclude chance, and no cell may be missing (NaN).
    What is not 1 counts as 0, so that spins of −1 and +1 may come in as well.

    >>> one_hot_columns(np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0]] * 10))
    [range(0, 3)]
    """
    found: list[range] = []
    start = 0
    varies = (bits != bits[:1]).any(0)
    while start < bits.shape[1] and len(bits) >= FEWEST_ROWS:
        ones = np.zeros(len(bits), np.int32)
        for stop in range(start, bits.shape[1]):
            ones += bits[:, stop] == 1
            if ones.max(initial=0) > 1 or np.isnan(bits[:, stop]).any():
                break
            if ones.min(initial=1) == 1 and varies[start : stop + 1].sum() >= 2:
                found.append(range(start, stop + 1))
                start = stop
                break
        start += 1
    return found
