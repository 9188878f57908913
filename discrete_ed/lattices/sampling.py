"""Samples of Ising models: exact where possible, otherwise from chains that mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.errors import InputError, check_count
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
MIXING_SWEEPS = 100
"""sweeps of single spins after which chains from data and from random bits are compared"""
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
    chains: int = CHAINS,
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
        chains: the largest number of chains; fewer take less time, and their samples depend more on each other.
        callback: called with the number of sweeps done and the total number of sweeps.

    Raises:
        InputError: a number of samples, sweeps or chains that isn't whole or is below 1; a torus of other couplings.

    >>> from discrete_ed import lattice
    >>> found = sample_ising(IsingEnergy.from_graph(lattice(4), 0.4), 100, torus=(4, 4))
    >>> found.states.shape, found.method
    (torch.Size([100, 16]), 'exact, by transfer matrices')
    """
    count, chains = check_count(count, "count"), check_count(chains, "chains")
    sweeps = None if sweeps is None else check_count(sweeps, "sweeps")
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
    return _from_chains(energy, start, chains, generator, callback)


def sample_near_rows(
    energy: IsingEnergy, rows: Tensor, count: int, *, generator: torch.Generator | None = None
) -> SampledStates | None:
    """Sample an Ising model by sweeps of single spins, if they mix: far cheaper than tempering.

    Half of the chains start at random bits, and half at random rows of data that the model was fitted to. After 100
    sweeps they must agree in their energies and in their numbers of spins up, by three standard errors. Then all of
    them give a sample every 10 sweeps.

    Args:
        rows: zeros and ones, `(N, D)`.

    Returns:
        The samples, or None if the halves differ.
    """
    chains = min(count + count % 2, CHAINS)
    x = (torch.rand(chains, rows.shape[1], generator=generator) < 0.5).float()
    x[::2] = rows[torch.randint(len(rows), (len(x[::2]),), generator=generator)].float()
    x = sample(GibbsSweep(), Exact(energy), x, MIXING_SWEEPS, generator=generator)
    for values in (energy(x), x.sum(1)):
        first, second = values[::2].double(), values[1::2].double()
        error = (first.var() / len(first) + second.var() / len(second)).sqrt()
        if not (first.mean() - second.mean()).abs() <= 3 * error:
            return None
    samples = [x]
    while len(samples) * chains < count:
        samples.append(sample(GibbsSweep(), Exact(energy), samples[-1], MIXING_SWEEPS // 10, generator=generator))
    method = f"{chains} chains of single spins, alike from random bits and from the data after {MIXING_SWEEPS} sweeps"
    return SampledStates(torch.cat(samples)[:count], method)


def _from_chains(
    energy: IsingEnergy, start: Tensor, most: int, generator: torch.Generator | None, callback: Callback | None
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
    chains = min(count, most)
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
