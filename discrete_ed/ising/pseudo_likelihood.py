"""Pseudo-likelihood site by site: its minimum over the parameters of a support, and statistics of that minimum.

With `θ_i = h_i + Σ_j J_ij s_j`, pseudo-likelihood is one logistic regression of each spin on its neighbours, tied by
`J_ij = J_ji`. All second derivatives are computed spin by spin, from matrices of the size of the neighbourhood;
standard errors use the same regressions. Arrays have a row for each spin, so that neighbours are contiguous rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import cg
from scipy.special import expit

from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters, Support

CANDIDATES = 64
"""number of absent pairs of each spin whose score is computed exactly"""
DENSE = 2500
"""largest number of parameters for which the Newton step is solved with a dense matrix"""


class SiteRegression(NamedTuple):
    """The regression of one spin on its neighbours."""

    places: Array
    """positions of its parameters in the vector of all free parameters, `(K,)`"""
    neighbours: Array
    """the numbers of the other spins, in the order of their couplings"""
    spins: Array
    """all spins, `(D, N)`"""
    with_field: bool
    """whether the field of the spin is free"""

    @property
    def regressors(self) -> Array:
        """The spins of the neighbours and, with fields, a row of ones; `(K, N)`.

        They are gathered when they are used, since those of all regressions together take a multiple of the data.
        """
        rows: Array = self.spins[self.neighbours]
        return np.vstack([rows, np.ones((1, rows.shape[1]))]) if self.with_field else rows

    def curvature(self, weights: Array) -> Array:
        """Second derivatives of a sum over samples, `(K, K)`, where sample `n` has the second derivative `w_n` in θ."""
        regressors = self.regressors
        return (regressors * weights) @ regressors.T


@dataclass(frozen=True, eq=False)
class SpinColumns:
    """Observed spins, a row for each spin.

    Args:
        spins: `(D, N)`, −1 and +1.
        offset: a fixed part of `θ`, which is not estimated, `(D, N)`.
        weights: how much each sample counts, `(N,)`; by default all count once.
        price_factors: see `Observations`.
    """

    spins: Array
    offset: Array | float = 0.0
    weights: Array | None = None
    price_factors: Array | None = None

    @classmethod
    def of(cls, data: Observations | Array, offset: Array | float = 0.0) -> SpinColumns:
        """From observations, or from samples `(N, D)`."""
        data = data if isinstance(data, Observations) else Observations(data)
        return cls(np.ascontiguousarray(data.spins.T), offset, data.weights, data.price_factors)

    def weighted(self, values: Array) -> Array:
        """Values of each sample, `(…, N)`, times its weight."""
        return values if self.weights is None else values * self.weights

    def margins(self, parameters: Parameters) -> Array:
        """`m_in = s_in θ_in`, `(D, N)`."""
        return self.spins * (parameters.fields[:, None] + parameters.couplings @ self.spins + self.offset)

    def regressions(self, support: Support) -> list[SiteRegression]:
        """The regression of each spin."""
        d, p = len(self.spins), len(support.pairs)
        ends = support.pairs.ravel()
        order = np.argsort(ends, kind="stable")
        bounds = np.searchsorted(ends[order], np.arange(d + 1))
        others = support.pairs[:, ::-1].ravel()
        found = []
        for i in range(d):
            mine = order[bounds[i] : bounds[i + 1]]
            places = np.append(mine // 2, p + i) if support.with_fields else mine // 2
            found.append(SiteRegression(places, others[mine], self.spins, support.with_fields))
        return found


@dataclass(frozen=True, eq=False)
class PseudoLikelihoodFit:
    """Parameters of a support, with the pseudo-likelihood of the data there and its derivatives.

    The loss is that of `objectives.SiteObjective` with `log_logistic`. It has a formula of its own because the search
    for edges needs arrays `(D, N)`, in which the neighbours of a spin are contiguous rows, and needs only the
    probability of the opposite spin, from which all derivatives follow.

    Args:
        columns: the data.
        support: which parameters are free.
        values: the free parameters as a vector.
        theta: `θ_i`, `(D, N)`.
    """

    columns: SpinColumns = field(repr=False)
    support: Support
    values: Array
    theta: Array = field(repr=False)

    @cached_property
    def opposite(self) -> Array:
        """`p(−s_i | the others)`, the probability of the opposite spin, `(D, N)`."""
        return expit(-2 * self.columns.spins * self.theta)

    @cached_property
    def loss(self) -> float:
        """`Σ_n Σ_i −log p(s_i | the others)`, a sum over the samples."""
        return -float(self.columns.weighted(np.log1p(-np.minimum(self.opposite, 1 - 1e-15))).sum())

    @property
    def penalised_loss(self) -> float:
        """The loss with the normal prior, whose minimum `refit` finds."""
        return self.loss + float(self.values @ self.values) / (2 * PRIOR_SD**2)

    @cached_property
    def slope(self) -> Array:
        """First derivative of each term of the loss in `θ_i`, `(D, N)`."""
        return self.columns.weighted(-2 * self.opposite * self.columns.spins)

    @cached_property
    def second(self) -> Array:
        """Second derivative of each term of the loss in `θ_i`, `(D, N)`."""
        return self.columns.weighted(4 * self.opposite * (1 - self.opposite))

    @cached_property
    def regressions(self) -> list[SiteRegression]:
        """The regression of each spin."""
        return self.columns.regressions(self.support)

    @cached_property
    def curvatures(self) -> list[Array]:
        """For each spin the second derivatives of its term of the loss in its parameters, `(K, K)`."""
        return [site.curvature(weights) for site, weights in zip(self.regressions, self.second, strict=True)]

    @property
    def parameters(self) -> Parameters:
        """`J` and `h`."""
        return self.support.parameters(self.values, len(self.columns.spins))

    def information(self) -> Array:
        """For each pair the curvature of the loss in its coupling, with all other parameters of its spins refitted;
        `(P,)`."""
        found = np.zeros(len(self.support.pairs))
        for site, curvature in zip(self.regressions, self.curvatures, strict=True):
            edges = site.places < len(found)
            block = curvature + np.eye(len(site.places)) / PRIOR_SD**2
            found[site.places[edges]] += 1 / np.linalg.inv(block).diagonal()[edges]
        return found

    def wald(self) -> Array:
        """`z²`: the increase of the loss without each pair, to second order; `(P,)`.

        Both spins of a pair give information on its coupling, about the same for weak couplings; hence no factor ½.
        """
        return self.values[: len(self.support.pairs)] ** 2 * self.information() / 2 / self.factors(self.support.pairs)

    def factors(self, pairs: Array) -> Array:
        """How many times the usual price each pair must be worth, `(P,)`."""
        factors = self.columns.price_factors
        return np.ones(len(pairs)) if factors is None else factors[tuple(pairs.T)]

    def scores(self) -> Array:
        """`z²`: the decrease of the loss with each absent pair added, to second order; `(D, D)`, upper triangle."""
        spins, d, pairs = self.columns.spins, len(self.columns.spins), self.support.pairs
        gradient = self.slope @ spins.T
        gradient += gradient.T
        absent = np.ones((d, d), dtype=bool)
        absent[tuple(pairs.T)] = absent[tuple(pairs.T[::-1])] = False
        np.fill_diagonal(absent, False)
        near = np.argpartition(-np.abs(gradient * absent), min(CANDIDATES, d) - 1, axis=1)[:, :CANDIDATES]
        curvature = np.zeros((d, d))
        for i, site in enumerate(self.regressions):
            regressors = site.regressors
            w = self.second[i]
            curvature[i, near[i]] = w.sum()
            if len(regressors):
                block = self.curvatures[i] + np.eye(len(regressors)) / PRIOR_SD**2
                cross = (regressors * w) @ spins[near[i]].T
                curvature[i, near[i]] -= (cross * np.linalg.solve(block, cross)).sum(0)
        both = (curvature > 1e-9) & (curvature.T > 1e-9) & absent
        gain = np.zeros((d, d))
        total = curvature + curvature.T + 1 / PRIOR_SD**2
        gain[both] = gradient[both] ** 2 / total[both] / 2
        if self.columns.price_factors is not None:
            gain /= self.columns.price_factors
        return np.triu(gain, 1)


def refit(
    columns: SpinColumns, support: Support, start: Array | None = None, *, iterations: int = 50
) -> PseudoLikelihoodFit:
    """Minimise pseudo-likelihood over the parameters of a support by Newton's method.

    A normal prior of standard deviation 3 on every parameter keeps the minimum finite if the data alone would not. The
    prior counts once, whatever the number of samples.

    Args:
        start: the initial vector of free parameters; by default zeros.
    """
    count = support.size(len(columns.spins))
    fit = fit_at(columns, support, np.zeros(count) if start is None else start)
    for _ in range(iterations):
        gradient, rows, places = fit.values / PRIOR_SD**2, [], []
        slope = fit.slope
        for i, site in enumerate(fit.regressions):
            gradient[site.places] += site.regressors @ slope[i]
            rows.append(np.repeat(site.places, len(site.places)))
            places.append(np.tile(site.places, len(site.places)))
        if count == 0:
            break
        entries = np.concatenate([curvature.ravel() for curvature in fit.curvatures])
        cells = (np.concatenate(rows), np.concatenate(places))
        hessian = sp.csr_array((entries, cells), shape=(count, count)) + sp.eye_array(count) / PRIOR_SD**2
        step = _solve(hessian, gradient)
        size, before = 1.0, fit.penalised_loss
        while True:
            moved = fit_at(columns, support, fit.values - size * step, fit)
            if moved.penalised_loss <= before - 1e-4 * size * (gradient @ step) or size < 1e-6:
                break
            size /= 2
        fit = moved
        if before - fit.penalised_loss < 1e-7 * max(1.0, before):
            break
    return fit


def fit_at(
    columns: SpinColumns, support: Support, values: Array, same_support: PseudoLikelihoodFit | None = None
) -> PseudoLikelihoodFit:
    """The fit at these values of the free parameters, not minimised.

    Args:
        same_support: a fit of the same data and support, whose regressions are reused.
    """
    d = len(columns.spins)
    i, j = support.pairs.T
    tied = sp.csr_array((values[: len(support.pairs)], (i, j)), shape=(d, d))
    theta = (tied + tied.T) @ columns.spins + columns.offset
    if support.with_fields:
        theta += values[len(support.pairs) :, None]
    fit = PseudoLikelihoodFit(columns, support, values, theta)
    if same_support is not None:
        fit.__dict__["regressions"] = same_support.regressions
    return fit


def fields_given_couplings(data: Observations, couplings: Array) -> tuple[Array, Array]:
    """The fields that fit the samples best for given couplings, and their standard errors."""
    columns = SpinColumns.of(data, couplings @ data.spins.T)
    fit = refit(columns, Support.no_pairs(with_fields=True))
    errors = 1 / np.sqrt([curvature.item() + 1 / PRIOR_SD**2 for curvature in fit.curvatures])
    return fit.parameters.fields, errors


def _solve(hessian: sp.csr_array, gradient: Array) -> Array:
    if len(gradient) <= 600 or (len(gradient) <= DENSE and hessian.nnz > 0.05 * len(gradient) ** 2):
        return np.linalg.solve(hessian.toarray(), gradient)
    scale = sp.diags_array(1 / hessian.diagonal())
    step, _ = cg(hessian, gradient, rtol=1e-8, maxiter=500, M=scale)
    return step
