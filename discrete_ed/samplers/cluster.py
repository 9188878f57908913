"""Cluster moves of Ising models without frustration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.samplers.kernels import Kernel, State, uniforms
from discrete_ed.states import to_spins


class Bonds(NamedTuple):
    """The pairs that an Ising model couples; its fields couple the spins to a ghost spin that is always up."""

    i: Tensor
    """One spin of each pair, `(E,)`."""
    j: Tensor
    """The other one, `(E,)`; the ghost is number `D`."""
    coupling: Tensor
    """`J_ij`, or `h_i` for a pair with the ghost, `(E,)`; not zero."""


@dataclass(frozen=True)
class SwendsenWang(Kernel):
    """Clusters: join coupled spins at random, then flip each cluster as a whole by a fair coin; reversible.

    A pair is joined with probability `1 − exp(−2 β J_ij s_i s_j)` where that is positive, that is where the coupling
    is content with the spins, and never elsewhere. A field is a coupling to a ghost spin that is always up. A cluster
    that holds the ghost or a frozen bit stays as it is. So large clusters flip at once, and chains stay quick at the
    critical temperature, where single flips slow down.

    The model must not be frustrated: some flip of spins must make all its couplings and fields ferromagnetic. So
    antiferromagnets on bipartite graphs are welcome, and fields if they agree with the couplings. For other models the
    clusters would still keep the law, but grow over the whole system and mix nothing, so they are refused.

    The state's `delta` has shape `(B, 0)`: no differences are needed, and either local evaluation serves. The clusters
    are found on the CPU.

    Raises:
        InputError: from `init`, an energy other than an `IsingEnergy`, or a frustrated one.

    Source: Swendsen and Wang 1987, Physical Review Letters 58, 86–88; the joint law of spins and bonds from Edwards and
    Sokal 1988, Physical Review D 38, 2009–2012.

    >>> from discrete_ed import Exact, IsingEnergy, sample
    >>> ring = 2.0 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    >>> g = torch.Generator().manual_seed(0)
    >>> sample(SwendsenWang(), Exact(IsingEnergy(ring)), torch.zeros(4, 6), steps=9, generator=g).std(1)
    tensor([0., 0., 0., 0.])
    """

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        bonds = find_bonds(local)
        pair = frustrated_bond(bonds, x.shape[-1])
        if pair is not None:
            raise InputError(
                "local: clusters expected an Ising model without frustration, but no flip of spins makes the coupling "
                f"of bits {pair[0]} and {pair[1]} and all others ferromagnetic (take GibbsSweep or ParallelTempering)"
            )
        still = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        with torch.no_grad():
            return State(x.detach(), local.beta * local.energy(x), x.new_zeros(len(x), 0), still)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        bonds = find_bonds(local)
        u_join = uniforms(state, len(state.x), len(bonds.i), generator=generator)
        u_flip = uniforms(state, len(state.x), state.x.shape[-1] + 1, generator=generator)
        return self.flip(local, state, bonds, self.join(local, state, bonds, u_join), u_flip)

    def join(self, local: LocalEvaluation, state: State, bonds: Bonds, u: Tensor) -> Tensor:
        """The pairs that are joined, `(B, E)`: where `u < 1 − exp(−2 β J_ij s_i s_j)`."""
        s = to_spins(torch.cat([state.x, torch.ones_like(state.x[:, :1])], -1))
        beta = local.beta.unsqueeze(-1) if isinstance(local.beta, Tensor) else local.beta
        content = beta * bonds.coupling * s[:, bonds.i] * s[:, bonds.j]
        return u < -(-2 * content).expm1()

    def flip(self, local: LocalEvaluation, state: State, bonds: Bonds, joined: Tensor, u: Tensor) -> State:
        """Flip the clusters whose first spin's uniform, of `u`, `(B, D + 1)`, lies below ½, unless they must stay."""
        bits = state.x.shape[-1]
        first = _first_of_cluster(bonds, joined, bits + 1)
        stays = torch.cat([~local.energy.free(state.x), joined.new_ones(len(joined), 1)], -1)
        held = torch.zeros_like(stays).flatten()
        held[first[stays]] = True
        flips = ((u.flatten()[first] < 0.5) & ~held[first])[:, :bits]
        x = torch.where(flips, 1 - state.x, state.x)
        with torch.no_grad():
            return State(x, local.beta * local.energy(x), state.delta, flips.any(-1))


def find_bonds(local: LocalEvaluation) -> Bonds:
    """The pairs with a coupling, and the spins with a field, of an Ising model.

    Raises:
        InputError: an energy other than an `IsingEnergy`.
    """
    energy = of_kind(local.energy, IsingEnergy)
    if energy is None:
        raise InputError(f"local: clusters expected an IsingEnergy, got {type(local.energy).__name__}")
    couplings, fields = energy.couplings.detach().triu(1), energy.fields.detach()
    i, j = couplings.nonzero(as_tuple=True)
    (k,) = fields.nonzero(as_tuple=True)
    ghost = torch.full_like(k, len(fields))
    return Bonds(torch.cat([i, k]), torch.cat([j, ghost]), torch.cat([couplings[i, j], fields[k]]))


def frustrated_bond(bonds: Bonds, bits: int) -> tuple[int, int] | None:
    """The first pair among spins that frustrate each other, or None where none do.

    Every spin stands in a graph twice, as it is and flipped. A positive coupling joins like to like, a negative one
    each to the other's flip. A cycle of couplings that can't all be content joins a spin to its own flip.
    """
    i, j = bonds.i.cpu().numpy(), bonds.j.cpu().numpy()
    nodes = bits + 1
    across = np.where(bonds.coupling.cpu().numpy() < 0, nodes, 0)
    ends = np.concatenate([i, i + nodes]), np.concatenate([j + across, (j + nodes + across) % (2 * nodes)])
    label = _components(*ends, 2 * nodes)
    bad = np.flatnonzero(label[i] == label[i + nodes])
    return (int(i[bad[0]]), int(j[bad[0]])) if len(bad) else None


def _components(i: np.ndarray, j: np.ndarray, nodes: int) -> np.ndarray:
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]


def _first_of_cluster(bonds: Bonds, joined: Tensor, nodes: int) -> Tensor:
    """For every spin the place of the first spin of its cluster in the flattened batch, `(B, nodes)`."""
    chain, bond = joined.nonzero(as_tuple=True)
    offset = chain * nodes
    ends = ((offset + bonds.i[bond]).cpu().numpy(), (offset + bonds.j[bond]).cpu().numpy())
    label = _components(*ends, len(joined) * nodes)
    _, first = np.unique(label, return_index=True)
    return torch.from_numpy(first[label]).view(len(joined), nodes).to(joined.device)
