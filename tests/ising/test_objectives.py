"""What Ising estimators minimise: equal to the general losses, to enumeration, and to their own numerical slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from discrete_ed import (
    IsingEnergy,
    enumerate_states,
    interaction_screening,
    log_law,
    log_z,
    pseudo_likelihood,
    ratio_matching,
)
from discrete_ed.ising.objectives import (
    BernoulliDiscrepancy,
    BlockDiscrepancy,
    NegativeLogLikelihood,
    SiteObjective,
    enumerated,
    log_logistic,
    screening,
    squared_ratio,
)
from discrete_ed.ising.parameters import Parameters

D = 5
RNG = np.random.default_rng(0)
SPINS = np.where(RNG.random((40, D)) < 0.6, 1.0, -1.0)
COUPLINGS = np.triu(0.5 * RNG.standard_normal((D, D)), 1)
COUPLINGS = COUPLINGS + COUPLINGS.T
FIELDS = 0.3 * RNG.standard_normal(D)
PARAMETERS = Parameters(COUPLINGS, FIELDS)
ENERGY = IsingEnergy(torch.from_numpy(COUPLINGS), torch.from_numpy(FIELDS))
OBJECTIVES = {
    "log_logistic": SiteObjective(SPINS, log_logistic),
    "screening": SiteObjective(SPINS, screening),
    "squared_ratio": SiteObjective(SPINS, squared_ratio),
    "block": BlockDiscrepancy.sampled(SPINS, np.random.default_rng(1), size=3, epsilon=0.2),
    "block of one": BlockDiscrepancy.sampled(SPINS, np.random.default_rng(1), size=1, epsilon=0.4),
    "bernoulli": BernoulliDiscrepancy.sampled(SPINS, np.random.default_rng(1), epsilon=0.3, m=4),
    "bernoulli, w = 0": BernoulliDiscrepancy.sampled(SPINS, np.random.default_rng(1), epsilon=0.3, m=4, w=0.0),
    "likelihood": NegativeLogLikelihood(SPINS),
}


def bits(spins: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((spins + 1) / 2)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_slopes_are_the_numerical_ones(name):
    objective = OBJECTIVES[name]
    gradient = objective(PARAMETERS).gradient
    pairs, fields = gradient.couplings, gradient.fields
    assert (pairs == pairs.T).all()
    assert not pairs.diagonal().any()
    step = 1e-5
    for i in range(D):
        for j in range(i):
            ends = []
            for sign in (1, -1):
                moved = COUPLINGS.copy()
                moved[i, j] = moved[j, i] = moved[i, j] + sign * step
                ends.append(objective(Parameters(moved, FIELDS)).value)
            assert pairs[i, j] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-7)
        shift = step * np.eye(D)[i]
        up, down = (objective(Parameters(COUPLINGS, FIELDS + sign * shift)).value for sign in (1, -1))
        slope = (up - down) / (2 * step)
        assert fields[i] == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "loss"),
    [("log_logistic", pseudo_likelihood), ("screening", interaction_screening), ("squared_ratio", ratio_matching)],
)
def test_local_objectives_are_the_general_losses(name, loss):
    value = OBJECTIVES[name](PARAMETERS).value
    assert value == pytest.approx(loss(ENERGY, bits(SPINS)).item(), abs=1e-12)


def test_likelihood_is_enumerated():
    law = log_law(ENERGY, dtype=torch.float64)
    rows = bits(SPINS).long() @ (2 ** torch.arange(D - 1, -1, -1))
    assert OBJECTIVES["likelihood"](PARAMETERS).value == pytest.approx(-law[rows].mean().item(), abs=1e-12)


@pytest.mark.parametrize("w", [0.0, 0.5, 1.0])
def test_bernoulli_is_what_its_copies_give_when_they_are_built(w):
    objective = BernoulliDiscrepancy.sampled(SPINS, np.random.default_rng(2), epsilon=0.4, m=3, w=w)
    states = np.repeat(objective.perturbed, 4, axis=0)
    for c in range(len(states)):
        states[c, objective.sites[objective.starts[c] : objective.starts[c + 1]]] *= -1
    assert np.array_equal(states[::4], SPINS)
    copies = np.delete(states, np.arange(0, len(states), 4), axis=0)
    gaps = (ENERGY(bits(SPINS))[:, None] - ENERGY(bits(copies)).view(-1, 3)).exp()
    expected = torch.log(w / 3 + gaps.mean(1)).mean().item()
    assert objective(PARAMETERS).value == pytest.approx(expected, abs=1e-12)


def test_copies_share_their_perturbed_state_and_flip_as_often_as_epsilon_says():
    spins = np.ones((2000, 10))
    objective = BernoulliDiscrepancy.sampled(spins, np.random.default_rng(0), epsilon=0.1, m=2)
    flipped = np.zeros((6000, 10), dtype=bool)
    flipped[np.repeat(np.arange(6000), np.diff(objective.starts.astype(int))), objective.sites] = True
    assert flipped.sum() == len(objective.sites)  # no site twice
    shared, one, other = flipped[0::3], flipped[1::3], flipped[2::3]
    assert np.array_equal(shared, objective.perturbed < 0)
    for flips in (shared, one, other):
        assert flips.mean() == pytest.approx(0.1, abs=0.009)
    for first, second in ((one, other), (shared, one)):  # drawn apart
        assert (first & second).mean() == pytest.approx(0.01, abs=0.003)


def test_a_block_is_energy_discrepancy_over_its_states():
    epsilon, block = 0.2, np.array([[[0, 2, 3]]])
    spins = SPINS[:1]
    patterns = 1 - 2 * enumerate_states(3, dtype=torch.float64).numpy()
    states = np.repeat(spins, 8, axis=0)
    states[:, block[0, 0]] *= patterns
    energies = ENERGY(bits(states)).detach().numpy()
    differing = (patterns[:, None] != patterns[None]).sum(-1)
    q = epsilon**differing * (1 - epsilon) ** (3 - differing)
    expected = energies[0] + (q[0] * np.log((q * np.exp(-energies)).sum(1))).sum()
    assert BlockDiscrepancy(spins, block, epsilon)(PARAMETERS).value == pytest.approx(expected, abs=1e-12)


def test_each_samples_spins_are_cut_into_blocks_with_few_left_over():
    blocks = BlockDiscrepancy.sampled(np.ones((200, 11)), np.random.default_rng(0), epsilon=0.1, size=4).blocks
    assert blocks.shape == (200, 2, 4)
    assert all(len(set(sample.ravel())) == 8 for sample in blocks)
    assert np.bincount(blocks.ravel(), minlength=11) == pytest.approx(200 * 8 / 11, abs=4 * np.sqrt(200 * 8 * 3) / 11)
    assert len({sample.tobytes() for sample in blocks}) == 200


def test_blocks_add_up():
    both, one, other = (
        BlockDiscrepancy(SPINS, np.array([blocks] * len(SPINS)), 0.2)(PARAMETERS)
        for blocks in ([[0, 2], [1, 4]], [[0, 2]], [[1, 4]])
    )
    assert both.value == pytest.approx(one.value + other.value, abs=1e-12)
    for name in ("couplings", "fields"):
        added = getattr(one.gradient, name) + getattr(other.gradient, name)
        np.testing.assert_allclose(getattr(both.gradient, name), added, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda s: SiteObjective(s, log_logistic),
        lambda s: SiteObjective(s, screening),
        lambda s: SiteObjective(s, squared_ratio),
        lambda s: BlockDiscrepancy(s, np.array([[[0, 3]]]), 0.1),
        lambda s: BlockDiscrepancy(s, np.array([[[1, 2, 4]]]), 0.5),
        NegativeLogLikelihood,
    ],
)
def test_the_population_slope_is_zero_at_the_truth_and_nowhere_else(make):
    states = 2 * enumerate_states(D, dtype=torch.float64).numpy() - 1
    law = log_law(ENERGY, dtype=torch.float64).exp().detach().numpy()

    def slope(couplings, fields):
        found = [make(state[None])(Parameters(couplings, fields)) for state in states]
        return sum(p * part.gradient.couplings for p, part in zip(law, found, strict=True))

    assert np.abs(slope(COUPLINGS, FIELDS)).max() < 1e-12
    assert np.abs(slope(COUPLINGS * 1.3, FIELDS)).max() > 1e-3


@pytest.mark.parametrize("name", ["block", "block of one", "bernoulli", "bernoulli, w = 0"])
def test_rows_of_an_objective_keep_what_was_drawn(name):
    """A mean over some samples and one over the others make the mean over all."""
    whole = OBJECTIVES[name]
    chosen = np.random.default_rng(2).permutation(40)
    first, second = (whole.rows(part)(PARAMETERS) for part in (chosen[:13], chosen[13:]))
    expected = whole(PARAMETERS)
    assert (13 * first.value + 27 * second.value) / 40 == pytest.approx(expected.value, abs=1e-12)
    for name in ("couplings", "fields"):
        mean = (13 * getattr(first.gradient, name) + 27 * getattr(second.gradient, name)) / 40
        assert np.allclose(mean, getattr(expected.gradient, name), atol=1e-12)


def test_the_enumerated_law_is_that_of_the_energy():
    found = enumerated(PARAMETERS)
    log_probabilities = log_law(ENERGY, dtype=torch.float64).detach().numpy()
    assert np.allclose(np.log(found.law), log_probabilities, atol=1e-12)
    assert found.states.shape == (2**D, D)
    assert found.log_z == pytest.approx(log_z(ENERGY, dtype=torch.float64), abs=1e-12)


def test_the_loss_of_copies_falls_to_its_least_value_where_data_can_be_told_from_all_copies():
    spins = np.ones((50, D))
    objective = BernoulliDiscrepancy.sampled(spins, np.random.default_rng(0), epsilon=0.5, m=1, w=0.5)
    strong = objective(Parameters(np.zeros((D, D)), np.full(D, 30.0)))
    assert objective.least == pytest.approx(np.log(0.5))
    assert strong.value >= objective.least
    assert objective(Parameters.zeros(D)).value > objective.least + 0.5
    assert BernoulliDiscrepancy.sampled(spins, np.random.default_rng(0), epsilon=0.5, w=0.0).least == -np.inf
