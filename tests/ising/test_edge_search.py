"""The search for the pairs that interact: second-order statistics against actual refits, and the search's promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from discrete_ed import IsingEnergy, lattice, torus_sample
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import SiteObjective, log_logistic
from discrete_ed.ising.parameters import PRIOR_SD, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import PseudoLikelihoodFit, SpinColumns
from discrete_ed.ising.site_fits import refit

ENERGY = IsingEnergy.from_graph(lattice(4), 0.25)
TRUE = np.argwhere(np.triu(ENERGY.couplings.detach().numpy()))
X = torus_sample(ENERGY, 4000, (4, 4), generator=torch.Generator().manual_seed(0)).numpy()
COLUMNS = SpinColumns.of(2.0 * X - 1)


def fitted(pairs: np.ndarray, fields: bool = False) -> PseudoLikelihoodFit:
    return refit(COLUMNS, Support(pairs, fields))


def found_pairs(price: float) -> np.ndarray:
    return search_edges(COLUMNS, False, price).support.pairs


@pytest.mark.parametrize("fields", [False, True])
def test_newton_finds_what_gradients_find(fields):
    objective = SiteObjective(2.0 * X - 1, log_logistic)
    fit = fitted(TRUE, fields)
    found = minimise(objective, Support(TRUE, fields), Parameters.zeros(16), len(X))
    assert np.abs(found.couplings - fit.parameters.couplings).max() < 1e-4
    assert np.abs(found.fields - fit.parameters.fields).max() < 1e-4
    slope = objective(fit.parameters).gradient
    prior = fit.parameters.couplings / (len(X) * PRIOR_SD**2)
    assert np.abs(slope.couplings + prior)[tuple(TRUE.T)].max() < 1e-6
    assert not fields or np.abs(slope.fields + fit.parameters.fields / (len(X) * PRIOR_SD**2)).max() < 1e-6


def test_the_loss_of_a_fit_is_the_summed_pseudo_likelihood():
    fit = fitted(TRUE[:5], True)
    assert fit.loss == pytest.approx(len(X) * SiteObjective(2.0 * X - 1, log_logistic)(fit.parameters).value)


@pytest.mark.parametrize("fields", [False, True])
def test_scores_foretell_what_a_pair_gains(fields):
    few = TRUE[:20]
    fit = fitted(few, fields)
    gains = fit.scores()
    assert not gains[tuple(few.T)].any()
    for pair in (TRUE[25], np.array([0, 10])):
        actual = fit.loss - fitted(np.vstack([few, pair]), fields).loss
        assert gains[tuple(pair)] == pytest.approx(actual, rel=0.35, abs=0.5)


def test_wald_statistics_foretell_what_leaving_out_costs():
    some = np.vstack([TRUE, [[0, 10]]])
    fit = fitted(some)
    costs = fit.wald()
    for k in (0, 7, len(some) - 1):
        actual = fitted(np.delete(some, k, axis=0)).loss - fit.loss
        assert costs[k] == pytest.approx(actual, rel=0.35, abs=0.5)


def test_the_right_pairs_are_found_and_the_price_decides_how_many():
    assert np.array_equal(np.unique(found_pairs(12.0), axis=0), TRUE)
    assert len(found_pairs(1e6)) == 0
    assert len(found_pairs(0.5)) > len(TRUE)


@pytest.mark.thorough
def test_the_search_ends_where_no_single_pair_would_help():
    for price in (3.0, 12.0):
        fit = search_edges(COLUMNS, False, price)
        pairs = fit.support.pairs
        cost = fit.loss + price * len(pairs)
        assert len(np.unique(pairs, axis=0)) == len(pairs)
        for k in range(0, len(pairs), 7):
            assert fitted(np.delete(pairs, k, axis=0)).loss + price * (len(pairs) - 1) > cost - 0.5


def test_separable_data_stay_finite():
    x = np.repeat(X[:, :1], 3, axis=1)
    fit = refit(SpinColumns.of(2.0 * x - 1), Support.all_pairs(3, with_fields=True))
    assert np.isfinite(fit.values).all()
    assert np.abs(fit.values).max() < 10


def test_a_model_without_parameters_is_a_fair_coin():
    fit = refit(COLUMNS, Support.no_pairs(with_fields=False))
    assert fit.loss == pytest.approx(X.size * np.log(2))
    assert not fit.parameters.couplings.any()


def test_a_search_that_begins_with_every_fourth_sample_ends_in_the_same_place(monkeypatch):
    monkeypatch.setattr("discrete_ed.ising.pseudo_likelihood.MANY", 1000)
    assert np.array_equal(np.unique(found_pairs(12.0), axis=0), TRUE)


@pytest.mark.parametrize("fields", [False, True])
def test_refitting_one_pair_bounds_what_leaving_it_out_costs_from_above(fields):
    some = np.vstack([TRUE, [[0, 10], [1, 7], [2, 12]]])
    fit = fitted(some, fields)
    for k in range(0, len(some), 3):
        exact = fitted(np.delete(some, k, axis=0), fields).loss - fit.loss
        assert exact - 0.1 < fit.loss_without(k) < 1.3 * exact + 0.1
