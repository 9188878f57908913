"""Maximum likelihood of an Ising model with persistent chains, for comparison with what needs none."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.ising.objectives import Array
from discrete_ed.samplers import GibbsSweep
from discrete_ed.training import FitConfig, fit, shuffled_batches
from discrete_ed.training.contrastive import ContrastiveDivergence

STEPS, BATCH, CHAINS = 1000, 500, 500


def by_contrastive_divergence(
    spins: Array, pairs: Array, couplings: Array, fields: Array | None, *, penalty: float = 0.0, seed: int = 0
) -> tuple[Array, Array]:
    """Persistent contrastive divergence, a sweep of 500 chains for each of 1,000 steps of Adam, plus `λ Σ|J_ij|`.

    Args:
        pairs: whose couplings are learned, `(P, 2)`.
        couplings, fields: where to start; `None` for fields that stay zero.

    Returns:
        `J` and `h`.
    """
    generator = torch.Generator().manual_seed(seed)
    d = len(couplings)
    energy = IsingEnergy(
        torch.from_numpy(couplings).float(), None if fields is None else torch.from_numpy(fields).float()
    )
    mask = torch.zeros(d, d)
    mask[tuple(np.sort(pairs, axis=1).T)] = 1
    energy.pairs.register_hook(lambda slope: slope * mask)
    energy.fields.requires_grad_(fields is not None)
    chains = ContrastiveDivergence(GibbsSweep(), 1, local=Exact, buffer=CHAINS, generator=generator)

    def loss(energy: IsingEnergy, x: Tensor) -> Tensor:
        return chains(energy, x) + penalty * (energy.pairs * mask).abs().sum()

    data = torch.from_numpy((spins > 0).astype(np.uint8))
    batches = shuffled_batches(data, BATCH, generator=generator)
    fit(energy, loss, batches, FitConfig(steps=STEPS, learning_rate=0.02, clip=10.0, ema=0.99))
    found = energy.couplings.detach().double().numpy()
    found[np.abs(found) < 1e-3] = 0  # a subgradient leaves couplings near zero, not at it
    return found, energy.fields.detach().double().numpy()
