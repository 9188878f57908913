"""The Cramér–Rao bound on the error of unbiased estimators of couplings, from the Fisher information."""

from __future__ import annotations

import numpy as np
from scipy.fft import fftn

from discrete_ed.ising.parameters import Array, Support

CHUNK = 2**24
"""number of entries in a block of statistics that is computed at once"""
MOST_PARAMETERS = 4000
"""largest number of parameters whose Fisher information is inverted"""
BOUND_STATES = 20_000
"""smallest number of samples of the truth from which a bound is estimated"""


def fisher_information(spins: Array, support: Support, law: Array | None = None) -> Array:
    """The information of one sample on the free parameters: the covariance of `s_i s_j` and `s_i` over `spins`.

    Args:
        spins: `(N, D)`.
        law: the probability of each row of `spins`; by default all are equal.
    """
    n, d = spins.shape
    i, j = support.pairs.T
    law = np.full(n, 1 / n) if law is None else law
    count = support.size(d)
    information, mean = np.zeros((count, count)), np.zeros(count)
    rows = max(1, CHUNK // max(count, 1))
    for start in range(0, n, rows):
        s, p = spins[start : start + rows], law[start : start + rows]
        statistics = np.hstack([s[:, i] * s[:, j], s]) if support.with_fields else s[:, i] * s[:, j]
        information += (statistics * p[:, None]).T @ statistics
        mean += p @ statistics
    return information - np.outer(mean, mean)


def cramer_rao(spins: Array, pairs: Array, samples: int, *, with_fields: bool, tied: bool = False) -> float:
    """The root mean square error over all `D²` entries of `J` that no unbiased estimator of `pairs` can beat.

    The Fisher information of `(J, h)` is the covariance of the statistics `s_i s_j` and `s_i` under the truth. Here it
    is estimated from samples of the truth.

    Args:
        spins: samples of the truth, `(N, D)`; with more of them the bound is estimated better.
        pairs: the pairs whose couplings are to be estimated, `(P, 2)`.
        samples: number of samples that the estimator has.
        with_fields: whether fields are estimated as well.
        tied: whether it is known that all couplings are equal.

    Returns:
        The bound; infinite if the samples of the truth are too few, or too similar, to determine every coupling.

    Source: Cramér 1946, Mathematical Methods of Statistics, ch. 32.

    >>> coins = np.where(np.random.default_rng(0).random((50_000, 4)) < 0.5, 1.0, -1.0)
    >>> round(cramer_rao(coins, np.array([[0, 1], [2, 3]]), 100, with_fields=False), 3)  # √(2 · 2 / 100) / 4
    0.05
    """
    d = spins.shape[1]
    i, j = pairs.T
    if tied:
        variance = len(pairs) / max((spins[:, i] * spins[:, j]).sum(1).var(), 1e-300)
        return float(np.sqrt(2 * variance / samples) / d)
    information = fisher_information(spins, Support(pairs, with_fields))
    if np.linalg.eigvalsh(information)[0] < 1e-9:
        return float("inf")
    variance = np.linalg.inv(information).diagonal()[: len(pairs)].sum()
    return float(np.sqrt(2 * variance / samples) / d)


def cramer_rao_all_pairs(spins: Array, shape: tuple[int, ...], samples: int) -> float:
    """`cramer_rao` of all `D (D − 1) / 2` pairs without fields, for a law that is invariant under translations of a
    torus.

    Translations map pairs with the same displacement δ to each other, so the Fisher information is block
    diagonal in the Fourier transforms `Σ_x e^{−ikx} s_x s_{x+δ}`: for each wave vector `k` one small matrix over the
    displacements, while the full matrix has `D⁴ / 4` entries.

    Args:
        spins: samples of the truth, `(N, D)`.
        shape: lengths of the torus, the last index running fastest; `D` is their product.
        samples: number of samples that the estimator has.

    >>> coins = np.where(np.random.default_rng(0).random((50_000, 9)) < 0.5, 1.0, -1.0)
    >>> round(cramer_rao_all_pairs(coins, (3, 3), 100), 3)  # √(2 · 36 / 100) / 9
    0.094
    """
    n, d = spins.shape
    axes = tuple(range(1, len(shape) + 1))
    opposite = {delta: tuple(-a % size for a, size in zip(delta, shape, strict=True)) for delta in np.ndindex(shape)}
    displacements = [delta for delta in opposite if any(delta) and delta <= opposite[delta]]
    information = np.zeros((d, len(displacements), len(displacements)), dtype=complex)
    mean = np.zeros(len(displacements))
    rows = max(1, CHUNK // (d * len(displacements)))
    for start in range(0, n, rows):
        grids = spins[start : start + rows].reshape(-1, *shape)
        products = [grids * np.roll(grids, [-a for a in delta], axes) for delta in displacements]
        waves = np.stack([fftn(p, axes=axes).reshape(len(p), d) for p in products], 2).transpose(1, 0, 2)
        information += waves.transpose(0, 2, 1) @ waves.conj()
        mean += waves[0].real.sum(0)
    information /= n * d
    information[0] -= np.outer(mean / n, mean / n) / d  # only the wave k = 0 has a nonzero mean
    variance = 0.0
    for k, wave in enumerate(np.ndindex(shape)):
        phases = [sum(a * b / size for a, b, size in zip(wave, delta, shape, strict=True)) for delta in displacements]
        # x and x + δ give the same pair twice where 2δ = 0: as two equal terms, or as two that cancel
        twice = np.array([delta == opposite[delta] for delta in displacements])
        kept = ~twice | np.isclose(np.cos(2 * np.pi * np.array(phases)), 1)
        scale = np.where(twice, np.sqrt(0.5), 1.0)[kept]
        block = information[k][np.ix_(kept, kept)] * scale * scale[:, None]
        if np.linalg.eigvalsh(block)[0] < 1e-9:
            return float("inf")
        variance += np.linalg.inv(block).diagonal().real.sum()
    return float(np.sqrt(2 * variance / samples) / d)


def states_for_bound(edges: int) -> int:
    """The number of samples of the truth from which the bound is estimated: 20,000, or ten for each edge if more."""
    return max(BOUND_STATES, 10 * edges)


def bound_for_edges(spins: Array, edges: Array, samples: int, *, with_fields: bool) -> float | None:
    """`cramer_rao` of the couplings of known edges, or `None` if it can't be estimated from these samples.

    It can't be estimated if there are no edges, fewer than ten samples of the truth for each, more than 4,000
    parameters, or samples that never left the ground states. The arguments are those of `cramer_rao`.
    """
    if not 0 < len(edges) <= len(spins) / 10:
        return None
    if Support(edges, with_fields).size(spins.shape[1]) > MOST_PARAMETERS:
        return None
    try:
        return cramer_rao(spins, edges, samples, with_fields=with_fields)
    except np.linalg.LinAlgError:
        return None
