"""Couplings fitted by pseudo-likelihood: the loss and its gradient, the truth on small laws, and rare values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from discrete_ed.tables.energy import MOST_DEVIATIONS, SMOOTHED, TableEnergy
from discrete_ed.tables.pairs import _Problem, choose_pairs, fit_pairs
from discrete_ed.tables.sweeps import log_conditionals

SIZES = (2, 4, 5, 3, 6)
ORDERED = (False, False, True, False, True)


def rows_of_all_kinds(count: int, *, missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    first = rng.integers(4, size=count)
    columns = [
        rng.random(count) < first / 4,
        first,
        (first + rng.integers(2, size=count)).clip(0, 4),
        rng.integers(3, size=count),
        (first + rng.integers(3, size=count)).clip(0, 5),
    ]
    rows = np.stack(columns, axis=1).astype(float)
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def test_the_loss_is_that_of_the_docstring_and_its_gradient_is_right():
    rows = rows_of_all_kinds(30)
    energy = TableEnergy.of_rows(rows, SIZES, ORDERED)
    problem = _Problem(energy, rows, 0.7)
    values = problem.start(warm=True) + 0.3 * np.random.default_rng(1).normal(size=problem.start(warm=True).shape)
    loss, slope = problem(values)
    problem.store(values)
    pairs = values[: problem.free.shape[1]]
    expected = -log_conditionals(energy, torch.from_numpy(rows).long()).sum().item()
    expected += ((pairs - problem.centre.numpy()) ** 2).sum() / (2 * 0.7**2)
    for column in range(len(SIZES)):
        expected -= SMOOTHED * energy.value_fields(column).double().log_softmax(0).sum().item()
    assert loss == pytest.approx(expected / len(rows), rel=1e-5)
    for k in range(0, len(values), 3):
        step = np.zeros_like(values)
        step[k] = 1e-2
        assert (problem(values + step)[0] - problem(values - step)[0]) / 2e-2 == pytest.approx(slope[k], abs=2e-4)


def test_missing_cells_are_not_in_the_loss_and_are_means_for_the_others():
    rows = rows_of_all_kinds(40, missing=0.3)
    energy = TableEnergy.of_rows(rows, SIZES, ORDERED)
    problem = _Problem(energy, rows, 1.0)
    assert int(problem.on.sum()) == int((~np.isnan(rows)).sum())
    gaps = torch.from_numpy(np.isnan(rows))
    for column in range(len(SIZES)):
        used = (energy.value_features(column) != 0).any(0)
        assert (problem.phi[gaps[:, column]][:, used] == 0).all()
    values = problem.start(warm=True)
    _, slope = problem(values)
    for k in range(0, len(values), 7):
        step = np.zeros_like(values)
        step[k] = 1e-2
        assert (problem(values + step)[0] - problem(values - step)[0]) / 2e-2 == pytest.approx(slope[k], abs=2e-4)


def test_the_law_of_pairs_is_found():
    """The law of three columns with couplings of pairs only, from 20,000 rows of it, against its enumeration."""
    sizes, generator = (3, 4, 2), torch.Generator().manual_seed(0)
    states = torch.tensor(list(itertools.product(*map(range, sizes))))
    truth = TableEnergy.of_rows(states.numpy().astype(float), sizes, [False] * 3).double()
    with torch.no_grad():
        truth.couplings.copy_(0.4 * torch.randn(truth.couplings.shape, generator=generator, dtype=torch.float64))
        law = (-truth(truth.groups.encode(states).double())).softmax(0)
    rows = states[law.multinomial(20_000, replacement=True, generator=generator)].numpy().astype(float)
    found = TableEnergy.of_rows(rows, sizes, [False] * 3)
    distance = {}
    for name in ("Gaussian", "fitted"):
        if name == "fitted":
            fit_pairs(found, rows, 4.0)
        with torch.no_grad():
            enumerated = (-found(found.groups.encode(states).float()).double()).softmax(0)
        distance[name] = float((enumerated - law).abs().sum() / 2)
    assert distance["fitted"] < 0.02 < distance["Gaussian"]


def test_rare_values_get_probabilities_that_rows_support():
    """A value that a thousand rows have once says little of the other columns, and one that none has says nothing."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(5, size=1000), rng.integers(5, size=1000)], axis=1).astype(float)
    rows[0] = 5, 5  # the only row with either
    energy = TableEnergy.of_rows(rows, (7, 7), (False, False))
    assert energy.features(energy.groups.encode(torch.tensor([[6, 6]])).float()).abs().max() <= MOST_DEVIATIONS + 1e-5
    others = torch.tensor([[5, 1], [6, 6], [2, 5], [3, 4]])
    assert log_conditionals(energy, others).min() < -50  # the Gaussian law
    fit_pairs(energy, rows, 1.0)
    assert log_conditionals(energy, others).min() > -10


def test_held_out_rows_choose_the_prior_and_the_features():
    rng = np.random.default_rng(0)
    normal = rng.multivariate_normal([0, 0, 0], np.full((3, 3), 0.6) + 0.4 * np.eye(3), 700)
    places = np.stack([np.searchsorted(np.quantile(c, np.arange(1, 9) / 9), c) for c in normal.T], axis=1).astype(float)

    def chosen_of(rows, ordered):
        def start(indicators):
            return TableEnergy.of_rows(rows[:300], [9] * 3, ordered, indicators=indicators)

        energy, chosen = choose_pairs(start, rows[:300], torch.from_numpy(rows[300:]).long())
        found = log_conditionals(energy, torch.from_numpy(rows[300:]).long()).sum(-1).mean()
        score = {(i, d): s for i, d, s in chosen.scores}[chosen.indicators, chosen.deviation]
        assert float(found) == pytest.approx(score, abs=1e-4)
        return chosen

    assert not chosen_of(places, [True] * 3).indicators  # a Gaussian law needs none
    folded = np.stack([places[:, 0], np.abs(places[:, 0] - 4), places[:, 2]], axis=1)
    found = chosen_of(folded, [True] * 3)
    assert found.indicators
    assert found.deviation is not None
    rare = rng.geometric(0.5, size=(700, 3)).clip(1, 9) - 1.0
    rare[:, 1] = np.where(rng.random(700) < 0.5, rare[:, 0], rare[:, 1])
    assert chosen_of(rare, [False] * 3).deviation is not None
    rare[600] = 8, 8, 8  # to which the Gaussian law gives no chance at all, if no other row has these values
    rare[:300][rare[:300] == 8] = 7
    chosen = chosen_of(rare, [False] * 3)
    assert chosen.deviation is not None
    assert chosen.scores[0][2] < min(score for _, deviation, score in chosen.scores if deviation) - 1


def test_indicators_of_ordered_columns_change_nothing_before_they_are_fitted():
    rows = rows_of_all_kinds(200)
    plain, more = (TableEnergy.of_rows(rows, SIZES, ORDERED, indicators=rich) for rich in (False, True))
    states = torch.from_numpy(rows).long()
    assert len(more.couplings) == len(plain.couplings) + SIZES[2] + SIZES[4]
    assert log_conditionals(more, states) == pytest.approx(log_conditionals(plain, states), abs=1e-5)
    assert [more.score_of(k) for k in range(5)] == [0, None, 5, None, 14]
    assert more.scores.tolist() == [0, 5, 14]
    assert plain.scores.tolist() == [0, 5, 9]
