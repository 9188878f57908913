"""Edges with few rows: at most a tenth of what is called an edge is false, and the intervals of edges cover."""

from __future__ import annotations

import numpy as np
import pytest

from discrete_ed.ising import Observations, Parameters
from discrete_ed.ising.edge_decision import decide_edges, edge_price, without_penalty
from discrete_ed.ising.estimators import ConfiguredEstimator

ESTIMATOR = ConfiguredEstimator("single-site")


def few_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sixty rows of ninety spins with ninety edges, and the true couplings."""
    rng = np.random.default_rng(seed)
    d, rows = 90, 60
    pairs = np.stack(np.triu_indices(d, 1), 1)[rng.choice(d * (d - 1) // 2, d, replace=False)]
    true = np.zeros((d, d))
    true[tuple(pairs.T)] = rng.uniform(0.5, 0.9, d) * rng.choice([-1, 1], d)
    true += true.T
    s = np.where(rng.random((rows, d)) < 0.5, 1.0, -1.0)
    for _ in range(40):
        for i in range(d):
            s[:, i] = np.where(rng.random(rows) < 1 / (1 + np.exp(-2 * (s @ true[i]))), 1.0, -1.0)
    return s, true


@pytest.mark.thorough
def test_few_of_the_edges_are_false_and_intervals_cover_though_rows_are_few():
    s, true = few_rows(0)
    data, start = Observations(s), Parameters.zeros(90)
    edges = decide_edges(ESTIMATOR, data, start, start, identified=~np.eye(90, dtype=bool)).pairs
    false = (true[tuple(edges.T)] == 0).sum()
    assert len(edges) > 25
    assert false <= 0.1 * len(edges)
    alone = without_penalty(ESTIMATOR, data, edges, start)
    covered = np.abs(alone.couplings - true) <= 1.96 * alone.errors
    assert covered[tuple(edges.T)].mean() > 0.85


def test_coins_have_no_edges():
    s = np.where(np.random.default_rng(1).random((60, 90)) < 0.5, 1.0, -1.0)
    zero, all_pairs = Parameters.zeros(90), ~np.eye(90, dtype=bool)
    assert len(decide_edges(ESTIMATOR, Observations(s), zero, zero, identified=all_pairs).pairs) <= 1


def test_the_price_falls_with_the_number_of_edges_and_rises_with_that_of_pairs():
    assert edge_price(1, 100) > edge_price(50, 100) > 0
    assert edge_price(10, 200) > edge_price(10, 20)
