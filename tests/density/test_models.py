"""Energies and losses by name, states sampled from them, and what block discrepancy reaches on a table."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from place import DEVICE, FLOAT, all_states, number_of, seeded
from torch import Tensor

from discrete_ed import (
    BernoulliEnergy,
    BlockGibbs,
    Clamped,
    ContrastiveDivergence,
    Energy,
    GibbsWithGradients,
    InputError,
    IsingEnergy,
    NetworkEnergy,
    RBMEnergy,
    SumEnergy,
    density_energy,
    density_loss,
    enumerate_states,
    estimate_log_z,
    load_energy,
    log_law,
    log_z,
    moments,
    save_energy,
    suitable_kernel,
)
from discrete_ed.density import sample_states, validation_score
from discrete_ed.density.losses import LOSSES
from discrete_ed.density.models import ENERGIES
from discrete_ed.names import EPSILON, EnergyName, LossName, NetworkName

pytestmark = pytest.mark.anywhere

DATA = (torch.rand(500, 6, generator=seeded(0)) < torch.linspace(0.2, 0.9, 6)).to(torch.uint8)


@pytest.mark.parametrize("name", ["mlp", "residual", "rbm", "ising"])
def test_energies_start_near_the_marginals_of_the_data(name):
    energy = density_energy(name, 6, width=8, data=DATA)
    start = moments(energy).marginals
    assert (start - DATA.to(FLOAT).mean(0)).abs().max() < 0.2
    assert (start - 0.5).abs().max() > 0.2
    again = density_energy(name, 6, width=8, data=DATA)
    assert torch.equal(log_law(energy), log_law(again))


def test_a_network_can_be_saved_and_loaded(tmp_path):
    energy = density_energy("conv", 9, width=3, layers=1, shape=(3, 3), data=DATA.repeat(1, 2)[:, :9])
    save_energy(tmp_path / "saved", energy)
    x = enumerate_states(9, device=DEVICE)
    assert torch.equal(load_energy(tmp_path / "saved", NetworkEnergy).to(DEVICE)(x), energy(x))


@pytest.mark.thorough
@pytest.mark.many_steps
@pytest.mark.parametrize("name", ["ed", "block-ed", "pl", "rm", "cd", "pcd", "ml"])
def test_every_loss_learns_the_same_law(name):
    """One signature: a comparison is a loop. Each fits the pairwise model of its data."""
    g = seeded(0)
    energy = IsingEnergy(3).to(DEVICE)
    truth = IsingEnergy(torch.tensor([[0, 0.7, 0], [0.7, 0, -0.3], [0, -0.3, 0.0]]), torch.tensor([0.2, -0.1, 0.3]))
    law = log_law(truth).exp()
    data = enumerate_states(3, device=DEVICE)[law.multinomial(4000, replacement=True, generator=g)]
    noise = {"epsilon": 0.3} if name in EPSILON else {}
    loss = density_loss(name, block=2, steps=5, buffer=500, m=8, generator=g, **noise)
    optimizer = torch.optim.Adam(energy.parameters(), lr=0.03)
    average = torch.zeros(8)
    for step in range(200):
        optimizer.zero_grad()
        loss(energy, data[torch.randint(4000, (500,), generator=g)]).backward()
        optimizer.step()
        average += log_law(energy).exp().detach() / 100 * (step >= 100)
    assert (average - law).abs().sum() / 2 < 0.04


def test_chains_suit_the_energy():
    assert isinstance(suitable_kernel(RBMEnergy(3, 2).to(DEVICE), purpose="learned"), BlockGibbs)
    assert isinstance(suitable_kernel(IsingEnergy(3).to(DEVICE), purpose="learned"), GibbsWithGradients)
    loss = density_loss("pcd", buffer=7, steps=3)
    assert isinstance(loss, ContrastiveDivergence)
    assert (loss.size, loss.steps) == (7, 3)


def test_maximum_likelihood_is_the_mean_of_the_enumerated_law_and_refuses_many_bits():
    energy, x = density_energy("mlp", 6, width=8, data=DATA), DATA.float()
    rows = number_of(DATA)
    assert density_loss("ml")(energy, x).item() == pytest.approx(-log_law(energy)[rows].mean().item(), abs=1e-5)
    with pytest.raises(InputError, match="at most 16 bits for ml, got 18"):
        density_loss("ml")(BernoulliEnergy(18).to(DEVICE), x.repeat(1, 3))


def test_every_name_of_the_command_line_builds_an_energy_or_a_loss():
    assert tuple(ENERGIES) == get_args(EnergyName)
    assert tuple(LOSSES) == get_args(LossName)
    assert set(get_args(NetworkName)) < set(ENERGIES)


@pytest.mark.parametrize(("loss", "epsilon"), [("ed", 0.1), ("block-ed", 0.5)])
def test_the_noise_of_a_loss_has_one_default(loss, epsilon):
    energy, x = IsingEnergy(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).to(DEVICE), torch.ones(4, 2, device=DEVICE)
    values = [
        density_loss(loss, block=1, generator=seeded(0), **noise)(energy, x).item()
        for noise in ({}, {"epsilon": epsilon}, {"epsilon": 0.25})
    ]
    assert values[0] == values[1] != values[2]
    assert EPSILON[loss] == epsilon


@pytest.mark.parametrize("loss", ["pl", "rm", "cd", "pcd", "ml"])
def test_noise_is_refused_where_a_loss_has_none(loss):
    with pytest.raises(InputError, match=f"epsilon: expected None, since only ed and block-ed have noise, .*'{loss}'"):
        density_loss(loss, epsilon=0.1)


@pytest.mark.thorough
def test_the_mixture_inside_an_energy_is_fitted_to_the_data_shared_by_seeds_and_annealed_from(generator):
    """Two groups of bits: the mixture explains them, all members have the same one, and log Z starts at it."""
    x = (torch.rand(600, 18, generator=generator) < 0.5).float()
    x[:, :9] = x[:, :1]
    first, second = (density_energy("mlp", 18, width=8, components=4, data=x, seed=seed) for seed in (0, 1))
    assert torch.equal(first.base(x), second.base(x))
    assert first.base(x).mean() < 0.7 * 18 * math.log(2)
    assert first.base.flip_delta(x).allclose(Energy.flip_delta(first.base, x), atol=1e-4)
    mean = SumEnergy(first, second, scale=0.5)
    found = estimate_log_z(mean, x, exact=False, seconds=0.3, generator=generator)
    assert found.base == "the mixture of 6 laws of bits along a tree inside the energy"
    truth = log_z(mean)
    assert found.low <= truth <= found.high
    assert found.high - found.low < 0.05
    other = estimate_log_z(mean, x, base="frequencies", exact=False, seconds=0.3, generator=generator)
    assert other.low <= truth <= other.high
    for refused in ({"name": "rbm", "data": x}, {"name": "mlp"}):
        with pytest.raises(InputError, match="components: expected more than 1 only for a network and with data"):
            density_energy(bits=18, components=3, **refused)


@pytest.mark.parametrize("act", [lambda: density_energy("x", 4), lambda: density_loss("x")])
def test_unknown_names_are_refused(act):
    with pytest.raises(InputError, match="expected one of"):
        act()


def test_few_bits_are_sampled_by_enumeration_and_many_by_chains(generator):
    energy = BernoulliEnergy(torch.linspace(-2, 2, 18))
    x = sample_states(energy, 4000, torch.zeros(2000, 18), steps=120, snapshots=2, generator=generator)
    assert x.shape == (4000, 18)
    assert (x.mean(0) - torch.linspace(-2, 2, 18).sigmoid()).abs().max() < 0.06
    assert not torch.equal(x[:2000], x[2000:])
    few = sample_states(BernoulliEnergy(torch.tensor([2.0, -2.0])), 4000, torch.zeros(4000, 2), generator=generator)
    assert (few.mean(0) - torch.tensor([2.0, -2.0]).sigmoid()).abs().max() < 0.04
    with pytest.raises(InputError, match="expected 5 / 2 states"):
        sample_states(energy, 5, torch.zeros(2, 18), snapshots=2)


def test_conditional_laws_are_sampled_from_their_starts_and_not_summed():
    known = Clamped(BernoulliEnergy(torch.tensor([9.0, 9.0])), torch.tensor([True, False]))
    x = sample_states(known, 50, torch.zeros(50, 2), steps=20, generator=seeded())
    assert x[:, 0].sum() == 0
    assert x[:, 1].mean() > 0.9
    with pytest.raises(InputError, match="freezes no bit"):
        density_loss("ml")(known, x)


def test_the_validation_score_prefers_the_truth():
    energy = BernoulliEnergy.from_data(DATA)
    assert validation_score(energy, DATA.float()) > validation_score(BernoulliEnergy(6).to(DEVICE), DATA.float())
    wide = DATA.repeat(1, 3).float()
    assert validation_score(BernoulliEnergy.from_data(wide), wide) > validation_score(
        BernoulliEnergy(18).to(DEVICE), wide
    )


class Free(Energy):
    """A parameter for every state of six bits."""

    bits = 6

    def __init__(self) -> None:
        super().__init__()
        self.energies = torch.nn.Parameter(torch.zeros(64, dtype=FLOAT))

    def forward(self, x: Tensor) -> Tensor:
        return self.energies[(x @ (2.0 ** torch.arange(5, -1, -1, dtype=x.dtype))).long()]


def test_block_discrepancy_of_all_six_bits_reaches_maximum_likelihood():
    """At ε = ½ and k = 6 it is the likelihood itself, whose maximum over all laws is the table's own: TV < 1e-3."""
    g = seeded(1)
    law = (3 * torch.randn(64, generator=g, dtype=FLOAT)).softmax(0).clamp(min=2e-3)
    law = (200 * law / law.sum()).round().clamp(min=1)
    table = all_states(6).repeat_interleave(law.long(), 0)
    energy, loss = Free(), density_loss("block-ed", block=6, epsilon=0.5, generator=g)
    optimizer = torch.optim.LBFGS(energy.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(energy, table)
        value.backward()
        return value

    optimizer.step(closure)
    found = log_law(energy, dtype=FLOAT).exp()
    assert (found - law / law.sum()).abs().sum() / 2 < 1e-3
