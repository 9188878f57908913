"""Energy discrepancy's relatives, each on spaces small enough to sum over."""

from __future__ import annotations

from math import log

import pytest
import torch
from place import DEVICE, fixed, normal
from torch import Tensor

from discrete_ed import Bernoulli, Block, Energy, Grid, MeanPool, enumerate_states, pseudo_likelihood
from discrete_ed.theory import relations

pytestmark = pytest.mark.anywhere

DOUBLE = torch.float64
STATES = enumerate_states(4, dtype=DOUBLE, device=DEVICE)
PERTURBATIONS = [Bernoulli(epsilon=0.1), Bernoulli(epsilon=0.5), Grid(), MeanPool((0, 0, 1, 1)), Block(2, 0.3)]
every = pytest.mark.parametrize("q", [p.matrix(STATES) for p in PERTURBATIONS], ids=map(str, PERTURBATIONS))


def energies_of(seed: int, scale: float = 1.0) -> Tensor:
    return scale * normal(fixed(seed), 16).double()


LAW = energies_of(1).softmax(0)


def slope_of(function, energies: Tensor) -> Tensor:
    leaf = energies.clone().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf)[0]


@every
@pytest.mark.parametrize("seed", [2, 3])
def test_discrepancy_above_its_minimum_is_kl_contraction(q, seed):
    energies = energies_of(seed, scale=2.0)
    above = relations.energy_discrepancy(energies, LAW, q) - relations.energy_discrepancy(-LAW.log(), LAW, q)
    contraction = relations.kl_contraction(energies, LAW, q)
    assert abs(above - contraction) < 1e-13
    assert contraction > 1e-3
    assert abs(relations.kl_contraction(5.0 - LAW.log(), LAW, q)) < 1e-14


@every
def test_discrepancy_is_recovery_likelihood_up_to_an_entropy(q):
    energies = energies_of(2, scale=2.0)
    wanted = -relations.recovery_likelihood(energies, LAW, q) - relations.noise_entropy(LAW, q)
    assert abs(relations.energy_discrepancy(energies, LAW, q) - wanted) < 1e-13
    joint = LAW[:, None] * q
    posterior = (-energies).exp()[:, None] * q / ((-energies).exp() @ q)  # by Bayes' rule, without logarithms
    by_hand = (joint * torch.where(joint > 0, posterior, 1.0).log()).sum()
    assert abs(relations.recovery_likelihood(energies, LAW, q) - by_hand) < 1e-13


def metropolis(energies: Tensor) -> Tensor:
    """Single-flip Metropolis steps of the model."""
    proposal = Grid().matrix(STATES)
    step = proposal * (energies.unsqueeze(1) - energies).exp().clamp(max=1)
    return step + torch.diag(1 - step.sum(1))


def test_discrepancy_is_contrastive_divergence_for_a_kernel_reversible_for_the_model():
    energies = energies_of(2)
    q = metropolis(energies)
    flow = (-energies).softmax(0)[:, None] * q
    assert torch.allclose(flow, flow.T, atol=1e-16)
    discrepancy = relations.energy_discrepancy(energies, LAW, q)
    assert abs(discrepancy - relations.contrastive_divergence(energies, LAW, q)) < 1e-13
    assert discrepancy.abs() > 1e-3
    other = energies_of(3)  # reversible for another model: no longer the same
    assert abs(relations.energy_discrepancy(other, LAW, q) - relations.contrastive_divergence(other, LAW, q)) > 1e-2


class Table(Energy):
    def __init__(self, energies: Tensor) -> None:
        super().__init__()
        self.energies = energies

    def forward(self, x: Tensor) -> Tensor:
        return self.energies[(x @ torch.tensor([8.0, 4.0, 2.0, 1.0], dtype=DOUBLE)).long()]


def test_small_noise_gives_the_limit_with_an_error_of_order_epsilon():
    energies = energies_of(2)

    def scaled(epsilon: float, e: Tensor) -> Tensor:
        return relations.energy_discrepancy(e, LAW, Bernoulli(epsilon=epsilon).matrix(STATES)) / epsilon

    limit = relations.small_noise_limit(energies, LAW, STATES)
    errors = [abs(scaled(epsilon, energies) - limit).item() for epsilon in (1e-3, 1e-4, 1e-5)]
    assert errors[2] < 1e-3 * limit
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(10, rel=0.2)
    slope = slope_of(lambda e: relations.small_noise_limit(e, LAW, STATES), energies)
    near = slope_of(lambda e: scaled(1e-6, e), energies)
    assert torch.allclose(near, slope, atol=1e-3 * slope.abs().max().item())


def test_the_limit_is_pseudo_likelihood_scaled_by_the_inverse_conditional_variance():
    delta = torch.linspace(-4, 4, 17, dtype=DOUBLE)
    limit = slope_of(lambda d: ((-d).exp() - d - 1).sum(), delta)
    site = slope_of(lambda d: torch.nn.functional.softplus(-d).sum(), delta)
    variance = delta.sigmoid() * (-delta).sigmoid()
    assert torch.allclose(limit, site / variance, rtol=1e-12)
    assert torch.allclose(limit, site * (2 + 2 * delta.cosh()), rtol=1e-12)
    # The same at the level of the whole loss: nearly independent, nearly uniform bits.
    weak = energies_of(2, scale=1e-3)
    limit = slope_of(lambda e: relations.small_noise_limit(e, LAW, STATES), weak)
    rows = list(zip(LAW, STATES, strict=True))
    sites = slope_of(lambda e: sum(p * pseudo_likelihood(Table(e), x[None]) for p, x in rows), weak)
    assert torch.allclose(limit, 4 * sites, atol=5e-3)
    assert limit.abs().max() > 0.05


def test_noise_of_one_half_is_maximum_likelihood_and_nearly_one_half_nearly():
    energies = energies_of(2)
    likelihood = -relations.log_likelihood(energies, LAW) - 4 * log(2)
    gaps = []
    for epsilon in (0.5, 0.49, 0.48):
        q = Bernoulli(epsilon=epsilon).matrix(STATES)
        gaps.append((likelihood - relations.energy_discrepancy(energies, LAW, q)).item())
    assert abs(gaps[0]) < 1e-13
    assert gaps[1] > 0  # less is forgotten, less is seen
    assert gaps[2] / gaps[1] == pytest.approx(4, rel=0.05)  # of second order in 1 − 2ε


def test_more_noise_sees_more():
    energies = energies_of(2)
    seen = [
        relations.kl_contraction(energies, LAW, Bernoulli(epsilon=epsilon).matrix(STATES)).item()
        for epsilon in (0.01, 0.05, 0.1, 0.2, 0.35, 0.5)
    ]
    assert seen == sorted(seen)
    model = (-energies).softmax(0)
    assert seen[-1] == pytest.approx((LAW * (LAW / model).log()).sum().item())


@every
def test_the_population_gradient_is_zero_at_the_truth(q):
    assert slope_of(lambda e: relations.energy_discrepancy(e, LAW, q), 2.0 - LAW.log()).abs().max() < 1e-14
    assert slope_of(lambda e: relations.energy_discrepancy(e, LAW, q), energies_of(2)).abs().max() > 1e-3
