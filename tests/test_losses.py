"""Energy discrepancy against enumeration."""

from __future__ import annotations

import itertools

import pytest
import torch
from place import DEVICE, FLOAT, all_states, fixed, normal, rounding, seeded
from torch import Tensor

from discrete_ed import (
    Bernoulli,
    BernoulliEnergy,
    Block,
    Energy,
    InputError,
    IsingEnergy,
    MLPEnergy,
    NoiseConditionalEnergy,
    NoiseLevels,
    NumericalError,
    contrastive_divergence,
    energy_discrepancy,
    interaction_screening,
    noise_level_discrepancy,
    pseudo_likelihood,
    ratio_matching,
    single_site_discrepancy,
)
from discrete_ed.energies.noise import DenoisingEnergy
from discrete_ed.losses import level_ranking
from discrete_ed.perturbations import IndependentBits
from discrete_ed.theory import relations

pytestmark = pytest.mark.anywhere

STATES = all_states(3)
Q = Bernoulli(epsilon=0.2).matrix(STATES)


class Table(Energy):
    """An energy with a parameter for every state of three bits."""

    def __init__(self, energies: Tensor) -> None:
        super().__init__()
        self.energies = torch.nn.Parameter(energies)

    def forward(self, x: Tensor) -> Tensor:
        return self.energies[(x @ torch.tensor([4.0, 2.0, 1.0], dtype=x.dtype)).long()]


def random_energies(seed: int) -> Tensor:
    return normal(fixed(seed), 8)


def expected_estimate(energies: Tensor, law: Tensor, m: int, w: float) -> Tensor:
    """The estimate's expectation: a sum over the data, the perturbed state and all tuples of M negatives."""
    tuples = torch.tensor(list(itertools.product(range(8), repeat=m)))
    value = torch.log(w / m + (energies.view(8, 1, 1) - energies[tuples].view(1, -1, m)).exp().mean(-1))  # (x, tuple)
    weight = law.unsqueeze(1) * (Q @ Q[:, tuples].prod(-1))
    return (weight * value).sum()


@pytest.mark.parametrize(("m", "w"), [(1, 0.0), (2, 1.0), (3, 0.5)])
def test_the_estimate_agrees_with_its_enumerated_expectation(m, w, generator):
    energies, law = random_energies(0), random_energies(1).softmax(0)
    x = STATES[law.multinomial(400_000, replacement=True, generator=generator)]
    parts = [
        energy_discrepancy(Table(energies), batch, Bernoulli(epsilon=0.2), m=m, w=w, generator=generator).item()
        for batch in x.split(4000)
    ]
    mean, error = torch.tensor(parts).mean().item(), torch.tensor(parts).std().item() / len(parts) ** 0.5
    assert abs(mean - expected_estimate(energies, law, m, w).item()) < 4.5 * error


@pytest.mark.thorough
def test_many_negatives_estimate_energy_discrepancy_itself(generator):
    energies, law = random_energies(0), random_energies(1).softmax(0)
    x = STATES[law.multinomial(10_000, replacement=True, generator=generator)]
    parts = [
        energy_discrepancy(Table(energies), batch, Bernoulli(epsilon=0.2), m=1000, w=0.0, generator=generator).item()
        for batch in x.split(200)
    ]
    mean, error = torch.tensor(parts).mean().item(), torch.tensor(parts).std().item() / len(parts) ** 0.5
    assert abs(mean - relations.energy_discrepancy(energies, law, Q).item()) < 4.5 * error + 1e-3  # + O(1/M)


def test_the_population_gradient_is_zero_where_the_model_is_the_truth():
    law = random_energies(1).softmax(0)
    energies = (-law.log() + 3.0).requires_grad_()
    (slope,) = torch.autograd.grad(relations.energy_discrepancy(energies, law, Q), energies)
    assert slope.abs().max() < rounding(1e-12)
    wrong = random_energies(2).requires_grad_()
    (slope,) = torch.autograd.grad(relations.energy_discrepancy(wrong, law, Q), wrong)
    assert slope.abs().max() > 1e-2


def test_the_truth_is_the_minimum_in_every_direction():
    law = random_energies(1).softmax(0)
    least = relations.energy_discrepancy(-law.log(), law, Q)
    for seed in range(20):
        nearby = -law.log() + 0.1 * random_energies(seed)
        assert relations.energy_discrepancy(nearby, law, Q) > least


@pytest.mark.parametrize("m", [1, 2, 3])
def test_with_w_of_one_even_few_negatives_leave_no_bias(m):
    """At w = 1 the estimate is a ranking loss, consistent for every M; at other w it is not."""
    law = random_energies(1).softmax(0)
    energies = (-law.log()).requires_grad_()
    (slope,) = torch.autograd.grad(expected_estimate(energies, law, m, 1.0), energies)
    assert slope.abs().max() < rounding(1e-12)
    (slope,) = torch.autograd.grad(expected_estimate(energies, law, m, 0.3), energies)
    assert slope.abs().max() > 1e-3


def test_the_gradient_reaches_the_parameters_through_data_and_negatives(generator):
    energy = Table(random_energies(0))
    energy_discrepancy(energy, STATES[[0]], Bernoulli(epsilon=0.5), m=64, generator=generator).backward()
    assert energy.energies.grad is not None
    assert energy.energies.grad[0] > 0  # the energy of the data falls
    assert (energy.energies.grad[1:] <= 0).all()  # that of its negatives rises
    assert energy.energies.grad.sum().abs() < rounding(1e-12)


def test_a_constant_added_to_the_energy_changes_nothing():
    energy, x = MLPEnergy(3, hidden=(4,)).to(DEVICE, FLOAT), STATES[[1, 6]]

    def loss() -> float:
        g = seeded(5)
        return energy_discrepancy(energy, x, Bernoulli(epsilon=0.3), m=4, generator=g).item()

    before = loss()
    energy.net[-1].bias.data.add_(7.0)
    assert loss() == pytest.approx(before, abs=rounding(1e-12))


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (torch.zeros(4, 2) + 0.5, {}, "zeros and ones"),
        (torch.zeros(2), {}, r"shape \(B, D\)"),
        (torch.zeros(0, 2), {}, "B >= 1"),
        (torch.zeros(4, 2), {"m": 0}, "m: "),
        (torch.zeros(4, 2), {"m": 2.5}, r"m: expected a whole number, at least 1, got 2\.5"),
        (torch.zeros(4, 2), {"w": -1.0}, "w: "),
        (torch.zeros(4, 2), {"w": float("nan")}, "w: expected a finite stabilisation of at least 0, got nan"),
        (torch.zeros(4, 2, dtype=torch.uint8), {}, "uint8"),
    ],
)
def test_bad_arguments_are_refused(x, arguments, message):
    with pytest.raises(InputError, match=message):
        energy_discrepancy(IsingEnergy(2).to(DEVICE), x, Bernoulli(epsilon=0.1), **arguments)


def population(loss, energies: Tensor, law: Tensor, **arguments) -> tuple[Tensor, Tensor]:
    """A loss's expectation over the data, every state weighed by its probability, and its gradient."""
    energy = Table(energies)
    value = sum(p * loss(energy, x.unsqueeze(0), **arguments) for p, x in zip(law, STATES, strict=True))
    (slope,) = torch.autograd.grad(value, energy.energies)
    return value.detach(), slope


@pytest.mark.parametrize("loss", [pseudo_likelihood, ratio_matching, interaction_screening, single_site_discrepancy])
def test_local_losses_have_zero_population_gradient_at_the_truth_only(loss):
    law = random_energies(1).softmax(0)
    least, slope = population(loss, -law.log() + 2.0, law)
    assert slope.abs().max() < rounding(1e-12)
    wrong, slope = population(loss, random_energies(2), law)
    assert slope.abs().max() > 1e-2
    assert wrong > least


class Frozen(Table):
    """Of the three bits only the first `keep` may change."""

    def __init__(self, energies: Tensor, keep: int) -> None:
        super().__init__(energies)
        self.keep = keep

    def free(self, x: Tensor) -> Tensor:
        return (torch.arange(3) < self.keep).expand(x.shape)


def test_the_discrepancy_of_a_block_of_all_bits_is_energy_discrepancy():
    energies, law = random_energies(0), random_energies(1).softmax(0)
    value, slope = population(energy_discrepancy, energies, law, perturbation=Block(size=3, epsilon=0.2))
    leaf = energies.clone().requires_grad_()
    expected = relations.energy_discrepancy(leaf, law, Q)
    (expected_slope,) = torch.autograd.grad(expected, leaf)
    torch.testing.assert_close(value, expected.detach(), rtol=0, atol=rounding(1e-12))
    torch.testing.assert_close(slope, expected_slope, rtol=0, atol=rounding(1e-12))


def test_a_block_of_half_noise_is_likelihood_given_the_rest_and_leaves_frozen_bits():
    energies, law = random_energies(0), random_energies(1).softmax(0)
    value, _ = population(energy_discrepancy, energies, law, perturbation=Block(size=3, epsilon=0.5))
    likelihood = (law * (energies + torch.logsumexp(-energies, 0))).sum()
    torch.testing.assert_close(value + torch.tensor(8.0, dtype=FLOAT).log(), likelihood, rtol=0, atol=rounding(1e-12))
    energy = Frozen(energies, keep=2)
    conditional = torch.cat([energies.view(4, 2).T[b] + torch.logsumexp(-energies.view(4, 2).T[b], 0) for b in (0, 1)])
    x = torch.cat([STATES[0::2], STATES[1::2]])
    expected = conditional.mean() - torch.tensor(4.0, dtype=FLOAT).log()
    for size in (2, 3):  # a block larger than the free bits holds just these
        loss = energy_discrepancy(energy, x, Block(size=size, epsilon=0.5))
        assert loss.item() == pytest.approx(expected.item(), abs=rounding(1e-12))


def test_single_bit_blocks_of_half_noise_are_pseudo_likelihood():
    """Each draw is one site of a state; over all draws, the mean site."""
    energy, x = MLPEnergy(3, hidden=(4,)).to(DEVICE, FLOAT), STATES[[3]].expand(20_000, -1)
    draws = energy_discrepancy(energy, x, Block(1, 0.5), generator=seeded(0))
    site = pseudo_likelihood(energy, STATES[[3]]) / 3 - torch.tensor(2.0).log()
    assert abs(draws - site).item() < 0.01 * site.abs().item() + 2e-3


def test_local_losses_count_free_bits_only():
    energy = Frozen(random_energies(0), keep=1)
    delta = energy.flip_delta(STATES)[:, 0]
    assert pseudo_likelihood(energy, STATES).item() == pytest.approx(
        torch.log1p((-delta).exp()).mean().item(), rel=rounding(1e-6)
    )
    assert ratio_matching(energy, STATES).item() == pytest.approx(
        (1 + delta.exp()).pow(-2).mean().item(), rel=rounding(1e-6)
    )
    assert interaction_screening(energy, STATES).item() == pytest.approx(
        (-delta / 2).exp().mean().item(), rel=rounding(1e-6)
    )


def test_contrastive_divergence_has_the_gradient_of_the_likelihood_for_perfect_negatives():
    counts = torch.tensor([1, 2, 3, 4, 1, 2, 3, 4])
    data = STATES.repeat_interleave(counts, 0)
    energies = torch.tensor([4, 3, 2, 1, 4, 3, 2, 1]).to(FLOAT).log().neg()  # p ∝ 4, 3, 2, 1, …
    negatives = STATES.repeat_interleave(torch.tensor([4, 3, 2, 1, 4, 3, 2, 1]), 0)
    energy = Table(energies)
    (slope,) = torch.autograd.grad(contrastive_divergence(energy, data, negatives), energy.energies)
    leaf = energies.clone().requires_grad_()
    likelihood = (counts.to(FLOAT) / counts.sum() * (leaf + torch.logsumexp(-leaf, 0))).sum()
    torch.testing.assert_close(slope, torch.autograd.grad(likelihood, leaf)[0], rtol=0, atol=rounding(1e-12))


@pytest.mark.parametrize("epsilon", [0.1, 0.3, 0.5])
def test_single_site_discrepancy_is_the_sum_of_the_discrepancies_of_single_bits(epsilon):
    energies, law = random_energies(0), random_energies(1).softmax(0)
    value, slope = population(single_site_discrepancy, energies, law, epsilon=epsilon)
    block = Block(1, epsilon).matrix(STATES)  # eight columns for each of three sites, each site with probability 1/3
    leaf = energies.clone().requires_grad_()
    expected = sum(relations.energy_discrepancy(leaf, law, 3 * block[:, 8 * i : 8 * i + 8]) for i in range(3))
    torch.testing.assert_close(value, expected.detach(), rtol=0, atol=rounding(1e-12))
    torch.testing.assert_close(slope, torch.autograd.grad(expected, leaf)[0], rtol=0, atol=rounding(1e-12))


def test_single_site_discrepancy_of_half_noise_is_pseudo_likelihood_and_stays_finite():
    energy = MLPEnergy(3, hidden=(4,)).to(DEVICE, FLOAT)
    shifted = single_site_discrepancy(energy, STATES) + 3 * torch.tensor(2.0, dtype=FLOAT).log()
    torch.testing.assert_close(shifted, pseudo_likelihood(energy, STATES), rtol=0, atol=rounding(1e-12))
    steep = IsingEnergy(torch.zeros(2, 2), fields=torch.tensor([500.0, -500.0]))
    assert single_site_discrepancy(steep, torch.eye(2), epsilon=0.01).isfinite()
    with pytest.raises(InputError, match="epsilon"):
        single_site_discrepancy(steep, torch.eye(2), epsilon=0.0)


class LevelTable(Energy):
    """A network with a free energy for every state at each of two levels, multilinear in the bits."""

    noise_levels = True

    def __init__(self, energies: Tensor) -> None:
        super().__init__()
        self.energies = torch.nn.Parameter(energies)
        self.bits = 2

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        match = (x.unsqueeze(-2) * PAIRS + (1 - x.unsqueeze(-2)) * (1 - PAIRS)).prod(-1)
        return (self.energies[(2 * t).round().long()] * match).sum(-1)


class PredictingTable(LevelTable):
    """The same with predictions of the data, which are wrong: the minimiser must not depend on them."""

    denoiser = True

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        return 2 * x - 1 + t.unsqueeze(-1)


PAIRS = all_states(2)


def level_truth(density: float, kind: type[LevelTable] = LevelTable) -> tuple[Tensor, NoiseConditionalEnergy]:
    """A law of two bits, and the energy that is exactly its own at both levels."""
    noise, law = NoiseLevels(2, density), torch.tensor([0.5, 0.1, 0.15, 0.25], dtype=FLOAT)
    t, free = torch.tensor([0.0, 0.5], dtype=FLOAT), torch.ones(1, 1, 2, dtype=torch.bool)
    blurred = [law @ noise.log_prob(PAIRS, PAIRS.unsqueeze(1), free, noise.keep(level)).exp() for level in t]
    table = -torch.stack(blurred).log() + noise.log_odds * PAIRS.sum(-1)
    return law, NoiseConditionalEnergy(kind(table / noise.bound(t).unsqueeze(-1)), 2, density)


def expected_level_loss(
    energy: NoiseConditionalEnergy, law: Tensor, t: float, later: float, m: int, informed: bool
) -> Tensor:
    """The mean of the loss over data, noise and all sets of negatives."""
    noise, free = energy.noise, torch.ones(1, 2, dtype=torch.bool)
    rows = torch.tensor(list(itertools.product(range(4), repeat=3 + m)))
    data, blurred, y, *negatives = (PAIRS[rows[:, k]] for k in range(3 + m))
    keep = noise.keep(torch.tensor([t, later], dtype=FLOAT))
    log_p = law.log()[rows[:, 0]] + noise.log_prob(blurred, data, free, keep[0])
    log_p = log_p + noise.log_prob(y, blurred, free, keep[1] / keep[0])
    posterior = DenoisingEnergy(energy, t, later, y)
    odds = IndependentBits.informed(posterior, y) if informed else IndependentBits(posterior.evidence)
    states = torch.stack([blurred, *negatives], 1)
    weight = (log_p + odds.log_prob(states[:, 1:]).sum(1)).detach().exp()
    assert weight.sum().item() == pytest.approx(1, abs=rounding(1e-10, 1e-4))
    here = weight > 0
    posterior = DenoisingEnergy(energy, t, later, y[here])
    terms = level_ranking(posterior, data[here], states[here], IndependentBits(odds.log_odds[here]))
    return (weight[here] * terms).sum()


@pytest.mark.parametrize(("kind", "informed"), [(LevelTable, False), (LevelTable, True), (PredictingTable, True)])
@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("density", [0.5, 0.2])
@pytest.mark.parametrize(("t", "later"), [(0.0, 0.5), (0.0, 1.0), (0.5, 1.0)])
def test_the_truth_at_every_level_is_the_minimum_for_every_number_of_negatives(t, later, density, m, kind, informed):
    law, energy = level_truth(density, kind)
    energy.to(DEVICE)
    loss = expected_level_loss(energy, law, t, later, m, informed)
    (slope,) = torch.autograd.grad(loss, energy.network.energies)
    assert slope.abs().max() < rounding(1e-12, 1e-5)
    other = level_truth(density)[1].to(DEVICE)
    other.network.energies.data += 0.3 * normal(fixed(2), 2, 4)
    (slope,) = torch.autograd.grad(expected_level_loss(other, law, t, later, m, False), other.network.energies)
    assert slope.abs().max() > 1e-3
    if not informed:  # informed negatives follow the energy, so other energies have other terms
        assert expected_level_loss(other, law, t, later, m, informed) > loss


@pytest.mark.parametrize(
    ("kind", "informed", "flips", "levels"),
    [
        (LevelTable, False, (1e-9, 1e-9), [(0.0, 0.5), (0.5, 1.0)]),
        (LevelTable, True, (1e-9, 1e-9), [(0.0, 0.5), (0.5, 1.0)]),
        (PredictingTable, True, (1e-9, 1e-9), [(0.0, 0.5), (0.5, 1.0)]),
        # at density 0.3 noise changes 0.84 of two bits at most
        (LevelTable, False, (1.0, 2.0), [(0.0, 1.0), (0.5, 1.0)]),
    ],
)
def test_the_loss_over_levels_has_the_enumerated_mean(kind, informed, flips, levels):
    law, energy = level_truth(0.3, kind)
    energy.to(DEVICE).network.energies.data += 0.3 * normal(fixed(2), 2, 4)
    g = seeded(5)
    with torch.no_grad():
        wanted = sum(expected_level_loss(energy, law, t, e, 2, informed) / 2 for t, e in levels)
        settings = {"m": 2, "reach": 1, "flips": flips, "informed": informed, "generator": g}
        found = [
            noise_level_discrepancy(energy, PAIRS[rows], **settings).item()
            for rows in torch.multinomial(law.float().expand(20, -1), 1000, replacement=True, generator=g)
        ]
    mean, error = sum(found) / 20, torch.tensor(found).std().item() / 20**0.5
    assert abs(mean - wanted.item()) < 5 * error


@pytest.mark.parametrize(
    ("energy", "settings", "message"),
    [
        (IsingEnergy(2), {}, "energy: expected a NoiseConditionalEnergy, got IsingEnergy"),
        (level_truth(0.5)[1], {"m": 0}, "m: expected at least 1, got 0"),
        (level_truth(0.5)[1], {"m": 2.5}, "m: expected a whole number"),
        (level_truth(0.5)[1], {"reach": 0}, "reach: expected at least 1, got 0"),
        (level_truth(0.5)[1], {"reach": 1.5}, "reach: expected a whole number"),
        (level_truth(0.5)[1], {"flips": (0.0, 1.0)}, "flips: expected a range 0 < low <= high, got 0.0 1.0"),
        (level_truth(0.5)[1], {"flips": (2.0, 1.0)}, "flips: expected a range 0 < low <= high, got 2.0 1.0"),
    ],
)
def test_wrong_settings_of_the_loss_over_levels_are_refused(energy, settings, message):
    with pytest.raises(InputError, match=message):
        noise_level_discrepancy(energy, torch.zeros(2, 2), **settings)


LOSSES = {
    "energy discrepancy": lambda energy, x: energy_discrepancy(energy, x, Bernoulli(epsilon=0.1)),
    "pseudo-likelihood": pseudo_likelihood,
    "contrastive divergence": lambda energy, x: contrastive_divergence(energy, x, x),
    "levels": noise_level_discrepancy,
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("broken", ["width", "precision", "one logit"])
def test_states_that_an_energy_does_not_take_are_explained(loss, broken):
    energy = {"pseudo-likelihood": IsingEnergy(6)}.get(loss, MLPEnergy(6, hidden=(4,))).to(DEVICE, torch.float32)
    if loss == "levels":
        energy = NoiseConditionalEnergy(MLPEnergy(6, hidden=(4,), noise_levels=True)).to(DEVICE, torch.float32)
    elif broken == "one logit":
        energy = BernoulliEnergy(torch.zeros(1, device=DEVICE))
    x = torch.zeros(3, 6 if broken != "width" and loss != "levels" else 5, device=DEVICE)
    if broken == "precision":
        x = torch.zeros(3, 6, dtype=torch.float64, device=DEVICE)
        if loss == "pseudo-likelihood":
            energy = MLPEnergy(6, hidden=(4,)).to(DEVICE, torch.float32)
    with pytest.raises(InputError, match=r"^x: expected states (of [16] bits|that .*Energy takes)"):
        LOSSES[loss](energy, x)


@pytest.mark.parametrize("worst", [float("nan"), -float("inf")])
@pytest.mark.parametrize(
    "loss",
    [
        lambda e, x: energy_discrepancy(e, x, Bernoulli(epsilon=0.2), m=4, generator=seeded(0)),
        lambda e, x: energy_discrepancy(e, x, Block(2)),
        pseudo_likelihood,
        ratio_matching,
        interaction_screening,
        single_site_discrepancy,
    ],
    ids=["ed", "block", "pl", "rm", "is", "ssd"],
)
def test_losses_outside_of_a_fit_refuse_what_is_no_energy(loss, worst):
    energies = random_energies(0)
    energies[:] += worst
    with pytest.raises(NumericalError, match=r"energy: expected Table to give numbers or \+∞, got"):
        loss(Table(energies), STATES)


@pytest.mark.parametrize("loss", [pseudo_likelihood, ratio_matching, interaction_screening, single_site_discrepancy])
def test_energies_that_are_no_tensors_are_refused(loss):
    class Outside(Table):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach().cpu().numpy()

    with pytest.raises(InputError, match="energy: expected Outside to give a torch tensor, got ndarray"):
        loss(Outside(random_energies(0)), STATES)
    with pytest.raises(InputError, match="energy: expected Outside to give a torch tensor, got ndarray"):
        energy_discrepancy(Outside(random_energies(0)), STATES, Block(2))
