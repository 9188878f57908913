"""Noise on a few known bits, summed exactly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, log

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.perturbations.base import Contrast, Perturbation, check_epsilon, distances
from discrete_ed.states import enumerate_states, to_matrix, triangle_index, triangle_nodes

MAX_BLOCK = 10  # largest number of bits of a block, whose states are enumerated


@dataclass(frozen=True)
class Block(Perturbation):
    """Bernoulli noise on a random block `S` of `k` free bits, whose `2^k` states are enumerated without error.

    `y` shows which block was chosen, keeps the other bits, and flips each bit of `S` with probability ε. All states
    that differ from `x` inside the block are evaluated, so the contrastive potential and the expectation over `y_S`
    are exact sums; `m` and `w` have no effect. The choice of the block is the only randomness. For groups of bits, a
    block consists of random variables with at most `2^k` joint values, at least one of them, and each is redrawn
    uniformly with probability 2ε, which for a free bit is the same; variables with frozen bits keep their value.

    *Forgets* bits of a known block. *Costs* `2^k` energies. *Choose it* if the result must not depend on `M`, `w` or ε:
    the minimiser is the truth for every `k` and ε, and ε = ½, which is block pseudo-likelihood (less `k log 2`), is
    rarely beaten. It compares no states that differ in more than `k` bits, so the relative weight of well separated
    modes is hardly learned.

    Args:
        size: `k`, bits of a block, 1 to 10; a state with fewer free bits has all of them in its block.
        epsilon: ε, in (0, ½].

    Source: this package; ε = ½ is the composite likelihood of Lindsay 1988, Contemporary Mathematics 80, 221–239.

    >>> from discrete_ed import IsingEnergy, energy_discrepancy
    >>> loss = energy_discrepancy(IsingEnergy(4), torch.zeros(2, 4), Block(size=3))
    >>> loss.abs().item() < 1e-6  # nothing to tell apart
    True
    """

    size: int = 6
    epsilon: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_BLOCK:
            raise InputError(f"size: expected a block of 1 to {MAX_BLOCK} bits, got {self.size}")
        check_epsilon(self.epsilon)

    def sample_block(self, x: Tensor, free: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The positions of a random block of each state: `x` and `free`, both `(B, D)`, to `(B, k)`."""
        keys = torch.rand(x.shape, generator=generator, device=x.device).masked_fill(~free, -1.0)
        return keys.topk(min(self.size, x.shape[1]), dim=1).indices  # free bits first

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        """All states of a block, the data point first; `m` and `w` have no effect."""
        free = energy.free(x)
        if energy.groups is not None:
            return self.over_variables(energy.groups, x, free, generator)
        block = self.sample_block(x, free, generator=generator)
        k = block.shape[1]
        patterns = enumerate_states(k, dtype=x.dtype, device=x.device)
        flips = x.new_zeros(len(x), 2**k, x.shape[1])
        flips.scatter_(2, block.unsqueeze(1).expand(-1, 2**k, -1), patterns.expand(len(x), -1, -1))
        # Patterns that differ only in frozen bits denote the same state; q sums to one over them, so they cancel.
        states = (x.unsqueeze(1) - flips * free.unsqueeze(1)).abs()
        distance = distances(patterns)
        log_q = distance * log(self.epsilon) + (k - distance) * log(1 - self.epsilon)  # row y, column x'
        return Contrast(states, log_q.expand(len(x), -1, -1), log_q[0].exp().expand(len(x), -1))

    def over_variables(
        self, groups: Groups, x: Tensor, free: Tensor, generator: torch.Generator | None = None
    ) -> Contrast:
        """All states of a block of variables, of which each row may have another number."""
        sizes = torch.tensor(groups.sizes, device=x.device)
        able = groups.totals((~free).long()) == 0
        keys = torch.rand(able.shape, generator=generator, device=x.device).masked_fill(~able, -1.0)
        order = keys.argsort(-1, descending=True)[:, : self.size]
        values = sizes[order].where(able.gather(-1, order), 1)
        total = values.double().log2().cumsum(-1)
        inside = (total <= self.size + 1e-9) | (torch.arange(order.shape[1], device=x.device) == 0)
        values = values.where(inside, 1)
        steps = torch.cat([torch.ones_like(values[:, :1]), values.cumprod(-1)], -1)
        number = torch.arange(int(steps[:, -1].max()), device=x.device)
        shifts = number[:, None] // steps[:, None, :-1] % values[:, None]  # (B, states, variables of the block)
        present = number < steps[:, -1:]
        code = groups.decode(x).unsqueeze(1).expand(-1, len(number), -1)
        places = order.unsqueeze(1).expand(-1, len(number), -1)
        moved = (code.gather(-1, places) + shifts) % sizes[places]
        states = groups.encode(code.scatter(-1, places, moved)).to(x.dtype)
        if self.epsilon == 0.5:  # all `y` are equally likely from every state, so that one of them stands for all
            share = torch.where(present, -steps[:, -1:].to(x.dtype).log(), -torch.inf)
            return Contrast(states, share.unsqueeze(1), x.new_ones(len(x), 1))
        other = (2 * self.epsilon / values).to(x.dtype)[:, None, None]
        same = shifts.unsqueeze(2) == shifts.unsqueeze(1)
        log_q = torch.where(same, (1 - 2 * self.epsilon + other).log(), other.log()).sum(-1)
        log_q = log_q.masked_fill(~(present.unsqueeze(1) & present.unsqueeze(2)), -torch.inf)
        law = log_q[:, :, 0].exp()
        return Contrast(states, log_q.masked_fill(~present.unsqueeze(2), 0.0), law)

    def matrix(self, states: Tensor) -> Tensor:
        """A column for each block and each `y`; every bit free."""
        return self._columns(states, list(combinations(range(states.shape[-1]), min(self.size, states.shape[-1]))))

    def _columns(self, states: Tensor, blocks: list[tuple[int, ...]]) -> Tensor:
        columns = []
        for block in map(list, blocks):
            inside = distances(states[:, block])
            q = self.epsilon**inside * (1 - self.epsilon) ** (len(block) - inside)
            columns.append(torch.where(distances(states) == inside, q, 0.0) / len(blocks))
        return torch.cat(columns, dim=1)


@dataclass(frozen=True)
class NodeBlock(Block):
    """The block of all pairs among a few random nodes of a graph: six edges of four nodes, 64 states.

    States are graphs (the upper triangle with the diagonal). A motif of that many nodes is forgotten as a whole,
    which six edges chosen anywhere seldom achieve. *Costs* `2^k` energies, `k = n (n − 1) / 2`. *Choose it* for graphs
    whose small motifs matter. A graph with fewer nodes has all its edges in the block.

    Args:
        size: `n`, nodes of a block, 2 to 5.
        epsilon: ε, in (0, ½].

    >>> from discrete_ed import GraphEnergy, energy_discrepancy, graphs_to_states
    >>> import networkx as nx
    >>> x = graphs_to_states([nx.path_graph(5), nx.path_graph(3)], 6).float()
    >>> energy_discrepancy(GraphEnergy(6, width=8, layers=1), x, NodeBlock()).shape
    torch.Size([])
    """

    size: int = 4

    def __post_init__(self) -> None:
        if not (self.size >= 2 and comb(self.size, 2) <= MAX_BLOCK):
            raise InputError(f"size: expected a block of 2 to 5 nodes, got {self.size}")
        check_epsilon(self.epsilon)

    def over_variables(
        self, groups: Groups, x: Tensor, free: Tensor, generator: torch.Generator | None = None
    ) -> Contrast:
        raise InputError("perturbation: expected an energy of graphs for NodeBlock, got one with groups; take Block")

    def sample_block(self, x: Tensor, free: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The positions of the edges among random nodes that exist, if enough nodes exist: `(B, k)`."""
        exists = to_matrix(x).diagonal(dim1=-2, dim2=-1).bool()
        keys = torch.rand(exists.shape, generator=generator, device=x.device).masked_fill(~exists, -1.0)
        nodes = keys.topk(min(self.size, exists.shape[1]), dim=1).indices
        first, second = torch.triu_indices(nodes.shape[1], nodes.shape[1], 1, device=x.device)
        return triangle_index(exists.shape[1], x.device)[nodes[:, first], nodes[:, second]]

    def matrix(self, states: Tensor) -> Tensor:
        """A column for each set of nodes and each `y`; every node exists."""
        nodes = triangle_nodes(states.shape[-1])
        index = triangle_index(nodes).tolist()
        subsets = combinations(range(nodes), min(self.size, nodes))
        return self._columns(states, [tuple(index[i][j] for i, j in combinations(s, 2)) for s in subsets])
