"""Standard errors of estimated parameters: sandwich, jackknife, Fisher information, and a lower limit.

Every function gives the errors of the free parameters as a vector: the couplings of the support's pairs, then the
fields. None accounts for the selection of pairs, or for the shrinkage of couplings by a penalty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from discrete_ed.ising.bounds import CHUNK, fisher_information
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import Objective, SiteLoss, enumerated, log_logistic
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.packed_fit import PackedFit
from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import SiteRegression, SpinColumns
from discrete_ed.names import ENUMERABLE_BITS

TOGETHER = 1500
"""largest number of parameters whose joint covariance is computed; above, each spin's regression is used separately"""


def sandwich_errors(data: Observations, support: Support, parameters: Parameters, phi: SiteLoss) -> Array:
    """Godambe standard errors `√diag(H⁻¹ V H⁻¹ / N)` of the minimum of `mean_n Σ_i φ(m_ni)`.

    `H` is the second derivative of the objective and `V` the covariance over samples of the first derivative, which is
    summed over the samples of each block first if there are blocks. Above 1,500 parameters the regression of each spin
    is used separately.

    Source: Godambe 1960, Annals of Mathematical Statistics 31, 1208–1211; Varin, Reid and Firth 2011, Statistica
    Sinica 21, 5–42.
    """
    columns = SpinColumns.of(data)
    d, n = columns.spins.shape
    _, first, second = phi(columns.margins(parameters))
    slope, second = first * columns.spins, columns.weighted(second)
    regressions = columns.regressions(support)
    places = [site.places for site in regressions]
    count = support.size(d)
    if count > TOGETHER:
        variances = []
        for k, (site, slopes, weights) in enumerate(zip(regressions, slope, second, strict=True)):
            regressors = site.regressors
            scores = regressors * slopes
            curvature = site.curvature(weights) + _of_completions(data, scores, regressors * columns.spins[k])
            variances.append(robust_variances(curvature, data.covariance_of_sum(scores)))
        return np.sqrt(of_both_spins(places, variances, support, d))
    hessian = joint_curvature(places, _curvatures(regressions, second), count)
    i, j = support.pairs.T
    if data.blocks is not None:
        s, own = columns.spins, slope if support.with_fields else slope[:0]
        scores = np.vstack([slope[i] * s[j] + slope[j] * s[i], own])
        curvature = hessian + _of_completions(
            data, scores, np.vstack([s[i] * s[j], s if support.with_fields else s[:0]])
        )
        return np.sqrt(robust_variances(curvature, data.covariance_of_sum(scores)))
    outer, total = np.zeros((count, count)), np.zeros(count)
    step = max(1, CHUNK // max(count, 1))
    for start in range(0, n, step):
        s, g = columns.spins[:, start : start + step], slope[:, start : start + step]
        scores = g[i] * s[j] + g[j] * s[i]
        if support.with_fields:
            scores = np.vstack([scores, g])
        heavy = scores if data.weights is None else scores * data.weights[start : start + step]
        outer += heavy @ scores.T
        total += heavy.sum(1)
    covariance = outer - np.outer(total, total) / data.size
    return np.sqrt(robust_variances(hessian, covariance))


def least_errors(columns: SpinColumns, support: Support, parameters: Parameters) -> Array:
    """A lower limit for credible standard errors: `√diag(H⁻¹)`.

    `H` is the second derivative of `Σ_n Σ_i −log p(s_ni | the others)` and of the normal prior. If the data set no
    limit to a parameter, as with an empty cell in the 2×2 table of a pair, derivatives hardly vary between samples, and
    the sandwich formula would give a small error for a parameter that only the prior determines. For other parameters
    the errors are larger than this limit by up to √2, since both spins give information on each coupling. Above 1,500
    parameters the regression of each spin is used separately.
    """
    d = len(columns.spins)
    second = columns.weighted(log_logistic(columns.margins(parameters))[2])
    regressions = columns.regressions(support)
    places, curvatures = [site.places for site in regressions], _curvatures(regressions, second)
    return np.sqrt(_least_variances(places, curvatures, support, d))


def _least_variances(places: Sequence[Array], curvatures: Iterable[Array], support: Support, spins: int) -> Array:
    count = support.size(spins)
    if count > TOGETHER:
        return of_both_spins(places, [_inverse(curvature).diagonal() for curvature in curvatures], support, spins)
    variances: Array = _inverse(joint_curvature(places, curvatures, count)).diagonal()
    return variances


def packed_errors(fit: PackedFit) -> Array:
    """The larger of `sandwich_errors` and `least_errors` of a large table of independent rows.

    The regressions of all spins are used together if there are at most 1,500 parameters.
    """
    columns, support, d, count = fit.columns, fit.support, fit.columns.count, len(fit.values)
    size = columns.rows if columns.weights is None else columns.weights.sum()
    least = _least_variances(fit.places, fit.curvatures, support, d)
    if count > TOGETHER:
        variances = [
            robust_variances(curvature, outer - np.outer(gradient, gradient) / size)
            for _, gradient, curvature, outer in fit.terms
        ]
        return np.sqrt(np.maximum(of_both_spins(fit.places, variances, support, d), least))
    i, j = support.pairs.T
    outer, total = np.zeros((count, count)), np.zeros(count)
    for start, s, g in fit.slopes():
        scores = g[i] * s[j] + g[j] * s[i]
        scores = np.vstack([scores, g]) if support.with_fields else scores
        total += scores.sum(1)
        if columns.weights is not None:  # each row has its weight once, and its square root in both factors
            weights = columns.weights[start : start + scores.shape[1]]
            scores[:, : len(weights)] /= np.sqrt(weights)
        outer += scores @ scores.T
    hessian = joint_curvature(fit.places, fit.curvatures, count)
    return np.sqrt(np.maximum(robust_variances(hessian, outer - np.outer(total, total) / size), least))


class SampledObjective(Objective, Protocol):
    """An objective with random blocks or flips for each sample, which a subset of samples keeps."""

    def rows(self, chosen: Array) -> SampledObjective:
        """The objective on the samples with these numbers."""


def jackknife_errors(
    objective: SampledObjective, samples: int, support: Support, parameters: Parameters, *, seed: int, groups: int = 10
) -> Array:
    """`√((G−1)/G Σ_g (v_g − v̄)²)` over estimates on the same support that leave out one of `G` groups of samples.

    The remaining samples keep their blocks or flips, since new ones for each group would add noise.
    """
    order = np.random.default_rng(seed).permutation(samples)
    bounds = np.linspace(0, samples, groups + 1).astype(int)
    found = []
    for first, last in pairwise(bounds):
        rest = np.concatenate([order[:first], order[last:]])
        found.append(support.vector(minimise(objective.rows(rest), support, parameters, len(rest))))
    return np.sqrt((groups - 1) * np.var(found, axis=0))


def likelihood_errors(data: Observations, support: Support, parameters: Parameters) -> Array:
    """Standard errors of maximum likelihood, `√diag(I⁻¹ V I⁻¹ / N)`.

    `I` is the covariance of the statistics under the model, enumerated, with the normal prior, and `V` that of the
    samples, so the model need not be true. The errors are at least `√diag(I⁻¹ / N)`, which matters if the samples vary
    less than the model, for instance if the data set no limit to a coupling. Above 20 spins `V` is used for `I` as
    well.

    Source: White 1982, Econometrica 50, 1–25.
    """
    n, d = data.size, data.spins.shape[1]
    share = None if data.weights is None else data.weights / n
    samples = n * fisher_information(data.spins, support, share)
    model = samples
    if d <= ENUMERABLE_BITS:
        states, law, _ = enumerated(parameters)
        model = n * fisher_information(states, support, law)
    if data.blocks is not None:
        i, j = support.pairs.T
        s = data.spins.T
        statistics = np.vstack([s[i] * s[j], s if support.with_fields else s[:0]])
        samples = data.covariance_of_sum(statistics)
        model = model - _of_completions(data, statistics, statistics)
    return np.sqrt(np.maximum(robust_variances(model, samples), _inverse(model).diagonal()))


def joint_curvature(places: Iterable[Array], curvatures: Iterable[Array], count: int) -> Array:
    """The second derivative in all parameters, summed over the regressions of all spins."""
    curvature = np.zeros((count, count))
    for mine, block in zip(places, curvatures, strict=True):
        curvature[np.ix_(mine, mine)] += block
    return curvature


def _curvatures(regressions: Sequence[SiteRegression], second: Array) -> Iterator[Array]:
    """The second derivatives of the regression of each spin, one after the other: together they may fill the memory."""
    return (site.curvature(weights) for site, weights in zip(regressions, second, strict=True))


def _of_completions(data: Observations, scores: Array, statistics: Array) -> Array | float:
    """How the expected derivatives change because the completions of rows change with the parameters, `(K, K)`.

    The derivative of `E[ψ given what is observed]` is that of `ψ`, expected, plus the covariance of `ψ` and the
    statistics `t` of the model given what is observed, since `∂ log p(missing given observed) = t − E[t given
    observed]`. Zero without completions.

    Args:
        scores, statistics: `ψ` and `t`, `(K, N)`.
    """
    if data.source is None or data.weights is None:
        return 0.0
    starts = np.flatnonzero(np.append(True, np.diff(data.source) != 0))
    heavy = scores * data.weights
    totals = np.add.reduceat(data.weights, starts)
    sums, means = np.add.reduceat(heavy, starts, axis=1), np.add.reduceat(statistics * data.weights, starts, axis=1)
    result: Array = heavy @ statistics.T - (sums / totals) @ means.T
    return result


def _inverse(curvature: Array) -> Array:
    """`H⁻¹` of a sum over samples, where `H` includes the normal prior."""
    return np.linalg.inv(curvature + np.eye(len(curvature)) / PRIOR_SD**2)


def robust_variances(curvature: Array, scores: Array) -> Array:
    """`diag(H⁻¹ V H⁻¹)` of sums over samples, where `H` includes the normal prior."""
    inverse = _inverse(curvature)
    return np.maximum((inverse @ scores @ inverse.T).diagonal(), 0)


def of_both_spins(places: Sequence[Array], variances: Sequence[Array], support: Support, spins: int) -> Array:
    """Variances of all parameters; for a coupling the harmonic mean of those from the regressions of its two spins."""
    precision = np.zeros(support.size(spins))
    for mine, variance in zip(places, variances, strict=True):
        precision[mine] += 1 / np.maximum(variance, 1e-12)
    precision[: len(support.pairs)] /= 2
    return 1 / precision
