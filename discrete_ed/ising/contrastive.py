"""Maximum likelihood of an Ising model with persistent chains, for comparison with estimators that need none."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.samplers import GibbsSweep
from discrete_ed.training import FitConfig, fit, shuffled_batches
from discrete_ed.training.contrastive import ContrastiveDivergence

STEPS, BATCH, CHAINS = 1000, 500, 500  # training steps, samples in each, and persistent chains


def by_contrastive_divergence(
    spins: Array, support: Support, start: Parameters, *, penalty: float = 0.0, seed: int = 0
) -> Parameters:
    """Persistent contrastive divergence, a sweep of 500 chains for each of 1,000 steps of Adam, plus `λ Σ|J_ij|`.

    Single precision. Couplings below .001 are set to zero, since subgradient steps lead close to zero, but not to zero
    itself.
    """
    generator = torch.Generator().manual_seed(seed)
    d = len(start.fields)
    fields = torch.from_numpy(start.fields).float() if support.with_fields else None
    energy = IsingEnergy(torch.from_numpy(start.couplings).float(), fields)
    mask = torch.zeros(d, d)
    mask[tuple(np.sort(support.pairs, axis=1).T)] = 1
    energy.pairs.register_hook(lambda slope: slope * mask)
    energy.fields.requires_grad_(support.with_fields)
    chains = ContrastiveDivergence(GibbsSweep(), 1, local=Exact, buffer=CHAINS, generator=generator)

    def loss(energy: IsingEnergy, x: Tensor) -> Tensor:
        return chains(energy, x) + penalty * (energy.pairs * mask).abs().sum()

    data = torch.from_numpy((spins > 0).astype(np.uint8))
    batches = shuffled_batches(data, BATCH, generator=generator)
    with torch.enable_grad():
        fit(energy, loss, batches, FitConfig(steps=STEPS, learning_rate=0.02, clip=10.0, ema=0.99))
    couplings = energy.couplings.detach().double().numpy()
    couplings[np.abs(couplings) < 1e-3] = 0
    return Parameters(couplings, energy.fields.detach().double().numpy())
