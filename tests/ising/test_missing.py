"""Missing cells: completions are the conditional law, estimates and errors those of the observed likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from discrete_ed import InputError, recover_couplings
from discrete_ed.ising import Observations, Parameters, completion
from discrete_ed.ising.completion import completed
from discrete_ed.states import enumerate_states

STATES = 2.0 * enumerate_states(5).double().numpy() - 1
UPPER = np.triu_indices(5, 1)


def model() -> Parameters:
    couplings = np.zeros((5, 5))
    couplings[UPPER] = [0.5, 0, 0, -0.4, 0.3, 0, 0.2, -0.5, 0, 0.4]
    return Parameters(couplings + couplings.T, np.array([0.2, -0.1, 0.0, 0.3, -0.2]))


def log_weights(parameters: Parameters) -> np.ndarray:
    return 0.5 * ((STATES @ parameters.couplings) * STATES).sum(1) + STATES @ parameters.fields


def table(rows: int, share: float, seed: int = 0) -> np.ndarray:
    """Samples of the model as bits, with NaN for missing cells."""
    rng = np.random.default_rng(seed)
    bits = (STATES[rng.choice(32, rows, p=softmax(log_weights(model())))] + 1) / 2
    bits[rng.random(bits.shape) < share] = np.nan
    return bits


def observed_log_likelihood(vector: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """`log p(observed cells)` of each row, by brute force."""
    couplings = np.zeros((5, 5))
    couplings[UPPER] = vector[:10]
    weight = log_weights(Parameters(couplings + couplings.T, vector[10:]))
    fits = ((STATES[None] == 2 * bits[:, None] - 1) | np.isnan(bits)[:, None]).all(2)
    return logsumexp(np.where(fits, weight, -np.inf), axis=1) - logsumexp(weight)


@pytest.mark.parametrize("gibbs", [False, True])
def test_completions_have_the_conditional_law(gibbs, monkeypatch):
    rows, draws = (1, 40_000) if gibbs else (1, 1)
    spins = np.tile([1.0, 0.0, -1.0, 0.0, 0.0], (rows, 1))
    if gibbs:
        monkeypatch.setattr(completion, "FEW", 0)
        monkeypatch.setattr(completion, "MANY", 0)
        monkeypatch.setattr(completion, "SAMPLES", draws)
    found = completed(Observations(spins), model(), 0)
    assert np.array_equal(found.spins[:, [0, 2]], np.tile([1.0, -1.0], (len(found.spins), 1)))
    fits = (STATES[:, [0, 2]] == [1, -1]).all(1)
    law = softmax(np.where(fits, log_weights(model()), -np.inf))
    place = ((found.spins > 0) @ (2 ** np.arange(4, -1, -1))).astype(int)
    assert np.abs(np.bincount(place, found.weights, minlength=32) - law).max() < (0.01 if gibbs else 1e-12)
    assert found.size == pytest.approx(rows)


def test_counts_stay_counts_when_rows_are_completed():
    data = Observations(np.array([[1.0, 0, 1, 1, 1], [1, 1, -1, -1, 1]]), np.array([7.0, 3.0]))
    found = completed(data, model(), 0)
    assert found.weights.sum() == pytest.approx(10)
    assert found.copies.tolist() == [7, 7, 3]
    part, rest = found.divided(2, np.random.default_rng(0))
    assert part.size + rest.size == pytest.approx(10)


@pytest.mark.thorough
def test_maximum_likelihood_is_that_of_the_observed_cells_with_its_information(monkeypatch):
    """Gradient and information by finite differences of the brute-force likelihood."""
    monkeypatch.setattr("discrete_ed.ising.expectation.TOLERANCE", 1e-4)
    bits = table(400, 0.25)
    found = recover_couplings(bits, "maximum-likelihood", "none")
    vector, step = np.append(found.couplings[UPPER], found.fields), 1e-4
    moves = step * np.eye(15)
    slopes = np.array(
        [observed_log_likelihood(vector + e, bits) - observed_log_likelihood(vector - e, bits) for e in moves]
    ) / (2 * step)
    assert np.abs(slopes.sum(1) - vector / 9).max() < 0.2  # the prior has a small say; each row's slope is about 1

    def slope(at: np.ndarray) -> np.ndarray:
        total = [observed_log_likelihood(at + e, bits) - observed_log_likelihood(at - e, bits) for e in moves]
        return np.array(total).sum(1) / (2 * step)

    information = -np.array([slope(vector + e) - slope(vector - e) for e in 10 * moves]) / (20 * step) + np.eye(15) / 9
    centred = slopes - slopes.mean(1, keepdims=True)
    inverse = np.linalg.inv(information)
    errors = np.sqrt((inverse @ centred @ centred.T @ inverse).diagonal())
    reported = np.append(found.standard_errors[UPPER], found.field_errors)
    assert (reported > 0.99 * errors).all()
    np.testing.assert_allclose(reported, errors, rtol=0.06)


@pytest.mark.thorough
def test_pseudo_likelihood_of_incomplete_rows_covers_and_is_better_than_complete_rows_alone():
    true, covered, errors, alone = model().couplings[UPPER], [], [], []
    for seed in range(12):
        bits = table(600, 0.3, seed)
        found = recover_couplings(bits, "single-site", "none")
        off = found.couplings[UPPER] - true
        errors.append(off)
        covered.append(np.abs(off) < 1.96 * found.standard_errors[UPPER])
        listwise = bits[~np.isnan(bits).any(1)]
        alone.append(recover_couplings(listwise, "single-site", "none").couplings[UPPER] - true)
    assert 0.88 < np.mean(covered) <= 1
    assert np.square(errors).mean() < 0.5 * np.square(alone).mean()
    assert np.abs(np.mean(errors, axis=0)).max() < 0.12


def test_edges_are_found_between_columns_with_missing_cells():
    found = recover_couplings(table(1500, 0.2), "single-site", "refit")
    true = {tuple(pair) for pair in np.argwhere(np.triu(model().couplings)).tolist()}
    assert true <= {tuple(pair) for pair in found.edges.tolist()}
    assert len(found.edges) <= len(true) + 1


def test_columns_with_too_few_cells_are_named():
    bits = table(60, 0.1)
    bits[:, 2] = np.nan
    with pytest.raises(InputError, match="expected an observed cell in every column, got none in c"):
        recover_couplings(bits, names=list("abcde"))
    bits = table(60, 0.1)
    bits[:40, 1] = np.nan
    with pytest.raises(
        InputError, match=r"column 'x2': expected at most a share of 0.5 of its cells to be missing, got "
    ):
        recover_couplings(bits)
    with pytest.raises(InputError, match="takes weights, blocks of dependent rows and missing cells"):
        recover_couplings(table(60, 0.1), "block")


def test_rows_without_an_observed_cell_count_for_nothing():
    bits = table(300, 0.1)
    empty = np.full((40, 5), np.nan)
    plain = recover_couplings(bits, "single-site", "zero", block_length=1)
    longer = recover_couplings(np.vstack([bits, empty]), "single-site", "zero", block_length=1)
    assert longer.effective_rows == plain.effective_rows
    assert np.array_equal(longer.fields, plain.fields)
    weights = np.append(np.ones(300), np.full(40, 3.0))
    assert recover_couplings(np.vstack([bits, empty]), "single-site", "zero", weights=weights).effective_rows == 300
    with pytest.raises(InputError, match="got none in"):
        recover_couplings(empty)
