"""What energy discrepancy learns from finite data, beside maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
import torch
from torch import Tensor

from discrete_ed import (
    Bernoulli,
    Block,
    Energy,
    Informed,
    IsingEnergy,
    energy_discrepancy,
    enumerate_states,
    log_law,
    perfect_sample,
)

BITS, SIZE = 10, 6
DOUBLE = torch.float64
STATES = enumerate_states(BITS, dtype=DOUBLE)


def block_members() -> Tensor:
    """The states of every block, `(blocks, states of the other bits, 2^k)`."""
    place = 2 ** torch.arange(BITS - 1, -1, -1)
    members = []
    for block in combinations(range(BITS), SIZE):
        rest = [i for i in range(BITS) if i not in block]
        outside = enumerate_states(BITS - SIZE).long() @ place[rest]
        members.append(outside.unsqueeze(1) + enumerate_states(SIZE).long() @ place[list(block)])
    return torch.stack(members)


def all_blocks(energies: Tensor, law: Tensor, epsilon: float, members: Tensor) -> Tensor:
    """Block discrepancy averaged over all blocks, by enumeration."""
    patterns = enumerate_states(SIZE, dtype=DOUBLE)
    distance = (patterns.unsqueeze(1) - patterns).abs().sum(-1)
    q = epsilon**distance * (1 - epsilon) ** (SIZE - distance)
    reach = ((-energies).exp()[members] @ q).log()
    return law @ energies + ((law[members] @ q) * reach).sum() / len(members)


def minimise(energy: IsingEnergy, loss: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.LBFGS(
        energy.parameters(), max_iter=200, tolerance_grad=1e-8, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [0])
def test_block_discrepancy_recovers_a_pairwise_law_as_well_as_maximum_likelihood(seed):
    g = torch.Generator().manual_seed(seed)
    couplings = 0.4 * torch.randn(BITS, BITS, generator=g, dtype=DOUBLE).triu(1)
    truth = IsingEnergy(couplings + couplings.T, 0.3 * torch.randn(BITS, generator=g, dtype=DOUBLE))
    law = log_law(truth, dtype=DOUBLE).exp().detach()
    draws = law.multinomial(100_000, replacement=True, generator=g)
    seen = draws.bincount(minlength=len(law)) / len(draws)
    seen = seen.double()

    def total_variation(energy: IsingEnergy) -> float:
        return (log_law(energy, dtype=DOUBLE).exp() - law).abs().sum().item() / 2

    likelihood = IsingEnergy(BITS).double()
    minimise(likelihood, lambda: -(seen @ log_law(likelihood, dtype=DOUBLE)))
    members = block_members()
    for epsilon in (0.1, 0.5):
        energy = IsingEnergy(BITS).double()
        minimise(energy, lambda: all_blocks(energy(STATES), seen, epsilon, members))  # noqa: B023
        assert total_variation(energy) <= 1.1 * total_variation(likelihood)
        # What was minimised by enumeration is what the library's loss estimates.
        with torch.no_grad():
            wanted = all_blocks(energy(STATES), seen, epsilon, members)
            block = Block(SIZE, epsilon)
            batches = (STATES[rows] for rows in draws[:10_000].split(500))
            parts = torch.stack([energy_discrepancy(energy, x, block, generator=g) for x in batches])
        assert abs(parts.mean() - wanted) < 4.5 * parts.std() / len(parts) ** 0.5


class Scaled(Energy):
    """`E = a E_pattern(x) + E_wrong(x)`: a pattern whose scale `a` may be learned, and couplings wrong at random."""

    def __init__(self, pattern: Tensor, wrong: Tensor) -> None:
        super().__init__()
        self.pattern, self.wrong = IsingEnergy(pattern).requires_grad_(False), IsingEnergy(wrong).requires_grad_(False)
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.pattern(x) + self.wrong(x)

    def flip_delta(self, x: Tensor) -> Tensor:
        return self.scale * self.pattern.flip_delta(x) + self.wrong.flip_delta(x)


@pytest.mark.thorough
def test_noisy_couplings_inflate_the_signal_and_an_informed_proposal_removes_most_of_it(generator):
    """Why couplings come out too large: errors in many couplings act as noise in the ranking of data and negatives.

    The slope along the true couplings, where they are right and all others are wrong at random, is not zero but
    asks for larger ones; from negatives near the posterior far less so.
    """
    side, coupling = 6, 0.3
    site = torch.arange(side**2).view(side, side)
    lattice = torch.zeros(side**2, side**2)
    for axis in (0, 1):
        there = site.roll(-1, axis)
        lattice[site.flatten(), there.flatten()] = lattice[there.flatten(), site.flatten()] = 1
    x = perfect_sample(IsingEnergy(coupling * lattice), 3000, generator=generator)
    wrong = 0.12 * torch.randn(lattice.shape, generator=generator).triu(1)
    noise = Bernoulli(epsilon=0.1)

    def newton_step(perturbation, wrong: Tensor) -> tuple[float, float]:
        energy = Scaled(coupling * lattice, wrong + wrong.T)
        slopes, curvatures = [], []
        for batch in x.split(100):
            loss = energy_discrepancy(energy, batch, perturbation, m=16, generator=generator)
            (slope,) = torch.autograd.grad(loss, energy.scale, create_graph=True)
            curvatures.append(torch.autograd.grad(slope, energy.scale)[0])
            slopes.append(slope.detach())
        slopes, curvature = torch.stack(slopes), torch.stack(curvatures).mean()
        return (-slopes.mean() / curvature).item(), (slopes.std() / curvature / len(slopes) ** 0.5).item()

    right = torch.zeros_like(wrong)
    step, error = newton_step(noise, right)
    assert abs(step) < 4.5 * error + 0.02  # no bias where everything else is right, but that of 3,000 samples
    inflated, error = newton_step(noise, wrong)
    assert inflated > 5 * error
    informed, _ = newton_step(Informed(noise), wrong)
    assert abs(informed) < inflated / 2
