"""Gibbs sampling: bits are resampled from their conditional laws, one at a time or in classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from torch import Tensor
from torch.nn.functional import logsigmoid, one_hot

from discrete_ed.energies import IsingEnergy, PottsEnergy
from discrete_ed.energies.base import Energy, of_kind
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.groups import moved
from discrete_ed.samplers.kernels import Kernel, State, accept, check_exact, evaluate, uniforms


class SingleFlip(Kernel):
    """What kernels share that choose one free bit uniformly and flip it with a probability of its difference alone.

    If bits are tied into groups, one of the moves is chosen.
    """

    needs_exact = True

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        check_exact(self, local)
        return evaluate(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        u_choice = uniforms(state, *state.x.shape, generator=generator)
        u_accept = uniforms(state, len(state.x), generator=generator)
        groups, free = local.energy.groups, local.energy.free(state.x)
        if groups is not None:
            free = groups.movable(state.x, free)
        i = u_choice.masked_fill(~free, -1).argmax(-1)
        return self.flip(local, state, i, u_accept.log())

    def flip(self, local: LocalEvaluation, state: State, i: Tensor, log_u: Tensor) -> State:
        """Flip bit `i` of each chain, `(B,)`, where `log_u` lies below the log probability of the flip."""
        i = i.unsqueeze(-1)
        accepted = log_u < self.log_flip(state.delta.gather(-1, i)).squeeze(-1)
        x, _ = moved(local.energy.groups, state.x, i)
        x = torch.where(accepted.unsqueeze(-1), x, state.x)
        return accept(state, x, local(x), accepted)

    def log_flip(self, delta: Tensor) -> Tensor:
        """The log probability of a flip from its difference `Δ_i`; values above 0 mean 1."""
        raise NotImplementedError


@dataclass(frozen=True)
class Gibbs(SingleFlip):
    """Random scan: choose one free bit uniformly and flip it with probability `σ(−Δ_i(x)) = 1 / (1 + exp(Δ_i(x)))`.

    This samples the bit from its law given all others, so there is no accept step; reversible. A chain without free
    bits does not move. If bits are tied into groups, one variable is chosen uniformly, a free bit or a group, and its
    value is sampled from its law given all others, `p(move i) ∝ exp(−Δ_i(x))`.

    Raises:
        InputError: from `init`, a `Taylor` evaluation, whose estimated differences would lead to another law.

    Source: Geman and Geman 1984, IEEE TPAMI 6, 721–741.

    >>> from discrete_ed import Exact, IsingEnergy, sample
    >>> g = torch.Generator().manual_seed(0)
    >>> up = IsingEnergy(torch.zeros(2, 2), fields=torch.full((2,), 9.0))
    >>> sample(Gibbs(), Exact(up), torch.zeros(1, 2), steps=20, generator=g)
    tensor([[1., 1.]])
    """

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        groups = local.energy.groups
        if groups is None:
            return super().step(local, state, generator=generator)
        u_choice = uniforms(state, len(state.x), len(groups.variables), generator=generator)
        u_value = uniforms(state, len(state.x), generator=generator)
        movable = groups.totals(groups.movable(state.x, local.energy.free(state.x)).to(state.x.dtype)) > 0
        return self.resample(local, state, u_choice.masked_fill(~movable, -1).argmax(-1), u_value)

    def resample(self, local: LocalEvaluation, state: State, variable: Tensor, u: Tensor) -> State:
        """Sample a variable of each chain, `(B,)`, given all others, by uniforms `u`, `(B,)`; see `Groups.choose`."""
        groups = local.energy.groups
        assert groups is not None
        chosen = groups.spread(one_hot(variable, len(groups.variables)).bool())
        return _resampled(local, state, chosen, u.unsqueeze(-1).expand(-1, len(groups.variables)))

    def log_flip(self, delta: Tensor) -> Tensor:
        """`log σ(−Δ_i)`."""
        return logsigmoid(-delta)


def _resampled(local: LocalEvaluation, state: State, bits: Tensor, u: Tensor) -> State:
    """The variables with the given `bits`, `(B, D)` or `(D,)` bool, sampled given all others, by uniforms `(B, V)`."""
    groups = local.energy.groups
    assert groups is not None
    moves = groups.choose((-state.delta).masked_fill(~bits, -torch.inf), u)
    x, _ = groups.apply(state.x, moves)
    return State(x, *local(x), moves.any(-1))


@dataclass(frozen=True)
class GibbsSweep(Kernel):
    """Systematic scan: one step resamples every bit, class after class, all bits of a class at once.

    A bit flips where its uniform lies below `σ(−Δ_i(x))`. The bits of a class must not interact, so that
    resampling them at once is the same as one after the other. Each class costs one local evaluation. A sweep leaves
    the law invariant, but it isn't reversible: its reverse visits the classes in the opposite order. If bits are tied
    into groups, a class consists of whole groups and free bits, and by default every variable is a class.

    Args:
        classes: a partition of the bits, such as `colour_classes(energy)`; by default every bit is a class.

    Raises:
        InputError: from `init`, a `Taylor` evaluation; classes that aren't a partition; a class in which two bits
            interact, or whose interactions aren't known (classes of several bits need an `IsingEnergy`); groups of
            which a class has a part.

    Source: Geman and Geman 1984, IEEE TPAMI 6, 721–741; classes as in Gonzalez et al. 2011 (AISTATS).

    >>> from discrete_ed import Exact, IsingEnergy, colour_classes, sample
    >>> ring = torch.eye(6).roll(1, 0) + torch.eye(6).roll(-1, 0)
    >>> energy = IsingEnergy(ring)
    >>> kernel = GibbsSweep(colour_classes(energy))
    >>> kernel
    GibbsSweep(classes=((0, 2, 4), (1, 3, 5)))
    >>> sample(kernel, Exact(energy), torch.zeros(2, 6), steps=5).shape
    torch.Size([2, 6])
    """

    needs_exact = True
    classes: tuple[tuple[int, ...], ...] | None = None

    def __str__(self) -> str:
        """The kernel with the number of its classes instead of a list of them."""
        return repr(self) if self.classes is None else f"GibbsSweep of {len(self.classes)} classes"

    def evaluations(self, bits: int) -> int:
        """One for each class."""
        return bits if self.classes is None else len(self.classes)

    @cached_property
    def _indices(self) -> tuple[Tensor, ...]:
        return tuple(torch.tensor(members) for members in self.classes or ())

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        check_exact(self, local)
        if self.classes is not None:
            check_classes(self.classes, local.energy, x.shape[-1])
        return evaluate(local, x)

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        start, groups = state.x, local.energy.groups
        if groups is None:
            u = uniforms(state, *start.shape, generator=generator)
            indices = torch.arange(start.shape[-1], device=u.device).split(1) if self.classes is None else self._indices
        else:
            u = uniforms(state, len(start), len(groups.variables), generator=generator)
            indices = groups.indices(u.device) if self.classes is None else self._indices
        for members in indices:
            state = self.update(local, state, members.to(u.device), u)
        return state._replace(accepted=(state.x != start).any(-1))

    def update(self, local: LocalEvaluation, state: State, members: Tensor, u: Tensor) -> State:
        """Sample the bits `members` of each chain at once: flip bit `i` where `u_i < σ(−Δ_i)`; `u` is `(B, D)`, or
        `(B, V)` for variables of which some are groups."""
        if local.energy.groups is not None:
            inside = torch.zeros_like(state.x[0], dtype=torch.bool).index_fill(0, members, True)
            return _resampled(local, state, inside, u)
        flips = u[:, members] < (-state.delta[:, members]).sigmoid()
        old = state.x[:, members]
        x = state.x.index_copy(-1, members, torch.where(flips, 1 - old, old))
        energy, delta = local(x)
        return State(x, energy, delta, flips.any(-1))


def colour_classes(energy: Energy) -> tuple[tuple[int, ...], ...]:
    """Classes of bits without interactions inside: a greedy colouring of the graph of nonzero couplings.

    No lattice is assumed. An even torus gets two classes or a few more, an odd one at least three.

    Raises:
        InputError: an energy other than an `IsingEnergy`, since the interactions of others aren't known.

    >>> square = torch.zeros(4, 4)
    >>> square[[0, 1, 2, 3], [1, 2, 3, 0]] = 1
    >>> colour_classes(IsingEnergy(square + square.T))
    ((0, 2), (1, 3))
    """
    potts, model = of_kind(energy, PottsEnergy), of_kind(energy, IsingEnergy)
    if potts is not None:
        return _colours_of_variables(potts)
    if model is None:
        raise InputError(f"energy: expected an IsingEnergy, whose interactions are known, got {type(energy).__name__}")
    i, j, _ = model.coupled_pairs()
    colour = colouring(i.cpu().numpy(), j.cpu().numpy(), model.bits)
    return tuple(tuple(np.flatnonzero(colour == c).tolist()) for c in range(colour.max(initial=-1) + 1))


def _colours_of_variables(energy: PottsEnergy) -> tuple[tuple[int, ...], ...]:
    """Classes of whole variables without interactions inside."""
    groups = energy.groups
    assert groups is not None
    i, j, _ = energy.coupled_pairs()
    variable = groups.layout(i.device).variable
    ends = torch.stack([variable[i], variable[j]]).sort(0).values.unique(dim=1).cpu().numpy()
    colour = colouring(ends[0], ends[1], len(groups.variables))
    of_bit = colour[groups.layout(torch.device("cpu")).variable.numpy()]
    return tuple(tuple(np.flatnonzero(of_bit == c).tolist()) for c in range(colour.max(initial=-1) + 1))


def colouring(i: NDArray[np.integer], j: NDArray[np.integer], nodes: int) -> NDArray[np.int32]:
    """A colour for each node of a graph with the edges `(i, j)` such that the ends of no edge share one, `(nodes,)`.

    If two colours suffice, two are used. Otherwise every node gets the smallest colour that its neighbours leave, in
    the order of a search through the graph, breadth first.
    """
    edges = np.ones(len(i), np.int8)
    graph = coo_array((edges, (i, j)), shape=(nodes, nodes)).tocsr()
    # Two copies of each node, one for each colour, and edges between unequal copies: where two colours suffice, the
    # copies of a node are in different components.
    copies = coo_array((np.tile(edges, 2), (np.r_[i, i + nodes], np.r_[j + nodes, j])), shape=(2 * nodes, 2 * nodes))
    label = connected_components(copies, directed=False)[1]
    if (label[:nodes] != label[nodes:]).all():
        return (label[:nodes] > label[nodes:]).astype(np.int32)
    # One more node is joined to the first node of each component, so that a single search reaches all of them.
    first = np.unique(connected_components(graph, directed=False)[1], return_index=True)[1]
    reached = coo_array(
        (np.ones(len(i) + len(first), np.int8), (np.r_[i, np.full(len(first), nodes)], np.r_[j, first])),
        shape=(nodes + 1, nodes + 1),
    ).tocsr()
    order = breadth_first_order(reached, nodes, directed=False, return_predecessors=False)[1:]
    graph = (graph + graph.T).tocsr()
    start, neighbours = graph.indptr.tolist(), graph.indices.tolist()
    colour = [-1] * nodes
    for node in order.tolist():
        taken = {colour[k] for k in neighbours[start[node] : start[node + 1]]}
        colour[node] = next(c for c in range(len(taken) + 1) if c not in taken)
    return np.array(colour, np.int32)


def check_classes(classes: tuple[tuple[int, ...], ...], energy: Energy, bits: int) -> None:
    """Raise `InputError` unless the classes are a partition of the bits and no two bits of a class interact."""
    if sorted(bit for members in classes for bit in members) != list(range(bits)):
        raise InputError(f"classes: expected every bit from 0 to {bits - 1} in exactly one class")
    groups = energy.groups
    variables = [(bit,) for bit in range(bits)] if groups is None else groups.variables
    if {frozenset(members) for members in classes} == {frozenset(variable) for variable in variables}:
        return
    model: IsingEnergy | PottsEnergy | None = of_kind(energy, IsingEnergy) or of_kind(energy, PottsEnergy)
    if model is None:
        raise InputError(
            f"classes: expected single {'bits' if groups is None else 'variables, that is whole groups and free bits'}"
            f", since the interactions of {type(energy).__name__} aren't known"
        )
    i, j, _ = model.coupled_pairs()
    label = torch.empty(bits, dtype=torch.int32)
    for k, members in enumerate(classes):
        label[torch.tensor(members)] = k
    label = label.to(i.device)
    if groups is not None and any(len({int(label[bit]) for bit in group}) > 1 for group in groups.members):
        raise InputError("classes: expected whole groups in each class, got parts of a group in two")
    inside = (label[i] == label[j]).nonzero()
    if len(inside):
        pair = int(i[inside[0]]), int(j[inside[0]])
        raise InputError(
            f"classes: expected no interaction inside a class, got one between bits {pair[0]} and {pair[1]}"
        )
