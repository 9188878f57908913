"""Lattices and other interaction graphs, and draws from the Ising models on them, as good as can be had."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.errors import InputError
from discrete_ed.likelihood.enumeration import log_law
from discrete_ed.likelihood.torus import MAX_SAMPLED, torus_sample
from discrete_ed.samplers import (
    GibbsSweep,
    Kernel,
    ParallelTempering,
    State,
    SwendsenWang,
    chain,
    colour_classes,
    sample,
)
from discrete_ed.states import enumerate_states

SWEEPS = 300
"""sweeps of clusters, or of tempered single spins, from random states to the first draw"""
CHAINS = 500
"""chains side by side; more draws than that are taken from the same chains, some sweeps apart"""
LADDER = tuple(0.8**k for k in range(10))


def sample_ising(
    energy: IsingEnergy,
    count: int,
    *,
    torus: tuple[int, int] | None = None,
    sweeps: int | None = None,
    generator: torch.Generator | None = None,
    callback: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, str]:
    """Independent draws `(count, D)`, exact where they can be, and how they were made.

    Transfer matrices on a torus with a side of at most 10, enumeration of at most 16 spins; else at
    most 500 chains of Swendsen–Wang clusters, a draw every 10 sweeps after the first 300; for frustrated models of
    single-spin sweeps on a ladder of ten temperatures, a draw every 30.

    Args:
        torus: rows and columns, where couplings join neighbours on a torus only.
        sweeps: single-spin sweeps from random states instead, as published data were drawn.
        callback: told the sweeps done and the sweeps there are.

    >>> from discrete_ed import lattice
    >>> x, how = sample_ising(IsingEnergy.from_graph(lattice(4), 0.4), 100, torus=(4, 4))
    >>> x.shape, how
    (torch.Size([100, 16]), 'exact, by transfer matrices')
    """
    d = len(energy.fields)

    def told(total: int) -> Callable[[int, State], None] | None:
        return None if callback is None else lambda step, _: callback(step, total)

    start = (torch.rand(count, d, generator=generator, device=energy.fields.device) < 0.5).float()
    if sweeps is not None:
        x = sample(GibbsSweep(), Exact(energy), start, sweeps, generator=generator, callback=told(sweeps))
        return x, f"{sweeps} sweeps of single spins from random states"
    if torus is not None and min(torus) <= MAX_SAMPLED:
        return torus_sample(energy, count, torus, generator=generator), "exact, by transfer matrices"
    if d <= 16:
        law = log_law(energy).detach().double().exp()
        return enumerate_states(d, device=law.device)[
            law.multinomial(count, replacement=True, generator=generator)
        ], "exact, by enumeration"
    try:
        SwendsenWang().init(Exact(energy), start[:1])
        kernel: Kernel = SwendsenWang()
        apart, name, rungs = 10, "Swendsen–Wang clusters", 1
    except InputError:  # frustrated
        kernel = ParallelTempering(GibbsSweep(colour_classes(energy)), LADDER)
        apart, name, rungs = 30, f"parallel tempering over {len(LADDER)} temperatures", len(LADDER)
    chains = min(count, CHAINS)
    total = SWEEPS + apart * (-(-count // chains) - 1)
    states = chain(kernel, Exact(energy), start[:chains].repeat(rungs, 1), generator=generator)
    draws = []
    for step, state in enumerate(islice(states, total), 1):
        if step >= SWEEPS and (step - SWEEPS) % apart == 0:
            draws.append(state.x[:chains])
        if callback is not None:
            callback(step, total)
    return torch.cat(draws)[:count], f"{chains} chains of {name}, {SWEEPS} sweeps from random bits, then {apart} apart"
