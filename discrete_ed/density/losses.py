"""Losses for density estimation, by name and under one signature, `(energy, x) → scalar`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import state_bits
from discrete_ed.energies.evaluated import check_free
from discrete_ed.energies.probe import check_bits
from discrete_ed.errors import InputError
from discrete_ed.losses import energy_discrepancy, pseudo_likelihood, ratio_matching
from discrete_ed.names import EPSILON, SMALL_BITS, LossName
from discrete_ed.perturbations import Bernoulli, Block, Erasure
from discrete_ed.samplers import Kernel
from discrete_ed.states import enumerate_states
from discrete_ed.training.contrastive import ContrastiveDivergence

Loss = Callable[[Energy, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class _LossSettings:
    epsilon: float
    m: int
    w: float
    block: int
    steps: int
    buffer: int
    kernel: Kernel | None
    generator: torch.Generator | None


def _bernoulli_discrepancy(settings: _LossSettings) -> Loss:
    noise = Bernoulli(epsilon=settings.epsilon)
    return lambda energy, x: energy_discrepancy(
        energy, x, noise, m=settings.m, w=settings.w, generator=settings.generator
    )


def _block_discrepancy(settings: _LossSettings) -> Loss:
    blocks = Block(size=settings.block, epsilon=settings.epsilon)
    return lambda energy, x: energy_discrepancy(energy, x, blocks, generator=settings.generator)


def _erasure_discrepancy(settings: _LossSettings) -> Loss:
    erasure = Erasure()
    return lambda energy, x: energy_discrepancy(
        energy, x, erasure, m=settings.m, w=settings.w, generator=settings.generator
    )


def _contrastive_divergence(settings: _LossSettings) -> Loss:
    return ContrastiveDivergence(settings.kernel, settings.steps, generator=settings.generator)


def _persistent_divergence(settings: _LossSettings) -> Loss:
    return ContrastiveDivergence(settings.kernel, settings.steps, buffer=settings.buffer, generator=settings.generator)


def _negative_log_likelihood(energy: Energy, x: Tensor) -> Tensor:
    if state_bits(energy, x.shape[1]) > SMALL_BITS:
        raise InputError(f"loss: expected at most {SMALL_BITS} bits for ml, got {state_bits(energy, x.shape[1]):.4g}")
    check_free(energy, x)
    check_bits(energy, x)
    # `log_law` at the rows of x has the same value, but its gradient differs in the last digits, and so would every fit
    if energy.groups is not None:
        states = energy.groups.states(x.dtype, x.device)
    else:
        states = enumerate_states(x.shape[1], dtype=x.dtype, device=x.device)
    return energy(x).mean() + (-energy(states)).logsumexp(0)


LOSSES: dict[LossName, Callable[[_LossSettings], Loss]] = {
    "ed": _bernoulli_discrepancy,
    "block-ed": _block_discrepancy,
    "erasure": _erasure_discrepancy,
    "pl": lambda _: pseudo_likelihood,
    "rm": lambda _: ratio_matching,
    "cd": _contrastive_divergence,
    "pcd": _persistent_divergence,
    "ml": lambda _: _negative_log_likelihood,
}
"""for each name that `density_loss` and the command line offer, the function that builds the loss"""


def density_loss(
    name: LossName,
    *,
    epsilon: float | None = None,
    m: int = 32,
    w: float = 1.0,
    block: int = 5,
    steps: int = 10,
    buffer: int = 1000,
    kernel: Kernel | None = None,
    generator: torch.Generator | None = None,
) -> Loss:
    """A loss by name, `(energy, x) → scalar`, so that a comparison is a loop over names.

    | name | loss | settings |
    |---|---|---|
    | `ed` | energy discrepancy, Bernoulli perturbation | `epsilon`, `m`, `w` |
    | `block-ed` | energy discrepancy on random blocks of bits, summed | `block`, `epsilon` |
    | `erasure` | energy discrepancy, any number of erased bits, filled in by the mixture inside the energy | `m`, `w` |
    | `pl` | pseudo-likelihood | |
    | `rm` | ratio matching | |
    | `cd` | contrastive divergence | `steps`, `kernel` |
    | `pcd` | persistent contrastive divergence | `steps`, `kernel`, `buffer` |
    | `ml` | maximum likelihood, all `2^D` states summed, `D` at most 16; the other losses approximate it | |

    If bits are tied into groups, all of them take variables where they take bits (see `Groups`); a block then consists
    of variables with at most `2^block` joint values.

    Args:
        name: a name of the table.
        epsilon: ε, the probability that noise flips a bit; by default 0.1 for `ed` and 0.5 for `block-ed`, for which
            the loss is the negative log-likelihood of the block given the other bits.
        m: the number M of perturbed copies of each state.
        w: the stabilisation w.
        block: number of bits of a block.
        steps: number of steps of each chain.
        buffer: number of chains that continue from batch to batch.
        kernel: the kernel of the chains.
        generator: the source of randomness.

    Raises:
        InputError: an unknown name, or ε for a loss without noise.

    >>> from discrete_ed import density_energy
    >>> energy, x = density_energy("mlp", 4, width=8), torch.ones(5, 4)
    >>> names = ("ed", "block-ed", "erasure", "pl", "rm", "cd", "pcd")
    >>> [density_loss(name)(energy, x).shape for name in names] == 7 * [()]
    True
    """
    if name not in LOSSES:
        raise InputError(f"loss: expected one of {', '.join(LOSSES)}, got {name!r}")
    if epsilon is not None and name not in EPSILON:
        raise InputError(f"epsilon: expected None, since only {' and '.join(EPSILON)} have noise, got it with {name!r}")
    epsilon = EPSILON.get(name, 0.0) if epsilon is None else epsilon  # 0 for a loss without noise
    return LOSSES[name](_LossSettings(epsilon, m, w, block, steps, buffer, kernel, generator))
