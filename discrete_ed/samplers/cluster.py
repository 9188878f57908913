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
    """The coupled pairs of an Ising model; its fields are couplings of the spins to a ghost spin that is always up."""

    i: Tensor
    """one spin of each pair, `(E,)`"""
    j: Tensor
    """the other spin, `(E,)`; the ghost has the number `D`"""
    coupling: Tensor
    """`J_ij`, or `h_i` for a pair with the ghost, `(E,)`; not zero"""


@dataclass(frozen=True)
class SwendsenWang(Kernel):
    """Clusters: join coupled spins at random, then flip each cluster as a whole with probability ½; reversible.

    A pair is joined with probability `max(0, 1 − exp(−2 β J_ij s_i s_j))`, so only if the spins satisfy their coupling
    (`J_ij s_i s_j > 0`). A field is a coupling to a ghost spin that is always up. A cluster
    that contains the ghost or a frozen bit is not flipped. So large clusters flip at once, and chains mix fast at the
    critical temperature, where single flips slow down.

    The model must not be frustrated: some flip of spins must make all its couplings and fields ferromagnetic. So
    antiferromagnets on bipartite graphs are allowed, and fields that agree with the couplings. For other models the
    clusters would still keep the law, but cover the whole system and not mix, so they are refused.

    The state's `delta` has shape `(B, 0)`: no differences are needed, and any local evaluation can be used. The
    clusters are found on the CPU.

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
                f"of bits {pair[0]} and {pair[1]}, the others and the fields ferromagnetic (take GibbsSweep or "
                "ParallelTempering)"
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
        """The pairs that are joined, `(B, E)`: those with `u < 1 − exp(−2 β J_ij s_i s_j)`."""
        s = to_spins(torch.cat([state.x, torch.ones_like(state.x[:, :1])], -1))
        beta = local.beta.unsqueeze(-1) if isinstance(local.beta, Tensor) else local.beta
        content = beta * bonds.coupling * s[:, bonds.i] * s[:, bonds.j]
        return u < -(-2 * content).expm1()

    def flip(self, local: LocalEvaluation, state: State, bonds: Bonds, joined: Tensor, u: Tensor) -> State:
        """Flip each cluster whose first spin has a uniform below ½ in `u`, `(B, D + 1)`, unless it must not change."""
        first = _first_of_cluster(bonds, joined, state.x.shape[-1] + 1)
        return _flip_clusters(local, state, bonds, joined, u.flatten()[first] < 0.5)


@dataclass(frozen=True)
class Wolff(Kernel):
    """One cluster: join coupled spins at random as `SwendsenWang` does, and flip the cluster of a random spin.

    A cluster that contains a frozen bit, or the ghost spin of the fields, is not flipped. Large clusters are found more
    often than small ones, so at and below the critical temperature a step moves more spins than it visits in vain.
    Reversible; refuses frustrated models as `SwendsenWang` does, and its `delta` has shape `(B, 0)` as well.

    Raises:
        InputError: from `init`, an energy other than an `IsingEnergy`, or a frustrated one.

    Source: Wolff 1989, Physical Review Letters 62, 361–364; the ghost spin as in Wang 1989, Physica A 161, 249–268.

    >>> from discrete_ed import Exact, IsingEnergy, sample
    >>> ring = 20.0 * (torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0))
    >>> sample(Wolff(), Exact(IsingEnergy(ring)), torch.zeros(1, 6), steps=1)  # all spins form one cluster
    tensor([[1., 1., 1., 1., 1., 1.]])
    """

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        return SwendsenWang().init(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        bonds = find_bonds(local)
        u_join = uniforms(state, len(state.x), len(bonds.i), generator=generator)
        u_site = uniforms(state, len(state.x), generator=generator, dtype=torch.float64)
        site = (u_site * state.x.shape[-1]).long().clamp(max=state.x.shape[-1] - 1)
        return self.flip(local, state, bonds, SwendsenWang().join(local, state, bonds, u_join), site)

    def flip(self, local: LocalEvaluation, state: State, bonds: Bonds, joined: Tensor, site: Tensor) -> State:
        """Flip the cluster of bit `site` of each chain, `(B,)`, unless it must not change."""
        chosen = torch.zeros(len(joined), state.x.shape[-1] + 1, dtype=state.x.dtype, device=state.x.device)
        return _flip_clusters(local, state, bonds, joined, chosen.scatter(-1, site.unsqueeze(-1), 1) > 0)


def _flip_clusters(local: LocalEvaluation, state: State, bonds: Bonds, joined: Tensor, chosen: Tensor) -> State:
    """Flip each cluster with a chosen spin, `(B, D + 1)`, unless it holds a frozen bit or the ghost."""
    bits = state.x.shape[-1]
    first = _first_of_cluster(bonds, joined, bits + 1)
    stays = torch.cat([~local.energy.free(state.x), joined.new_ones(len(joined), 1)], -1)
    flips, held = torch.zeros_like(stays).flatten(), torch.zeros_like(stays).flatten()
    flips[first[chosen]] = True
    held[first[stays]] = True
    moves = (flips & ~held)[first][:, :bits]
    x = torch.where(moves, 1 - state.x, state.x)
    with torch.no_grad():
        return State(x, local.beta * local.energy(x), state.delta, moves.any(-1))


def find_bonds(local: LocalEvaluation) -> Bonds:
    """The pairs with a coupling, and the spins with a field, of an Ising model.

    Raises:
        InputError: an energy other than an `IsingEnergy`.
    """
    energy = of_kind(local.energy, IsingEnergy)
    if energy is None:
        raise InputError(f"local: clusters expected an IsingEnergy, got {type(local.energy).__name__}")
    i, j, couplings = energy.coupled_pairs()
    fields = energy.fields.detach()
    (k,) = fields.nonzero(as_tuple=True)
    ghost = torch.full_like(k, len(fields))
    return Bonds(torch.cat([i, k]), torch.cat([j, ghost]), torch.cat([couplings, fields[k]]))


def frustrated_bond(bonds: Bonds, bits: int) -> tuple[int, int] | None:
    """The first pair of spins on a frustrated cycle of couplings, or None if the model is not frustrated.

    Every spin is represented by two nodes of a graph, one for each of its values. A positive coupling joins equal
    values of its spins, a negative one opposite values. A cycle of couplings that can't all be satisfied then connects
    the two nodes of a spin.
    """
    if (bonds.coupling >= 0).all():
        return None
    i, j = bonds.i.cpu().numpy(), bonds.j.cpu().numpy()
    nodes = bits + 1
    across = np.where(bonds.coupling.cpu().numpy() < 0, nodes, 0)
    ends = np.concatenate([i, i + nodes]), np.concatenate([j + across, (j + nodes + across) % (2 * nodes)])
    label = components(*ends, 2 * nodes)
    bad = np.flatnonzero(label[i] == label[i + nodes])
    return (int(i[bad[0]]), int(j[bad[0]])) if len(bad) else None


def components(i: np.ndarray, j: np.ndarray, nodes: int) -> np.ndarray:
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]


def _first_of_cluster(bonds: Bonds, joined: Tensor, nodes: int) -> Tensor:
    """For every spin the index of the first spin of its cluster in the flattened batch, `(B, nodes)`."""
    chain, bond = joined.nonzero(as_tuple=True)
    offset = chain * nodes
    ends = ((offset + bonds.i[bond]).cpu().numpy(), (offset + bonds.j[bond]).cpu().numpy())
    label = components(*ends, len(joined) * nodes)
    _, first = np.unique(label, return_index=True)
    return torch.from_numpy(first[label]).view(len(joined), nodes).to(joined.device)
