"""States of an energy's law by weights and annealing, against the exact law of small spaces."""

from __future__ import annotations

from math import pi

import pytest
import torch
from torch import Tensor

from discrete_ed import Energy, Groups, IsingEnergy, MLPEnergy, PottsEnergy, RBMEnergy, log_law
from discrete_ed.likelihood import annealed_states
from discrete_ed.likelihood.annealed_states import AnnealedStates, StatePath
from discrete_ed.likelihood.base import Mixture
from discrete_ed.states import enumerate_states


@pytest.fixture
def few(monkeypatch):
    """So few states of the base that their weights don't suffice, and that runs are resampled on the way."""
    monkeypatch.setattr(annealed_states, "PROPOSED", 2000)
    monkeypatch.setattr(annealed_states, "PART_PROPOSED", 2000)
    monkeypatch.setattr(annealed_states, "SPARE", 0.98)
    monkeypatch.setattr(annealed_states, "HALF", 0.99)


def network(g: torch.Generator) -> MLPEnergy:
    energy = MLPEnergy(6, (8,))
    for parameter in energy.parameters():
        parameter.data = torch.randn(parameter.shape, generator=g) * 1.5
    return energy


def machine(g: torch.Generator) -> RBMEnergy:
    energy = RBMEnergy(6, 3)
    energy.weight.data = 3 * torch.randn(6, 3, generator=g)
    energy.visible_bias.data = -energy.weight.data.sum(1) / 2
    return energy


def spins(g: torch.Generator) -> IsingEnergy:
    couplings = 1.5 * torch.randn(6, 6, generator=g)
    return IsingEnergy(couplings.triu(1) + couplings.triu(1).T, torch.zeros(6))


def values(g: torch.Generator) -> PottsEnergy:
    energy = PottsEnergy(Groups.one_hot([3, 3]))
    for parameter in energy.parameters():
        parameter.data = 2 * torch.randn(parameter.shape, generator=g)
    return energy


ENERGIES = {"network": network, "machine": machine, "spins": spins, "values": values}


def numbers(x: Tensor) -> Tensor:
    return (x.long() * 2 ** torch.arange(x.shape[1], device=x.device)).sum(1)


def law(energy: Energy, bits: int) -> Tensor:
    """The exact probability of every number, `(2^D,)`."""
    groups = energy.groups
    x = enumerate_states(bits) if groups is None else groups.states()
    found = torch.zeros(2**bits, dtype=torch.float64)
    found[numbers(x)] = log_law(energy).double().exp()
    return found


def runs(energy: Energy, bits: int, count: int, repeats: int, g: torch.Generator) -> list[AnnealedStates]:
    base = Mixture.independent(torch.zeros(bits), energy.groups)
    rows = base.sample(100, g)
    return [StatePath(energy, rows, g).sample(rows[:5], [count], 30) for _ in range(repeats)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.thorough] * (name in ("network", "values"))) for name in ENERGIES]
)
@pytest.mark.usefixtures("few")
def test_annealed_states_follow_the_exact_law(name, generator):
    energy = ENERGIES[name](generator)
    found = runs(energy, 6, 400, 10, generator)
    assert all(states.beta < 1 for states in found)
    exact = law(energy, 6)
    x = torch.cat([states.states for states in found])
    shares = numbers(x).bincount(minlength=64) / len(x)
    independent = sum(states.ancestors for states in found)
    chance = (exact * (1 - exact) / independent * 2 / pi).sqrt().sum() / 2  # the mean of the total variation, if normal
    assert (shares - exact).abs().sum() / 2 < 2 * chance


def equal_pairs(x: Tensor) -> float:
    """The share of pairs of states that are equal."""
    counts = numbers(x).bincount().double()
    return ((counts * (counts - 1)).sum() / (len(x) * (len(x) - 1))).item()


@pytest.mark.thorough
def test_copies_go_apart(monkeypatch, generator):
    """200 states descend from some 30 states of the base, yet no more of them are equal than the law allows."""
    monkeypatch.setattr(annealed_states, "PROPOSED", 64)
    monkeypatch.setattr(annealed_states, "PART_PROPOSED", 64)
    energy = MLPEnergy(10, (8,))
    for parameter in energy.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.8
    found = runs(energy, 10, 200, 20, generator)
    exact = law(energy, 10).square().sum().item()
    shares = torch.tensor([equal_pairs(states.states) for states in found])
    assert max(states.ancestors for states in found) < 64
    assert abs(shares.mean().item() - exact) < 4.5 * shares.std().item() / 20**0.5
    monkeypatch.setattr(StatePath, "_first", lambda *_: 1.0)  # without annealing, and steps after it, they are copies
    monkeypatch.setattr(StatePath, "chains", lambda _, x, *_steps: x)
    copies = runs(energy, 10, 200, 1, generator)[0]
    assert equal_pairs(copies.states) > 2 * exact


@pytest.mark.usefixtures("few")
def test_counts_that_take_too_long_are_passed_over(generator):
    energy, rows = network(generator), torch.zeros(50, 6)
    path = StatePath(energy, rows, generator)
    seconds = path.cost * 30 * 100
    assert len(path.sample(rows[:2], [4000, 50], 30, seconds=seconds).states) == 50
    assert path.sample(rows[:2], [4000, 2000], 30, seconds=seconds) is None
