"""Estimates from rows with missing cells: fits and completions in turn, until neither changes."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from discrete_ed.ising.columns import columns_of
from discrete_ed.ising.completion import completed, observed_share
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ESTIMATORS, ConfiguredEstimator
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Parameters, Support
from discrete_ed.ising.penalties import Penalty, Refit
from discrete_ed.ising.site_fits import refit

ROUNDS = 40
"""largest number of rounds of completing the rows and fitting them"""
SEARCHES = 4
"""number of searches for pairs between which rows are completed anew"""
TOLERANCE = 0.02
"""largest change of a parameter at which the rounds end, in units of `1/√N`"""


class Expected(NamedTuple):
    """An estimate, and the observations that it completed."""

    parameters: Parameters
    data: Observations


def estimate(
    estimator: ConfiguredEstimator, penalty: Penalty, data: Observations, start: Support | None = None
) -> Expected:
    """The estimate with a penalty; the missing cells are expected under the estimate itself.

    It solves `Σ_n E[ψ(s_n) given the observed cells of s_n] = 0`, where `ψ` is the derivative of the estimator's
    objective and the expectation is that of the estimate. Rows are completed and fitted in turn, as by expectation and
    maximisation (Dempster, Laird and Rubin 1977), and for maximum likelihood it is that. Without missing cells it is a
    single fit.

    A penalty that selects pairs searches several times between completions. A pair whose cells are often missing gains
    less on completed rows than it is worth, so its price is lowered by the share of rows in which both are observed;
    pairs whose Wald statistic, with the standard errors of incomplete rows, is below the price are then removed.
    """
    if data.spins.all():
        return Expected(penalty.estimate(estimator, data, start), data)
    parameters = independent(estimator, data)
    if not isinstance(penalty, Refit):
        for _ in range(ROUNDS):
            full = completed(data, parameters, estimator.seed)
            before, parameters = parameters, penalty.estimate(estimator, full, parameters)
            if _is_near(before, parameters, data):
                break
        return Expected(parameters, completed(data, parameters, estimator.seed))
    pilot = replace(estimator, name="single-site")
    factors = np.maximum(observed_share(data.spins), 1 / len(data.spins))
    priced = replace(data, price_factors=factors if data.price_factors is None else factors * data.price_factors)
    support = start or Support.no_pairs(estimator.with_fields)
    for _ in range(SEARCHES):
        columns = columns_of(completed(priced, parameters, estimator.seed))
        fit = search_edges(columns, estimator.with_fields, penalty.price, refit(columns, support))
        parameters = estimate_on(pilot, data, fit.support, fit.parameters)
        parameters, pruned = _pruned(pilot, data, parameters, penalty.price)
        if {*map(tuple, pruned.pairs.tolist())} == {*map(tuple, support.pairs.tolist())}:
            break
        support = pruned
    parameters = estimate_on(estimator, data, Support.of(parameters.couplings, estimator.with_fields), parameters)
    return Expected(parameters, completed(data, parameters, estimator.seed))


def independent(estimator: ConfiguredEstimator, data: Observations) -> Parameters:
    """The fields that fit the observed cells best without couplings."""
    columns = replace(data, spins=data.spins.astype(float))
    support = Support.no_pairs(estimator.with_fields)
    return refit(columns_of(columns), support).parameters


def estimate_on(
    estimator: ConfiguredEstimator, data: Observations, support: Support, parameters: Parameters
) -> Parameters:
    """The estimate of the parameters of a support without a penalty, with missing cells expected under it."""
    if data.spins.all():
        return estimator.solve(data, support, parameters)
    for _ in range(ROUNDS):
        full = completed(data, parameters, estimator.seed)
        before = parameters
        if estimator.entry.is_pseudo_likelihood:
            parameters = refit(columns_of(full), support, support.vector(parameters)).parameters
        else:
            parameters = estimator.solve(full, support, parameters)
        if _is_near(before, parameters, data):
            break
    return parameters


def _pruned(
    estimator: ConfiguredEstimator, data: Observations, parameters: Parameters, price: float
) -> tuple[Parameters, Support]:
    """The estimate without the pairs that are not worth their price, the worst half of them removed at a time."""
    while True:
        support = Support.of(parameters.couplings, estimator.with_fields)
        full = completed(data, parameters, estimator.seed)
        errors = ESTIMATORS["single-site"].errors(estimator, full, support, parameters)[: len(support.pairs)]
        worth = (parameters.couplings[tuple(support.pairs.T)] / np.maximum(errors, 1e-9)) ** 2
        if data.price_factors is not None:
            worth = worth / data.price_factors[tuple(support.pairs.T)]
        bad = np.flatnonzero(worth < price)
        if not len(bad):
            return parameters, support
        out = bad[np.argsort(worth[bad])[: max(1, len(bad) // 2)]]
        fewer = Support(np.delete(support.pairs, out, axis=0), estimator.with_fields)
        couplings = np.zeros_like(parameters.couplings)
        i, j = fewer.pairs.T
        couplings[i, j] = couplings[j, i] = parameters.couplings[i, j]
        parameters = estimate_on(estimator, data, fewer, Parameters(couplings, parameters.fields))


def _is_near(before: Parameters, after: Parameters, data: Observations) -> bool:
    limit = TOLERANCE / np.sqrt(data.size)
    couplings, fields = np.abs(after.couplings - before.couplings), np.abs(after.fields - before.fields)
    return bool(max(couplings.max(), fields.max()) < limit)
