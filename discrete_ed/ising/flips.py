"""The compiled loop over the flips of Bernoulli energy discrepancy."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=False)
def bernoulli_slope(
    spins: np.ndarray,
    margins: np.ndarray,
    couplings: np.ndarray,
    starts: np.ndarray,
    sites: np.ndarray,
    copies: int,
    w: float,
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum over samples of the loss, and what its gradient is made of.

    Returns:
        The sum; `(N, D)`, the summed weight of the copies that flip a spin; `(D, D)`, each pair once, `4 s_i s_j`
        summed by weight over the copies that flip both: such a pair's coupling changes no energy.
    """
    n, d = spins.shape
    weight = np.zeros((n, d))
    inside = np.zeros((d, d))
    gaps = np.empty(copies)
    total = 0.0
    for i in range(n):
        top = -np.inf
        for c in range(copies):
            first, last = starts[i * copies + c], starts[i * copies + c + 1]
            gap = 0.0
            for a in range(first, last):
                u = sites[a]
                pair = 0.0
                for b in range(first, a):
                    v = sites[b]
                    pair += couplings[u, v] * spins[i, v]
                gap += 2 * margins[i, u] - 4 * spins[i, u] * pair
            gaps[c] = -gap
            top = max(top, -gap)
        if w > 0:
            top = max(top, 0.0)
        mass = w * np.exp(-top) if w > 0 else 0.0
        for c in range(copies):
            gaps[c] = np.exp(gaps[c] - top)
            mass += gaps[c]
        total += top + np.log(mass / copies)
        for c in range(copies):
            share = gaps[c] / mass
            if share < 1e-12:
                continue
            first, last = starts[i * copies + c], starts[i * copies + c + 1]
            for a in range(first, last):
                u = sites[a]
                weight[i, u] += share
                for b in range(first, a):
                    v = sites[b]
                    inside[v, u] += 4 * share * spins[i, u] * spins[i, v]
    return total, weight, inside
