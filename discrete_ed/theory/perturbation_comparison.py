"""The perturbations of energy discrepancy, compared on a problem with a known answer: couplings of an Ising lattice.

Everywhere `lattice` is the adjacency matrix `A` of the lattice, `(D, D)`, and `σ` the coupling in the convention
`log p = σ sᵀ A s`, so that the coupling of a pair is `2σ` in `IsingEnergy`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from discrete_ed.energies import Energy, IsingEnergy
from discrete_ed.losses import energy_discrepancy, single_site_discrepancy
from discrete_ed.perturbations import Bernoulli, Block, Grid, Informed, MeanPool, Perturbation
from discrete_ed.states import to_spins
from discrete_ed.training import FitConfig, Record, fit, shuffled_batches

GeneratorLoss = Callable[[Energy, Tensor, torch.Generator], Tensor]
"""a loss of an energy and a batch whose noise comes from a generator"""

PROBE_BATCH, NEWTON_BATCH = 50, 500
"""number of data points for one sample of the noise of the slope, and in a batch of Newton's method"""
NEWTON_STEPS = 8  # number of steps of Newton's method


def losses_to_compare(side: int, *, m: int = 32, epsilon: float = 0.1) -> dict[str, GeneratorLoss]:
    """Energy discrepancy with each perturbation, by a name that includes its settings.

    Args:
        side: side of the square lattice, which `MeanPool` averages in squares of four.
        m: M, number of negatives for each data point.
        epsilon: ε, the probability that noise flips a spin; a tenth of it is compared as well.

    >>> len(losses_to_compare(4))
    9
    """

    def discrepancy(perturbation: Perturbation, w: float = 1.0) -> GeneratorLoss:
        return lambda energy, x, g: energy_discrepancy(energy, x, perturbation, m=m, w=w, generator=g)

    little, much = Bernoulli(epsilon=epsilon / 10), Bernoulli(epsilon=epsilon)
    return {
        f"Bernoulli, ε = {little.epsilon:g}": discrepancy(little),
        f"Bernoulli, ε = {much.epsilon:g}": discrepancy(much),
        f"Bernoulli, ε = {much.epsilon:g}, w = 0": discrepancy(much, w=0.0),
        f"Informed, ε = {much.epsilon:g}": discrepancy(Informed(much)),
        "Grid": discrepancy(Grid()),
        "MeanPool, 2 × 2": discrepancy(MeanPool.image(side, side)),
        f"Block, k = 6, ε = {much.epsilon:g}": discrepancy(Block(6, epsilon)),
        "Block, k = 6, ε = 0.5": discrepancy(Block(6, 0.5)),
        "single site, ε = 0.5 (pseudo-likelihood)": lambda energy, x, _: single_site_discrepancy(energy, x),
    }


class CommonCouplingEnergy(Energy):
    """An Ising energy with one parameter, `E = −½ sᵀ (c A + W) s`: the coupling `c` of all edges of a lattice.

    Args:
        lattice: the adjacency matrix `A`, `(D, D)`.
        coupling: initial value of `c`.
        errors: `W`, fixed errors of the couplings, `(D, D)`, symmetric.

    >>> pair = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> CommonCouplingEnergy(pair, 0.5, 0.25 * pair)(torch.ones(1, 2)).item()
    -0.75
    """

    lattice: Tensor
    errors: Tensor

    def __init__(self, lattice: Tensor, coupling: float, errors: Tensor) -> None:
        super().__init__()
        self.bits = len(lattice)
        self.register_buffer("lattice", lattice)
        self.register_buffer("errors", errors)
        self.coupling = nn.Parameter(torch.tensor(coupling))

    def forward(self, x: Tensor) -> Tensor:
        s = to_spins(x)
        return -(self.coupling * ((s @ self.lattice) * s).sum(-1) + ((s @ self.errors) * s).sum(-1)) / 2

    def flip_delta(self, x: Tensor) -> Tensor:
        s = to_spins(x)
        return 2 * s * (s @ (self.coupling * self.lattice + self.errors))


@dataclass(frozen=True)
class LossAtTruth:
    """A loss as a function of one common coupling, at the true one."""

    bias: float
    """`−(mean slope) / curvature`, the step of Newton's method from the truth, in units of σ"""
    bias_error: float
    """standard error of `bias`"""
    noise: float
    """standard error of σ from 1,000 data points: the standard deviation of their slope divided by the curvature"""
    among_errors: float
    """the σ that Newton's method finds if the coupling of every pair has a normal error. Such errors add noise to the
    comparison of data with negatives; a loss that compares only states of very different energy then finds a larger
    σ"""


@dataclass(frozen=True)
class LearnedCouplings:
    """The couplings that a loss learns if the coupling of every pair is free, in units of σ."""

    mean_edge: float
    """mean over the edges of the lattice"""
    rmse_edges: float
    """root mean square error over the edges"""
    rmse_others: float
    """root mean square coupling of the other pairs, whose true coupling is zero"""


def loss_at_truth(
    loss: GeneratorLoss, lattice: Tensor, x: Tensor, *, sigma: float, error: float, seed: int
) -> LossAtTruth:
    """Bias and noise of a loss at the true coupling, and the coupling that it finds if all couplings have errors.

    Args:
        loss: the loss.
        lattice: adjacency matrix, `(D, D)`.
        x: samples of the lattice model, `(N, D)`.
        sigma: the true σ.
        error: standard deviation of the errors, in units of σ.
        seed: seed of the loss's noise and of the errors.
    """
    generator = torch.Generator().manual_seed(seed)
    energy = CommonCouplingEnergy(lattice, 2 * sigma, torch.zeros_like(lattice))
    slopes, curvature = _slopes(loss, energy, x.split(PROBE_BATCH), generator)
    spread = slopes.std() / curvature / 2
    errors = 2 * error * torch.randn(lattice.shape, generator=generator).triu(1)
    energy = CommonCouplingEnergy(lattice, 2 * sigma, errors + errors.T)
    path = []
    for _ in range(NEWTON_STEPS):
        some_slopes, some_curvature = _slopes(loss, energy, x.split(NEWTON_BATCH), generator)
        energy.coupling.data -= (some_slopes.mean() / some_curvature).clamp(-0.1, 0.1)
        path.append(energy.coupling.item() / 2)
    settled = path[NEWTON_STEPS // 2 :]
    return LossAtTruth(
        bias=(-slopes.mean() / curvature / 2).item(),
        bias_error=(spread / len(slopes) ** 0.5).item(),
        noise=(spread * (PROBE_BATCH / 1000) ** 0.5).item(),
        among_errors=sum(settled) / len(settled),
    )


def _slopes(
    loss: GeneratorLoss, energy: CommonCouplingEnergy, batches: Sequence[Tensor], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The derivative of the loss of each batch in the coupling, and the mean second derivative."""
    slopes, curvatures = [], []
    for batch in batches:
        (slope,) = torch.autograd.grad(loss(energy, batch, generator), energy.coupling, create_graph=True)
        curvatures.append(torch.autograd.grad(slope, energy.coupling)[0])
        slopes.append(slope.detach())
    return torch.stack(slopes), torch.stack(curvatures).mean()


def learn_couplings(
    loss: GeneratorLoss,
    lattice: Tensor,
    x: Tensor,
    *,
    sigma: float,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    callback: Callable[[Record], None] | None = None,
) -> LearnedCouplings:
    """The couplings that Adam learns in `steps` steps if the coupling of every pair is free.

    Args:
        loss: the loss.
        lattice: adjacency matrix, `(D, D)`.
        x: samples of the lattice model, `(N, D)`.
        sigma: the true σ.
        steps: training steps.
        batch_size: samples in a step.
        learning_rate: peak learning rate.
        seed: seed of the loss's noise; the order of the samples has the next seed.
        callback: called with the record of each step.
    """
    energy = IsingEnergy(len(lattice))
    generator = torch.Generator().manual_seed(seed)
    batches = shuffled_batches(x, batch_size, generator=torch.Generator().manual_seed(seed + 1))
    config = FitConfig(steps=steps, learning_rate=learning_rate, ema=0.99, clip=1e9)
    fit(energy, lambda energy, batch: loss(energy, batch, generator), batches, config, callback=callback)
    learned = energy.couplings.detach() / 2
    edge, other = learned[lattice.triu(1).bool()], learned[(1 - lattice).triu(1).bool()]
    return LearnedCouplings(
        mean_edge=edge.mean().item(),
        rmse_edges=(edge - sigma).square().mean().sqrt().item(),
        rmse_others=other.square().mean().sqrt().item(),
    )


def seconds_per_step(losses: Mapping[str, GeneratorLoss], x: Tensor, rounds: int = 10) -> dict[str, float]:
    """The shortest time of each loss and its gradient; the losses take turns, so that a busy machine slows all
    alike."""
    energy, generator = IsingEnergy(x.shape[1]), torch.Generator().manual_seed(0)
    shortest = dict.fromkeys(losses, float("inf"))
    for _ in range(rounds):
        for name, loss in losses.items():
            started = time.perf_counter()
            loss(energy, x, generator).backward()
            shortest[name] = min(shortest[name], time.perf_counter() - started)
    return shortest
