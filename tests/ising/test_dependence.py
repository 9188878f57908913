"""Rows that depend on each other are noticed, and count for as many as there are in effect."""

from __future__ import annotations

import numpy as np
import pytest

from discrete_ed import recover_couplings
from discrete_ed.ising.comparison import covered
from discrete_ed.ising.dependence import autocorrelation_time, blocks_of_length, find_dependence
from discrete_ed.ising.preparation import prepare


def truth(seed: int, spins: int = 10, edges: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pairs = np.stack(np.triu_indices(spins, 1), 1)[rng.choice(spins * (spins - 1) // 2, edges, replace=False)]
    couplings = np.zeros((spins, spins))
    couplings[tuple(pairs.T)] = rng.uniform(0.3, 0.6, edges) * rng.choice([-1, 1], edges)
    return couplings + couplings.T, rng.uniform(-0.2, 0.2, spins)


def sweeps(couplings: np.ndarray, fields: np.ndarray, chains: int, sweeps: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    s = np.where(rng.random((chains, len(fields))) < 0.5, 1.0, -1.0)
    for _ in range(sweeps):
        for i in range(len(fields)):
            s[:, i] = np.where(rng.random(chains) < 1 / (1 + np.exp(-2 * (s @ couplings[i] + fields[i]))), 1.0, -1.0)
    return s


def single_flips(couplings: np.ndarray, fields: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """A time series: each row updates one spin of the row before."""
    rng = np.random.default_rng(seed)
    s = sweeps(couplings, fields, 1, 100, seed)[0]
    found = np.empty((rows, len(fields)))
    for row, (i, u) in enumerate(zip(rng.integers(len(fields), size=rows), rng.random(rows), strict=True)):
        s[i] = 1.0 if u < 1 / (1 + np.exp(-2 * (s @ couplings[i] + fields[i]))) else -1.0
        found[row] = s
    return found


COUPLINGS, FIELDS = truth(0)
INDEPENDENT = sweeps(COUPLINGS, FIELDS, 400, 40, 1)


def false_edges(found) -> int:
    return int((COUPLINGS[tuple(found.edges.T)] == 0).sum())


@pytest.mark.thorough
def test_a_time_series_counts_as_few_rows_and_gives_no_false_edges():
    x = single_flips(COUPLINGS, FIELDS, 4000, 2)
    found = recover_couplings(x, "single-site")
    (warning,) = [text for text in found.warnings if text.startswith("rows depend on each other")]
    assert "spins of neighbouring rows are correlated" in warning
    assert f"4000 rows count as {found.effective_rows:.0f}" in warning
    assert 100 < found.effective_rows < 1000
    assert false_edges(found) <= 1
    assert covered(found, COUPLINGS)[tuple(found.edges.T)].mean() > 0.8
    fooled = recover_couplings(x, "single-site", block_length=1)  # told that they are independent
    assert false_edges(fooled) > 5
    assert fooled.effective_rows == 4000


@pytest.mark.parametrize("order", ["in sequence", "the whole table again", "mixed"])
def test_rows_that_are_repeated_count_once(order):
    x = {
        "in sequence": np.repeat(INDEPENDENT, 5, axis=0),
        "the whole table again": np.tile(INDEPENDENT, (5, 1)),
        "mixed": np.random.default_rng(0).permutation(np.repeat(INDEPENDENT, 5, axis=0)),
    }[order]
    once = recover_couplings(INDEPENDENT, "single-site", "none")
    again = recover_couplings(x, "single-site", "none")
    assert again.effective_rows == once.effective_rows == 400
    np.testing.assert_allclose(again.standard_errors, once.standard_errors, rtol=1e-3, atol=1e-9)
    assert again.warnings == ("every row occurs 5 times, or a multiple of that: 2000 rows count as 400",)
    assert not any("depend" in text for text in once.warnings)


def test_given_blocks_are_what_counts():
    """The same rows, once in blocks that say that they are repeated, once in blocks that say nothing."""
    x, trials = np.repeat(INDEPENDENT, 5, axis=0), np.repeat(np.arange(400), 5)
    order = np.random.default_rng(0).permutation(len(x))
    told = prepare(x[order], None, trials[order], "auto").data
    assert told.size == pytest.approx(400, rel=0.05)
    random_blocks = prepare(INDEPENDENT, None, np.random.default_rng(1).permutation(400) // 4, "auto").data
    assert 330 < random_blocks.size <= 400


def test_independent_rows_are_hardly_ever_called_dependent():
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        spins = int(rng.choice([3, 6, 12]))
        x = sweeps(*truth(seed, spins, spins - 1), int(rng.choice([40, 150, 500])), 15, seed)
        alarms += find_dependence(x) is not None
    assert alarms == 0


def test_equal_rows_of_few_columns_are_no_sign():
    x = np.where(np.random.default_rng(0).random((2000, 4)) < 0.1, 1.0, -1.0)
    assert find_dependence(x) is None


def test_the_autocorrelation_time_is_that_of_a_known_series():
    """An autoregressive series with factor `a` has the time `(1 + a) / (1 − a)`."""
    rng, values = np.random.default_rng(0), np.zeros((40_000, 3))
    for row in range(1, len(values)):
        values[row] = 0.8 * values[row - 1] + rng.normal(size=3)
    assert autocorrelation_time(values) == pytest.approx(9, rel=0.12)
    assert autocorrelation_time(rng.normal(size=(5000, 3))) == pytest.approx(1, abs=0.1)
    assert blocks_of_length(11, 4).tolist() == [0] * 4 + [1] * 7


@pytest.mark.thorough
def test_rows_of_which_some_are_repeated_are_blocks():
    x = sweeps(*truth(1, 20, 25), 600, 30, 0)
    x = np.random.default_rng(0).permutation(np.vstack([x, x[:200]]))
    prepared = prepare(x, None, None, "auto")
    assert "equal rows are one block" in prepared.warnings[0]
    assert 480 < prepared.data.size < 640


def test_an_estimator_without_weights_says_that_its_errors_are_too_small():
    prepared = prepare(single_flips(COUPLINGS, FIELDS, 1500, 3), None, None, "auto", weighs_rows=False)
    assert "which this estimator can't take into account" in prepared.warnings[0]
    assert prepared.data.weights is prepared.data.blocks is None


@pytest.mark.parametrize("rotates", [False, True])
@pytest.mark.parametrize("forms", [[slice(0, 1), slice(1, 2)], [slice(0, 4), slice(4, 7), slice(7, 8)]])
def test_forms_that_follow_each_other_are_no_dependence_and_hide_none(forms, rotates):
    """Questionnaires of which each lacks some columns, one after another or in turn."""
    rng = np.random.default_rng(0)
    spins = np.where(rng.random((600, 8)) < 0.5, 1.0, -1.0)
    spins[:, 1::2] = spins[:, ::2] * np.where(rng.random((600, 4)) < 0.2, -1, 1)
    sticky = np.cumsum(rng.random((600, 8)) < 0.2, 0) % 2 * 2.0 - 1
    order = np.arange(600)
    order = order[np.argsort(order % len(forms), kind="stable")] if rotates else order
    for rows, lacks in zip(np.array_split(order, len(forms)), forms, strict=True):
        spins[rows, lacks] = sticky[rows, lacks] = 0
    assert find_dependence(spins) is None
    found = find_dependence(sticky)
    assert found is not None
    assert "neighbouring rows are correlated" in found.finding
    repeated = find_dependence(np.repeat(spins[::3], 3, axis=0))
    assert repeated is not None


def test_numbers_of_deviations_beyond_meaning_are_not_written_out():
    found = find_dependence(2 * np.eye(8).repeat(60, 0) - 1)
    assert found is not None
    assert "(more than 1000 standard deviations)" in found.finding
