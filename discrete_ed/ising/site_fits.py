"""Fits of one logistic regression for each spin, tied by `J_ij = J_ji`: what a search for edges needs, and the minimum.

`PseudoLikelihoodFit` holds all spins as numbers, and `PackedFit` large tables with a bit for each spin.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, TypeVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import cg

from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters, Support

MANY = 10_000
"""number of samples above which a search for edges begins with every fourth sample"""
LARGE = 4e6
"""spins × samples above which it does so as well"""
DENSE = 2500
"""largest number of parameters for which the Newton step is solved with a dense matrix"""


class SiteFit(ABC):
    """Parameters of a support, with the pseudo-likelihood of the data there and its derivatives."""

    columns: Any
    """the data"""
    support: Support
    """which parameters are free"""
    values: Array
    """the free parameters as a vector"""

    @property
    @abstractmethod
    def loss(self) -> float:
        """`Σ_n Σ_i −log p(s_i | the others)`, a sum over the samples."""

    @property
    @abstractmethod
    def places(self) -> list[Array]:
        """For each spin the positions of its parameters in the vector of all free ones."""

    @property
    @abstractmethod
    def gradients(self) -> list[Array]:
        """For each spin the first derivatives of its term of the loss in its parameters, `(K,)`."""

    @property
    @abstractmethod
    def curvatures(self) -> list[Array]:
        """For each spin the second derivatives of its term of the loss in its parameters, `(K, K)`."""

    @abstractmethod
    def scores(self, least: float = 0.0) -> Array:
        """`z²`: the decrease of the loss with each absent pair added, to second order; `(D, D)`, upper triangle.

        Args:
            least: a score that is surely below half of this need not be exact.
        """

    @abstractmethod
    def loss_without(self, k: int) -> float:
        """The increase of the loss without pair `k` if only the other parameters of its two spins are refitted."""

    @property
    def penalised_loss(self) -> float:
        """The loss with the normal prior, whose minimum `refit` finds."""
        return self.loss + float(self.values @ self.values) / (2 * PRIOR_SD**2)

    @property
    def parameters(self) -> Parameters:
        """`J` and `h`."""
        return self.support.parameters(self.values, self.columns.count)

    def information(self) -> Array:
        """For each pair the curvature of the loss in its coupling, with all other parameters of its spins refitted;
        `(P,)`."""
        found = np.zeros(len(self.support.pairs))
        for places, curvature in zip(self.places, self.curvatures, strict=True):
            edges = places < len(found)
            block = curvature + np.eye(len(places)) / PRIOR_SD**2
            found[places[edges]] += 1 / np.linalg.inv(block).diagonal()[edges]
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


Fit = TypeVar("Fit", bound=SiteFit)


class Columns(Protocol[Fit]):
    """Observed spins, a row for each spin."""

    @property
    def count(self) -> int:
        """The number of spins, `D`."""

    @property
    def is_large(self) -> bool:
        """Whether a search for edges begins with every fourth sample."""

    def thinned(self, step: int) -> Columns[Fit]:
        """Every `step`-th sample."""

    def fit_at(self, support: Support, values: Array, same_support: Fit | None = None) -> Fit:
        """The fit at these values of the free parameters, not minimised.

        Args:
            same_support: a fit of the same data and support, whose work is reused.
        """


def refit(columns: Columns[Fit], support: Support, start: Array | None = None, *, iterations: int = 50) -> Fit:
    """Minimise pseudo-likelihood over the parameters of a support by Newton's method.

    A normal prior of standard deviation 3 on every parameter keeps the minimum finite if the data alone would not. The
    prior counts once, whatever the number of samples.

    Args:
        start: the initial vector of free parameters; by default zeros.
    """
    fit = columns.fit_at(support, np.zeros(support.size(columns.count)) if start is None else start)
    count = len(fit.values)
    for _ in range(iterations):
        gradient, rows, columns_of = fit.values / PRIOR_SD**2, [], []
        for places, slope in zip(fit.places, fit.gradients, strict=True):
            gradient[places] += slope
            rows.append(np.repeat(places, len(places)))
            columns_of.append(np.tile(places, len(places)))
        if count == 0:
            break
        entries = np.concatenate([curvature.ravel() for curvature in fit.curvatures])
        cells = (np.concatenate(rows), np.concatenate(columns_of))
        hessian = sp.csr_array((entries, cells), shape=(count, count)) + sp.eye_array(count) / PRIOR_SD**2
        step = _solve(hessian, gradient)
        size, before = 1.0, fit.penalised_loss
        while True:
            moved = columns.fit_at(support, fit.values - size * step, fit)
            if moved.penalised_loss <= before - 1e-4 * size * (gradient @ step) or size < 1e-6:
                break
            size /= 2
        fit = moved
        if before - fit.penalised_loss < 1e-7 * max(1.0, before):
            break
    return fit


def without(fit: SiteFit, left_out: Array) -> tuple[Support, Array]:
    """The support without the pairs with these numbers, and the remaining values."""
    keep = np.ones(len(fit.values), dtype=bool)
    keep[left_out] = False
    pairs = fit.support.pairs
    return Support(pairs[keep[: len(pairs)]], fit.support.with_fields), fit.values[keep]


def _solve(hessian: sp.csr_array, gradient: Array) -> Array:
    if len(gradient) <= 600 or (len(gradient) <= DENSE and hessian.nnz > 0.05 * len(gradient) ** 2):
        return np.linalg.solve(hessian.toarray(), gradient)
    scale = sp.diags_array(1 / hessian.diagonal())
    step, _ = cg(hessian, gradient, rtol=1e-8, maxiter=500, M=scale)
    return step
