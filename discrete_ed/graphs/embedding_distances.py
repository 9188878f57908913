"""Distances between two sets of embeddings: MMD² with several bandwidths, and the Fréchet distance of two Gaussians."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from discrete_ed.graphs.statistics import Floats

PERMUTATIONS = 199

BANDWIDTHS = (0.01, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""multiples of the root mean squared distance, as published"""


def rbf_mmd2(x: Floats, y: Floats) -> float:
    """The largest V-statistic of MMD² over ten bandwidths, between rows `(m, K)` and `(n, K)`.

    All features are centred and scaled by mean and standard deviation of the first set. The kernels are
    `exp(−|u − v|² / 2 (b s)²)` for the multiples b of `BANDWIDTHS`, where s² is the mean of `|u − v|²` over pairs of a
    row of the first set and one of the second.

    Source: Thompson et al. 2022, On Evaluation Metrics for Graph Generative Models, ICLR.

    >>> rbf_mmd2(np.eye(3), np.eye(3))
    0.0
    """
    x, y = _scaled(x, x), _scaled(y, x)
    xx, xy, yy = cdist(x, x, "sqeuclidean"), cdist(x, y, "sqeuclidean"), cdist(y, y, "sqeuclidean")
    return max(
        float(np.exp(xx * rate).mean() + np.exp(yy * rate).mean() - 2 * np.exp(xy * rate).mean())
        for rate in _rates(xy.mean())
    )


def permuted_rbf_mmd2(x: Floats, y: Floats, firsts: Floats) -> Floats:
    """`rbf_mmd2` of the sets as they are, and after permutations of their rows, `(1 + P,)`, with one scale for all.

    Scale and bandwidth are those of both sets together, which a permutation does not change. So one matrix of distances
    is enough for all permutations, and the first value differs a little from `rbf_mmd2`.

    Args:
        x: rows of the first set, `(m, K)`.
        y: rows of the second set, `(n, K)`.
        firsts: for each permutation a one for each row of `x` and `y` that is in the first set, `(P, m + n)`.
    """
    m, n = len(x), len(y)
    both = np.concatenate([x, y])
    both = _scaled(both, both)
    distances = cdist(both, both, "sqeuclidean")
    observed = np.concatenate([np.ones(m), np.zeros(n)])
    first = np.concatenate([observed[None], firsts])
    weights = first / m - (1 - first) / n
    forms = [np.einsum("pi,pi->p", weights @ np.exp(distances * rate), weights) for rate in _rates(distances.mean())]
    return np.max(forms, axis=0)


def frechet_distance(x: Floats, y: Floats) -> float:
    """The squared 2-Wasserstein distance between Gaussians with mean and covariance of rows `(m, K)` and `(n, K)`.

        |μ₁ − μ₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½)

    All features are centred and scaled by mean and standard deviation of the first set. Both sets need two rows. With
    fewer rows than features the covariances have no full rank, and the distance between two sets of one law is large.

    Source: Dowson and Landau 1982, Journal of Multivariate Analysis 12.

    >>> x = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 3.0]])
    >>> round(frechet_distance(x, x), 9), round(frechet_distance(x, x + x.std(axis=0)), 9)
    (0.0, 2.0)
    """
    x, y = _scaled(x, x), _scaled(y, x)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T  # C₁^½ C₂ C₁^½ has the eigenvalues of C₁ C₂
    shared = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    return float(np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2) + np.trace(first) + np.trace(second) - 2 * shared)


def _scaled(rows: Floats, like: Floats) -> Floats:
    spread = like.std(axis=0)
    return (rows - like.mean(axis=0)) / np.where(spread > 1e-12 * np.abs(like).max(axis=0, initial=0), spread, 1)


def _rates(mean_square: float) -> list[float]:
    return [-1 / (2 * b**2 * (mean_square if mean_square > 0 else 1)) for b in BANDWIDTHS]


def permutations(m: int, n: int, seed: int, count: int = PERMUTATIONS) -> Floats:
    """Which of `m + n` rows are in the first set of m after each of `count` permutations, zeros and ones,
    `(count, m + n)`."""
    rng = np.random.default_rng(seed)
    firsts = np.zeros((count, m + n))
    for row in firsts:
        row[rng.permutation(m + n)[:m]] = 1
    return firsts
