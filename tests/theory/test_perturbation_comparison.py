"""Losses compared where the answer is known: one coupling of an Ising lattice."""

from __future__ import annotations

import pytest
import torch

from discrete_ed import IsingEnergy, lattice, pseudo_likelihood, torus_sample
from discrete_ed.theory.perturbation_comparison import (
    CommonCouplingEnergy,
    learn_couplings,
    loss_at_truth,
    losses_to_compare,
    seconds_per_step,
)

SIGMA = 0.2
ADJACENCY = IsingEnergy.from_graph(lattice(3)).couplings.detach()


def samples(count: int) -> torch.Tensor:
    truth = IsingEnergy.from_graph(lattice(3), 2 * SIGMA)
    return torus_sample(truth, count, (3, 3), generator=torch.Generator().manual_seed(0))


def test_a_common_coupling_is_an_ising_model_and_its_differences_are_exact():
    errors = torch.randn(9, 9, generator=torch.Generator().manual_seed(1)).triu(1)
    errors = errors + errors.T
    energy = CommonCouplingEnergy(ADJACENCY, 0.3, errors)
    assert energy.bits == 9
    same = IsingEnergy(0.3 * ADJACENCY + errors)
    x = samples(50)
    assert torch.allclose(energy(x), same(x), atol=1e-5)
    assert torch.allclose(energy.flip_delta(x), same.flip_delta(x), atol=1e-5)


def square(target: float):
    """A loss whose slope and curvature in the coupling are known: `(E(0) − E(all) + 18 target)² / 2`."""

    def loss(energy, x, generator):  # noqa: ARG001
        aligned = energy(torch.ones(1, 9))  # −18 c: each of 18 edges counts once
        return (aligned + 18 * target).square().mean() / 2 + 0 * x.sum()

    return loss


def test_the_bias_is_one_newton_step_from_the_truth():
    found = loss_at_truth(square(0.5), ADJACENCY, samples(200), sigma=SIGMA, error=0.0, seed=0)
    assert found.bias == pytest.approx((0.5 - 2 * SIGMA) / 2, abs=1e-5)
    assert found.noise == pytest.approx(0, abs=1e-6)
    assert found.among_errors == pytest.approx(0.25, abs=1e-5)


def test_errors_move_the_answer_of_a_loss_that_sees_them():
    exact, wrong = (
        loss_at_truth(square(0.5), ADJACENCY, samples(200), sigma=SIGMA, error=error, seed=0) for error in (0.0, 0.02)
    )
    assert exact.bias == wrong.bias
    assert abs(exact.among_errors - wrong.among_errors) > 1e-4


def test_pseudo_likelihood_learns_the_couplings_and_calls_back():
    steps = []
    learned = learn_couplings(
        lambda energy, x, _: pseudo_likelihood(energy, x),
        ADJACENCY,
        samples(4000),
        sigma=SIGMA,
        steps=150,
        batch_size=500,
        learning_rate=0.03,
        seed=0,
        callback=lambda record: steps.append(record["step"]),
    )
    assert steps == list(range(1, 151))
    assert abs(learned.mean_edge - SIGMA) < 0.03
    assert learned.rmse_edges < 0.05
    assert learned.rmse_others < 0.05


@pytest.mark.parametrize("name", list(losses_to_compare(3)))
def test_every_loss_is_a_number_with_a_gradient_and_repeats_with_its_seed(name):
    loss, energy, x = losses_to_compare(3, m=4)[name], IsingEnergy(9), samples(20)
    values = [loss(energy, x, torch.Generator().manual_seed(seed)) for seed in (1, 1)]
    assert values[0] == values[1]
    values[0].backward()
    assert energy.pairs.grad.isfinite().all()
    assert energy.pairs.grad.abs().max() > 0


def test_every_loss_is_timed():
    losses = losses_to_compare(3, m=2)
    seconds = seconds_per_step(losses, samples(20), rounds=1)
    assert seconds.keys() == losses.keys()
    assert all(0 < value < 60 for value in seconds.values())
