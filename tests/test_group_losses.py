"""Losses over groups of bits: values against enumeration, and no gradient at the truth."""

from __future__ import annotations

import warnings
from math import log

import pytest
import torch
from place import DEVICE, FLOAT, fixed, normal, rounding, seeded
from torch import Tensor

from discrete_ed import (
    Clamped,
    ContrastiveDivergence,
    Energy,
    Groups,
    InputError,
    MLPEnergy,
    interaction_screening,
    pseudo_likelihood,
    ratio_matching,
    single_site_discrepancy,
)
from discrete_ed.theory import relations

pytestmark = pytest.mark.anywhere

MIXED = Groups(((0, 5, 2), (1, 3)), bits=7)
STATES = MIXED.states(FLOAT, DEVICE)
PLACE = 2.0 ** torch.arange(7, dtype=FLOAT)


class Table(Energy):
    """A parameter for each of the states."""

    def __init__(self, energies: Tensor) -> None:
        super().__init__()
        self.energies = torch.nn.Parameter(energies)
        self.groups = MIXED
        self.row = torch.zeros(128, dtype=torch.long).scatter(0, (STATES @ PLACE).long(), torch.arange(24))

    def forward(self, x: Tensor) -> Tensor:
        return self.energies[self.row[(x @ PLACE).long()]]


def over_data(loss, energy: Energy, law: Tensor) -> Tensor:
    """The mean of the loss of each state under a law."""
    return torch.stack([loss(energy, STATES[[k]]) for k in range(24)]) @ law


LOSSES = [
    pseudo_likelihood,
    ratio_matching,
    interaction_screening,
    single_site_discrepancy,
    lambda energy, x: single_site_discrepancy(energy, x, epsilon=0.2),
]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_population_gradient_is_zero_at_the_truth(loss):
    law = normal(fixed(1), 24).softmax(0)
    truth, wrong = Table(-law.log() + 2), Table(normal(fixed(2), 24))
    for energy, right in ((truth, True), (wrong, False)):
        (slope,) = torch.autograd.grad(over_data(loss, energy, law), energy.energies)
        assert (slope.abs().max() < rounding(1e-12)) == right
        assert right or slope.abs().max() > 1e-3
    hessian = torch.autograd.functional.hessian(
        lambda e: over_data(loss, _with(truth, e), law), truth.energies.detach()
    )
    flat = torch.linalg.eigvalsh(hessian) < rounding(1e-9)
    assert int(flat.sum()) == 1  # a constant is all that can be added to the energy


def _with(energy: Table, energies: Tensor) -> Energy:
    """The same table with other energies, which gradients reach."""
    del energy.energies
    energy.energies = energies  # type: ignore[assignment]
    return energy


def redrawn(variable: int, epsilon: float) -> Tensor:
    """`q(y|x)`: one variable is redrawn uniformly with probability 2ε, `y` shows which."""
    values = MIXED.decode(STATES)
    others = [v for v in range(4) if v != variable]
    alike = (values[:, None, others] == values[:, others]).all(-1)
    return alike * 2 * epsilon / MIXED.sizes[variable] + (1 - 2 * epsilon) * torch.eye(24, dtype=FLOAT)


@pytest.mark.parametrize("epsilon", [0.2, 0.5])
def test_values_agree_with_enumeration(epsilon):
    law, energy = normal(fixed(1), 24).softmax(0), Table(normal(fixed(2), 24))
    wanted = sum(relations.energy_discrepancy(energy.energies, law, redrawn(v, epsilon)) for v in range(4))
    found = over_data(lambda e, x: single_site_discrepancy(e, x, epsilon=epsilon), energy, law)
    assert torch.allclose(found, wanted, atol=rounding(1e-12))
    model = (-energy.energies).softmax(0).detach()
    given = sum((model @ redrawn(v, 0.5)[:, k] * MIXED.sizes[v]).log() - model[k].log() for v in range(4) for k in [5])
    assert torch.allclose(pseudo_likelihood(energy, STATES[[5]]), given, atol=rounding(1e-12))
    if epsilon == 0.5:
        assert torch.allclose(over_data(pseudo_likelihood, energy, law) - log(24), found, atol=rounding(1e-12))


def test_frozen_groups_have_no_part():
    energy = Table(normal(fixed(2), 24))
    values = [loss(energy, STATES) for loss in LOSSES]
    frozen = Clamped(energy, torch.tensor([True, True, True, True, False, True, False]))
    some = [loss(frozen, STATES) for loss in LOSSES]
    assert all(0 < part < whole for part, whole in zip(some, values, strict=True) if whole > 0)
    rest = Clamped(energy, torch.tensor([False, False, False, False, True, False, True]))
    both = [loss(rest, STATES) + part for loss, part in zip(LOSSES, some, strict=True)]
    assert torch.allclose(torch.stack(both), torch.stack(values), atol=rounding(1e-12))
    none = Clamped(energy, torch.ones(7, dtype=torch.bool))
    assert max(abs(loss(none, STATES).item()) for loss in LOSSES) < rounding(1e-12)


@pytest.mark.parametrize("buffer", [0, 20])
def test_contrastive_divergence_moves_inside_groups(buffer):
    energy = MLPEnergy(7, hidden=(8,)).to(DEVICE)
    energy.groups = MIXED
    loss = ContrastiveDivergence(steps=3, buffer=buffer, generator=seeded(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(12):
            value = loss(energy, STATES[:10].float())
    value.backward()
    assert energy.net[0].weight.grad.abs().max() > 1e-4
    if buffer:
        assert MIXED.valid(loss.buffer).all()


def test_data_that_are_no_states_of_the_groups_are_refused():
    for loss in (*LOSSES, ContrastiveDivergence(steps=1)):
        with pytest.raises(InputError, match="exactly one bit of each group to be on, got 0"):
            loss(Table(normal(fixed(2), 24)), torch.zeros(3, 7, dtype=FLOAT))
