"""Weights: a pattern with a count is the same as its rows repeated, whatever the estimator; and they are checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from discrete_ed import InputError, IsingEnergy, lattice, recover_couplings, torus_sample
from discrete_ed.ising import Observations, goodness_of_fit, pair_counts, row_log_likelihood, weighted_means
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.pseudo_likelihood import SpinColumns

RING = IsingEnergy.from_graph(lattice(5, 1), 0.4, field=0.2)
X = torus_sample(RING, 800, (5, 1), generator=torch.Generator().manual_seed(0)).double().numpy()
PATTERNS, COUNTS = np.unique(X, axis=0, return_counts=True)
TRUE = RING.couplings.detach().double().numpy()


@pytest.mark.parametrize("estimator", ["single-site", "maximum-likelihood", "interaction-screening", "ratio-matching"])
@pytest.mark.parametrize("penalty", ["none", "zero"])
def test_a_count_is_as_good_as_the_rows(estimator, penalty):
    rows = recover_couplings(X, estimator, penalty, block_length=1)
    counted = recover_couplings(PATTERNS, estimator, penalty, weights=COUNTS)
    assert counted.effective_rows == len(X)
    for name in ("couplings", "fields"):
        np.testing.assert_allclose(getattr(counted, name), getattr(rows, name), atol=2e-5)
    for name in ("standard_errors", "field_errors"):
        np.testing.assert_allclose(getattr(counted, name), getattr(rows, name), rtol=2e-4)


def test_the_search_for_edges_and_its_scores_count_too():
    rows = search_edges(SpinColumns.of(2 * X - 1), True, 12.0)
    counted = search_edges(SpinColumns.of(Observations(2 * PATTERNS - 1, COUNTS.astype(float))), True, 12.0)
    assert np.array_equal(rows.support.pairs, counted.support.pairs)
    assert counted.loss == pytest.approx(rows.loss, rel=1e-9)
    np.testing.assert_allclose(counted.scores(), rows.scores(), rtol=1e-5, atol=1e-6)


@pytest.mark.thorough
def test_ten_million_times_the_counts_take_no_more_time_or_memory_and_give_smaller_errors():
    few = recover_couplings(PATTERNS, weights=COUNTS)
    many = recover_couplings(PATTERNS, weights=COUNTS * 10**7)
    assert many.effective_rows == len(X) * 1e7
    free = recover_couplings(PATTERNS, penalty="none", weights=COUNTS)
    np.testing.assert_allclose(many.couplings, free.couplings, atol=2e-3)  # nothing is noise any more
    edge = few.couplings != 0
    np.testing.assert_allclose(many.standard_errors[edge] * np.sqrt(1e7), free.standard_errors[edge], rtol=0.03)
    assert (np.abs(few.couplings - TRUE)[edge] < 4 * few.standard_errors[edge]).all()


def test_halves_of_counts_are_binomial_and_of_blocks_whole():
    rng = np.random.default_rng(0)
    data = Observations(np.ones((3, 2)), np.array([1e6, 10.0, 1.0]))
    part, rest = data.divided(5, rng)
    assert part.size + rest.size == data.size
    assert part.weights[0] == pytest.approx(2e5, abs=2500)
    blocks = np.repeat(np.arange(20), 5)
    numbered = Observations(np.arange(200.0).reshape(100, 2), blocks=blocks)
    part, rest = numbered.divided(5, rng)
    assert len(part.spins) == 20
    assert not set(part.blocks) & set(rest.blocks)


def test_what_is_said_of_the_data_counts_too():
    model = np.random.default_rng(0).integers(0, 2, (500, 5))
    rows, counted = (goodness_of_fit(*side, model) for side in ((X,), (PATTERNS,)))
    counted = goodness_of_fit(PATTERNS, model, weights=COUNTS)
    for name in ("means", "pairs", "triples", "sums"):
        np.testing.assert_allclose(getattr(counted, name), getattr(rows, name), atol=1e-12)
    assert counted.pair_noise == pytest.approx(rows.pair_noise)
    assert counted.sum_noise == pytest.approx(rows.sum_noise)
    assert row_log_likelihood(RING, PATTERNS, COUNTS).mean == pytest.approx(row_log_likelihood(RING, X).mean)
    pairs = np.array([[0, 1], [2, 4]])
    assert np.array_equal(pair_counts(PATTERNS, pairs, COUNTS), pair_counts(X, pairs))
    assert np.allclose(weighted_means(PATTERNS, COUNTS), X.mean(0))


def test_proportions_count_as_the_rows_that_they_leave():
    """Rows of two classes, of which one was asked four times as often as it occurs."""
    weights = np.where(np.arange(800) % 2, 0.4, 1.6)
    found = recover_couplings(X, "single-site", "none", weights=weights)
    assert found.effective_rows == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    plain = recover_couplings(X, "single-site", "none")
    ratio = (found.standard_errors / plain.standard_errors)[np.triu_indices(5, 1)]
    assert ratio.mean() == pytest.approx(np.sqrt(800 / found.effective_rows), rel=0.1)


@pytest.mark.parametrize("whole", [1, 100])
def test_shares_of_patterns_do_not_make_up_a_number_of_rows(whole):
    shares = whole * COUNTS / COUNTS.sum()
    with pytest.raises(InputError, match=f"expected counts where all rows differ, got shares that add up to {whole}: "):
        recover_couplings(PATTERNS, "single-site", "zero", weights=shares)
    for weights in (shares * 800.3, shares / shares.mean()):  # of no number of rows; and such as a survey has
        warning, *_ = recover_couplings(PATTERNS, "single-site", "zero", weights=weights).warnings
        assert f"all {len(PATTERNS)} rows differ and the weights are not counts: they count as " in warning
    back = recover_couplings(PATTERNS, "single-site", "zero", weights=np.rint(shares * len(X) / whole))
    assert back.effective_rows == len(X)
    assert not back.warnings
    repeated = np.full(len(X), 1 / len(X))
    assert not recover_couplings(X, "single-site", "zero", weights=repeated).warnings


def test_counts_with_a_common_factor_are_doubted_and_tiny_weights_are_proportions():
    rng = np.random.default_rng(0)
    rows, counts = np.unique(rng.integers(0, 2, (120, 8)), axis=0, return_counts=True)
    assert not recover_couplings(rows, "single-site", "zero", weights=counts).warnings
    said = recover_couplings(rows, "single-site", "zero", weights=5 * counts).warnings
    assert "all counts are multiples of 5" in said[0]
    few = recover_couplings(rows[:10], "single-site", "zero", weights=5 * counts[:10]).warnings
    assert not any("multiples" in warning for warning in few)
    tiny = recover_couplings(X, "single-site", "zero", weights=np.where(np.arange(800) % 2, 1e-300, 2e-300))
    assert tiny.effective_rows == pytest.approx(720)


def test_whole_weights_of_a_survey_are_doubted_and_counts_of_patterns_are_not():
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 60, 300)
    doubt = "each row is one observation, divide the weights by their mean"
    for columns in (6, 20):  # of six, patterns repeat; of twenty, all 300 rows differ
        rows = rng.integers(0, 2, (300, columns))
        said = recover_couplings(rows, "single-site", "zero", weights=weights).warnings
        assert any(doubt in warning for warning in said)
        said = recover_couplings(rows, "single-site", "zero", weights=weights / weights.mean()).warnings
        assert not any(doubt in warning for warning in said)
    many = rng.integers(0, 2, (4000, 8))
    patterns, counts = np.unique(many, axis=0, return_counts=True)
    assert not recover_couplings(patterns, "single-site", "zero", weights=counts).warnings
    assert not recover_couplings(PATTERNS, "single-site", "refit", weights=COUNTS).warnings


@pytest.mark.parametrize(
    ("weights", "arguments", "message"),
    [
        (-COUNTS, {}, "weights: expected finite weights of at least 0, got -"),
        (0 * COUNTS, {}, "weights: expected weights that are not all zero"),
        (COUNTS * 1e300, {}, "weights: expected weights that add up to at most 2⁵³"),
        (COUNTS[1:], {}, "weights: expected a weight for each of"),
        (np.full(len(COUNTS), np.nan), {}, "weights: expected finite weights"),
        (COUNTS, {"estimator": "bernoulli"}, "estimator: expected one that takes weights"),
        (COUNTS, {"block_length": 4}, "block_length: expected none with weights"),
        (None, {"block_length": 0}, "block_length: expected auto or a whole number"),
        (None, {"block_length": 20}, "block_length: expected at least two blocks"),
        (None, {"blocks": np.zeros(len(COUNTS))}, "blocks: expected at least two different blocks"),
        (None, {"blocks": np.zeros(3)}, "blocks: expected a block for each of"),
    ],
)
def test_bad_weights_and_blocks_are_refused(weights, arguments, message):
    with pytest.raises(InputError, match=message):
        recover_couplings(PATTERNS, **{"weights": weights, **arguments})


def test_bits_and_spins_are_the_same_table_and_the_model_over_bits_is_the_same():
    bits, spins = recover_couplings(X, penalty="refit"), recover_couplings(2 * X - 1, penalty="refit")
    assert np.array_equal(bits.couplings, spins.couplings)
    over_bits = bits.bit_parameters
    energy = bits.energy(torch.from_numpy(PATTERNS).float()).detach().numpy()
    same = -0.5 * np.einsum("ni,ij,nj->n", PATTERNS, over_bits.couplings, PATTERNS) - PATTERNS @ over_bits.fields
    assert np.ptp(energy - same) < 1e-5
