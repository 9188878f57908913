"""Intervals where L1 was chosen, equal rows that the fitted model does not explain, and L1 in tiny models."""

from __future__ import annotations

import numpy as np
import pytest

from discrete_ed.ising import Observations, Parameters, recover_couplings
from discrete_ed.ising.columns import columns_of
from discrete_ed.ising.debiasing import debiased_couplings
from discrete_ed.ising.duplicates import duplicate_warnings, unlikely_repeats
from discrete_ed.ising.edge_decision import _divisions_with, decide_edges
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.objectives import enumerated
from discrete_ed.ising.penalties import Lasso

D = 9
UPPER = np.triu_indices(D, 1)
ESTIMATOR = ConfiguredEstimator("single-site", with_fields=False)


def ring(strength: float) -> Parameters:
    couplings = strength * (np.eye(D, k=1) + np.eye(D, k=1 - D))
    return Parameters(couplings + couplings.T, np.zeros(D))


def rows_of(truth: Parameters, rows: int, seed: int) -> np.ndarray:
    states, law, _ = enumerated(truth)
    return states[np.random.default_rng(seed).choice(len(states), rows, p=law / law.sum())]


@pytest.mark.parametrize(("strength", "rows"), [(0.5, 300), (0.9, 150)])
def test_intervals_without_the_bias_of_lasso_hold_the_truth(strength, rows):
    truth = ring(strength)
    debiased_cover, shrunk, middle = [], [], []
    for seed in range(25):
        data = Observations(rows_of(truth, rows, seed))
        penalised = Lasso(0.06).estimate(ESTIMATOR, data)
        found = debiased_couplings(data, penalised, with_fields=False)
        debiased_cover.append((np.abs(found.couplings - truth.couplings) <= 1.96 * found.errors)[UPPER])
        edges = truth.couplings[UPPER] != 0
        shrunk.append(penalised.couplings[UPPER][edges])
        middle.append(found.couplings[UPPER][edges])
    assert 0.91 < np.mean(debiased_cover) < 0.985
    bias = np.mean(shrunk) - strength
    assert bias < -0.03
    assert abs(np.mean(middle) - strength) < 0.5 * abs(bias)


def test_counts_are_as_good_as_rows():
    spins = rows_of(ring(0.5), 200, 0)
    patterns, counts = np.unique(spins, axis=0, return_counts=True)
    penalised = Lasso(0.05).estimate(ESTIMATOR, Observations(spins))
    each = debiased_couplings(Observations(spins), penalised, with_fields=True)
    counted = debiased_couplings(Observations(patterns, counts.astype(float)), penalised, with_fields=True)
    np.testing.assert_allclose(counted.couplings, each.couplings, atol=1e-9)
    np.testing.assert_allclose(counted.errors, each.errors, rtol=1e-5)
    assert debiased_couplings(Observations(spins[:15]), penalised, with_fields=True) is None


@pytest.mark.thorough
def test_edges_where_lasso_was_chosen_are_found_divisions_with_and_have_intervals_without_zero():
    truth = ring(0.6)
    data = Observations(rows_of(truth, 400, 1))
    penalised = Lasso(0.05).estimate(ESTIMATOR, data)
    debiased = debiased_couplings(data, penalised, with_fields=False)
    every = ~np.eye(D, dtype=bool)
    edges = decide_edges(ESTIMATOR, data, penalised, penalised, identified=every, debiased=debiased).pairs
    assert {*map(tuple, edges.tolist())} == {*map(tuple, np.argwhere(np.triu(truth.couplings)).tolist())}
    vague = debiased._replace(errors=100 * debiased.errors)
    assert len(decide_edges(ESTIMATOR, data, penalised, penalised, identified=every, debiased=vague).pairs) == 0


def test_an_edge_that_a_single_row_makes_is_in_no_two_halves():
    spins = np.where(np.random.default_rng(0).random((200, 4)) < 0.5, 1.0, -1.0)
    spins[:, 1] = spins[:, 0]
    spins[:, 2:] = 1
    spins[7, 2:] = -1
    data, estimator = Observations(spins), ConfiguredEstimator("single-site")
    assert search_edges(columns_of(data), True, 4.0).support.pairs.tolist() == [[0, 1], [2, 3]]
    divisions = _divisions_with(estimator, data, 4.0)
    assert divisions[0, 1] == divisions.sum() == 6


def test_equal_rows_are_judged_by_the_fitted_model():
    ordered, truth = ring(1.5), ring(0.1)
    for parameters in (ordered, truth):  # many rows are equal in the first, and the model knows it
        assert duplicate_warnings(rows_of(parameters, 300, 2), parameters, 0) == []
    repeated = np.repeat(rows_of(truth, 60, 3), [9, 1] * 30, axis=0)
    (said,) = duplicate_warnings(repeated, truth, 0)
    assert "of 300 rows differ" in said


def test_equal_rows_of_many_spins_are_judged_by_sweeps():
    rng = np.random.default_rng(0)
    spins = np.where(rng.random((400, 20)) < 0.5, 1.0, -1.0)
    zero = Parameters.zeros(20)
    repeated = np.repeat(spins[:100], [7, 1] * 50, axis=0)
    for warnings in (duplicate_warnings, unlikely_repeats):
        assert warnings(spins, zero, 0) == []
        assert warnings(repeated, zero, 0)
    frozen = Parameters(0.5 * (1 - np.eye(20)), np.zeros(20))  # almost every row is all up or all down
    assert duplicate_warnings(np.repeat(np.array([[1.0], [-1.0]]), 200, axis=0) * np.ones(20), frozen, 0) == []


@pytest.mark.parametrize(("strength", "rows"), [(0.1, 80), (0.5, 120), (1.0, 160)])
def test_repeats_of_rows_that_the_model_makes_unlikely_are_noticed(strength, rows):
    truth = ring(strength)
    independent = rows_of(truth, 5 * rows, 5)
    assert unlikely_repeats(independent, truth, 0) == []
    rng = np.random.default_rng(0)
    repeated = rng.permutation(np.repeat(rows_of(truth, rows, 6), rng.choice([1, 4, 10], rows), axis=0))
    (said,) = unlikely_repeats(repeated, truth, 0)
    assert "name what belongs together as blocks" in said
    frozen = rows_of(ring(3.0), 400, 7)  # two patterns, of which a poor model knows nothing
    assert unlikely_repeats(frozen, ring(0.5), 0) == []


@pytest.mark.thorough
def test_a_recovery_says_that_rows_repeat():
    spins = np.repeat(rows_of(ring(0.1), 100, 4), [5, 1] * 50, axis=0)[np.random.default_rng(0).permutation(300)]
    found = recover_couplings(spins)
    assert any("equal rows" in said or "rows depend" in said for said in found.warnings)
