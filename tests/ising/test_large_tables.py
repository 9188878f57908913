"""Large tables: packed spins give the same fits, scores, errors and moments as numbers do, and memory is forecast."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discrete_ed.errors import InputError
from discrete_ed.ising import Observations, Parameters, Support, goodness_of_fit, recover_couplings
from discrete_ed.ising import forecast as forecasts
from discrete_ed.ising.columns import columns_of, fields_given_couplings
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.forecast import check_memory, forecast, is_compact
from discrete_ed.ising.packed_columns import PackedColumns
from discrete_ed.ising.pseudo_likelihood import SpinColumns
from discrete_ed.ising.site_fits import refit

D, N = 24, 700
CHAIN = np.stack([np.arange(D - 1), np.arange(1, D)], 1)
HUB = np.array([(0, k) for k in range(2, 18)])  # beyond the number of neighbours whose patterns are tabled


def table(seed: int = 0) -> np.ndarray:
    """Rows of a chain of spins with couplings of ±.5, −1 and +1."""
    rng = np.random.default_rng(seed)
    agree = rng.random((N, D)) < 1 / (1 + np.exp(-2 * 0.5 * (-1.0) ** np.arange(D)))
    return np.cumprod(np.where(agree, 1, -1), axis=1).astype(np.int8)


SPINS = table()
NUMBERS, PACKED = SpinColumns.of(SPINS.astype(float)), PackedColumns.of(SPINS)
COUNTS = np.random.default_rng(1).integers(1, 5, N).astype(float)


@pytest.mark.parametrize("weights", [None, COUNTS], ids=["rows", "counts"])
@pytest.mark.parametrize("fields", [True, False], ids=["fields", "no-fields"])
@pytest.mark.parametrize("pairs", [CHAIN, np.vstack([CHAIN, HUB]), CHAIN[:0]], ids=["chain", "hub", "empty"])
def test_a_packed_fit_is_the_fit(pairs, fields, weights):
    support = Support(pairs, fields)
    numbers = refit(replace(NUMBERS, weights=weights), support)
    packed = refit(replace(PACKED, weights=weights, known=[]), support)
    np.testing.assert_allclose(packed.values, numbers.values, atol=1e-9)
    assert packed.loss == pytest.approx(numbers.loss, rel=1e-12)
    np.testing.assert_allclose(packed.wald(), numbers.wald(), rtol=1e-6, atol=1e-6)
    exact, found = numbers.scores(), packed.scores(1.0)
    there = found > 0.5
    assert there.any()
    np.testing.assert_allclose(found[there], exact[there], rtol=1e-3)
    assert (found <= exact + 1e-3 * (1 + exact)).all()
    for k in range(0, len(pairs), 9):
        assert packed.loss_without(k) == pytest.approx(numbers.loss_without(k), rel=1e-4, abs=1e-3)


def test_a_packed_search_finds_the_same_edges_and_errors():
    numbers, packed = search_edges(NUMBERS, True, 8.0), search_edges(PACKED, True, 8.0)
    assert {*map(tuple, packed.support.pairs.tolist())} == {*map(tuple, numbers.support.pairs.tolist())}
    estimator = ConfiguredEstimator("single-site")
    for weights in (None, COUNTS):
        errors = [
            estimator.errors(Observations(spins, weights), numbers.parameters) for spins in (SPINS, SPINS.astype(float))
        ]
        np.testing.assert_allclose(errors[0].couplings, errors[1].couplings, rtol=1e-4)


def test_every_fourth_row_of_packed_spins():
    thin = PACKED.thinned(4)
    np.testing.assert_array_equal(thin.spins_of(np.arange(D)), SPINS[::4].T)
    np.testing.assert_array_equal(PACKED.spins_of(np.arange(D)), SPINS.T)


@settings(max_examples=8, deadline=None)
@given(rows=st.integers(1, 200), columns=st.integers(3, 12), seed=st.integers(0, 99))
def test_packed_moments_are_means_of_products(rows, columns, seed):
    spins = np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (rows, columns))
    packed, numbers = PackedColumns.of(spins), spins.astype(float)
    np.testing.assert_allclose(packed.second_moments(), numbers.T @ numbers / rows, atol=1e-12)
    triples = np.array([(0, 1, 2), (2, 1, 0)])
    expected = numbers[:, triples[:, 0]] * numbers[:, triples[:, 1]] * numbers[:, triples[:, 2]]
    np.testing.assert_allclose(packed.means(triples), expected.mean(0), atol=1e-12)


def test_fields_of_given_couplings():
    couplings = np.diag(np.full(D - 1, 0.4), 1)
    couplings += couplings.T
    packed = fields_given_couplings(Observations(SPINS), couplings)
    numbers = fields_given_couplings(Observations(SPINS.astype(float)), couplings)
    np.testing.assert_allclose(packed, numbers, atol=1e-8)


def test_goodness_of_fit_of_many_rows_is_that_of_few(monkeypatch):
    bits, model = (SPINS > 0).astype(np.uint8), (table(1) > 0).astype(np.uint8)
    few = goodness_of_fit(bits, model)
    monkeypatch.setattr(sys.modules["discrete_ed.ising.goodness_of_fit"], "LARGE", 0)
    many = goodness_of_fit(bits, model)
    for name in ("means", "pairs", "triples", "sums"):
        np.testing.assert_allclose(getattr(many, name), getattr(few, name), atol=1e-12)
    for name, (error, noise) in few.measures.items():
        assert many.measures[name][0] == pytest.approx(error, rel=1e-9)
        assert many.measures[name][1] == pytest.approx(noise, rel=0.2 if name == "numbers of spins up" else 1e-9)


@pytest.mark.parametrize("weights", [None, COUNTS], ids=["rows", "counts"])
def test_a_recovery_from_bits_is_that_from_numbers(monkeypatch, weights):
    numbers = recover_couplings(SPINS, "single-site", "refit", weights=weights)
    monkeypatch.setattr(forecasts, "COMPACT", 0)
    packed = recover_couplings((SPINS > 0).astype(np.uint8), "single-site", "refit", weights=weights)
    np.testing.assert_allclose(packed.couplings, numbers.couplings, atol=1e-8)
    np.testing.assert_allclose(packed.fields, numbers.fields, atol=1e-8)
    assert packed.choice == numbers.choice
    assert packed.held_out == pytest.approx(numbers.held_out)


def test_only_tables_of_independent_rows_are_packed(monkeypatch):
    seen = []
    monkeypatch.setattr(forecasts, "COMPACT", 0)

    def stop(_, data, *others):
        del others
        seen.append(data.spins.dtype)
        raise KeyError

    monkeypatch.setattr("discrete_ed.ising.recovery.choose_penalty", stop)
    for options in ({}, {"weights": COUNTS}, {"weights": COUNTS / 3}, {"block_length": 5}):
        with pytest.raises(KeyError):
            recover_couplings(SPINS, "single-site", "refit", **options)
    assert [dtype == np.int8 for dtype in seen] == [True, True, False, False]


@pytest.mark.parametrize(
    ("rows", "spins", "penalty", "memory"),
    [(10_000, 1000, "auto", 2e9), (100_000, 500, "auto", 4e9), (100_000, 2000, "auto", 6e9)],
)
def test_the_forecast_of_large_tables(rows, spins, penalty, memory):
    assert is_compact(rows, spins, "auto", penalty)
    assert forecast(rows, spins, "auto", penalty).memory < memory


def test_what_does_not_fit_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr("discrete_ed.runtime.memory.available_bytes", lambda _: 3e9)
    check_memory(100_000, 1000, "auto", "auto")
    with pytest.raises(InputError, match=r"x: expected .* fits into memory, got one of .* GB .*single-site"):
        check_memory(100_000, 1000, "auto", "none")
    with pytest.raises(InputError, match="complete rows without blocks"):
        check_memory(100_000, 1000, "auto", "auto", plain=False)


def test_a_pair_left_out_could_not_be_worth_its_price():
    fit = search_edges(PACKED, True, 8.0)
    gain = np.triu(fit.scores(0.0), 1)
    assert gain[tuple(fit.support.pairs.T)].max(initial=0) == 0
    assert gain.max() < 8.0
    assert isinstance(fit.parameters, Parameters)
    assert columns_of(Observations(SPINS)).count == D
