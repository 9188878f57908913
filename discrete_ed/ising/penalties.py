"""Penalties, which suppress couplings that are only noise: `Refit`, `Lasso`, `Free` and `Zero`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from discrete_ed.ising.columns import columns_of
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Parameters, Support
from discrete_ed.ising.site_fits import DENSE, refit


class Penalty(Protocol):
    """A way to suppress couplings that are only noise; `str` describes it for reports."""

    def estimate(
        self, estimator: ConfiguredEstimator, data: Observations, start: Support | Parameters | None = None
    ) -> Parameters:
        """Estimate from observations.

        Args:
            start: a starting point, which saves time: a support for a penalty that selects pairs, parameters for the
                others. A penalty ignores a start of the other kind.
        """


@dataclass(frozen=True)
class Refit:
    """Select pairs by pseudo-likelihood, then estimate only their couplings."""

    price: float
    """the decrease of the loss that a pair must achieve to be selected as an edge"""

    def __str__(self) -> str:
        return f"refit, price {self.price:g}"

    def estimate(
        self, estimator: ConfiguredEstimator, data: Observations, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` is the support from which the search starts."""
        columns = columns_of(data)
        first = refit(columns, start) if isinstance(start, Support) else None
        return estimator.refit(data, search_edges(columns, estimator.with_fields, self.price, first))


@dataclass(frozen=True)
class Free:
    """Estimate all couplings, without a penalty."""

    def __str__(self) -> str:
        return "all pairs free"

    def estimate(
        self, estimator: ConfiguredEstimator, data: Observations, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` are parameters."""
        support = Support.all_pairs(data.spins.shape[1], estimator.with_fields)
        if isinstance(start, Parameters):
            return estimator.solve(data, support, start)
        if len(support.pairs) > DENSE:
            return estimator.solve(data, support, _independent(estimator, data))
        return estimator.refit(data, refit(columns_of(data), support))


@dataclass(frozen=True)
class Lasso:
    """Estimate all couplings, with `λ Σ|J_ij|` added to the objective."""

    strength: float
    """λ."""

    def __str__(self) -> str:
        return f"L1, λ = {self.strength:.3g}"

    def estimate(
        self, estimator: ConfiguredEstimator, data: Observations, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` are parameters."""
        support = Support.all_pairs(data.spins.shape[1], estimator.with_fields)
        first = start if isinstance(start, Parameters) else _independent(estimator, data)
        return estimator.solve(data, support, first, penalty=self.strength)


@dataclass(frozen=True)
class Zero:
    """Set all couplings to zero; only the fields are estimated, if they are free."""

    def __str__(self) -> str:
        return "J = 0"

    def estimate(
        self, estimator: ConfiguredEstimator, data: Observations, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` is ignored."""
        del start
        return estimator.refit(data, refit(columns_of(data), Support.no_pairs(estimator.with_fields)))


def _independent(estimator: ConfiguredEstimator, data: Observations) -> Parameters:
    """The fields that fit best without couplings."""
    return refit(columns_of(data), Support.no_pairs(estimator.with_fields)).parameters
