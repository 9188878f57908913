"""What keeps noise out of the couplings: `Refit`, `Lasso`, `Free` and `Zero`, each with its way to estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import DENSE, SpinColumns, refit


class Penalty(Protocol):
    """A way to keep noise out; as text it says what was done."""

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """Estimate from samples `(N, D)`.

        Args:
            start: something to begin from, which saves time: a support for a penalty that selects pairs, parameters
                for one that doesn't. What a penalty can't use it ignores.
        """


@dataclass(frozen=True)
class Refit:
    """Pairs are selected by pseudo-likelihood, then only their couplings are estimated."""

    price: float
    """What a pair must gain in the loss to be taken for an edge."""

    def __str__(self) -> str:
        return f"refit, price {self.price:g}"

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; `start` is the support from which the search sets out."""
        columns = SpinColumns.of(spins)
        first = refit(columns, start) if isinstance(start, Support) else None
        return estimator.refit(spins, search_edges(columns, estimator.with_fields, self.price, first))


@dataclass(frozen=True)
class Free:
    """All couplings are estimated."""

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
    """All couplings are estimated, with `λ Σ|J_ij|` added to the objective."""

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
    """All couplings are zero; only fields are estimated, where they are free."""

    def __str__(self) -> str:
        return "J = 0"

    def estimate(
        self, estimator: ConfiguredEstimator, spins: Array, start: Support | Parameters | None = None
    ) -> Parameters:
        """See `Penalty`; there is nothing to begin from."""
        del start
        return estimator.refit(spins, refit(SpinColumns.of(spins), Support.no_pairs(estimator.with_fields)))


def _independent(estimator: ConfiguredEstimator, spins: Array) -> Parameters:
    """The fields that fit best without couplings."""
    return refit(SpinColumns.of(spins), Support.no_pairs(estimator.with_fields)).parameters
