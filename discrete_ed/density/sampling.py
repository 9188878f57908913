"""Samples of a fitted density: by enumeration for few bits, otherwise by chains from well-chosen starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import state_bits
from discrete_ed.errors import InputError
from discrete_ed.groups.product import product_logits, product_sample
from discrete_ed.likelihood.enumeration import sample_law
from discrete_ed.names import SMALL_BITS
from discrete_ed.samplers import State, local_for, sample, suitable_kernel
from discrete_ed.states import CHUNK_STATES

SNAPSHOTS = 10
"""number of samples of each chain, if chains start from noise"""
UNIFORM_STARTS = 4_000_000
"""number of uniform states that are weighted by `exp(−E)`, to find starts for chains"""
PILOT_STARTS = 2**14
"""number of the first uniform states, which show whether all of them could suffice"""


@dataclass(frozen=True, eq=False)
class DensitySamples:
    """Samples of a density."""

    states: Tensor
    """`(N, D)` float; the first tenth of them come from different chains"""
    effective_starts: float | None
    """the effective number of the weighted uniform states, `(Σ w)² / Σ w²`; None if all states were enumerated"""


def sample_density(
    energy: Energy,
    training_states: Tensor,
    count: int,
    *,
    steps: int = 400,
    seed: int = 0,
    generator: torch.Generator | None = None,
    callback: Callable[[int, int], None] | None = None,
) -> DensitySamples:
    """Sample a fitted density.

    Up to 16 bits samples are independent, by enumeration. Above, 4,000,000 uniform states are weighted by `exp(−E)`. If
    their effective number reaches `count`, `count` of them are resampled in proportion to the weights, and a chain of a
    tenth of the steps starts at each: every sample then has its own chain, and no chain has to find a mode. Otherwise
    chains start at random states with the marginals of the training data, and each yields ten samples.

    Args:
        energy: the energy, on the device of the training states.
        training_states: `(N, D)`, of any number type.
        count: the number of samples, a multiple of 10.
        steps: steps of a chain before its first sample; between two samples a tenth of them.
        seed: seed of the first uniform states, which decide whether importance sampling is tried.
        generator: the source of all other randomness.
        callback: called after each step of the chains with the number of steps done and the total number.

    Raises:
        InputError: `count` is not a multiple of 10.

    >>> from discrete_ed import BernoulliEnergy
    >>> sample_density(BernoulliEnergy(3), torch.zeros(5, 3), 20).states.shape
    torch.Size([20, 3])
    """
    if count < 1 or count % SNAPSHOTS:
        raise InputError(f"count: expected a multiple of {SNAPSHOTS}, the samples of each chain, got {count}")
    bits, device = training_states.shape[1], training_states.device
    if state_bits(energy, bits) <= SMALL_BITS:
        start = training_states[:1].float().expand(count, -1)
        return DensitySamples(sample_states(energy, count, start, generator=generator), None)
    pilot = torch.Generator(device).manual_seed(seed)
    uniform, weights, ess = weighted_uniform(energy, min(PILOT_STARTS, UNIFORM_STARTS), bits, pilot, device)
    if ess * UNIFORM_STARTS >= count * len(uniform):  # then all of them may suffice
        uniform, weights, ess = weighted_uniform(energy, UNIFORM_STARTS, bits, generator, device)
    between = max(1, steps // 10)
    if ess >= count:
        start, burn_in, snapshots = uniform[_resampled_rows(weights, count, generator)], between, 1
        parts = start.float().split(count // SNAPSHOTS)
    else:
        parts, burn_in, snapshots = (_independent(energy, training_states, count, generator),), steps, SNAPSHOTS
    total = len(parts) * (burn_in + (snapshots - 1) * between)
    done = 0

    def count_step(step: int, state: State) -> None:  # noqa: ARG001
        nonlocal done
        done += 1
        if callback is not None:
            callback(done, total)

    samples = [
        sample_states(
            energy,
            len(start) * snapshots,
            start,
            steps=burn_in,
            snapshots=snapshots,
            generator=generator,
            callback=count_step,
        )
        for start in parts
    ]
    return DensitySamples(torch.cat(samples), ess)


def sample_states(
    energy: Energy,
    count: int,
    start: Tensor,
    *,
    steps: int = 1000,
    snapshots: int = 1,
    generator: torch.Generator | None = None,
    callback: Callable[[int, State], None] | None = None,
) -> Tensor:
    """States from the law of an energy, `(count, D)` float: independent up to 16 bits, ends of chains above.

    If bits are frozen, all are ends of chains, since the law then depends on the frozen bits of each start.

    Args:
        energy: the energy.
        count: the number of states.
        start: states at which the chains start, `(B, D)`, one for each chain: `B = count / snapshots`.
        steps: steps of the chains before the first snapshot; between two snapshots a tenth of them.
        snapshots: number of states that each chain yields, one after the other.
        generator: the source of randomness.
        callback: called after every step, as by `sample`.

    Raises:
        InputError: the number of chains times that of snapshots is not `count`.

    >>> from discrete_ed import BernoulliEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> x = sample_states(BernoulliEnergy(torch.tensor([2.0, -2.0])), 1000, torch.zeros(1000, 2), generator=g)
    >>> (x.mean(0) - torch.tensor([2.0, -2.0]).sigmoid()).abs().max().item() < 0.05
    True
    """
    if len(start) * snapshots != count:
        raise InputError(f"start: expected {count} / {snapshots} states, one for each chain, got {len(start)}")
    bits = start.shape[1]
    if state_bits(energy, bits) <= SMALL_BITS and energy.free(start).all():
        return sample_law(energy, count, generator, dtype=start.dtype)
    kernel = suitable_kernel(energy, purpose="learned")
    local = local_for(kernel, energy)
    x, samples = start, []
    for k in range(snapshots):
        x = sample(kernel, local, x, max(1, steps // 10) if k else steps, generator=generator, callback=callback)
        samples.append(x)
    return torch.cat(samples)


def weighted_uniform(
    energy: Energy, count: int, bits: int, generator: torch.Generator | None, device: torch.device
) -> tuple[Tensor, Tensor, float]:
    """Uniform states `(n, D)` uint8, their weights `exp(−E)` up to a factor, `(n,)`, and their effective number."""
    groups = energy.groups
    if groups is None:
        x = torch.randint(2, (count, bits), generator=generator, device=device, dtype=torch.uint8)
    else:
        like, sizes = torch.empty(0, device=device), [CHUNK_STATES] * (count // CHUNK_STATES) + [count % CHUNK_STATES]
        x = torch.cat([groups.uniform(size, like, generator=generator).to(torch.uint8) for size in sizes])
    with torch.no_grad():
        log_w = torch.cat([-energy(rows.float()).double() for rows in x.split(CHUNK_STATES)])
    w = (log_w - log_w.max()).exp()
    return x, w, float(w.sum() ** 2 / w.square().sum())


def _independent(energy: Energy, states: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Starts of `count / 10` chains, with the marginals of some states and no dependence."""
    marginals = states.float().mean(0)
    if energy.groups is not None:
        logits = product_logits(energy.groups, marginals).clamp(-30, 30)
        return product_sample(energy.groups, logits.expand(count // SNAPSHOTS, -1), generator=generator)
    noise = torch.rand(count // SNAPSHOTS, states.shape[1], generator=generator, device=states.device)
    return (noise < marginals).float()


def _resampled_rows(weights: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Rows resampled in proportion to their weights; there may be more of them than `multinomial` accepts."""
    places = torch.rand(count, generator=generator, device=weights.device, dtype=weights.dtype) * weights.sum()
    return torch.searchsorted(weights.cumsum(0), places).clamp(max=len(weights) - 1)
