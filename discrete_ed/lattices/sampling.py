"""Samples of Ising models: exact where possible, otherwise from chains that mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.errors import InputError
from discrete_ed.likelihood.enumeration import sample_law
from discrete_ed.likelihood.torus import torus_sample
from discrete_ed.names import SMALL_BITS, TORUS_SIDE
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

SWEEPS = 300
"""sweeps of clusters, or of tempered single spins, from random states to the first sample"""
CHAINS = 500
"""largest number of chains; further samples come from the same chains, some sweeps apart"""
LADDER = tuple(0.8**k for k in range(10))
"""inverse temperatures of parallel tempering"""

Callback = Callable[[int, int], None]
"""called with the number of sweeps done and the total number of sweeps"""


@dataclass(frozen=True, eq=False)
class SampledStates:
    """Samples of a model, and the method that made them.

    >>> sampled = sample_ising(IsingEnergy(4), 5)
    >>> sampled.states.shape, sampled.costly
    (torch.Size([5, 4]), False)
    """

    states: Tensor
    """zeros and ones, `(N, D)`"""
    method: str
    """the method in words, for reports"""
    costly: bool = False
    """whether more samples would take long (parallel tempering)"""


def sample_ising(
    energy: IsingEnergy,
    count: int,
    *,
    torus: tuple[int, int] | None = None,
    sweeps: int | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> SampledStates:
    """Sample an Ising model: exactly if that is possible, otherwise with chains.

    Exact methods are transfer matrices on a torus with a side of at most 10, and enumeration of at most 16 spins. Other
    models are sampled by at most 500 chains of Swendsen–Wang clusters, which give a sample every 10 sweeps after the
    first 300; frustrated models by single-spin sweeps with parallel tempering at ten temperatures, which give a sample
    every 30 sweeps.

    Args:
        energy: the model.
        count: number of samples.
        torus: rows and columns, if all couplings join neighbours on a torus.
        sweeps: if given, make this number of single-spin sweeps from random states instead, as published data were
            made.
        callback: called with the number of sweeps done and the total number of sweeps.

    >>> from discrete_ed import lattice
    >>> found = sample_ising(IsingEnergy.from_graph(lattice(4), 0.4), 100, torus=(4, 4))
    >>> found.states.shape, found.method
    (torch.Size([100, 16]), 'exact, by transfer matrices')
    """
    d = len(energy.fields)
    start = (torch.rand(count, d, generator=generator, device=energy.fields.device) < 0.5).float()
    if sweeps is not None:
        step_callback = None if callback is None else _with_total(callback, sweeps)
        x = sample(GibbsSweep(), Exact(energy), start, sweeps, generator=generator, callback=step_callback)
        return SampledStates(x, f"{sweeps} sweeps of single spins from random states")
    if torus is not None and min(torus) <= TORUS_SIDE:
        return SampledStates(torus_sample(energy, count, torus, generator=generator), "exact, by transfer matrices")
    if d <= SMALL_BITS:
        return SampledStates(sample_law(energy, count, generator), "exact, by enumeration")
    return _from_chains(energy, start, generator, callback)


def _from_chains(
    energy: IsingEnergy, start: Tensor, generator: torch.Generator | None, callback: Callback | None
) -> SampledStates:
    """One sample for each row of `start`, by clusters or, for frustrated couplings, by parallel tempering."""
    count = len(start)
    try:
        SwendsenWang().init(Exact(energy), start[:1])
        kernel: Kernel = SwendsenWang()
        apart, name, rungs = 10, "Swendsen–Wang clusters", 1
    except InputError:
        kernel = ParallelTempering(GibbsSweep(colour_classes(energy)), LADDER)
        apart, name, rungs = 30, f"parallel tempering over {len(LADDER)} temperatures", len(LADDER)
    chains = min(count, CHAINS)
    total = SWEEPS + apart * (-(-count // chains) - 1)
    states = chain(kernel, Exact(energy), start[:chains].repeat(rungs, 1), generator=generator)
    samples = []
    for step, state in enumerate(islice(states, total), 1):
        if step >= SWEEPS and (step - SWEEPS) % apart == 0:
            samples.append(state.x[:chains])
        if callback is not None:
            callback(step, total)
    method = f"{chains} chains of {name}, {SWEEPS} sweeps from random bits, then {apart} apart"
    return SampledStates(torch.cat(samples)[:count], method, costly=rungs > 1)


def _with_total(callback: Callback, total: int) -> Callable[[int, State], None]:
    return lambda step, _: callback(step, total)
