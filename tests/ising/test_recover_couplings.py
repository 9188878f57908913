"""Recovered couplings: every estimator and penalty, errors that cover, and tables that try to break them."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.special import softmax

from discrete_ed import (
    InputError,
    IsingEnergy,
    cramer_rao,
    cramer_rao_all_pairs,
    lattice,
    log_law,
    recover_couplings,
    sample_ising,
    torus_sample,
)
from discrete_ed.ising import EstimatorSettings, Observations, Support, pair_counts
from discrete_ed.ising.bounds import fisher_information
from discrete_ed.ising.empirical_bayes import common_law
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.penalties import Refit
from discrete_ed.ising.selection import is_tied, reliability
from discrete_ed.names import EstimatorName as Estimator
from discrete_ed.names import PenaltyName as Penalty
from discrete_ed.states import enumerate_states

LATTICE = IsingEnergy.from_graph(lattice(4), 0.3)
TRUE = LATTICE.couplings.detach().double().numpy()
EDGES = np.argwhere(np.triu(TRUE))
X = torus_sample(LATTICE, 2500, (4, 4), generator=torch.Generator().manual_seed(1)).double().numpy()
FIELDED = IsingEnergy.from_graph(lattice(5, 1), 0.6, field=0.3)
Y = torus_sample(FIELDED, 3000, (5, 1), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(name, marks=[pytest.mark.thorough] * (name == "contrastive-divergence"))  # it takes seconds
        for name in get_args(Estimator)
    ],
)
def test_every_estimator_finds_a_small_ring_and_its_fields(estimator, monkeypatch):
    monkeypatch.setattr("discrete_ed.ising.contrastive.STEPS", 200)
    found = recover_couplings(
        Y, estimator, "refit", settings=EstimatorSettings(epsilon=0.1 if estimator == "block" else 0.05)
    )
    true = FIELDED.couplings.detach().double().numpy()
    assert np.abs(found.couplings - true).max() < 0.15
    assert np.abs(found.fields - 0.3).max() < 0.15
    assert {tuple(edge) for edge in found.edges.tolist()} >= {(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)}
    edge = true != 0
    assert (found.standard_errors[edge] > 0.005).all()
    assert (np.abs(found.couplings - true)[edge] < 5 * found.standard_errors[edge]).all()
    assert (found.field_errors > 0.005).all()


@pytest.mark.thorough
@pytest.mark.parametrize("penalty", get_args(Penalty))
def test_every_penalty_does_what_it_says(penalty):
    found = recover_couplings(X, "single-site", penalty, fields=False)
    error = np.sqrt(((found.couplings - TRUE) ** 2).mean())
    assert not found.fields.any()
    assert (found.standard_errors[found.couplings == 0] == 0).all()
    assert error < {"zero": 0.16, "none": 0.03, "l1": 0.03, "auto": 0.025}.get(penalty, 0.016)
    if penalty in ("refit", "common"):
        assert np.array_equal(np.unique(np.sort(found.edges), axis=0), EDGES)
    assert (found.common is not None) == (penalty == "common")
    assert bool(found.held_out) == (penalty not in ("none", "zero"))


@pytest.mark.thorough
def test_the_choice_is_the_candidate_with_the_least_held_out_loss_or_a_plainer_one():
    found = recover_couplings(X, "single-site", fields=False)
    best = min(found.held_out, key=found.held_out.__getitem__)
    assert found.choice == best or best.startswith("L1")
    assert found.held_out[found.choice] < found.held_out[best] + 0.05
    assert found.reliability > 0.9
    assert found.shrinkage == 1.0
    frozen = torus_sample(
        IsingEnergy.from_graph(lattice(5), 0.75), 400, (5, 5), generator=torch.Generator().manual_seed(0)
    )
    shrunk = recover_couplings(frozen, "single-site", fields=False)
    assert shrunk.choice.startswith("L1")  # by more than chance
    assert not any("equal rows" in warning for warning in shrunk.warnings)  # they are independent


def test_coins_have_no_couplings():
    x = np.random.default_rng(0).integers(0, 2, (500, 12))
    found = recover_couplings(x, "single-site")
    assert np.abs(found.couplings).max() < 0.05
    assert np.abs(found.fields).max() < 0.2


@pytest.mark.thorough
def test_halves_that_disagree_shrink_the_couplings_with_a_warning():
    """Deep in the ordered phase 200 samples say little: the estimate must not do much worse than J = 0."""
    energy = IsingEnergy.from_graph(lattice(6), 0.7)
    true = energy.couplings.detach().numpy()
    x = torus_sample(energy, 200, (6, 6), generator=torch.Generator().manual_seed(3))
    found = recover_couplings(x, fields=False)
    assert found.shrinkage == pytest.approx(min(1.0, 2 * found.reliability))
    assert ((found.couplings - true) ** 2).mean() < 1.05 * (true**2).mean()
    assert found.shrinkage == 1 or any("reliability" in warning for warning in found.warnings)


def biased_model() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Couplings and fields of eight spins that are mostly down, all states, and their probabilities."""
    upper = np.zeros((8, 8))
    upper[[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 6, 7]] = 0.4, -0.3, 0.25, 0.15, -0.2, 0.12
    couplings, fields = upper + upper.T, np.linspace(-1.2, -0.8, 8)
    states = 2.0 * enumerate_states(8).double().numpy() - 1
    return couplings, fields, states, law_of(couplings, fields, states)


def law_of(couplings: np.ndarray, fields: np.ndarray, states: np.ndarray) -> np.ndarray:
    return softmax(0.5 * np.einsum("ki,ij,kj->k", states, couplings, states) + states @ fields)


@pytest.mark.thorough
def test_a_shrunk_model_keeps_the_means_of_the_data(monkeypatch):
    couplings, _, states, law = biased_model()
    x = (states[np.random.default_rng(3).choice(256, 2000, p=law)] + 1) / 2
    monkeypatch.setattr("discrete_ed.ising.recovery.reliability", lambda *_: 0.2)
    found = recover_couplings(x)
    assert found.shrinkage == 0.4
    assert np.abs(found.couplings).max() < 0.6 * couplings.max()
    assert np.abs(law_of(found.couplings, found.fields, states) @ (states + 1) / 2 - x.mean(0)).max() < 0.01
    monkeypatch.setattr("discrete_ed.ising.recovery.reliability", lambda *_: 0.0)
    found, none = recover_couplings(x), recover_couplings(x, penalty="zero")
    assert np.allclose(found.fields, none.fields, atol=1e-4)
    assert np.allclose(found.field_errors, none.field_errors, rtol=0.02)


@pytest.mark.thorough
def test_one_edge_is_not_shrunk_away_where_half_of_the_rows_does_not_show_it_at_the_full_price():
    def recovered(coupling: float, seed: int) -> tuple[float, int]:
        energy = IsingEnergy.from_edges([(0, 1)], [coupling], spins=6)
        x = sample_ising(energy, 600 + seed, generator=torch.Generator().manual_seed(seed)).states
        found = recover_couplings(x)
        assert not found.warnings or coupling == 0
        return found.couplings[0, 1], len(found.edges)

    values = np.array([recovered(0.27, seed)[0] for seed in range(8)])
    assert ((np.abs(values - 0.27) < 0.15) & (values != 0)).all()
    assert sum(recovered(0.0, seed)[1] > 0 for seed in range(8)) <= 1


@pytest.mark.thorough
def test_halves_that_cannot_be_compared_shrink_nothing_and_are_warned_of(monkeypatch):
    monkeypatch.setattr("discrete_ed.ising.recovery.reliability", lambda *_: float("nan"))
    found = recover_couplings(Y)
    assert found.shrinkage == 1
    assert len(found.edges)
    (warning,) = found.warnings
    assert "two halves can't be compared; the couplings are not shrunk" in warning
    monkeypatch.setattr("discrete_ed.ising.recovery.reliability", lambda *_: 0.2)
    assert any("they were multiplied by 0.40" in warning for warning in recover_couplings(Y).warnings)
    monkeypatch.undo()
    independent = Observations(2.0 * np.random.default_rng(0).integers(0, 2, (400, 4)) - 1)
    chosen = ConfiguredEstimator("single-site", EstimatorSettings(), True, 0)
    assert np.isnan(reliability(chosen, Refit(1000.0), independent))


def test_a_common_law_keeps_the_means_of_the_data():
    _, _, states, law = biased_model()
    x = (states[np.random.default_rng(0).choice(256, 2000, p=law)] + 1) / 2
    found = recover_couplings(x, penalty="common")
    assert found.common is not None
    assert np.abs(law_of(found.couplings, found.fields, states) @ (states + 1) / 2 - x.mean(0)).max() < 0.001


@pytest.mark.thorough
def test_intervals_of_the_default_cover_strong_couplings():
    """Shrinking by L1 for an advantage that is chance would leave half of them uncovered."""
    couplings = np.array([[0.0, 0.8], [0.8, 0.0]])
    states = 2.0 * enumerate_states(2).double().numpy() - 1
    law = law_of(couplings, np.array([0.5, -0.3]), states)
    rng, covered, lassos = np.random.default_rng(1), [], 0
    for seed in range(10):
        found = recover_couplings((states[rng.choice(4, 1000, p=law)] + 1) / 2, seed=seed)
        covered.append(abs(found.couplings[0, 1] - 0.8) < 1.96 * found.standard_errors[0, 1])
        shrunk = found.choice.startswith("L1")
        assert shrunk == any(warning.startswith("L1 shrinks") for warning in found.warnings)
        lassos += shrunk
    assert np.mean(covered) > 0.75
    assert lassos < 3  # L1 predicts best for nearly half of them


def test_losses_within_a_standard_error_areis_tied():
    noise = np.random.default_rng(0).normal(size=400)
    noise = (noise - noise.mean()) / noise.std()  # the standard error of its mean is 1/20
    held = Observations(np.ones((400, 2)))
    assert [is_tied(noise + excess, held) for excess in (-1, 0, 0.049, 0.051, 1)] == [True] * 3 + [False] * 2
    assert is_tied(5 * noise + 0.051, held)


def test_intervals_cover():
    covered = []
    for seed in range(12):
        x = torus_sample(LATTICE, 600, (4, 4), generator=torch.Generator().manual_seed(seed))
        found = recover_couplings(x, "single-site", "none", fields=False, seed=seed)
        covered.append(
            np.abs(found.couplings - TRUE)[np.triu_indices(16, 1)]
            < 1.96 * found.standard_errors[np.triu_indices(16, 1)]
        )
    share = np.mean(covered)
    assert 0.93 < share < 0.97


def rare_and_host(samples: int, seed: int) -> np.ndarray:
    """Eight independent pairs of columns (J = .9, h = −1.2 and .3): the first one is rarely up without the second."""
    states = 2.0 * enumerate_states(2).double().numpy() - 1
    law = law_of(np.array([[0.0, 0.9], [0.9, 0.0]]), np.array([-1.2, 0.3]), states)
    rng = np.random.default_rng(seed)
    return np.hstack([(states[rng.choice(4, samples, p=law)] + 1) / 2 for _ in range(8)])


@pytest.mark.thorough
@pytest.mark.parametrize("together", [1500, 0])
def test_a_coupling_without_a_limit_in_the_data_is_not_sure(monkeypatch, together):
    """One cell of a pair's table is empty in every fifth pair: then J is what the prior makes of it."""
    monkeypatch.setattr("discrete_ed.ising.standard_errors.TOGETHER", together)
    errors: dict[bool, list[float]] = {True: [], False: []}
    covered: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(6):
        x = rare_and_host(150, seed)
        found = recover_couplings(x, "single-site", "refit")
        named = " ".join(
            warning for warning in found.warnings if "a combination of values that never occurs" in warning
        )
        for i in range(0, 16, 2):
            if not found.couplings[i, i + 1]:
                continue
            empty = not ((x[:, i] == 1) & (x[:, i + 1] == 0)).any()
            errors[empty].append(found.standard_errors[i, i + 1])
            covered[empty].append(abs(found.couplings[i, i + 1] - 0.9) < 1.96 * errors[empty][-1])
            assert (f"x{i + 1} and x{i + 2}" in named) == empty
    assert min(len(one) for one in errors.values()) > 6
    assert min(errors[True]) > 0.5
    assert np.mean(covered[True]) > 0.9
    assert 0.85 < np.mean(covered[False]) <= 1
    assert np.mean(errors[False]) < 0.3


def test_the_floor_of_errors_moves_none_that_the_data_settle(monkeypatch):
    for estimator in ("single-site", "interaction-screening", "ratio-matching"):
        found = recover_couplings(Y, estimator, "none")
        with monkeypatch.context() as patch:
            patch.setattr("discrete_ed.ising.estimators.least_errors", lambda *_: 0.0)
            without = recover_couplings(Y, estimator, "none")
        assert np.array_equal(found.standard_errors, without.standard_errors)
        assert np.allclose(found.field_errors, without.field_errors, rtol=0.03)


@pytest.mark.thorough
@pytest.mark.parametrize("estimator", ["single-site", "block", "maximum-likelihood"])
def test_twins_and_constants_are_not_sure_either(estimator):
    x = np.hstack([X[:300, :4], X[:300, :1], np.ones((300, 1))])
    found = recover_couplings(x, estimator, "refit")
    assert found.standard_errors[0, 4] > 0.5
    assert found.field_errors[5] > 0.5
    unsure = recover_couplings(x, estimator, "zero").field_errors[5]
    assert unsure > 0.5
    assert recover_couplings(x, estimator, "common").field_errors[5] == pytest.approx(unsure, rel=0.03)


def test_without_fields_an_empty_cell_is_no_limit_missing():
    """`s_i s_j` is then all that a coupling weighs, and the pair is seen alike and unlike."""
    x = np.array([[1, 1], [0, 0], [0, 1]] * 40)
    (warning,) = recover_couplings(x, "single-site", "none").warnings
    assert warning.endswith("only the prior keeps them finite: x1 and x2")
    assert not recover_couplings(x, "single-site", "none", fields=False).warnings


def test_counts_of_a_pair_are_those_of_its_table():
    spins = 2 * Y.double().numpy() - 1
    first, second = Y[:, 3].numpy(), Y[:, 1].numpy()
    table = [((first == a) & (second == b)).sum() for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
    assert pair_counts(spins, np.array([[0, 2], [3, 1]]))[1].tolist() == table
    assert len(set(table)) == 4


@pytest.mark.thorough
def test_other_standard_errors_agree_with_the_sandwich():
    sandwich = recover_couplings(Y, "single-site", "none").standard_errors
    upper = sandwich > 0
    for estimator, low, high in (("maximum-likelihood", 0.8, 1.1), ("bernoulli", 0.6, 2.0), ("block", 0.6, 1.6)):
        found = recover_couplings(Y, estimator, "none", settings=EstimatorSettings(epsilon=0.2)).standard_errors
        assert low < np.median(found[upper] / sandwich[upper]) < high


@pytest.mark.thorough
@pytest.mark.parametrize("true", [True, False])
def test_errors_of_maximum_likelihood_are_those_of_repeated_data(true):
    """Whether the model is true or, with a product of three spins in the energy, is not."""
    couplings, fields = np.full((4, 4), 0.2) - 0.2 * np.eye(4), np.array([0.2, -0.1, 0.3, 0.0])
    states = 2.0 * enumerate_states(4).double().numpy() - 1
    law = law_of(couplings, fields, states) * np.exp(0.0 if true else -1.2 * states[:, 0] * states[:, 1] * states[:, 2])
    law /= law.sum()
    rng, upper = np.random.default_rng(0), np.triu_indices(4, 1)
    values, errors, inverse = [], [], []
    for _ in range(70):
        spins = states[rng.choice(16, 800, p=law)]
        found = recover_couplings((spins + 1) / 2, "maximum-likelihood", "none")
        values.append(np.append(found.couplings[upper], found.fields))
        errors.append(np.append(found.standard_errors[upper], found.field_errors))
        information = fisher_information(spins, Support.all_pairs(4, with_fields=True))
        inverse.append(np.sqrt(np.linalg.inv(information).diagonal() / len(spins)))
    spread, errors, inverse = np.std(values, axis=0), np.mean(errors, axis=0), np.mean(inverse, axis=0)
    assert np.log(spread / errors).mean() == pytest.approx(0, abs=0.07)
    assert np.abs(np.log(spread / errors)).max() < 0.3
    if true:
        assert np.allclose(errors, inverse, rtol=0.05)
    else:  # that information is not the model's
        assert np.abs(np.log(spread / inverse)).max() > 0.4


def test_errors_spin_by_spin_are_near_those_of_all_together(monkeypatch):
    together = recover_couplings(Y, "single-site", "none")
    monkeypatch.setattr("discrete_ed.ising.standard_errors.TOGETHER", 0)
    apart = recover_couplings(Y, "single-site", "none")
    upper = together.standard_errors > 0
    assert np.allclose(apart.standard_errors[upper], together.standard_errors[upper], rtol=0.15)
    assert np.allclose(apart.field_errors, together.field_errors, rtol=0.15)


def test_maximum_likelihood_is_the_pairwise_optimum():
    found = recover_couplings(Y, "maximum-likelihood", "none")
    law = log_law(IsingEnergy(torch.from_numpy(found.couplings), torch.from_numpy(found.fields)), dtype=torch.float64)
    p, states = law.exp().detach(), 2 * enumerate_states(5, dtype=torch.float64) - 1
    spins = 2 * Y.double() - 1
    assert torch.allclose(p @ states, spins.mean(0), atol=2e-3)  # moments match, up to the prior
    assert torch.allclose(states.T @ (p[:, None] * states), spins.T @ spins / len(Y), atol=2e-3)


def test_the_bound_is_that_of_the_enumerated_information():
    states = 2 * enumerate_states(5, dtype=torch.float64).numpy() - 1
    law = log_law(FIELDED.double(), dtype=torch.float64).exp().detach().numpy()
    FIELDED.float()
    i, j = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]).T
    statistics = np.hstack([states[:, i] * states[:, j], states])
    mean = law @ statistics
    information = (statistics * law[:, None]).T @ statistics - np.outer(mean, mean)
    expected = np.sqrt(2 * np.linalg.inv(information).diagonal()[:5].sum() / 1000) / 5
    many = torus_sample(FIELDED, 200_000, (5, 1), generator=torch.Generator().manual_seed(0)).double().numpy()
    found = cramer_rao(2 * many - 1, np.stack([i, j], 1), 1000, with_fields=True)
    assert found == pytest.approx(expected, rel=0.01)
    tied = cramer_rao(2 * many - 1, np.stack([i, j], 1), 1000, with_fields=False, tied=True)
    variance = 5 / (information[:5, :5].sum())
    assert tied == pytest.approx(np.sqrt(2 * variance / 1000) / 5, rel=0.02)


@pytest.mark.parametrize("shape", [(3, 3), (4, 4), (2, 4), (4, 3), (5,), (2, 2, 3)])  # even lengths halve some pairs
def test_the_bound_of_all_pairs_by_wave_vectors_is_that_of_the_whole_information(shape):
    d = int(np.prod(shape))
    rng = np.random.default_rng(0)
    spins = np.where(rng.normal(size=(300, d)) + 0.5 * rng.normal(size=(300, 1)) > 0, 1.0, -1.0)
    grids, axes = spins.reshape(-1, *shape), tuple(range(1, len(shape) + 1))
    moved = np.concatenate([np.roll(grids, shift, axes) for shift in np.ndindex(shape)]).reshape(-1, d)
    pairs = np.stack(np.triu_indices(d, 1), 1)
    expected = cramer_rao(moved, pairs, 100, with_fields=False)
    assert cramer_rao_all_pairs(moved, shape, 100) == pytest.approx(expected, rel=1e-10)
    assert cramer_rao_all_pairs(spins, shape, 100) == pytest.approx(expected, rel=1e-10)  # it moves them by itself
    assert cramer_rao_all_pairs(spins[:2], shape, 100) == np.inf


def test_a_common_law_pulls_estimates_together_as_far_as_they_are_unsure():
    rng = np.random.default_rng(0)
    upper = np.triu_indices(30, 1)
    errors = np.where(rng.random(len(upper[0])) < 0.5, 0.05, 0.3)
    full, error = np.zeros((30, 30)), np.zeros((30, 30))
    truth = 0.5 + 0.1 * rng.standard_normal(len(upper[0]))
    full[upper], error[upper] = truth + errors * rng.standard_normal(len(errors)), errors
    full, error = full + full.T, error + error.T
    law = common_law(full, error)
    better, smaller = law.couplings, law.errors
    assert law.mean == pytest.approx(0.5, abs=0.03)
    assert law.sd == pytest.approx(0.1, abs=0.03)
    assert np.square(better[upper] - truth).mean() < 0.4 * np.square(full[upper] - truth).mean()
    assert (smaller[upper] < errors).all()
    assert np.abs((better[upper] - truth) / smaller[upper]).mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.08)


@pytest.mark.thorough
def test_few_edges_leave_the_mean_of_their_common_law_open():
    """Three edges with the same coupling: what they have in common is no surer than three estimates make it."""
    rng, covered = np.random.default_rng(0), []
    upper, error = np.arange(3), np.zeros((6, 6))
    error[2 * upper, 2 * upper + 1] = 0.05
    for _ in range(100):
        full = np.zeros((6, 6))
        full[2 * upper, 2 * upper + 1] = 0.4 + 0.05 * rng.standard_normal(3)
        law = common_law(full + full.T, error + error.T)
        covered += (np.abs(law.couplings - 0.4) < 1.96 * law.errors)[2 * upper, 2 * upper + 1].tolist()
    assert 0.9 < np.mean(covered) < 0.99


@pytest.mark.filterwarnings("error")
def test_the_common_law_of_one_edge_is_its_estimate():
    x = (np.random.default_rng(0).random((300, 3)) < 0.5).astype(int)
    x[:200, 1] = x[:200, 0]
    refit, common = (recover_couplings(x, "single-site", penalty) for penalty in ("refit", "common"))
    assert len(common.edges) == 1
    assert np.allclose(common.couplings, refit.couplings)
    assert np.allclose(common.standard_errors, refit.standard_errors)


@pytest.mark.thorough
@pytest.mark.parametrize("estimator", ["bernoulli", "block"])
def test_the_jackknife_tells_the_spread_of_repeated_data(estimator):
    ring, values, errors = IsingEnergy.from_graph(lattice(6, 1), 0.4), [], []
    upper = np.triu_indices(6, 1)
    for seed in range(14):
        x = torus_sample(ring, 500, (6, 1), generator=torch.Generator().manual_seed(seed))
        found = recover_couplings(
            x, estimator, "none", fields=False, seed=seed, settings=EstimatorSettings(epsilon=0.05, m=8, block=3)
        )
        values.append(found.couplings[upper])
        errors.append(found.standard_errors[upper])
    spread = np.sqrt(np.var(values, axis=0, ddof=1).mean())
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(spread, rel=0.18)


@pytest.mark.thorough
def test_tables_that_are_hard_get_an_answer_and_a_warning():
    rng = np.random.default_rng(0)
    constant = np.hstack([X[:300, :5], np.ones((300, 1))])
    found = recover_couplings(constant, "single-site")
    assert any(warning.endswith("constant columns carry no information on couplings: x6") for warning in found.warnings)
    assert not found.couplings[5].any()
    twins = np.hstack([X[:300, :5], X[:300, :1]])
    for estimator in ("single-site", "maximum-likelihood"):
        found = recover_couplings(twins, estimator, "refit")
        assert found.couplings[0, 5] > 1
        assert np.isfinite(found.couplings).all()
        assert np.isfinite(found.standard_errors).all()
        first, second = found.warnings
        assert first.startswith("columns that always agree or always differ")
        assert first.endswith(": x1 and x6")
        assert second.startswith("1 coupling is not identified, since the rows can't tell to which of the columns")
        assert "it has no interval: x" in second
    first, _ = recover_couplings(1 - twins[:, ::-1], "single-site", "refit", names=list("abcdef")).warnings
    assert first.endswith(": a and f")
    twins = np.hstack([X[:, :5], X[:, :1]])
    twins[0, 5] = 1 - twins[0, 5]
    (warning,) = recover_couplings(twins, "single-site", "refit").warnings
    assert warning.startswith("couplings of columns with a combination of values that never occurs")
    assert warning.endswith(": x1 and x6")
    twins[0, [0, 5]], twins[1, [0, 5]] = (0, 1), (1, 0)
    (warning,) = recover_couplings(twins, "single-site", "refit").warnings
    assert warning == "couplings above 3, which the prior shrinks: x1 and x6"
    few = recover_couplings(rng.integers(0, 2, (12, 20)), "single-site")
    assert any("fewer samples (12) than spins (20)" in warning for warning in few.warnings)
    assert np.isfinite(few.couplings).all()


def test_fields_of_columns_that_are_seldom_up_are_doubted_where_left_out_pairs_do_not_count():
    rng = np.random.default_rng(0)
    table = np.hstack([rng.random((2000, 3)) < 0.03, rng.random((2000, 2)) < 0.5]).astype(float)

    def doubted(penalty, rows=table, **arguments):
        said = recover_couplings(rows, "single-site", penalty, names=list("abcde"), **arguments).warnings
        return [warning.rpartition(": ")[2] for warning in said if "seldom up" in warning]

    holes = np.where(rng.random(table.shape) < 0.01, np.nan, table)
    assert doubted("zero") == doubted("refit", holes) == ["a, b, c"]
    assert doubted("refit") == doubted("none") == []
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    assert doubted("zero", patterns, weights=counts) == ["a, b, c"]
    assert doubted("zero", patterns, weights=1000 * counts + 1) == []


def test_intervals_of_fields_count_the_pairs_that_were_left_out():
    """Columns that are seldom up, whose couplings can't be seen: without them the fields are far from the true ones."""
    rng = np.random.default_rng(0)
    couplings = np.zeros((8, 8))
    couplings[np.arange(7), np.arange(1, 8)] = 0.4
    fields = rng.uniform(-1.5, -1.1, 8)
    states = enumerate_states(8).numpy()
    spins = 2 * states - 1
    weights = np.exp(((spins @ couplings) * spins).sum(1) + spins @ fields)
    x = states[rng.choice(len(states), 800, p=weights / weights.sum())]
    found = recover_couplings(x, "single-site", "refit")
    assert len(found.edges) < 3
    middles, errors = found.field_intervals
    assert (np.abs(middles - fields) < 1.96 * errors).sum() >= 7
    assert (np.abs(found.fields - fields) < 1.96 * found.field_errors).sum() <= 3
    constant = recover_couplings(np.insert(x, 4, 1, axis=1), "single-site", "refit")  # it acts as a field
    assert np.allclose(np.delete(constant.field_intervals, 4, axis=1), [middles, errors], atol=1e-4)


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (X, {"names": ["a"]}, "names: expected 16 different names"),
        (X, {"names": ["a"] * 16}, "names: expected 16 different names"),
        (X, {"most_missing": 2.0}, "most_missing: expected a share from 0 to 1, got 2"),
        (X, {"blocks": np.where(np.arange(len(X)) < 9, np.nan, 1.0)}, "blocks: expected a block for each row"),
        (X, {"blocks": np.array([None, "a"] * (len(X) // 2), object)}, "blocks: expected a block for each row"),
        ([[1, 0], [1]], {}, "x: expected an array"),
        (np.array(1.0), {}, r"at least 10 samples of 2 spins, got shape \(\)"),
    ],
)
def test_odd_arguments_are_refused(x, arguments, message):
    with pytest.raises(InputError, match=message):
        recover_couplings(x, "single-site", "zero", **arguments)


def test_masked_cells_are_missing():
    x = Y[:300].double().numpy()
    mask = np.random.default_rng(0).random(x.shape) < 0.2
    masked = recover_couplings(np.ma.masked_array(x, mask), "single-site", "refit")
    holes = recover_couplings(np.where(mask, np.nan, x), "single-site", "refit")
    assert np.array_equal(masked.couplings, holes.couplings)
    lists, arrays = (recover_couplings(x, "single-site", "zero").fields for x in (X.tolist(), X))
    assert np.array_equal(lists, arrays)


def test_values_of_one_variable_are_named():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (200, 2))
    codes = np.concatenate([bits, np.eye(3, dtype=int)[rng.integers(0, 3, 200)]], 1)
    said = recover_couplings(codes, "single-site", "zero", names=list("abcde")).warnings
    assert len([warning for warning in said if "exactly one of some columns" in warning]) == 1
    assert "exactly one of some columns is 1 in every row" in said[0]
    assert said[0].endswith("estimate --types auto: c to e")
    for others in (codes[:, :-1], bits, np.concatenate([bits, 1 - bits[:, 1:]], 1)):
        assert not any(
            "exactly one" in warning for warning in recover_couplings(others, "single-site", "zero").warnings
        )


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (np.full((20, 3), 0.5), {}, "zeros and ones"),
        (-np.ones((20, 3)), {}, "columns that vary, got 3 constant"),
        (np.array([[-1, 0], [0, 1]] * 10), {}, r"got -1 \(spins s are states as \(s \+ 1\) / 2\)"),
        (np.zeros((5, 3)), {}, "at least 10 samples"),
        (np.zeros((20, 1)), {}, "2 spins"),
        (np.zeros(20), {}, "table"),
        (np.zeros((20, 3)), {"estimator": "score"}, "estimator: expected one of auto"),
        (np.zeros((20, 3)), {"penalty": "l2"}, "penalty: expected one of auto"),
        (np.zeros((20, 21)), {"estimator": "maximum-likelihood"}, "at most 20 spins"),
        (np.tile([0, 1, 1], (20, 1)), {}, "x: expected columns that vary, got 3 constant in all rows"),
    ],
)
def test_bad_arguments_are_refused(x, arguments, message):
    with pytest.raises(InputError, match=message):
        recover_couplings(x, **arguments)


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_couplings():
    one, two = (recover_couplings(X[:500], "bernoulli", "refit", fields=False, seed=4) for _ in range(2))
    assert np.array_equal(one.couplings, two.couplings)
    assert np.array_equal(one.standard_errors, two.standard_errors)
