"""Likelihoods against enumeration, and brackets that must hold it."""

from __future__ import annotations

import warnings
from math import isnan, log

import pytest
import torch
from contracts import ising, mlp, rbm
from place import DEVICE, FLOAT, all_states, rounding, seeded

from discrete_ed import (
    BernoulliEnergy,
    Clamped,
    Energy,
    Exact,
    FitConfig,
    GibbsSweep,
    GraphEnergy,
    InputError,
    NumericalError,
    RBMEnergy,
    estimate_log_z,
    fit,
    likelihood,
    log_law,
    log_likelihood,
    log_z,
    pseudo_likelihood,
)
from discrete_ed.likelihood.enumeration import enumerated_log_z

pytestmark = pytest.mark.anywhere


@pytest.mark.parametrize("energy", [ising(6), mlp(6), rbm(6, 4)])
def test_the_likelihood_is_that_of_the_enumerated_law(energy, generator):
    law = log_law(energy, dtype=FLOAT).detach()
    rows = law.exp().multinomial(50, replacement=True, generator=generator)
    result = log_likelihood(energy, all_states(6)[rows])
    assert result.exact
    assert result.mean == pytest.approx(law[rows].mean().item(), abs=rounding(1e-9))
    assert result.lower == result.upper == result.mean
    assert result.error == pytest.approx(law[rows].std().item() / 50**0.5)
    assert torch.allclose(result.values, law[rows].double(), atol=rounding(1e-9))
    one = log_likelihood(energy, all_states(6)[rows[:1]])
    assert one.mean == pytest.approx(law[rows[0]].item(), abs=rounding(1e-9))
    assert isnan(one.error)


@pytest.mark.parametrize("places", [[0, 1, 2], [1, 0, 2]])
def test_impossible_states_have_a_log_likelihood_of_minus_infinity(places):
    energy = Bad(lambda e, x: torch.where(x.sum(-1) == 0, torch.inf, 0.0) + e.weight)
    result = log_likelihood(energy, all_states(2)[places].float())
    assert result.values.tolist() == pytest.approx([-torch.inf if k == 0 else -log(3) for k in places])
    assert result.mean == result.lower == -torch.inf
    with pytest.raises(NumericalError, match="finite numbers at data"):
        fit(energy, pseudo_likelihood, iter([all_states(2)[places[:2]].float()]), FitConfig(steps=1))


def test_importance_sampling_takes_the_energy_as_it_is():
    energy = mlp(6)
    log_z_found, error = likelihood.importance_log_z(energy, 4000)
    assert abs(log_z_found - log_z(energy)) < 5 * error
    with pytest.raises(InputError, match="samples: expected at least 2"):
        likelihood.importance_log_z(energy, 0)
    with pytest.raises(InputError, match="freezes no bit"):
        likelihood.importance_log_z(Clamped(energy, torch.arange(6) < 2), 10)


def test_a_large_machine_is_summed_over_its_smaller_layer():
    energy = rbm(40, 3)
    found = estimate_log_z(energy, torch.zeros(2, 40, dtype=FLOAT))
    assert found.exact
    assert found.value == log_z(energy) == pytest.approx(rbm_by_hand(energy), abs=rounding(1e-9))
    with pytest.raises(InputError, match="bits: expected 0 to 20 bits to enumerate, got 40"):
        log_z(rbm(40, 21))


def rbm_by_hand(energy: RBMEnergy) -> float:
    h = all_states(3)
    inputs = energy.visible_bias + h @ energy.weight.T
    return (h @ energy.hidden_bias + torch.log1p(inputs.exp()).sum(-1)).logsumexp(0).item()


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("seed", range(10))
def test_the_bracket_contains_the_enumerated_normaliser(seed, monkeypatch):
    monkeypatch.setattr("discrete_ed.likelihood.partition.exact_log_z", lambda *_: None)
    energy = (ising(8 + seed % 3), mlp(8 + seed), rbm(8 + seed % 4, 5))[seed % 3]
    bits = 8 + (seed % 3, seed, seed % 4)[seed % 3]
    g = seeded(seed)
    x = torch.rand(50, bits, generator=g, dtype=FLOAT).round()
    found = estimate_log_z(energy, x, temperatures=60, runs=100, burn_in=200, width=1.0, generator=g)
    assert not found.exact
    assert found.bracket.contains(enumerated_log_z(energy, energy.bits, FLOAT))
    assert found.bracket.upper - found.bracket.lower < 1.0
    result = log_likelihood(energy, x, log_partition=found)
    truth = -energy(x).mean().item() - enumerated_log_z(energy, energy.bits, FLOAT)
    assert result.lower < result.mean < result.upper
    assert result.lower < truth < result.upper
    assert result.upper - result.lower == pytest.approx(found.high - found.low)


@pytest.mark.many_steps
def test_any_kernel_estimates_and_a_wide_bracket_is_warned_of(monkeypatch, generator):
    monkeypatch.setattr("discrete_ed.likelihood.partition.exact_log_z", lambda *_: None)
    energy, x = ising(8), torch.zeros(10, 8, dtype=FLOAT)
    kernel = {"kernel": GibbsSweep(), "local": Exact, "generator": generator}
    found = estimate_log_z(energy, x, temperatures=20, runs=50, burn_in=20, width=1.0, **kernel)
    assert found.bracket.contains(enumerated_log_z(energy, energy.bits, FLOAT))
    with pytest.warns(RuntimeWarning, match="nats wide"):
        estimate_log_z(ising(8, scale=3.0), x, temperatures=2, runs=10, burn_in=50, width=0.01, **kernel)


class Bad(Energy):
    """An energy that returns whatever it is told."""

    def __init__(self, make) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.make = make

    def forward(self, x):
        return self.make(self, x)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda e, x: x * e.weight, InputError, r"states \(B, D\) to floats \(B,\), got shape \(2, 4\)"),
        (lambda e, x: x.sum() * e.weight, InputError, r"got shape \(\)"),
        (lambda e, x: 3.0, InputError, "got float"),  # noqa: ARG005
        (lambda e, x: x.sum(-1).long(), InputError, "torch.int64"),  # noqa: ARG005
        (lambda e, x: x.sum(-1) * e.weight + torch.nan, NumericalError, "finite numbers at data"),
        (lambda e, x: x.sum(-1) * e.weight - torch.inf, NumericalError, "finite numbers at data"),
    ],
)
def test_energies_that_return_something_else_are_refused(make, error, message):
    with warnings.catch_warnings(), pytest.raises(error, match=message):
        log_likelihood(Bad(make), torch.zeros(3, 4))
    with pytest.raises(error, match=message):
        fit(Bad(make), pseudo_likelihood, iter([torch.zeros(3, 4)]), FitConfig(steps=1))


@pytest.mark.parametrize("make", [lambda e, x: (x.sum(-1) * e.weight).detach(), lambda _, x: x.sum(-1)])
def test_energies_that_gradients_do_not_reach_are_refused_by_fit(make):
    with pytest.raises(InputError, match="gradients reach, got a detached tensor"):
        fit(Bad(make), pseudo_likelihood, iter([torch.zeros(3, 4)]), FitConfig(steps=1))


def test_energies_at_single_states_must_be_numbers():
    energy = Bad(lambda e, x: torch.where(x[..., 0] > 0, torch.nan, 0.0) * e.weight)
    with pytest.raises(NumericalError, match=r"log Z: expected a number|NaN or -inf at 1 of 3"):
        log_likelihood(energy, torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))


@pytest.mark.parametrize(
    ("energy", "x", "message"),
    [
        (BernoulliEnergy(3).to(DEVICE), torch.zeros(0, 3), "at least one, got shape \\(0, 3\\)"),
        (BernoulliEnergy(3).to(DEVICE), torch.zeros(3), "at least one, got shape \\(3,\\)"),
        (BernoulliEnergy(3).to(DEVICE), torch.full((2, 3), 0.5), "zeros and ones"),
        (torch.nn.Linear(3, 1), torch.zeros(2, 3), "expected a discrete_ed.Energy"),
        (GraphEnergy(2, width=2, layers=1).to(DEVICE), torch.zeros(2, 3), "freezes no bit"),
    ],
)
def test_bad_arguments_are_refused(energy, x, message):
    with pytest.raises(InputError, match=message):
        log_likelihood(energy, x)
