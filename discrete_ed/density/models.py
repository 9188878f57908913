"""Density estimation: a network on a Bernoulli base, the losses under one signature, and how a fit is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch
from torch import Tensor

from discrete_ed.energies import (
    BernoulliEnergy,
    Energy,
    IsingEnergy,
    NetworkEnergy,
    RBMEnergy,
)
from discrete_ed.energies.base import check_free
from discrete_ed.errors import InputError
from discrete_ed.likelihood import log_law, log_likelihood
from discrete_ed.losses import energy_discrepancy, pseudo_likelihood, ratio_matching
from discrete_ed.names import SMALL_BITS, EnergyName, LossName, NetworkName
from discrete_ed.perturbations import Bernoulli, Block
from discrete_ed.samplers import Kernel, State, local_for, sample, suitable_kernel
from discrete_ed.states import enumerate_states
from discrete_ed.training.contrastive import ContrastiveDivergence

Loss = Callable[[Energy, Tensor], Tensor]

ENUMERATED = SMALL_BITS  # states are sampled, and fits judged, by enumeration


def density_energy(
    name: EnergyName,
    bits: int,
    *,
    width: int = 128,
    layers: int = 2,
    shape: tuple[int, int] | None = None,
    data: Tensor | None = None,
    seed: int = 0,
) -> Energy:
    """An energy by name: a network (`mlp`, `residual`, `conv`) on a Bernoulli base, an `rbm` or an `ising` model.

    Args:
        bits: `D`.
        width: of the hidden layers; channels of `conv`; hidden bits of `rbm`.
        layers: hidden layers of `mlp`, blocks of `residual`, blocks in a stage of `conv`.
        shape: rows and columns of pixels, for `conv`.
        data: states `(N, D)` whose marginals the base (of `rbm` the visible bias, of `ising` the fields) starts with;
            the energy is made on their device.
        seed: of the initial weights.

    Raises:
        InputError: an unknown name, or `conv` without a shape of `D` pixels.

    >>> density_energy("mlp", 8, width=16)(torch.zeros(3, 8)).shape
    torch.Size([3])
    """
    logits = torch.zeros(bits) if data is None else BernoulliEnergy.from_data(data).logits.detach()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if name == "rbm":
            machine = RBMEnergy(bits, width).to(logits.device)
            machine.visible_bias.data.copy_(logits)
            return machine
        if name == "ising":
            return IsingEnergy(logits.new_zeros(bits, bits), logits / 2)
        if name not in get_args(NetworkName):
            raise InputError(f"energy: expected one of {', '.join(get_args(EnergyName))}, got {name!r}")
        energy = NetworkEnergy(bits, name, width=width, layers=layers, shape=shape).to(logits.device)
    energy.base.logits.data.copy_(logits)
    return energy


def density_loss(
    name: LossName,
    *,
    epsilon: float = 0.1,
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
    | `pl` | pseudo-likelihood | |
    | `rm` | ratio matching | |
    | `cd` | contrastive divergence | `steps`, `kernel` |
    | `pcd` | persistent contrastive divergence | `steps`, `kernel`, `buffer` |
    | `ml` | maximum likelihood, all `2^D` states summed, `D` at most 16: what the others approximate | |

    Raises:
        InputError: an unknown name.

    >>> energy, x = density_energy("mlp", 4, width=8), torch.ones(5, 4)
    >>> [density_loss(name)(energy, x).shape for name in ("ed", "block-ed", "pl", "rm", "cd", "pcd")] == 6 * [()]
    True
    """
    if name == "ed":
        noise = Bernoulli(epsilon=epsilon)
        return lambda energy, x: energy_discrepancy(energy, x, noise, m=m, w=w, generator=generator)
    if name == "block-ed":
        blocks = Block(size=block, epsilon=epsilon)
        return lambda energy, x: energy_discrepancy(energy, x, blocks, generator=generator)
    if name == "pl":
        return pseudo_likelihood
    if name == "rm":
        return ratio_matching
    if name == "cd":
        return ContrastiveDivergence(kernel, steps, generator=generator)
    if name == "pcd":
        return ContrastiveDivergence(kernel, steps, buffer=buffer, generator=generator)
    if name == "ml":
        return _negative_log_likelihood
    raise InputError(f"loss: expected one of {', '.join(get_args(LossName))}, got {name!r}")


def _negative_log_likelihood(energy: Energy, x: Tensor) -> Tensor:
    if x.shape[1] > ENUMERATED:
        raise InputError(f"loss: expected at most {ENUMERATED} bits for ml, got {x.shape[1]}")
    check_free(energy, x)
    states = enumerate_states(x.shape[1], dtype=x.dtype, device=x.device)
    return energy(x).mean() + (-energy(states)).logsumexp(0)


def judge(energy: Energy, x: Tensor) -> float:
    """How well an energy fits held-out states `(N, D)`, higher is better, without estimates.

    Up to 16 bits the mean log-likelihood, by enumeration; beyond, minus the pseudo-likelihood loss.
    """
    if x.shape[1] <= ENUMERATED:
        return log_likelihood(energy, x).mean
    with torch.no_grad():
        return -pseudo_likelihood(energy, x).item()


def draw(
    energy: Energy,
    n: int,
    start: Tensor,
    *,
    steps: int = 1000,
    snapshots: int = 1,
    generator: torch.Generator | None = None,
    callback: Callable[[int, State], None] | None = None,
) -> Tensor:
    """`n` states from the law of an energy, `(n, D)` float: independent ones up to 16 bits, ends of chains beyond.

    Where bits are frozen all are ends of chains, since each start has a law of its own.

    Args:
        start: states at which chains start, `(B, D)`; their number is that of the chains, `n / snapshots`.
        steps: steps of the chains before the first snapshot, and a tenth of them between any two.
        snapshots: how many states each chain gives, one after the other.
        callback: called after every step, as by `sample`.

    Raises:
        InputError: numbers of chains and snapshots that don't give `n`.

    >>> from discrete_ed import BernoulliEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> x = draw(BernoulliEnergy(torch.tensor([2.0, -2.0])), 1000, torch.zeros(1000, 2), generator=g)
    >>> (x.mean(0) - torch.tensor([2.0, -2.0]).sigmoid()).abs().max().item() < 0.05
    True
    """
    if len(start) * snapshots != n:
        raise InputError(f"start: expected {n} / {snapshots} states, a chain for each, got {len(start)}")
    bits = start.shape[1]
    if bits <= ENUMERATED and energy.free(start).all():
        with torch.no_grad():
            law = log_law(energy, dtype=start.dtype).double().exp()
        rows = law.multinomial(n, replacement=True, generator=generator)
        return enumerate_states(bits, dtype=start.dtype, device=rows.device)[rows]
    kernel = suitable_kernel(energy, purpose="training")
    local = local_for(kernel, energy)
    x, found = start, []
    for k in range(snapshots):
        x = sample(kernel, local, x, max(1, steps // 10) if k else steps, generator=generator, callback=callback)
        found.append(x)
    return torch.cat(found)
