"""The search for the pairs that interact: second-order statistics against actual refits, and the search's promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from discrete_ed import IsingEnergy, lattice, torus_sample
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import Local, log_logistic
from discrete_ed.ising.restricted import PRIOR_SD, Sample, refit
from discrete_ed.ising.support import _loss_without, select

ENERGY = IsingEnergy.from_graph(lattice(4), 0.25)
TRUE = np.argwhere(np.triu(ENERGY.couplings.detach().numpy()))
X = torus_sample(ENERGY, 4000, (4, 4), generator=torch.Generator().manual_seed(0)).numpy()
NONE = np.zeros((0, 2), dtype=int)


def sample(fields: bool = False, x: np.ndarray = X) -> Sample:
    return Sample(np.ascontiguousarray(2.0 * x.T - 1), fields)


@pytest.mark.parametrize("fields", [False, True])
def test_newton_finds_what_gradients_find(fields):
    spins = 2.0 * X - 1
    fit = refit(sample(fields), TRUE)
    h = np.zeros(16) if fields else None
    couplings, found = minimise(Local(spins, log_logistic), TRUE, np.zeros((16, 16)), h, len(X))
    assert np.abs(couplings - fit.couplings).max() < 1e-4
    assert np.abs(found - fit.fields).max() < 1e-4
    _, slope, slope_h = Local(spins, log_logistic)(fit.couplings, fit.fields)
    prior = fit.couplings / (len(X) * PRIOR_SD**2)
    assert np.abs(slope + prior)[tuple(TRUE.T)].max() < 1e-6
    assert not fields or np.abs(slope_h + fit.fields / (len(X) * PRIOR_SD**2)).max() < 1e-6


def test_the_loss_of_a_fit_is_the_summed_pseudo_likelihood():
    fit = refit(sample(True), TRUE[:5])
    assert fit.loss == pytest.approx(len(X) * Local(2.0 * X - 1, log_logistic)(fit.couplings, fit.fields).value)


@pytest.mark.parametrize("fields", [False, True])
def test_scores_foretell_what_a_pair_gains(fields):
    few = TRUE[:20]
    fit = refit(sample(fields), few)
    gains = fit.scores()
    assert not gains[tuple(few.T)].any()
    for pair in (TRUE[25], np.array([0, 10])):
        actual = fit.loss - refit(sample(fields), np.vstack([few, pair])).loss
        assert gains[tuple(pair)] == pytest.approx(actual, rel=0.35, abs=0.5)


def test_wald_statistics_foretell_what_leaving_out_costs():
    some = np.vstack([TRUE, [[0, 10]]])
    fit = refit(sample(), some)
    costs = fit.wald()
    for k in (0, 7, len(some) - 1):
        actual = refit(sample(), np.delete(some, k, axis=0)).loss - fit.loss
        assert costs[k] == pytest.approx(actual, rel=0.35, abs=0.5)


def test_the_right_pairs_are_found_and_the_price_decides_how_many():
    assert np.array_equal(np.unique(select(sample(), 12.0).pairs, axis=0), TRUE)
    assert len(select(sample(), 1e6).pairs) == 0
    assert len(select(sample(), 0.5).pairs) > len(TRUE)


def test_the_search_ends_where_no_single_pair_would_help():
    for price in (3.0, 12.0):
        fit = select(sample(), price)
        cost = fit.loss + price * len(fit.pairs)
        assert len(np.unique(fit.pairs, axis=0)) == len(fit.pairs)
        for k in range(0, len(fit.pairs), 7):
            assert refit(sample(), np.delete(fit.pairs, k, axis=0)).loss + price * (len(fit.pairs) - 1) > cost - 0.5


def test_separable_data_stay_finite():
    x = np.repeat(X[:, :1], 3, axis=1)
    fit = refit(sample(True, x), np.array([[0, 1], [1, 2], [0, 2]]))
    assert np.isfinite(fit.values).all()
    assert np.abs(fit.values).max() < 10


def test_a_model_without_parameters_is_a_fair_coin():
    fit = refit(sample(), NONE)
    assert fit.loss == pytest.approx(X.size * np.log(2))
    assert not fit.couplings.any()


def test_a_search_that_begins_with_every_fourth_sample_ends_in_the_same_place(monkeypatch):
    monkeypatch.setattr("discrete_ed.ising.support.MANY", 1000)
    assert np.array_equal(np.unique(select(sample(), 12.0).pairs, axis=0), TRUE)


@pytest.mark.parametrize("fields", [False, True])
def test_the_look_at_one_pair_bounds_what_leaving_it_out_costs_from_above(fields):
    some = np.vstack([TRUE, [[0, 10], [1, 7], [2, 12]]])
    fit = refit(sample(fields), some)
    for k in range(0, len(some), 3):
        exact = refit(fit.sample, np.delete(some, k, axis=0)).loss - fit.loss
        assert exact - 0.1 < _loss_without(fit, k) < 1.3 * exact + 0.1
