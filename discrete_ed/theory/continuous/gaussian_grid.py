"""An experiment: learn a density with 25 modes from its samples, and compare it with the truth on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.theory.continuous.energies import MixtureEnergy, NeuralEnergy
from discrete_ed.theory.continuous.kernels import MALA
from discrete_ed.theory.continuous.losses import energy_discrepancy
from discrete_ed.theory.continuous.minimise import Progress, minimise, sample_with_progress

EXTENT, TICKS = 6.0, 301
"""the grid covers `[−6, 6]²` with this number of points on a side"""


@dataclass(frozen=True)
class GridDistances:
    """Distances between the learned density and the truth, both normalised on the grid."""

    total_variation: float
    kl_truth_to_model: float
    smallest_mode: float
    """smallest learned mass of a mode; the true mass of each is 1/25"""
    largest_mode: float
    """largest learned mass of a mode"""


@dataclass(frozen=True, eq=False)
class GaussianGrid:
    """A density with 25 modes, and the density learned from its samples."""

    distances: GridDistances
    truth: Tensor
    """true probabilities on the grid, `(301, 301)`, which sum to one"""
    learned: Tensor
    """learned probabilities on the grid"""
    samples: Tensor
    """ends of chains on the learned energy, `(2000, 2)`"""
    extent: float = EXTENT
    """the grid covers the square `[−extent, extent]²`"""


def gaussian_grid(
    *,
    steps: int = 4000,
    learning_rate: float = 1e-3,
    sampler_steps: int = 500,
    seed: int = 0,
    callback: Progress | None = None,
) -> GaussianGrid:
    """Learn 25 Gaussians of standard deviation 0.3 on a 5 × 5 grid by energy discrepancy.

    Args:
        steps: training steps.
        learning_rate: initial learning rate of Adam; it falls to zero linearly.
        sampler_steps: number of steps of MALA, from a broad normal law.
        seed: seed of everything random.
        callback: called after each step of training and sampling.

    Raises:
        NumericalError: training or a chain diverged.
    """
    side = torch.arange(-4.0, 5.0, 2.0)
    truth = MixtureEnergy(torch.ones(25), torch.cartesian_prod(side, side), variance=0.09)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        energy = NeuralEnergy(2, (128, 128, 128))

    def loss() -> Tensor:
        x = truth.sample(256, generator=generator)
        return energy_discrepancy(energy, x, (0.02, 4.0), m=16, w=1.0, generator=generator)

    minimise(energy.parameters(), loss, steps, learning_rate, callback=callback)
    ticks = torch.linspace(-EXTENT, EXTENT, TICKS)
    grid = torch.cartesian_prod(ticks, ticks)
    with torch.no_grad():
        log_p, log_q = ((-e(grid)).log_softmax(0).double() for e in (truth, energy))
    p, q = log_p.exp(), log_q.exp()
    cell = (grid.clamp(-4.99, 4.99) + 5).div(2).floor().long() @ torch.tensor([5, 1])
    masses = torch.zeros(25, dtype=torch.float64).index_add_(0, cell, q)
    start = 3 * torch.randn(2000, 2, generator=generator)
    samples = sample_with_progress(MALA(0.02), energy, start, sampler_steps, generator, callback)
    distances = GridDistances(
        total_variation=(p - q).abs().sum().item() / 2,
        kl_truth_to_model=(p * (log_p - log_q)).sum().item(),
        smallest_mode=masses.min().item(),
        largest_mode=masses.max().item(),
    )
    return GaussianGrid(distances, p.view(TICKS, TICKS), q.view(TICKS, TICKS), samples)
