"""Couplings fitted by pseudo-likelihood: the loss and its gradient, the truth on small laws, and rare values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from discrete_ed.tables.energy import MOST_DEVIATIONS, TableEnergy
from discrete_ed.tables.mixture import SMOOTHED, ColumnMixture
from discrete_ed.tables.pairs import PRIOR_ROWS, START, _Problem, choose_pairs, fit_pairs
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


@pytest.mark.parametrize("components", [1, 3])
def test_the_loss_is_that_of_the_docstring_and_its_gradient_is_right(components):
    rows = rows_of_all_kinds(30)
    energy = TableEnergy.of_rows(rows, SIZES, ORDERED, components=components)
    problem = _Problem(energy, rows)
    values = problem.start() + 0.3 * np.random.default_rng(1).normal(size=problem.start().shape)
    problem.find_widths(values)
    loss, slope = problem(values)
    problem.store(values)
    pairs = values[: problem.free.shape[1]]
    expected = -log_conditionals(energy, torch.from_numpy(rows).long()).sum().item()
    expected += ((pairs - problem.centre.numpy()) ** 2 / problem.variances[problem.block].numpy()).sum()
    for column in range(len(SIZES)):
        alone = energy.value_fields(column) + energy.mixture.marginals()[column].log()
        expected -= SMOOTHED * alone.double().log_softmax(0).sum().item()
    assert loss == pytest.approx(expected / len(rows), rel=1e-5)
    for k in range(0, len(values), 3):
        step = np.zeros_like(values)
        step[k] = 1e-2
        assert (problem(values + step)[0] - problem(values - step)[0]) / 2e-2 == pytest.approx(slope[k], abs=2e-4)


def test_missing_cells_are_not_in_the_loss_and_are_means_for_the_others():
    rows = rows_of_all_kinds(40, missing=0.3)
    energy = TableEnergy.of_rows(rows, SIZES, ORDERED)
    problem = _Problem(energy, rows)
    assert int(problem.on.sum()) == int((~np.isnan(rows)).sum())
    gaps = torch.from_numpy(np.isnan(rows))
    for column in range(len(SIZES)):
        used = (energy.value_features(column) != 0).any(0)
        assert (problem.phi[gaps[:, column]][:, used] == 0).all()
    values = problem.start()
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
            fit_pairs(found, rows)
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
    fit_pairs(energy, rows)
    assert log_conditionals(energy, others).min() > -10


def test_widths_are_those_of_the_docstring():
    """Against sums over each pair of columns' own couplings, with second derivatives of the loss by differences."""
    rows = rows_of_all_kinds(60, missing=0.2)
    energy = TableEnergy.of_rows(rows, SIZES, ORDERED, indicators=True)
    problem = _Problem(energy, rows)
    count = problem.free.shape[1]
    values = problem.start() + 0.2 * np.random.default_rng(1).normal(size=problem.start().shape)
    before = problem.variances
    curvature = np.empty(count)
    for k in range(count):
        step = np.zeros_like(values)
        step[k] = 2e-2
        slopes = [problem(values + sign * step)[1][k] for sign in (1, -1)]
        curvature[k] = (slopes[0] - slopes[1]) / 4e-2 * len(rows) / 2 - 1 / START**2  # without the prior's
    problem.find_widths(values)

    def kind(feature):
        column = next(k for k in range(5) if (energy.value_features(k) != 0).any(0)[feature])
        score = energy.score_of(column)
        return column, SIZES[column] > 2 and feature == score

    ends = [tuple(sorted((kind(i), kind(j)))) for i, j in problem.free.T.tolist()]
    # of the pairs of columns with one or two kinds of features each
    assert len(set(ends)) == len(problem.variances) == 3 * 1 + 2 * 3 * 2 + 4
    away = values[:count] - problem.centre.numpy()
    for number in range(len(before)):
        block = (problem.block == number).numpy()
        assert len({ends[k] for k in np.flatnonzero(block)}) == 1
        given = curvature[block] * START**2
        expected = (away[block] ** 2).sum() + PRIOR_ROWS * START**2
        expected /= (given / (1 + given)).sum() + PRIOR_ROWS
        assert float(problem.variances[number]) == pytest.approx(expected, rel=2e-2)


def test_columns_that_depend_on_nothing_are_not_overfitted_beside_copies():
    """An independent coin beside columns that copy each other: one width for all couplings gives it p = .2 to .8."""
    rng = np.random.default_rng(0)
    word, place = rng.integers(5, size=300), rng.integers(15, size=300)
    rows = np.stack([word, word, word, place, place, 14 - place, rng.integers(2, size=300)], axis=1).astype(float)
    ordered = [False] * 3 + [True] * 3 + [False]
    energy = TableEnergy.of_rows(rows, (5, 5, 5, 15, 15, 15, 2), ordered, indicators=True)
    fit_pairs(energy, rows)
    given = log_conditionals(energy, torch.from_numpy(rows).long()).exp()
    share = rows[:, 6].mean()
    coin = torch.where(torch.from_numpy(rows[:, 6]) == 1, given[:, 6], 1 - given[:, 6])
    assert (coin - share).abs().max() < 0.15
    assert given[:, :6].min() > 0.85


def test_held_out_rows_choose_the_couplings_and_the_features():
    rng = np.random.default_rng(0)
    normal = rng.multivariate_normal([0, 0, 0], np.full((3, 3), 0.6) + 0.4 * np.eye(3), 700)
    places = np.stack([np.searchsorted(np.quantile(c, np.arange(1, 9) / 9), c) for c in normal.T], axis=1).astype(float)

    def chosen_of(rows, ordered):
        def start(indicators, components):
            return TableEnergy.of_rows(rows[:300], [9] * 3, ordered, indicators=indicators, components=components)

        def judge(model):
            return log_conditionals(model, torch.from_numpy(rows[300:]).long()).sum(-1)

        energy, chosen = choose_pairs(start, rows[:300], judge)
        found = judge(energy).mean()
        assert float(found) == pytest.approx(chosen.best.score, abs=1e-4)
        assert chosen.best in chosen.tried
        return chosen

    assert not chosen_of(places, [True] * 3).best.fitted  # a Gaussian law needs none
    folded = np.stack([places[:, 0], np.abs(places[:, 0] - 4), places[:, 2]], axis=1)
    found = chosen_of(folded, [True] * 3).best
    assert found.indicators
    assert found.fitted
    assert found.components == 1
    rare = rng.geometric(0.5, size=(700, 3)).clip(1, 9) - 1.0
    rare[:, 1] = np.where(rng.random(700) < 0.5, rare[:, 0], rare[:, 1])
    assert all(fit.fitted for fit in chosen_of(rare, [False] * 3).tried)  # nor are its couplings tried for categories


def test_a_mixture_is_chosen_where_hidden_kinds_of_rows_determine_the_columns():
    """Rows of 6 kinds: what pairs tell of them is less than what the kinds do, whose law is known."""
    rng = np.random.default_rng(0)
    laws = rng.dirichlet([0.15] * 5, size=(6, 10))  # (kinds, columns, words)
    kind = rng.integers(6, size=1000)
    rows = (rng.random((1000, 10, 1)) > laws[kind].cumsum(-1)[:, :, :4]).sum(-1).astype(float)

    def start(indicators, components):
        return TableEnergy.of_rows(rows[:600], [5] * 10, [False] * 10, indicators=indicators, components=components)

    def judge(model):
        return log_conditionals(model, torch.from_numpy(rows[600:]).long()).sum(-1)

    _, chosen = choose_pairs(start, rows[:600], judge)
    assert chosen.best.components == 8
    assert str(chosen.best) == "couplings fitted by pseudo-likelihood, on a mixture of 8 kinds of rows"
    truth = ColumnMixture(torch.zeros(6) - np.log(6), [torch.from_numpy(laws[:, k].T).float().log() for k in range(10)])
    held_out = torch.from_numpy(rows[600:]).long()
    given = truth.given_others(held_out, torch.ones_like(held_out, dtype=torch.bool)).unflatten(1, (10, 5))
    best = float(given.gather(2, held_out.unsqueeze(2)).sum((1, 2)).mean())
    pairs = max(fit.score for fit in chosen.tried if fit.components == 1)
    assert pairs < chosen.best.score - 0.8
    assert best - 0.4 < chosen.best.score < best


def test_indicators_of_ordered_columns_change_nothing_before_they_are_fitted():
    rows = rows_of_all_kinds(200)
    plain, more = (TableEnergy.of_rows(rows, SIZES, ORDERED, indicators=rich) for rich in (False, True))
    states = torch.from_numpy(rows).long()
    assert len(more.couplings) == len(plain.couplings) + SIZES[2] + SIZES[4]
    assert log_conditionals(more, states) == pytest.approx(log_conditionals(plain, states), abs=1e-5)
    assert [more.score_of(k) for k in range(5)] == [0, None, 5, None, 14]
    assert more.scores.tolist() == [0, 5, 14]
    assert plain.scores.tolist() == [0, 5, 9]
