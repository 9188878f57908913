"""Recovered couplings against the truth: errors, edges, coverage, and the bound where it can be estimated."""

from __future__ import annotations

import numpy as np
import pytest

from discrete_ed.ising import Parameters, Recovery, bound_for_edges, compare_with_truth, cramer_rao, states_for_bound


def recovery(couplings: np.ndarray, errors: np.ndarray, fields: np.ndarray) -> Recovery:
    return Recovery(couplings, fields, errors, np.ones(len(fields)), "single-site", "J = 0", {}, 1.0, 1.0)


def symmetric(d: int, values: dict[tuple[int, int], float]) -> np.ndarray:
    full = np.zeros((d, d))
    for (i, j), value in values.items():
        full[i, j] = full[j, i] = value
    return full


def test_a_comparison_counts_edges_that_are_right_false_and_covered():
    true = Parameters(symmetric(4, {(0, 1): 0.4, (1, 2): 0.4, (2, 3): 0.4}), np.full(4, 0.5))
    learned = symmetric(4, {(0, 1): 0.5, (1, 2): 0.9, (0, 3): 0.2})  # (2, 3) is missing, (0, 3) is false
    errors = symmetric(4, {(0, 1): 0.1, (1, 2): 0.1, (0, 3): 0.2})
    found = compare_with_truth(recovery(learned, errors, np.full(4, 0.2)), true, with_fields=True)
    assert (found.true_edges, found.found_edges, found.right_edges, found.false_edges) == (3, 3, 2, 1)
    assert found.covered_edges == 1  # (1, 2) is five standard errors off, and (2, 3) was left out
    mean_square = 2 * (0.1**2 + 0.5**2 + 0.2**2 + 0.4**2) / 16
    assert found.rmse == pytest.approx(np.sqrt(mean_square))
    assert found.neg_log_rmse == pytest.approx(-np.log(np.sqrt(mean_square) / 2))
    assert found.zero_neg_log_rmse == pytest.approx(-np.log(np.sqrt(6 * 0.2**2 / 16)))
    assert found.fields_rmse == pytest.approx(0.3)


def test_exact_couplings_have_no_finite_score_and_fields_count_only_where_they_are_free():
    true = Parameters.zeros(3)
    found = compare_with_truth(recovery(true.couplings, true.couplings, true.fields), true, with_fields=False)
    assert found.neg_log_rmse == found.zero_neg_log_rmse == np.inf
    assert found.fields_rmse is None


def test_the_bound_is_none_where_it_cannot_be_estimated():
    spins = np.where(np.random.default_rng(0).random((300, 5)) < 0.5, 1.0, -1.0)
    edges = np.array([[0, 1], [2, 3]])
    expected = cramer_rao(spins, edges, 100, with_fields=True)
    assert bound_for_edges(spins, edges, 100, with_fields=True) == expected
    assert bound_for_edges(spins, edges[:0], 100, with_fields=True) is None
    assert bound_for_edges(spins[:19], edges, 100, with_fields=True) is None  # ten samples an edge
    assert bound_for_edges(spins, edges, 100, with_fields=False) < expected


def test_many_edges_need_many_states():
    assert states_for_bound(10) == 20_000
    assert states_for_bound(5000) == 50_000
