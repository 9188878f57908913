"""A compiled loop that fills in erased bits by mixtures of trees. Importing this needs numba."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.runtime.compiling import njit

Reals = NDArray[np.floating[Any]]


@njit()
def softplus(value: float) -> float:
    """`log(1 + exp(value))`."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


@njit()
def fill(
    x: NDArray[np.uint8],
    erased: NDArray[np.bool_],
    order: NDArray[np.int64],
    above: NDArray[np.int64],
    log_weights: Reals,
    low: Reals,
    step: Reals,
    table: Reals,
    picks: Reals,
    coins: Reals,
    filled: Reals,
    kept: Reals,
) -> None:
    """Sample the erased bits of each row given the others, and sum over them.

    Messages run from the leaves to the roots, but only where bits are erased; then states are sampled from the roots
    to the leaves, for which only the coins of erased bits are used.

    Args:
        x, erased: states and which of their bits are erased, `(N, D)`.
        order: the bits, none before its parent, `(D,)`.
        above: the parents, `(D,)`; of a root: itself.
        log_weights: `log π`, `(K,)`.
        low, step: `l` and `J`, `(D, K)`.
        table: `log p_k(x_i = v | x_pa(i) = a)`, `(D, 2, 2, K)`: bit, `a`, `v`, component.
        picks: uniform numbers, `(N, M)`.
        coins: uniform numbers, `M` for each erased bit, `(M · erased,)`.
        filled: the states, `(N, M, D)`, written.
        kept: `log p` of the bits that are kept, `(N,)`, written.
    """
    rows, bits = x.shape
    components = len(log_weights)
    copies = filled.shape[1]
    below = np.zeros((bits, components), table.dtype)
    terms = np.empty(components, table.dtype)
    shares = np.empty(components, table.dtype)
    place = 0
    for n in range(rows):
        terms[:] = log_weights
        for i in erased[n].nonzero()[0]:
            below[i] = 0.0
        for at in range(bits - 1, -1, -1):
            i = order[at]
            parent = above[i]
            root = parent == i
            if not erased[n, i]:
                v = x[n, i]
                if root or not erased[n, parent]:
                    terms += table[i, 0 if root else x[n, parent], v]
                else:
                    terms += table[i, 0, v]
                    below[parent] += table[i, 1, v] - table[i, 0, v]
            elif root or not erased[n, parent]:
                a = 0 if root else x[n, parent]
                for k in range(components):
                    odds = low[i, k] + a * step[i, k] + below[i, k]
                    terms[k] += softplus(odds) + table[i, a, 0, k]
            else:
                for k in range(components):
                    odds = low[i, k] + below[i, k]
                    first = softplus(odds) + table[i, 0, 0, k]
                    terms[k] += first
                    below[parent, k] += softplus(odds + step[i, k]) + table[i, 1, 0, k] - first
        top = terms.max()
        total = 0.0
        for k in range(components):
            total += math.exp(terms[k] - top)
            shares[k] = total
        kept[n] = top + math.log(total)
        for m in range(copies):
            k = min(np.searchsorted(shares, picks[n, m] * total), components - 1)
            for i in range(bits):
                filled[n, m, i] = x[n, i]
            for i in order:
                if erased[n, i]:
                    a = 0.0 if above[i] == i else filled[n, m, above[i]]
                    odds = low[i, k] + a * step[i, k] + below[i, k]
                    filled[n, m, i] = 1.0 if coins[place] * (1.0 + math.exp(-odds)) < 1.0 else 0.0
                    place += 1
