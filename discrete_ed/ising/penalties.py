"""Penalties, which suppress couplings that are only noise: `Refit`, `Lasso`, `Free` and `Zero`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import DENSE, SpinColumns, refit


class Penalty(Protocol):
    """A way to suppress couplings that are only noise; `str` describes it for reports."""

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """Estimate from samples `(N, D)`.

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
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` is the support from which the search starts."""
        columns = SpinColumns.of(spins)
        first = refit(columns, start) if isinstance(start, Support) else None
        return estimator.refit(spins, search_edges(columns, estimator.with_fields, self.price, first))


@dataclass(frozen=True)
class Free:
    """Estimate all couplings, without a penalty."""

    def __str__(self) -> str:
        return "all pairs free"

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` are parameters."""
        support = Support.all_pairs(spins.shape[1], estimator.with_fields)
        if isinstance(start, Parameters):
            return estimator.solve(spins, support, start)
        if len(support.pairs) > DENSE:
            return estimator.solve(spins, support, _independent(estimator, spins))
        return estimator.refit(spins, refit(SpinColumns.of(spins), support))


@dataclass(frozen=True)
class Lasso:
    """Estimate all couplings, with `λ Σ|J_ij|` added to the objective."""

    strength: float
    """λ."""

    def __str__(self) -> str:
        return f"L1, λ = {self.strength:.3g}"

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` are parameters."""
        support = Support.all_pairs(spins.shape[1], estimator.with_fields)
        first = start if isinstance(start, Parameters) else _independent(estimator, spins)
        return estimator.solve(spins, support, first, penalty=self.strength)


@dataclass(frozen=True)
class Zero:
    """Set all couplings to zero; only the fields are estimated, if they are free."""

    def __str__(self) -> str:
        return "J = 0"

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` is ignored."""
        del start
        return estimator.refit(spins, refit(SpinColumns.of(spins), Support.no_pairs(estimator.with_fields)))


def _independent(estimator: ConfiguredEstimator, spins: Array) -> Parameters:
    """The fields that fit best without couplings."""
    return refit(SpinColumns.of(spins), Support.no_pairs(estimator.with_fields)).parameters
