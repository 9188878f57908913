"""What permutation-invariant energies of graphs share: frozen nodes, free edges, and dense batches of similar size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.energies.levels import level_features
from discrete_ed.errors import InputError
from discrete_ed.states import to_matrix, triangle_size

# A batch is split into groups of graphs of similar size. One more group costs about as much time as so many nodes.
GROUP_COST = 250

LARGEST_BLOCK = 16 * 2**20
"""bytes of a layer's values of pairs, above which graphs are evaluated one part after the other

The C library of Linux takes blocks of more than 32 MiB from the system anew each time, which has to clear their pages:
that took a third of the time of a training step of graphs with 64 nodes.
"""


class DenseGraphEnergy(Energy):
    """The base of energies of graphs with at most `N` nodes that evaluate dense adjacency matrices.

    States hold the upper triangle of the adjacency matrix with the diagonal, `D = N (N + 1) / 2` bits; node bits are
    frozen, and an edge bit is free where both of its nodes exist. A subclass defines `dense`, and `memory`.

    Args:
        max_nodes: the largest number of nodes `N`.
        noise_levels: whether the energy takes a noise level `t`; the subclass then has the module `level`.
    """

    growth = 1
    """the power of the number of nodes with which the time of an evaluation grows, by which batches are split"""
    group_cost = GROUP_COST
    """the time of one more group of a batch, in units of the time of a graph with one node"""

    pair_values = 0
    """how many values a layer holds of each pair of nodes; 0 for an energy that takes batches of any size at once"""

    def __init__(self, max_nodes: int, *, noise_levels: bool) -> None:
        super().__init__()
        if max_nodes < 1:
            raise InputError(f"max_nodes: expected at least 1, got {max_nodes}")
        self.max_nodes, self.noise_levels = max_nodes, noise_levels
        self.bits = triangle_size(max_nodes)

    def dense(self, matrix: Tensor, level: Tensor | None) -> Tensor:
        """The energies `(B,)` of matrices `(B, n, n)`, `n <= N`, whose diagonal says which nodes exist, with features
        `(B, F)` of the noise level."""
        raise NotImplementedError(f"{type(self).__name__} must define dense(matrix, level): (B, n, n) → (B,)")

    def memory(self, nodes: Tensor, *, with_gradient_of_states: bool) -> Tensor:
        """About how many bytes it takes to evaluate graphs with these numbers of nodes and one gradient, `(...)`.

        Args:
            nodes: numbers of nodes `n`, `(...)`.
            with_gradient_of_states: whether the gradient is that of the states, as `Taylor` takes it, or that of the
                parameters, as training does.
        """
        raise NotImplementedError(f"{type(self).__name__} must define memory(nodes, with_gradient_of_states=…)")

    def free(self, x: Tensor) -> Tensor:
        exists = self._matrix(x).diagonal(dim1=-2, dim2=-1).bool()
        rows, columns = torch.triu_indices(self.max_nodes, self.max_nodes, device=x.device)
        return exists[..., rows] & exists[..., columns] & (rows != columns)

    def _matrix(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.bits:
            raise InputError(
                f"x: expected {self.bits} bits, a graph over at most {self.max_nodes} nodes, got shape {tuple(x.shape)}"
            )
        return to_matrix(x)

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        if x.numel() == 0:
            self._matrix(x)
            return x.new_zeros(x.shape[:-1])
        return self._by_size(x, t, self.dense).view(x.shape[:-1])

    def _at_once(self, nodes: int) -> int | None:
        """How many graphs with so many nodes are evaluated together at most; None for any number."""
        values = self.pair_values * nodes * (nodes + 1) // 2
        return max(1, LARGEST_BLOCK // (4 * values)) if values else None

    def _by_size(self, x: Tensor, t: Tensor | None, evaluate: Callable[[Tensor, Tensor | None], Tensor]) -> Tensor:
        """A function of matrices `(b, n, n)` and level features, at states `(..., D)` in a row: `(B, ...)`.

        Graphs of similar size are evaluated together, so that little time is spent on absent nodes.
        """
        matrix = self._matrix(x).reshape(-1, self.max_nodes, self.max_nodes)
        batch = len(matrix)
        level = level_features(self, x, t)
        level = None if level is None else level.reshape(batch, -1)
        places = torch.arange(1, self.max_nodes + 1, device=x.device)
        last = (matrix.diagonal(dim1=-2, dim2=-1).detach().bool() * places).amax(-1)
        order = last.argsort(stable=True)
        groups = size_groups(
            torch.bincount(last, minlength=self.max_nodes + 1).tolist(), growth=self.growth, cost=self.group_cost
        )
        counts, sizes = zip(
            *((part, n) for count, n in groups for part in _parts(count, self._at_once(n))), strict=True
        )
        # rows are reordered once and then split: the gradient of an index fills a whole batch, for each group
        parts = matrix.index_select(0, order).split(counts)
        levels = [None] * len(counts) if level is None else level.index_select(0, order).split(counts)
        values = [evaluate(part[:, :n, :n], of_part) for part, n, of_part in zip(parts, sizes, levels, strict=True)]
        return torch.cat(values).index_select(0, order.argsort())


def _parts(count: int, most: int | None) -> list[int]:
    """A number as a sum of nearly equal ones of at most `most`.

    >>> _parts(10, None), _parts(10, 4)
    ([10], [4, 3, 3])
    """
    parts = 1 if most is None else -(-count // most)
    return [count // parts + (k < count % parts) for k in range(parts)]


def size_groups(counts: Sequence[int], *, growth: int = 1, cost: float = GROUP_COST) -> list[tuple[int, int]]:
    """How a batch is split into groups of graphs of similar size: for each group its graphs and its largest size.

    Of all ways it takes the one with the least `Σ graphs × (largest size)^growth + cost × groups`.

    Args:
        counts: the number of graphs of each size, from 0 nodes on.
        growth: the power of its number of nodes with which the time of a graph grows.
        cost: the time of one more group, in units of the time of a graph with one node.

    >>> size_groups([0, 0, 0, 500, 0, 0, 500])
    [(500, 3), (500, 6)]
    >>> size_groups([0, 0, 0, 5, 0, 0, 5])
    [(10, 6)]
    """
    sizes = [(size, count) for size, count in enumerate(counts) if count]
    best: list[tuple[float, int]] = [(0.0, 0)]  # of the smallest sizes: least cost, begin of the last group
    for end in range(1, len(sizes) + 1):
        largest, graphs, options = sizes[end - 1][0], 0, []
        for begin in reversed(range(end)):
            graphs += sizes[begin][1]
            options.append((best[begin][0] + graphs * largest**growth + cost, begin))
        best.append(min(options))
    groups, end = [], len(sizes)
    while end:
        begin = best[end][1]
        groups.append((sum(count for _, count in sizes[begin:end]), sizes[end - 1][0]))
        end = begin
    return groups[::-1]
