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
from scipy.special import expit

from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters, Support
from discrete_ed.ising.site_fits import LARGE, MANY, SiteFit, refit, without

CANDIDATES = 64
"""number of absent pairs of each spin whose score is computed exactly"""


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

    @property
    def count(self) -> int:
        """The number of spins, `D`."""
        return len(self.spins)

    @property
    def is_large(self) -> bool:
        """Whether a search for edges begins with every fourth sample."""
        return self.weights is None and (self.spins.shape[1] > MANY or self.spins.size > LARGE)

    def thinned(self, step: int) -> SpinColumns:
        """Every `step`-th sample."""
        return SpinColumns(np.ascontiguousarray(self.spins[:, ::step]))

    def regressions(self, support: Support) -> list[SiteRegression]:
        """The regression of each spin."""
        found = support.neighbourhoods(len(self.spins))
        return [SiteRegression(places, others, self.spins, support.with_fields) for places, others in found]

    def fit_at(
        self, support: Support, values: Array, same_support: PseudoLikelihoodFit | None = None
    ) -> PseudoLikelihoodFit:
        """The fit at these values of the free parameters, not minimised.

        Args:
            same_support: a fit of the same data and support, whose regressions are reused.
        """
        d = len(self.spins)
        i, j = support.pairs.T
        tied = sp.csr_array((values[: len(support.pairs)], (i, j)), shape=(d, d))
        theta = (tied + tied.T) @ self.spins + self.offset
        if support.with_fields:
            theta += values[len(support.pairs) :, None]
        fit = PseudoLikelihoodFit(self, support, values, theta)
        if same_support is not None:
            fit.__dict__["regressions"] = same_support.regressions
        return fit


@dataclass(frozen=True, eq=False)
class PseudoLikelihoodFit(SiteFit):
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
    def places(self) -> list[Array]:
        """For each spin the positions of its parameters in the vector of all free ones."""
        return [site.places for site in self.regressions]

    @property
    def gradients(self) -> list[Array]:
        """For each spin the first derivatives of its term of the loss in its parameters, `(K,)`."""
        return [site.regressors @ slope for site, slope in zip(self.regressions, self.slope, strict=True)]

    def scores(self, least: float = 0.0) -> Array:
        """`z²`: the decrease of the loss with each absent pair added, to second order; `(D, D)`, upper triangle."""
        del least  # the scores of all candidates cost little here
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

    def loss_without(self, k: int) -> float:
        """The increase of the loss without pair `k` if only the other parameters of its two spins are refitted."""
        pairs, with_fields = self.support.pairs, self.support.with_fields
        touching = np.flatnonzero(np.isin(pairs, pairs[k]).any(1))
        sites, ends = np.unique(pairs[touching], return_inverse=True)
        ends = ends.reshape(-1, 2)
        values = np.concatenate([self.values[touching], self.values[len(pairs) + sites] if with_fields else []])
        spins = self.columns.spins[sites]
        near = Support(ends, with_fields)
        offset = self.theta[sites] - SpinColumns(spins).fit_at(near, values).theta
        columns = SpinColumns(spins, offset, self.columns.weights)
        whole = columns.fit_at(near, values)
        return refit(columns, *without(whole, np.flatnonzero(touching == k)), iterations=3).loss - whole.loss
