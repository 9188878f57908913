"""How fast every kernel mixes on every model."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import numpy as np
import torch

from discrete_ed import (
    DMALA,
    BlockGibbs,
    Exact,
    Gibbs,
    GibbsSweep,
    GibbsWithGradients,
    IsingEnergy,
    MLPEnergy,
    PathAuxiliary,
    RBMEnergy,
    SwendsenWang,
    Taylor,
    chain,
    colour_classes,
    ess_bulk,
)
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.jobs.text import MISSING
from discrete_ed.samplers import Kernel

COUPLING = 0.44  # close to the critical coupling


def random_bits(chains: int, bits: int) -> torch.Tensor:
    return torch.rand(chains, bits).round()


def bonds_of(side: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of neighbours on a torus, `2 L²` of them."""
    site = np.arange(side * side).reshape(side, side)
    right, down = (np.roll(site, -1, axis).ravel() for axis in (1, 0))
    return np.concatenate([site.ravel(), site.ravel()]), np.concatenate([right, down])


def torus(side: int) -> IsingEnergy:
    i, j = bonds_of(side)
    couplings = torch.zeros(side * side, side * side)
    couplings[i, j] = couplings[j, i] = COUPLING
    return IsingEnergy(couplings)


def mixing(seconds: float) -> list[list[str]]:
    """Steps and effective sample size of the energy per second, for every kernel and model; 8 chains from random bits.

    A dash means that the time allowed fewer than a hundred samples of each chain.
    """
    rows = [["model, 8 chains", "kernel", "steps/s", "ESS/s of the energy", "ESS per step", "moved"]]
    models: dict[str, tuple[Any, int]] = {f"Ising {side}×{side}": (torus(side), side**2) for side in (10, 25, 64)}
    models |= {"RBM 784×500": (RBMEnergy(784, 500, scale=0.1), 784), "MLP 32–256×3": (MLPEnergy(32), 32)}
    for name, (energy, bits) in models.items():
        kernels: list[tuple[Kernel, type[Exact | Taylor]]] = [(Gibbs(), Exact)]
        if isinstance(energy, IsingEnergy):
            kernels += [(GibbsSweep(colour_classes(energy)), Exact), (SwendsenWang(), Exact)]
        if isinstance(energy, MLPEnergy):
            kernels += [(GibbsSweep(), Exact)]
        if isinstance(energy, RBMEnergy):
            kernels = [(BlockGibbs(), Exact)]  # exact differences of a wide machine cost more than all else here
        kernels += [(kernel, Taylor) for kernel in (GibbsWithGradients(), PathAuxiliary(3), DMALA(0.2))]
        for kernel, local in kernels:
            thin = bits if isinstance(kernel, Gibbs | GibbsWithGradients) and isinstance(energy, IsingEnergy) else 1
            rows.append([name, type(kernel).__name__, *mixing_of(kernel, local(energy), bits, thin, seconds)])
    return rows


def mixing_of(kernel: Kernel, local: LocalEvaluation, bits: int, thin: int, seconds: float) -> list[str]:
    states = chain(kernel, local, random_bits(8, bits), thin=thin)
    next(states)
    until, warm = time.process_time() + seconds / 3, 1
    while time.process_time() < until:
        next(states)
        warm += 1
    start = time.process_time()
    kept = [(state.energy, state.accepted.double()) for state in islice(states, max(2 * warm, 8))]
    took = time.process_time() - start
    energy, accepted = (torch.stack(parts, 1) for parts in zip(*kept, strict=True))
    rate, moved = f"{thin * len(kept) / took:,.0f}", f"{accepted.mean():.2f}"
    if len(kept) < 100:  # too few samples for an effective sample size
        return [rate, MISSING, MISSING, moved]
    ess = ess_bulk(energy).item()
    return [rate, f"{ess / took:,.1f}", f"{ess / energy.numel() / thin:.2g}", moved]
