"""Likelihoods over groups of bits: sums over the states of the groups, and annealing that brackets them."""

from __future__ import annotations

from math import log

import pytest
import torch
from contracts import mlp, rbm
from group_contracts import grouped
from place import DEVICE, FLOAT, number_of, rounding, seeded

from discrete_ed import (
    DMALA,
    BernoulliEnergy,
    BlockGibbs,
    Clamped,
    Energy,
    Exact,
    Gibbs,
    GibbsWithGradients,
    Groups,
    InputError,
    RBMEnergy,
    SumEnergy,
    Taylor,
    ais,
    estimate_log_z,
    importance_log_z,
    log_law,
    log_likelihood,
    log_z,
    moments,
    rbm_log_z,
    rbm_marginals,
)
from discrete_ed.likelihood.base import Mixture
from discrete_ed.likelihood.enumeration import sample_law
from discrete_ed.likelihood.starting import path_to

MIXED = Groups(((0, 5, 2), (1, 3)), bits=7)
STATES = MIXED.states(FLOAT, DEVICE)
LARGE = Groups.one_hot([4] * 12, bits=50)  # 2^26 states


def network() -> Energy:
    return grouped(mlp(7), MIXED)


def test_sums_are_over_the_states_of_the_groups():
    energy = network()
    weight = (-energy(STATES)).detach().exp()
    assert log_z(energy) == pytest.approx(weight.sum().log().item(), abs=rounding(1e-12))
    law = (weight / weight.sum()).to(FLOAT)
    assert torch.allclose(log_law(energy).exp(), law, atol=rounding(1e-12))
    assert torch.allclose(moments(energy).marginals, (law @ STATES).double(), atol=rounding(1e-12))
    assert torch.allclose(moments(energy).pairs, (STATES.T * law @ STATES).double(), atol=rounding(1e-12))
    found = log_likelihood(energy, STATES)
    assert found.exact
    assert torch.allclose(found.values.exp().to(FLOAT), law, atol=rounding(1e-12))
    x = sample_law(energy, 20_000, seeded(0))
    place = torch.zeros(128, dtype=torch.long).scatter(0, number_of(STATES), torch.arange(24))
    seen = place[number_of(x)].bincount(minlength=24) / 20_000
    assert ((seen - law).abs() < 4.5 * (law * (1 - law) / 20_000).sqrt() + 1e-6).all()


class Never(Energy):
    """An energy without a possible state."""

    bits = 7

    def forward(self, x):
        return torch.full_like(x[..., 0], torch.inf)


@pytest.mark.parametrize("groups", [None, MIXED])
@pytest.mark.parametrize("of", [log_z, log_law])
def test_an_energy_without_a_possible_state_has_no_law(groups, of):
    with pytest.raises(InputError, match=r"got \+inf of Never at all states"):
        of(grouped(Never(), groups))


def test_a_machine_is_summed_over_its_hidden_bits():
    machine = grouped(rbm(7, 3), MIXED)
    direct = (-machine(STATES)).logsumexp(0).item()
    assert rbm_log_z(machine) == pytest.approx(direct, abs=rounding(1e-12))
    law = (-machine(STATES)).softmax(0).detach()
    assert torch.allclose(rbm_marginals(machine), (law @ STATES).double(), atol=rounding(1e-12))
    large = RBMEnergy(50, 3, scale=0.0)
    large.groups = LARGE
    assert log_z(large) == pytest.approx(12 * log(4) + 5 * log(2), abs=1e-9)


@pytest.mark.parametrize(
    ("kernel", "local"), [(Gibbs(), Exact), (GibbsWithGradients(), Taylor), (DMALA(0.5), Taylor)], ids=str
)
def test_annealed_importance_sampling_brackets_the_sum(kernel, local, generator):
    energy = network()
    law = (-energy(STATES)).softmax(0).detach()
    x = STATES[torch.randint(24, (400,), generator=generator)]
    target = STATES[law.multinomial(400, replacement=True, generator=generator)]
    betas = torch.linspace(0, 1, 60).tolist()
    bracket = ais(kernel, local(energy), x, target, betas, generator=generator)
    assert bracket.contains(log_z(energy))
    assert bracket.upper - bracket.lower < 0.5


def test_annealing_of_a_conditional_law_counts_the_values_that_are_left(generator):
    known = torch.tensor([True, True, True, False, True, True, True])  # bit 1 is known, and so is its group
    known[2] = False
    energy = Clamped(network(), known & (torch.arange(7) != 3))
    inside = STATES[(STATES[:, [0, 1, 5]] == torch.tensor([0.0, 1.0, 0.0])).all(1) & (STATES[:, 4] == 0)]
    inside = inside[inside[:, 6] == 1]
    assert len(inside) == 1  # bit 2 is all that is left of its group
    bracket = ais(Gibbs(), Exact(energy), inside.expand(5, -1), inside.expand(5, -1), [0.0, 1.0], generator=generator)
    assert bracket.lower == pytest.approx(-energy(inside).item(), abs=rounding(1e-9))


def layered() -> Energy:
    return SumEnergy(grouped(BernoulliEnergy(torch.linspace(-1, 1, 7, dtype=FLOAT)), MIXED), mlp(7))


class Opaque(Energy):
    """An energy whose layers aren't known."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = mlp(7)
        self.bits = 7
        self.groups = MIXED

    def forward(self, x):
        return self.inner(x)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "base"),
    [
        (layered, "mixture"),
        (lambda: Opaque().to(DEVICE), "frequencies"),
        (lambda: grouped(rbm(7, 3), MIXED), "frequencies"),
        (lambda: grouped(rbm(7, 3), MIXED), "mixture"),
        (layered, "uniform"),
    ],
)
def test_rounds_of_annealing_bracket_the_sum(make, base, generator):
    energy = make()
    law = (-energy(STATES)).softmax(0).detach()
    rows = STATES[law.multinomial(300, replacement=True, generator=generator)]
    found = estimate_log_z(
        energy, rows, base=base, exact=False, temperatures=40, runs=64, width=1.0, generator=generator
    )
    assert found.low - 0.02 < log_z(energy) < found.high + 0.02
    assert found.high - found.low < 0.6
    assert estimate_log_z(energy, rows).exact


def test_a_walk_at_one_temperature_keeps_the_law(generator):
    energy = layered()
    law = (-energy(STATES)).softmax(0).detach()
    x = STATES[law.multinomial(6000, replacement=True, generator=generator)]
    path = path_to(energy, Mixture.independent(torch.zeros(7, dtype=FLOAT), MIXED))
    walk = path.walk(x[:0], x, torch.ones(6, dtype=torch.float64), 3, generator)
    seen = walk.x.mean(0)
    wanted = law @ STATES
    assert MIXED.valid(walk.x).all()
    assert ((seen - wanted).abs() < 4.5 * (wanted * (1 - wanted) / 6000).sqrt()).all()


def test_mixtures_are_normalised_over_the_states_of_the_groups(generator):
    x = STATES[torch.randint(24, (400,), generator=generator)]
    for law in (Mixture.fitted(x, generator, groups=MIXED), Mixture.independent(torch.linspace(-1, 1, 7), MIXED)):
        states = STATES.to(law.logits.dtype)
        assert law.log_p(states).exp().sum().item() == pytest.approx(1, abs=1e-5)
        samples = law.sample(4000, generator)
        assert MIXED.valid(samples).all()
        wanted = law.log_p(states).exp() @ states
        assert (samples.mean(0) - wanted).abs().max() < 0.04


def test_importance_sampling_counts_the_states():
    energy = BernoulliEnergy(50)
    energy.groups = LARGE
    assert importance_log_z(energy, 100)[0] == pytest.approx(12 * log(4) + 2 * log(2), abs=1e-5)
    with pytest.raises(InputError, match=r"at most 2\^20 states to sum over, got 2\^26"):
        log_z(energy)
    with pytest.raises(InputError, match=r"at most 2\^20 states to enumerate, got 2\^26"):
        log_law(energy)
    with pytest.raises(InputError, match="a mixture with the groups of the energy"):
        estimate_log_z(energy, LARGE.uniform(3, torch.zeros(1)), base=Mixture.independent(torch.zeros(50)))


def test_block_gibbs_and_annealing_agree_on_a_machine(generator):
    machine = grouped(rbm(7, 3), MIXED)
    target = STATES[(-machine(STATES)).softmax(0).detach().multinomial(300, replacement=True, generator=generator)]
    with pytest.raises(InputError, match="inverse temperature 1"):
        ais(BlockGibbs(), Exact(machine), target, target, [0.0, 0.5, 1.0], generator=generator)
