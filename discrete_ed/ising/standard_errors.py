"""Standard errors of estimated parameters: sandwich, jackknife, Fisher information, and the least that data allow.

Every function gives the errors of the free parameters as a vector: the couplings of the support's pairs, then the
fields. None counts that pairs were selected, or that couplings were shrunk by a penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from discrete_ed.ising.bounds import CHUNK, fisher_information
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import Objective, SiteLoss, enumerated, log_logistic
from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import SiteRegression, SpinColumns
from discrete_ed.names import ENUMERABLE_BITS

TOGETHER = 1500
"""parameters whose joint covariance is computed; beyond, each spin's regression is taken by itself"""


def sandwich_errors(columns: SpinColumns, support: Support, parameters: Parameters, phi: SiteLoss) -> Array:
    """Godambe standard errors `√diag(H⁻¹ V H⁻¹ / N)` of the minimum of `mean_n Σ_i φ(m_ni)`.

    `H` is the second derivative of the objective and `V` the covariance over samples of its first one. Beyond 1,500
    parameters each spin's regression is taken by itself.

    Source: Godambe 1960, Annals of Mathematical Statistics 31, 1208–1211; Varin, Reid and Firth 2011, Statistica
    Sinica 21, 5–42.
    """
    d, n = columns.spins.shape
    _, first, second = phi(columns.margins(parameters))
    slope = first * columns.spins
    regressions = columns.regressions(support)
    count = support.size(d)
    if count > TOGETHER:
        variances = []
        for site, slopes, weights in zip(regressions, slope, second, strict=True):
            scores = site.regressors * slopes
            centred = scores - scores.mean(1, keepdims=True)
            variances.append(_robust_variances(site.curvature(weights), centred @ centred.T))
        return np.sqrt(_of_both_spins(regressions, variances, support, d))
    i, j = support.pairs.T
    outer, total = np.zeros((count, count)), np.zeros(count)
    step = max(1, CHUNK // max(count, 1))
    for start in range(0, n, step):
        s, g = columns.spins[:, start : start + step], slope[:, start : start + step]
        scores = g[i] * s[j] + g[j] * s[i]
        if support.with_fields:
            scores = np.vstack([scores, g])
        outer += scores @ scores.T
        total += scores.sum(1)
    return np.sqrt(_robust_variances(_joint_curvature(regressions, second, count), outer - np.outer(total, total) / n))


def least_errors(columns: SpinColumns, support: Support, parameters: Parameters) -> Array:
    """The least standard errors that are credible: `√diag(H⁻¹)`.

    `H` is the second derivative of `Σ_n Σ_i −log p(s_ni | the others)` and of the normal prior. Where the data set no
    limit to a parameter, as where a cell of a pair's 2×2 table is empty, slopes hardly vary from sample to sample: to
    take that for little noise would call certain what only the prior holds. Elsewhere errors are larger than this by
    up to √2, since both spins inform about each coupling. Beyond 1,500 parameters each spin's regression is taken by
    itself.
    """
    d = len(columns.spins)
    second = log_logistic(columns.margins(parameters))[2]
    regressions = columns.regressions(support)
    count = support.size(d)
    if count > TOGETHER:
        variances = [
            _inverse(site.curvature(weights)).diagonal() for site, weights in zip(regressions, second, strict=True)
        ]
        return np.sqrt(_of_both_spins(regressions, variances, support, d))
    return np.sqrt(_inverse(_joint_curvature(regressions, second, count)).diagonal())


class SampledObjective(Objective, Protocol):
    """An objective with something random for each sample, which stays with the sample."""

    def rows(self, chosen: Array) -> SampledObjective:
        """The objective on the samples with these numbers."""


def jackknife_errors(
    objective: SampledObjective, samples: int, support: Support, parameters: Parameters, *, seed: int, groups: int = 10
) -> Array:
    """`√((G−1)/G Σ_g (v_g − v̄)²)` over estimates on the same support that leave out one of `G` groups of samples.

    The samples that stay keep their blocks or flips: new ones for each group would add noise of their own.
    """
    order = np.random.default_rng(seed).permutation(samples)
    bounds = np.linspace(0, samples, groups + 1).astype(int)
    found = []
    for first, last in pairwise(bounds):
        rest = np.concatenate([order[:first], order[last:]])
        found.append(support.vector(minimise(objective.rows(rest), support, parameters, len(rest))))
    return np.sqrt((groups - 1) * np.var(found, axis=0))


def likelihood_errors(spins: Array, support: Support, parameters: Parameters) -> Array:
    """Standard errors of maximum likelihood, `√diag(I⁻¹ V I⁻¹ / N)`.

    `I` is the covariance of the statistics under the model, enumerated, with the normal prior, and `V` that of the
    samples: so the model needn't be true. At least `√diag(I⁻¹ / N)` where the samples vary less than the model, as
    where the data set no limit to a coupling. Beyond 20 spins `V` stands for `I`, too.

    Source: White 1982, Econometrica 50, 1–25.
    """
    n, d = spins.shape
    samples = n * fisher_information(spins, support)
    model = samples
    if d <= ENUMERABLE_BITS:
        states, law, _ = enumerated(parameters)
        model = n * fisher_information(states, support, law)
    return np.sqrt(np.maximum(_robust_variances(model, samples), _inverse(model).diagonal()))


def _joint_curvature(regressions: Sequence[SiteRegression], second: Array, count: int) -> Array:
    """The second derivative in all parameters, of the regressions of all spins."""
    curvature = np.zeros((count, count))
    for site, weights in zip(regressions, second, strict=True):
        curvature[np.ix_(site.places, site.places)] += site.curvature(weights)
    return curvature


def _inverse(curvature: Array) -> Array:
    """`H⁻¹` of a sum over the samples, with the normal prior in `H`."""
    return np.linalg.inv(curvature + np.eye(len(curvature)) / PRIOR_SD**2)


def _robust_variances(curvature: Array, scores: Array) -> Array:
    """`diag(H⁻¹ V H⁻¹)` of sums over the samples, with the normal prior in `H`."""
    inverse = _inverse(curvature)
    return np.maximum((inverse @ scores @ inverse).diagonal(), 0)


def _of_both_spins(
    regressions: Sequence[SiteRegression], variances: Sequence[Array], support: Support, spins: int
) -> Array:
    """Variances of all parameters: of the two that a coupling gets from its spins' regressions, the harmonic mean."""
    precision = np.zeros(support.size(spins))
    for site, variance in zip(regressions, variances, strict=True):
        precision[site.places] += 1 / np.maximum(variance, 1e-12)
    precision[: len(support.pairs)] /= 2
    return 1 / precision
