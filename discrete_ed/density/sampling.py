"""Samples of a fitted density: by enumeration for few bits, otherwise weighted or annealed states, at worst chains."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import check_type, state_bits
from discrete_ed.energies.probe import check_model
from discrete_ed.errors import InputError, check_count
from discrete_ed.groups.product import product_logits, product_sample
from discrete_ed.likelihood.annealed_states import StatePath
from discrete_ed.likelihood.enumeration import sample_law
from discrete_ed.metrics import hamming_test
from discrete_ed.names import SMALL_BITS
from discrete_ed.samplers import State, local_for, sample, suitable_kernel
from discrete_ed.states import CHUNK_STATES, check_states

FEW = 0.2
"""share of the annealed states below which they descend from too few"""
DIFFERENT = 0.01
"""p-value below which annealed states and chains from training states are said to differ"""
SNAPSHOTS = 10
"""number of samples of each chain, if chains start from noise"""
UNIFORM_STARTS = 4_000_000
"""number of uniform states that are weighted by `exp(−E)`, to find starts for chains"""
MOST_SECONDS = 30.0
"""the longest annealing, as the time of one idle core, roughly; where it would take longer for all samples, a half, a
fifth or a tenth of them are annealed, and where it would take longer even for these, as for convolutions, chains start
at noise"""
SHARES = (1, 2, 5, SNAPSHOTS)
"""numbers of samples for each state that is annealed"""
COMPARED = 1000
"""chains from training states, with which annealed samples are compared"""
REPEATED = 2
"""effective ancestors for each sample in that comparison, so that few of them are alike"""
PLENTY = 20
"""effective number of uniform states for each sample, above which no more are weighted"""
PILOT_STARTS = 2**14
"""number of the first uniform states, which show whether all of them could suffice"""


@dataclass(frozen=True, eq=False)
class DensitySamples:
    """Samples of a density."""

    states: Tensor
    """`(N, D)` float; the first tenth of them come from different chains"""
    effective_starts: float | None
    """the effective number of the weighted states, `(Σ w)² / Σ w²`: those of the base if they suffice, uniform ones
    otherwise; None if all states were enumerated"""
    effective_ancestors: float | None = None
    """the effective number of states of the base from which the samples descend, or the first of them, if others go on
    from there as chains; None if chains started elsewhere"""
    annealed_from: float | None = None
    """the inverse temperature from which on states were annealed; None if weights were enough"""
    starts_p_value: float | None = None
    """p-value of the hypothesis that states from the base have the same law as the ends of chains from training states;
    None if there are none from the base"""


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

    Up to 16 bits samples are independent, by enumeration. Above, 4,000,000 uniform states are weighted by
    `exp(−E)`. If their effective number reaches `count`, `count` of them are resampled in proportion to the
    weights, and a chain of a tenth of the steps starts at each: every sample then has its own chain, and no chain
    has to find a mode. They are not used if they differ from the ends of chains from training states: then there
    are modes that no uniform state meets.

    Otherwise states of a simple law near that of the energy (see `estimate_log_z`) are weighted, a million at most,
    and resampled if ten of them carry the weight of each sample; if not, they are resampled at a higher
    temperature, at which ten do, and annealed from there (sequential Monte Carlo). All samples are independent
    then, but for those that descend from one state of the simple law (`effective_ancestors`), and no chain has to
    mix. Where that would take more than half a minute, fewer states are made in this way, a tenth of `count` at
    least, and each goes on as a chain for the other samples. As a check, chains of the same length start at
    training states: if they end in another law, then one of both kinds of runs misses a part of it. Only where
    annealing would take minutes even so, as with convolutions, or bits are frozen, chains start at random states
    with the marginals of the training data instead.

    Args:
        energy: the energy, on the device of the training states.
        training_states: `(N, D)`, of any number type.
        count: the number of samples, a multiple of 10.
        steps: inverse temperatures of the annealing, each with a twelfth of a sweep, or steps of a chain, before the
            first sample; between two samples a tenth of them.
        seed: seed of the first uniform states, which decide whether importance sampling is tried.
        generator: the source of all other randomness.
        callback: called with the number of steps, or parts of the annealing, done and the total number.

    Raises:
        InputError: `count` is not a multiple of 10, `steps` is below 1, or the training states are no states of the
            energy.
        NumericalError: the energy is +∞ at all training states and all states of simple laws.

    Warns:
        RuntimeWarning: annealed or weighted states differ from those of chains from training states, or descend from
            few states; weighted uniform states differ from them, and there are no annealed ones; or so many states are
            impossible that only chains from training states find possible ones.

    >>> from discrete_ed import BernoulliEnergy
    >>> sample_density(BernoulliEnergy(3), torch.zeros(5, 3), 20).states.shape
    torch.Size([20, 3])
    """
    if count < 1 or count % SNAPSHOTS:
        raise InputError(f"count: expected a multiple of {SNAPSHOTS}, the samples of each chain, got {count}")
    rows = training_states if training_states.is_floating_point() else training_states.float()
    check_count(steps, "steps")
    check_type(energy)
    check_states(rows, bits=energy.bits, name="training_states")
    if rows.ndim != 2 or len(rows) < 1:
        raise InputError(f"training_states: expected states (N, D), at least one, got shape {tuple(rows.shape)}")
    check_model(energy, rows)
    if state_bits(energy, rows.shape[1]) <= SMALL_BITS:
        start = rows[:1].expand(count, -1)
        return DensitySamples(sample_states(energy, count, start, generator=generator), None)
    pilot = torch.Generator(rows.device).manual_seed(seed)
    uniform, weights, ess = weighted_uniform(energy, min(PILOT_STARTS, UNIFORM_STARTS), rows, pilot)
    if ess * UNIFORM_STARTS >= count * len(uniform):  # then all of them may suffice
        enough = min(UNIFORM_STARTS, int(PLENTY * count * len(uniform) / ess))
        uniform, weights, ess = weighted_uniform(energy, enough, rows, generator)
    between = max(1, steps // 10)
    missed = ess >= count and not _reached(energy, rows, uniform, weights, count, steps, seed)
    if (missed or ess < count) and energy.free(rows[:1]).all():
        found = _from_base(energy, rows, count, steps, generator, callback)
        if found is not None:
            return found
    if missed:
        warnings.warn(
            "samples: weighted uniform states differ from the ends of chains from training states, so they are not "
            "used; chains start at random states with the marginals of the training states, and may miss modes",
            RuntimeWarning,
            stacklevel=2,
        )
    if ess >= count and not missed:
        start, burn_in, snapshots = uniform[_resampled_rows(weights, count, generator)], between, 1
        parts = start.to(rows).split(count // SNAPSHOTS)
    else:
        parts, burn_in, snapshots = (_independent(energy, rows, count, generator),), steps, SNAPSHOTS
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


def _reached(energy: Energy, rows: Tensor, uniform: Tensor, weights: Tensor, count: int, steps: int, seed: int) -> bool:
    """Whether weighted uniform states could have the law of the ends of chains from training states.

    Far from the data an energy may be so flat that many uniform states share the weight, though all of them together
    have less of the law than modes that none of them meets.
    """
    g = torch.Generator(rows.device).manual_seed(seed)
    size = min(COMPARED, count)
    places = torch.randint(len(rows), (size,), generator=g, device=rows.device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # chains that can't leave their modes show these as well
        ends = sample_states(energy, size, rows[places], steps=steps, generator=g)
    start = uniform[_resampled_rows(weights, size, g)].to(rows)
    return size < 2 or hamming_test(start.cpu(), ends.cpu()).p_value >= DIFFERENT


def _from_base(
    energy: Energy,
    rows: Tensor,
    count: int,
    steps: int,
    generator: torch.Generator | None,
    callback: Callable[[int, int], None] | None,
) -> DensitySamples | None:
    """Samples from weighted and annealed states of a simple law, and the comparison with chains from training states;
    None where annealing would take too long."""
    path, between, runs = StatePath(energy, rows, generator), max(1, steps // 10), count // SNAPSHOTS
    places = torch.randperm(len(rows), generator=generator, device=rows.device)[: min(COMPARED, count)]
    counts = [count // share for share in SHARES]
    found = path.sample(rows[places], counts, max(2, steps), seconds=MOST_SECONDS, callback=callback)
    if found is None:
        return None
    samples = [found.states]
    while len(samples) * len(found.states) < count:
        samples.append(path.chains(samples[-1], between))
    size = min(len(found.from_rows), runs, max(2, int(found.ancestors / REPEATED)))
    p_value = None
    if len(found.from_rows) >= 2 and runs >= 2:
        p_value = hamming_test(found.states[:size].cpu(), found.from_rows[:size].cpu()).p_value
    result = DensitySamples(
        torch.cat(samples), found.effective, found.ancestors, found.beta if found.beta < 1 else None, p_value
    )
    _warn_of_starts(result, len(found.states))
    return result


def _warn_of_starts(samples: DensitySamples, runs: int) -> None:
    ancestors = samples.effective_ancestors
    if ancestors is not None and ancestors < FEW * runs:
        warnings.warn(
            f"samples: {runs} annealed states descend from {ancestors:.0f} states of the base in effect, so many are "
            "alike; take more steps",
            RuntimeWarning,
            stacklevel=4,
        )
    if samples.starts_p_value is not None and samples.starts_p_value < DIFFERENT:
        kind = "weighted" if samples.annealed_from is None else "annealed"
        warnings.warn(
            f"samples: {kind} states differ from the ends of chains from training states (p = "
            f"{samples.starts_p_value:.3f}), so chains of one kind miss a part of the law: take more steps, or doubt "
            "the model far from its data",
            RuntimeWarning,
            stacklevel=4,
        )


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
    energy: Energy, count: int, like: Tensor, generator: torch.Generator | None
) -> tuple[Tensor, Tensor, float]:
    """Uniform states `(n, D)` uint8, their weights `exp(−E)` up to a factor, `(n,)`, and their effective number, in the
    precision and on the device of other states `(B, D)`."""
    groups, device, bits = energy.groups, like.device, like.shape[1]
    if groups is None:
        x = torch.randint(2, (count, bits), generator=generator, device=device, dtype=torch.uint8)
    else:
        sizes = [CHUNK_STATES] * (count // CHUNK_STATES) + [count % CHUNK_STATES]
        x = torch.cat([groups.uniform(size, like, generator=generator).to(torch.uint8) for size in sizes])
    with torch.no_grad():
        log_w = torch.cat([-energy(rows.to(like.dtype)).double() for rows in x.split(CHUNK_STATES)])
    if log_w.max() == -torch.inf:
        return x, torch.zeros_like(log_w), 0.0
    w = (log_w - log_w.max()).exp()
    return x, w, float(w.sum() ** 2 / w.square().sum())


def _independent(energy: Energy, states: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Starts of `count / 10` chains, with the marginals of some states and no dependence."""
    marginals = states.mean(0)
    if energy.groups is not None:
        logits = product_logits(energy.groups, marginals).clamp(-30, 30)
        return product_sample(energy.groups, logits.expand(count // SNAPSHOTS, -1), generator=generator)
    shape = (count // SNAPSHOTS, states.shape[1])
    noise = torch.rand(shape, generator=generator, device=states.device, dtype=states.dtype)
    return (noise < marginals).to(states.dtype)


def _resampled_rows(weights: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """Rows resampled in proportion to their weights; there may be more of them than `multinomial` accepts."""
    places = torch.rand(count, generator=generator, device=weights.device, dtype=weights.dtype) * weights.sum()
    return torch.searchsorted(weights.cumsum(0), places).clamp(max=len(weights) - 1)
