"""Energy discrepancy on real vectors, against closed forms and quadrature."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
import torch
from torch import Tensor

from discrete_ed import InputError, NumericalError
from discrete_ed.theory.continuous import (
    MALA,
    GaussianEnergy,
    Langevin,
    LatentModel,
    MixtureEnergy,
    NeuralEnergy,
    TiltedPrior,
    energy_discrepancy,
    langevin_mean,
    sample,
    score_matching,
)
from discrete_ed.theory.continuous.kernels import evaluate
from discrete_ed.theory.continuous.minimise import minimise

DOUBLE = torch.float64
GRID = torch.linspace(-40, 40, 16_001, dtype=DOUBLE)


def normal(mean: float, variance: float) -> GaussianEnergy:
    return GaussianEnergy(torch.tensor([mean], dtype=DOUBLE), variance)


def pair(weight: float, variance: float = 1.0) -> MixtureEnergy:
    means = torch.tensor([[-2.0], [2.5]], dtype=DOUBLE)
    return MixtureEnergy(torch.tensor([weight, 1 - weight], dtype=DOUBLE), means, variance)


def integral(values: Tensor) -> Tensor:
    return torch.trapezoid(values, GRID)


def density(energy) -> Tensor:
    return (-energy(GRID.unsqueeze(1))).exp().detach()


@pytest.mark.parametrize("energy", [normal(1.0, 2.0), pair(0.3), pair(0.3).diffused(4.0)])
def test_closed_form_energies_are_normalised(energy):
    assert integral(density(energy)).item() == pytest.approx(1.0, abs=1e-9)


def test_samples_of_a_mixture_have_its_moments(generator):
    x = pair(0.3).sample(40_000, generator=generator)
    p = density(pair(0.3))
    mean, square = integral(p * GRID), integral(p * GRID**2)
    assert abs(x.mean() - mean) < 4.5 * x.std() / 200
    assert abs(x.square().mean() - square) < 4.5 * x.square().std() / 200


def discrepancy(data, model, t: float) -> Tensor:
    """`E_p[E(x)] − E_{p_t}[U_t(y)]` by quadrature."""
    p, noisy = density(data), density(data.diffused(t))
    points = GRID.unsqueeze(1)
    return integral(p * model(points)) - integral(noisy * model.diffused(t)(points))


def test_the_diffused_energy_is_the_contrastive_potential():
    model, t = pair(0.3), 1.7
    for y in (-3.0, 0.4, 5.0):
        kernel = (-((GRID - y) ** 2) / (2 * t)).exp() / (2 * pi * t) ** 0.5
        potential = -integral(kernel * density(model)).log()
        assert model.diffused(t)(torch.tensor([y], dtype=DOUBLE)).item() == pytest.approx(potential.item(), abs=1e-9)


@pytest.mark.parametrize("t", [0.5, 4.0])
def test_the_estimate_agrees_with_quadrature(t, generator):
    data, model = pair(0.3), pair(0.6, 1.5)
    with torch.no_grad():
        parts = torch.stack(
            [
                energy_discrepancy(model, data.sample(200, generator=generator), t, m=500, w=0.0, generator=generator)
                for _ in range(60)
            ]
        )
        wanted = discrepancy(data, model, t)
    assert abs(parts.mean() - wanted) < 4.5 * parts.std() / len(parts) ** 0.5 + 3e-3  # + O(1/M)
    assert wanted.abs() > 0.05


def test_the_population_gradient_is_zero_at_the_truth():
    data, model = pair(0.3), pair(0.3)
    for weight, low, high in ((0.3, 0.0, 1e-9), (0.5, 1e-3, 1.0)):
        model = pair(weight)
        (slope,) = torch.autograd.grad(discrepancy_of(model, data, 2.0), model.log_weights)
        assert low <= slope.abs().max() <= high


def discrepancy_of(model: MixtureEnergy, data: MixtureEnergy, t: float) -> Tensor:
    """As `discrepancy`, differentiable in the model's weights."""
    diffused = MixtureEnergy(torch.ones(2, dtype=DOUBLE), model.means, model.variance + t)
    del diffused.log_weights
    diffused.log_weights = model.log_weights
    points = GRID.unsqueeze(1)
    return integral(density(data) * model(points)) - integral(density(data.diffused(t)) * diffused(points))


def wasserstein_squared(a, b) -> float:
    """`W₂²` in one dimension: the squared distance of the quantile functions."""
    levels = (np.arange(200_000) + 0.5) / 200_000
    quantiles = []
    for energy in (a, b):
        mass = density(energy).numpy()
        cdf = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2 * np.diff(GRID.numpy()))])
        quantiles.append(np.interp(levels, cdf, GRID.numpy()))
    return float(np.mean((quantiles[0] - quantiles[1]) ** 2))


@pytest.mark.parametrize("model", [pair(0.8), pair(0.3, 3.0), pair(0.45, 0.8)])
def test_the_distance_from_maximum_likelihood_is_bounded_by_the_wasserstein_distance(model):
    """`|ED_t + E_p log p_E − c(t)| ≤ W₂² / 2t` with `c(t) = E log p_t` of the noisy data."""
    data = pair(0.3)
    points = GRID.unsqueeze(1)
    distance = wasserstein_squared(data, model)
    assert wasserstein_squared(normal(0.0, 1.0), normal(1.5, 4.0)) == pytest.approx(1.5**2 + 1, rel=1e-3)
    gaps = []
    for t in (0.5, 2.0, 8.0, 32.0):
        likelihood = integral(-density(data) * model(points))
        noisy = density(data.diffused(t))
        constant = integral(-noisy * data.diffused(t)(points))
        gaps.append(abs(discrepancy(data, model, t) + likelihood - constant).item())
        assert 1e-7 < gaps[-1] <= distance / (2 * t)
    assert gaps == sorted(gaps, reverse=True)


def test_little_noise_is_score_matching(generator):
    """`ED_t / t → E ½‖∇E‖² − Tr ∇²E`, with an error of order t."""
    data, model = pair(0.3), pair(0.6, 1.5)
    points = GRID.unsqueeze(1).clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(points).sum(), points, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), points)
    wanted = integral(density(data) * (slope.squeeze(1) ** 2 / 2 - curvature.squeeze(1))).item()
    with torch.no_grad():
        errors = [abs(discrepancy(data, model, t).item() / t - wanted) for t in (1e-2, 1e-3)]
    assert errors[1] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.2)
    x = data.sample(20_000, generator=generator)
    terms = torch.stack([score_matching(model, batch).detach() for batch in x.split(500)])
    assert abs(terms.mean() - wanted) < 4.5 * terms.std() / len(terms) ** 0.5


def test_score_matching_of_a_gaussian_is_known_in_several_dimensions():
    x = torch.tensor([[1.0, -2.0, 0.5]], dtype=DOUBLE)
    energy = GaussianEnergy(torch.zeros(3, dtype=DOUBLE), 2.0)
    assert score_matching(energy, x).item() == pytest.approx((x**2).sum().item() / 8 - 3 / 2)


def test_mala_is_in_detailed_balance():
    """`p(x) q(x'|x) α(x → x') = p(x') q(x|x') α(x' → x)` through the kernel's own acceptance."""
    energy, kernel = pair(0.3), MALA(step_size=0.7)
    g = torch.Generator().manual_seed(0)
    here, there = (evaluate(energy, 3 * torch.randn(200, 1, generator=g, dtype=DOUBLE)) for _ in range(2))

    def log_flow(a, b):
        noise = (b.x - langevin_mean(a, 0.7)).square().sum(-1) / (4 * 0.7)
        return -a.energy - noise + kernel.log_acceptance(a, b).clamp(max=0)

    assert (log_flow(here, there) - log_flow(there, here)).abs().max() < 1e-12
    lopsided = log_flow(here, there) - kernel.log_acceptance(here, there).clamp(max=0)  # without the accept step
    back = log_flow(there, here) - kernel.log_acceptance(there, here).clamp(max=0)
    assert (lopsided - back).abs().max() > 0.1


def moments(kernel, energy, start: Tensor, steps: int) -> tuple[float, float]:
    x = sample(kernel, energy, start, steps, generator=torch.Generator().manual_seed(0))
    return x.mean().item(), x.var().item()


def test_mala_keeps_the_law_and_langevin_is_as_wrong_as_known():
    g = torch.Generator().manual_seed(1)
    start = 1.0 + 2**0.5 * torch.randn(20_000, 1, generator=g, dtype=DOUBLE)
    energy, step = normal(1.0, 2.0), 1.5
    error = 4.5 * 2 * (2 / 20_000) ** 0.5  # of the variance
    mean, variance = moments(MALA(step), energy, start, 20)
    assert abs(mean - 1) < 4.5 * (2 / 20_000) ** 0.5
    assert abs(variance - 2) < error
    _, variance = moments(Langevin(step), energy, start, 30)
    biased = 2 / (1 - step / 4)
    assert abs(variance - biased) < 2 * error
    assert biased - 2 > 6 * error


def test_a_model_keeps_its_own_means_and_energies_of_another_shape_are_refused():
    means = torch.zeros(2, 1)
    mixture = MixtureEnergy(torch.ones(2), means)
    means += 5
    assert mixture.means.tolist() == [[0], [0]]
    with pytest.raises(InputError, match=r"energy: expected numbers \(5,\) at states \(5, 2\), got \(5, 1\)"):
        energy_discrepancy(torch.nn.Linear(2, 1), torch.zeros(5, 2), 1.0)


def test_a_chain_that_leaves_for_infinity_is_told():
    with pytest.raises(NumericalError, match="3 of 3 chains diverged or have no finite energy"):
        sample(MALA(0.1), lambda x: x.sum(-1) * torch.nan, torch.zeros(3, 2), 5)
    with pytest.raises(NumericalError, match="smaller step size"):
        sample(Langevin(1e3), GaussianEnergy(torch.zeros(1), 1e-3), torch.ones(2, 1), 200)


@pytest.mark.thorough
def test_a_prior_learned_by_discrepancy_learns_the_law_of_its_data(generator):
    torch.manual_seed(0)
    truth, prior = pair(0.25, 0.3), TiltedPrior(1, hidden=(32,)).double()
    optimizer = torch.optim.Adam(prior.parameters(), lr=1e-2)
    for _ in range(400):
        optimizer.zero_grad()
        z = truth.sample(128, generator=generator)
        energy_discrepancy(prior, z, (0.1, 16.0), m=16, generator=generator).backward()
        optimizer.step()
    inside = (GRID > -8) & (GRID < 8)
    learned = density(prior) * inside
    learned = learned / integral(learned)
    assert 0.5 * integral((learned - density(truth)).abs()).item() < 0.2
    untrained = density(normal(0.0, 1.0))
    assert 0.5 * integral((untrained - density(truth)).abs()).item() > 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t": 0.0}, "t:"),
        ({"t": (2.0, 1.0)}, "t:"),
        ({"m": 0}, "m:"),
        ({"w": -1.0}, "w:"),
        ({"x": torch.zeros(3)}, "x:"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        energy_discrepancy(normal(0.0, 1.0), **{"x": torch.zeros(2, 1), "t": 1.0, **arguments})


@pytest.mark.parametrize(
    "make",
    [
        lambda: normal(0.0, -1.0),
        lambda: MixtureEnergy(torch.ones(3), torch.zeros(2, 1)),
        lambda: MALA(0.0),
        lambda: sample(MALA(1.0), normal(0.0, 1.0), torch.zeros(3), 1),
        lambda: LatentModel(NeuralEnergy(1), 1, 4, sigma=0.0),
    ],
)
def test_impossible_models_are_refused(make):
    with pytest.raises(InputError, match="expected"):
        make()


def test_a_loss_that_is_not_finite_is_refused_with_the_step_named():
    x = torch.nn.Parameter(torch.tensor(1.0))
    factors = iter([1.0, 1.0, torch.inf])
    with pytest.raises(NumericalError, match="loss: not finite at step 3; try a smaller learning rate"):
        minimise([x], lambda: next(factors) * x.square(), steps=5, learning_rate=0.1)
