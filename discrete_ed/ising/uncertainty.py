"""How sure couplings are: sandwich standard errors, and the bound that no unbiased estimator can beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import fftn

from discrete_ed.ising.objectives import Array, enumerated, log_logistic, margins
from discrete_ed.ising.restricted import PRIOR_SD
from discrete_ed.names import ENUMERABLE_BITS

CHUNK = 2**24  # numbers in a block of per-sample scores
TOGETHER = 1500  # parameters whose joint covariance is computed


def sandwich(
    spins: Array,
    pairs: Array,
    couplings: Array,
    fields: Array,
    phi: Callable[[Array], tuple[Array, Array, Array]],
    with_fields: bool,
) -> Array:
    """Godambe standard errors `√diag(H⁻¹ V H⁻¹ / N)` of the couplings of `pairs`, then of the fields.

    For the objective `mean_n Σ_i φ(m_ni)`, `H` is its second derivative and `V` the covariance over samples of its
    first one. They hold for the estimate on the pairs given: that pairs were selected, or shrunk by a penalty, isn't
    counted. Beyond 1,500 parameters each spin's regression is taken by itself.

    Source: Godambe 1960, Annals of Mathematical Statistics 31, 1208–1211; Varin, Reid and Firth 2011, Statistica
    Sinica 21, 5–42.
    """
    n, d = spins.shape
    i, j = pairs.T
    _, first, second = phi(margins(spins, couplings, fields))
    slope = first * spins
    nodes = [_neighbourhood(spins, pairs, site, with_fields) for site in range(d)]
    count = len(pairs) + (d if with_fields else 0)
    if count > TOGETHER:
        variances = []
        for site, (_, design) in enumerate(nodes):
            scores = design * slope[:, site, None]
            centred = scores - scores.mean(0)
            variances.append(_robust(_curvature(design, second[:, site]), centred.T @ centred))
        return np.sqrt(_site_by_site(nodes, variances, count, len(pairs)))
    score, total = np.zeros((count, count)), np.zeros(count)
    rows = max(1, CHUNK // max(count, 1))
    for start in range(0, n, rows):
        s, g = spins[start : start + rows], slope[start : start + rows]
        scores = g[:, i] * s[:, j] + g[:, j] * s[:, i]
        if with_fields:
            scores = np.hstack([scores, g])
        score += scores.T @ scores
        total += scores.sum(0)
    return np.sqrt(_robust(_together(nodes, second, count), score - np.outer(total, total) / n))


def least_errors(spins: Array, pairs: Array, couplings: Array, fields: Array, with_fields: bool) -> Array:
    """What standard errors of the couplings of `pairs`, then of the fields, are at least: `√diag(H⁻¹)`.

    `H` is the second derivative of `Σ_n Σ_i −log p(s_ni | the others)` and of the normal prior. Where the data set no
    limit to a parameter, as where a cell of a pair's 2×2 table is empty, slopes hardly vary from sample to sample:
    taken for noise, that would call certain what only the prior holds. Elsewhere errors are larger than this by up to
    √2, since two spins tell of each coupling. Beyond 1,500 parameters each spin's regression is taken by itself.
    """
    second = log_logistic(margins(spins, couplings, fields))[2]
    nodes = [_neighbourhood(spins, pairs, site, with_fields) for site in range(spins.shape[1])]
    count = len(pairs) + (len(nodes) if with_fields else 0)
    if count > TOGETHER:
        variances = [_inverse(_curvature(design, second[:, site])).diagonal() for site, (_, design) in enumerate(nodes)]
        return np.sqrt(_site_by_site(nodes, variances, count, len(pairs)))
    return np.sqrt(_inverse(_together(nodes, second, count)).diagonal())


def _neighbourhood(spins: Array, pairs: Array, site: int, with_fields: bool) -> tuple[Array, Array]:
    """The numbers of a spin's parameters, and what it is regressed on, `(N, K)`."""
    i, j = pairs.T
    mine = np.flatnonzero((i == site) | (j == site))
    design = spins[:, np.where(i == site, j, i)[mine]]
    if not with_fields:
        return mine, design
    return np.append(mine, len(pairs) + site), np.hstack([design, np.ones((len(spins), 1))])


def _curvature(design: Array, weights: Array) -> Array:
    return (design * weights[:, None]).T @ design


def _together(nodes: list[tuple[Array, Array]], second: Array, count: int) -> Array:
    """The second derivative in all parameters, of the regressions of all spins."""
    curvature = np.zeros((count, count))
    for site, (parameters, design) in enumerate(nodes):
        curvature[np.ix_(parameters, parameters)] += _curvature(design, second[:, site])
    return curvature


def _inverse(curvature: Array) -> Array:
    """`H⁻¹` of a sum over the samples, with the normal prior in `H`."""
    return np.linalg.inv(curvature + np.eye(len(curvature)) / PRIOR_SD**2)


def _robust(curvature: Array, score: Array) -> Array:
    """`diag(H⁻¹ V H⁻¹)` of sums over the samples, with the normal prior in `H`."""
    inverse = _inverse(curvature)
    return np.maximum((inverse @ score @ inverse).diagonal(), 0)


def _site_by_site(nodes: list[tuple[Array, Array]], variances: list[Array], count: int, pairs: int) -> Array:
    """Of the two variances that a coupling gets from the regressions of its spins, the harmonic mean."""
    precision = np.zeros(count)
    for (parameters, _), variance in zip(nodes, variances, strict=True):
        precision[parameters] += 1 / np.maximum(variance, 1e-12)
    precision[:pairs] /= 2
    return 1 / precision


def fisher_information(spins: Array, pairs: Array, with_fields: bool, law: Array | None = None) -> Array:
    """The information of a sample on the couplings of `pairs`, then on the fields: `Cov(s_i s_j, s_i)` over `spins`.

    Args:
        law: the probability of each row of `spins`; equal ones where not given.
    """
    n, d = spins.shape
    i, j = pairs.T
    law = np.full(n, 1 / n) if law is None else law
    count = len(pairs) + (d if with_fields else 0)
    information, mean = np.zeros((count, count)), np.zeros(count)
    rows = max(1, CHUNK // max(count, 1))
    for start in range(0, n, rows):
        s, p = spins[start : start + rows], law[start : start + rows]
        statistics = np.hstack([s[:, i] * s[:, j], s]) if with_fields else s[:, i] * s[:, j]
        information += (statistics * p[:, None]).T @ statistics
        mean += p @ statistics
    return information - np.outer(mean, mean)


def likelihood_errors(spins: Array, pairs: Array, couplings: Array, fields: Array, with_fields: bool) -> Array:
    """Standard errors of maximum likelihood, `√diag(I⁻¹ V I⁻¹ / N)`, of the couplings of `pairs`, then of the fields.

    `I` is the covariance of the statistics under the model, enumerated, with the normal prior, and `V` that of the
    samples: so the model needn't be true. At least `√diag(I⁻¹ / N)` where the samples vary less than the model, as
    where the data set no limit to a coupling. Beyond 20 spins `V` stands for `I`, too.

    Source: White 1982, Econometrica 50, 1–25.
    """
    n, d = spins.shape
    samples = n * fisher_information(spins, pairs, with_fields)
    model = samples
    if d <= ENUMERABLE_BITS:
        states, law, _ = enumerated(couplings, fields)
        model = n * fisher_information(states, pairs, with_fields, law)
    return np.sqrt(np.maximum(_robust(model, samples), _inverse(model).diagonal()))


def cramer_rao(spins: Array, pairs: Array, samples: int, *, with_fields: bool, tied: bool = False) -> float:
    """The root mean square error over all `D²` entries of `J` that no unbiased estimator of `pairs` can beat.

    The Fisher information of `(J, h)` is the covariance of the statistics `s_i s_j` and `s_i` under the truth,
    estimated here from draws of the truth.

    Args:
        spins: draws of the truth, `(N, D)`; the more the better.
        pairs: the pairs whose couplings are to be estimated, `(P, 2)`.
        samples: how many samples the estimator has.
        with_fields: whether fields are estimated, too.
        tied: whether it is known that all couplings are equal.

    Returns:
        The bound; infinite where the draws are too few, or too much alike, to tell every coupling.

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
    information = fisher_information(spins, pairs, with_fields)
    if np.linalg.eigvalsh(information)[0] < 1e-9:
        return float("inf")
    variance = np.linalg.inv(information).diagonal()[: len(pairs)].sum()
    return float(np.sqrt(2 * variance / samples) / d)


def cramer_rao_all_pairs(spins: Array, shape: tuple[int, ...], samples: int) -> float:
    """`cramer_rao` of all `D (D − 1) / 2` pairs without fields, for a law that translations of a torus leave alone.

    Pairs with the same displacement δ are carried into each other by translations, so the Fisher information is block
    diagonal in the Fourier transforms `Σ_x e^{−ikx} s_x s_{x+δ}`: for each wave vector `k` one small matrix over the
    displacements, where the whole has `D⁴ / 4` entries.

    Args:
        spins: draws of the truth, `(N, D)`.
        shape: lengths of the torus, the last one running fastest; `D` is their product.
        samples: how many samples the estimator has.

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
    information[0] -= np.outer(mean / n, mean / n) / d  # of all waves only k = 0 has a mean
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
