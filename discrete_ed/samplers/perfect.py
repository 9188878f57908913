"""Perfect samples: independent samples from exactly the law, without convergence to assess."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.base import check_kind
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.samplers.compiled import couple_from_the_past
from discrete_ed.samplers.gibbs import colour_classes
from discrete_ed.states import to_spins


def perfect_sample(
    energy: IsingEnergy, count: int, *, max_sweeps: int = 2**14, generator: torch.Generator | None = None
) -> Tensor:
    """Independent samples from exactly the law of a ferromagnetic Ising model, `(count, D)`, by coupling from the past.

    Heat-bath sweeps with shared uniforms preserve the order of two chains if no coupling is negative. So if the chains
    that start at sweep `−T` with all spins down and with all spins up are equal at sweep 0, all chains are, and their
    common state is a sample. `T` is doubled until this happens, and earlier sweeps use the same uniforms again. Fields
    may have any sign. The number of sweeps grows steeply below the critical temperature.

    Args:
        count: number of samples; their chains run side by side.
        max_sweeps: the largest `T`.

    Raises:
        InputError: an energy other than an `IsingEnergy`, a negative coupling, or a `count` below zero.
        NumericalError: some chains haven't met after `max_sweeps`. The other samples are not returned, since those that
            are found early have another distribution.

    Source: Propp and Wilson 1996, Random Structures and Algorithms 9, 223–252.

    >>> g = torch.Generator().manual_seed(0)
    >>> ring = 0.4 * (torch.eye(8).roll(1, 0) + torch.eye(8).roll(-1, 0))
    >>> perfect_sample(IsingEnergy(ring), 5, generator=g).shape
    torch.Size([5, 8])
    """
    check_kind(energy, IsingEnergy)
    couplings = energy.coupled_pairs()[2]
    if (couplings < 0).any():
        raise InputError(f"energy: expected couplings of at least 0 (ferromagnetic), got {couplings.min():g}")
    if count < 0:
        raise InputError(f"count: expected at least 0, got {count}")
    compiled = couple_from_the_past(energy, count, max_sweeps, generator)
    if compiled is not None:
        bits, apart = compiled
        if apart:
            raise _not_met(apart, count, max_sweeps)
        return bits
    exact = copy.deepcopy(energy).double()
    d, device = exact.bits, exact.fields.device
    classes = [torch.tensor(members, device=device) for members in colour_classes(energy)]
    own = torch.Generator(device)
    past: list[tuple[int, int]] = []  # blocks of sweeps with the seeds of their uniforms, the latest first
    sweeps = 0
    while sweeps < max_sweeps:
        seed = torch.randint(2**62, (), generator=generator, device=generator.device if generator else "cpu")
        past.append((int(seed), max(sweeps, 1)))
        sweeps += past[-1][1]
        bits = torch.cat([torch.zeros(count, d), torch.ones(count, d)]).double().to(device)
        s = to_spins(bits)
        for block_seed, length in reversed(past):
            own.manual_seed(block_seed)
            for _ in range(length):
                u = torch.rand(count, d, generator=own, device=device, dtype=torch.float64).repeat(2, 1)
                for members in classes:
                    with torch.no_grad():
                        p_up = (2 * exact.local_fields(s)[:, members]).sigmoid()
                    s[:, members] = to_spins((u[:, members] < p_up).double())
        down, up = s.chunk(2)
        if torch.equal(down, up):
            return ((up + 1) / 2).to(energy.fields.dtype)
    raise _not_met(int((down != up).any(-1).sum()) if sweeps else count, count, sweeps)


def _not_met(unmet: int, count: int, sweeps: int) -> NumericalError:
    return NumericalError(f"perfect_sample: {unmet} of {count} pairs of chains have not met after {sweeps} sweeps")
