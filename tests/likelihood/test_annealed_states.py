"""States of an energy's law by weights and annealing, against the exact law of small spaces."""

from __future__ import annotations

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
    monkeypatch.setattr(annealed_states, "HALF", 0.99)


def network(g: torch.Generator) -> MLPEnergy:
    energy = MLPEnergy(6, (8,))
    for parameter in energy.parameters():
        parameter.data = torch.randn(parameter.shape, generator=g) * 1.5
    return energy


def machine(g: torch.Generator) -> RBMEnergy:
    return RBMEnergy(6, 3, scale=2.0, generator=g)


def spins(g: torch.Generator) -> IsingEnergy:
    couplings = torch.randn(6, 6, generator=g)
    return IsingEnergy(couplings.triu(1) + couplings.triu(1).T, torch.zeros(6))


def values(g: torch.Generator) -> PottsEnergy:
    energy = PottsEnergy(Groups((3, 3)))
    for parameter in energy.parameters():
        parameter.data = torch.randn(parameter.shape, generator=g)
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


@pytest.mark.parametrize("name", list(ENERGIES))
def test_annealed_states_follow_the_exact_law(few, name, generator):
    energy = ENERGIES[name](generator)
    found = runs(energy, 6, 400, 10, generator)
    assert all(states.beta < 1 for states in found)
    exact = law(energy, 6)
    x = torch.cat([states.states for states in found])
    shares = numbers(x).bincount(minlength=64) / len(x)
    chance = (exact * (1 - exact) / (len(x) * 3.14159 / 2)).sqrt().sum() / 2
    assert (shares - exact).abs().sum() / 2 < 2 * chance
