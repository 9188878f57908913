"""Which pairs are called edges: a decision apart from the estimate of couplings, with a false discovery rate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

from discrete_ed.ising.columns import columns_of
from discrete_ed.ising.completion import completed
from discrete_ed.ising.debiasing import Debiased
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.expectation import estimate_on
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.packed_columns import PackedColumns
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.site_fits import SiteFit, refit
from discrete_ed.names import Z_95

FALSE_SHARE = 0.1
"""largest expected share of false edges among the pairs that are called edges"""
CAUTION = 0.5
"""the part of it that is spent: with few rows, tails are heavier than those of the law that gives the price"""
ROUNDS = 10
"""largest number of searches"""
DIVISIONS = 6
"""number of divisions of the rows into halves; where L1 was chosen, an edge is found in both halves of one of them"""
AGREEMENT = 1 / 3
"""share of the pairs found in all rows below which an edge must be found in both halves of two divisions"""


class Decision(NamedTuple):
    """Which pairs are called edges."""

    pairs: Array
    """`(P, 2)`."""
    wider: float = 1.0
    """how many times wider their intervals must be because they were chosen, see `widening`"""


def edge_price(edges: int, spins: int) -> float:
    """What each of so many edges must be worth: `P(χ²₁ > price) = ½ · 0.1 · edges / pairs`.

    By chance alone the decrease of the loss by a pair is about `χ²₁`. A threshold that falls with the number of edges
    found bounds the expected share of false ones.

    Source: Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57, 289–300.
    """
    pairs = spins * (spins - 1) / 2
    return float(chi2.isf(CAUTION * FALSE_SHARE * max(edges, 1) / pairs, 1))


def decide_edges(
    estimator: ConfiguredEstimator,
    data: Observations,
    estimate: Parameters,
    errors: Parameters,
    *,
    identified: Array,
    debiased: Debiased | None = None,
) -> Decision:
    """The pairs that are called edges.

    The search for edges is repeated with the price of as many edges as it found, until it finds no more. Pairs of
    columns that can't be told from others are left out, see `identified_pairs`. Where cells are missing, the pairs that
    were estimated are tested by their standard errors at that price instead.

    Where L1 predicts better than any search, spins are so frozen that neighbours which were missed stand in for each
    other, and that a single row can make an edge. An edge must then be found in both halves of one of six divisions of
    the rows: no row is in both, and which of the stand-ins are found differs from half to half. Where so few pairs pass
    that halves hardly agree, those that pass by chance weigh more, and two divisions are needed. And the interval of
    its coupling without the bias of L1, for which all other pairs may stand in, must exclude zero, widened for the
    choice: called are those of the pairs found in all rows whose couplings came out large.

    Args:
        estimate, errors: the estimate and its standard errors.
        identified: which pairs the rows tell apart, `(D, D)`.
        debiased: where held-out rows chose L1, the couplings without its bias.

    Source of the halves: Shah and Samworth 2013, Journal of the Royal Statistical Society B 75, 55–80.
    """
    d = data.spins.shape[1]
    if data.source is not None:
        pairs = Support.of(estimate.couplings, with_fields=False).pairs
        values, widths = estimate.couplings[tuple(pairs.T)], errors.couplings[tuple(pairs.T)]
        worth = np.sort((values / np.maximum(widths, 1e-12)) ** 2)[::-1]
        count = max((k for k in range(1, len(worth) + 1) if worth[k - 1] >= edge_price(k, d)), default=0)
        pairs = pairs[(values / np.maximum(widths, 1e-12)) ** 2 >= edge_price(count, d)]
        return Decision(pairs[identified[tuple(pairs.T)]])
    pairs = _searched(estimator, data, estimate).support.pairs
    pairs = pairs[identified[tuple(pairs.T)]]
    if debiased is None or not len(pairs):
        return Decision(pairs)
    clear = np.abs(debiased.couplings) > Z_95 * debiased.errors
    agreeing = _divisions_with(estimator, data, edge_price(len(pairs) // 2, d)) * clear
    needed = 1 if (agreeing > 0).sum() >= AGREEMENT * len(pairs) else 2
    called = np.argwhere((agreeing >= needed) & identified)
    strength = np.abs(debiased.couplings[tuple(called.T)]) / debiased.errors[tuple(called.T)]
    while len(called):
        wider = widening(len(called), len(pairs))
        clear = strength > Z_95 * wider
        if clear.all():
            return Decision(called, wider)
        called, strength = called[clear], strength[clear]
    return Decision(called)


def widening(chosen: int, candidates: int) -> float:
    """How much wider the 95% intervals of some pairs must be since they were chosen from more candidates.

    At the level `1 − .05 · chosen / candidates` at most 5% of the intervals of those that were chosen miss the truth in
    expectation, however they were chosen.

    Source: Benjamini and Yekutieli 2005, Journal of the American Statistical Association 100, 71–81.

    >>> widening(40, 40), round(widening(1, 40), 2)
    (1.0, 1.65)
    """
    return float(max(norm.isf(0.025 * chosen / candidates) / Z_95, 1.0))


def _divisions_with(estimator: ConfiguredEstimator, data: Observations, price: float) -> Array:
    """In how many divisions of the rows each pair is found at this price in both halves, `(D, D)`, upper triangle."""
    d = data.spins.shape[1]
    found = np.zeros((d, d), int)
    rng = np.random.default_rng(estimator.seed)
    for _ in range(DIVISIONS):
        counts = np.zeros((d, d), int)
        for half in data.divided(2, rng):
            columns = PackedColumns.of(half.spins, half.weights)
            counts[tuple(search_edges(columns, estimator.with_fields, price).support.pairs.T)] += 1
        found += counts == 2
    return found


def _searched(estimator: ConfiguredEstimator, data: Observations, estimate: Parameters) -> SiteFit:
    columns, d = columns_of(data), data.spins.shape[1]
    count, start = max(1, d // 20), None
    if columns.is_large:  # a search from the beginning would take long
        support = Support.of(estimate.couplings, estimator.with_fields)
        start, count = refit(columns, support, support.vector(estimate)), max(count, len(support.pairs) // 2)
    fit = search_edges(columns, estimator.with_fields, edge_price(count, d), start)
    for _ in range(ROUNDS):
        if len(fit.support.pairs) <= count:
            break
        count = len(fit.support.pairs)
        fit = search_edges(columns, estimator.with_fields, edge_price(count, d), fit)
    return fit


def without_penalty(estimator: ConfiguredEstimator, data: Observations, pairs: Array, start: Parameters) -> Debiased:
    """The couplings of these pairs alone, estimated without penalty and shrinkage, and their standard errors.

    Args:
        data: the observations, with their missing cells.
    """
    parameters = estimate_on(estimator, data, Support(pairs, estimator.with_fields), start)
    errors = estimator.errors(completed(data, parameters, estimator.seed), parameters)
    return Debiased(parameters.couplings, errors.couplings)
