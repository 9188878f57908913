"""Cluster moves between two replicas of an Ising model, for spin glasses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.samplers.cluster import components
from discrete_ed.samplers.kernels import Kernel, State, uniforms


@dataclass(frozen=True)
class Houdayer(Kernel):
    """A step of a kernel, then an exchange of clusters between replicas: rows `2k` and `2k + 1` are a pair.

    A random site is chosen in each pair. If the two replicas differ there, they exchange the cluster of sites at which
    they differ and that are connected with it by couplings; the sum of their energies stays. This leaves the product of
    two laws of one temperature invariant, whether or not the couplings are frustrated, and moves many spins at once.
    Above the temperature at which the clusters percolate they span the lattice, and exchanging them changes little: in
    two dimensions the moves help, in three only at low temperature or with dilution.

    `ParallelTempering(Houdayer(GibbsSweep()), betas)` is the usual combination; `temper` runs it in a compiled loop.
    `accepted` is that of the kernel's step.

    Args:
        kernel: any kernel for an `IsingEnergy`.

    Raises:
        InputError: from `init`, an energy other than an `IsingEnergy`, an odd number of rows, a pair at two inverse
            temperatures, and whatever the kernel refuses.

    Source: Houdayer 2001, European Physical Journal B 22, 479–484.

    >>> from discrete_ed import Exact, GibbsSweep, IsingEnergy, sample
    >>> sample(Houdayer(GibbsSweep()), Exact(IsingEnergy(8)), torch.zeros(4, 8), steps=3).shape
    torch.Size([4, 8])
    """

    kernel: Kernel

    @property
    def needs_exact(self) -> bool:
        return self.kernel.needs_exact

    @property
    def keeps_law(self) -> bool:
        return self.kernel.keeps_law

    def evaluations(self, bits: int) -> int:
        """Those of the kernel, and one after the exchange."""
        return self.kernel.evaluations(bits) + 1

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        if of_kind(local.energy, IsingEnergy) is None:
            raise InputError(f"local: clusters expected an IsingEnergy, got {type(local.energy).__name__}")
        if len(x) % 2:
            raise InputError(f"x: expected pairs of replicas, an even number of rows, got {len(x)}")
        beta = local.beta
        if isinstance(beta, Tensor) and (beta[0::2] != beta[1::2]).any():
            raise InputError("local: expected one inverse temperature for both replicas of a pair, got two")
        return self.kernel.init(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        state = self.kernel.step(local, state, generator=generator)
        u = uniforms(state, len(state.x) // 2, generator=generator, dtype=torch.float64)
        site = (u * state.x.shape[-1]).long().clamp(max=state.x.shape[-1] - 1)
        exchanged = self.kernel.init(local, self.exchange(local, state.x, site))
        return exchanged._replace(accepted=state.accepted)

    def exchange(self, local: LocalEvaluation, x: Tensor, site: Tensor) -> Tensor:
        """The bits after pairs of rows have exchanged the cluster of `site`, `(B/2,)`; `(B, D)`."""
        energy = of_kind(local.energy, IsingEnergy)
        assert energy is not None
        i, j, _ = (part.cpu() for part in energy.coupled_pairs())
        one, other = x[0::2], x[1::2]
        pairs, bits = one.shape
        differ = (one != other).cpu()
        pair, bond = (differ[:, i] & differ[:, j]).nonzero(as_tuple=True)
        offset = pair * bits
        ends = (offset + i[bond]).numpy(), (offset + j[bond]).numpy()
        label = torch.from_numpy(components(*ends, pairs * bits)).view(pairs, bits)
        cluster = (differ & (label == label.gather(1, site.cpu().unsqueeze(1)))).to(x.device)
        return torch.stack([other.where(cluster, one), one.where(cluster, other)], 1).flatten(0, 1)
