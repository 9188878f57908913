"""Blocks of a graph: the partition of its nodes under which a stochastic block model describes it most briefly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy.special import gammaln

from discrete_ed.graphs.statistics import Counts, Floats

GAIN = 1e-9  # description lengths that differ by less count as equal


def description_length(adjacency: Floats, blocks: Counts) -> float:
    """The description length of a graph and a partition of its nodes, in nats.

        − Σ_rs log e_rs!  +  2 Σ_r e_r log n_r  +  log ((B² − 1 + E over E))
        +  log N! − Σ_r log n_r! + log (N − 1 over B − 1) + log N

    Here `n_r` is the number of nodes in block r of B, `e_rs` the number of pairs (u, v) of neighbours with u in r and v
    in s, `e_r` its sum over s, and E the number of all such pairs. Each edge is two of them, as in published code that
    tests graphs for blocks: it hands both directions of every edge to the inference. The degrees are not corrected for.
    Terms that do not depend on the blocks are left out.

    Args:
        adjacency: symmetric matrix of zeros and ones without a diagonal, `(N, N)`.
        blocks: the block of each node, `(N,)`; any whole numbers.

    Source: Peixoto 2017, Physical Review E 95, 012317 (the microcanonical model, directed and not degree-corrected).
    """
    return _Partition.of(adjacency, blocks).length


def infer_blocks(adjacency: Floats) -> Counts:
    """The block of each node, `(N,)`, numbered from zero, at a local minimum of `description_length`.

    The search starts from a single block. Each round takes the best of all splits of a block and all merges of two
    blocks, and then moves single nodes, always the one that shortens the description most. It ends when no split or
    merge helps. A block is split in two ways, by the sign of the second eigenvector of its normalised adjacency matrix
    and by the median of its degrees, each followed by moves of its nodes. Nothing is random, and the numbering of the
    nodes matters only where two moves are equally good.

    >>> two = np.kron(np.eye(2), np.ones((15, 15)) - np.eye(15))
    >>> np.bincount(infer_blocks(two)).tolist()
    [15, 15]
    """
    best = _Partition.of(adjacency, np.zeros(len(adjacency), dtype=np.int64))
    while len(adjacency):
        count = len(best.sizes)
        tried = [split for block in range(count) if best.sizes[block] > 1 for split in _splits(best, block)]
        tried += [_merged(best, r, s) for r, s in combinations(range(count), 2)]
        found = min(tried, key=lambda partition: partition.length, default=best)
        if found.length >= best.length - GAIN:
            break
        best = _descended(found)
    return best.blocks


@dataclass(frozen=True)
class _Partition:
    adjacency: Floats
    blocks: Counts
    """the block of each node, from zero without a gap, `(N,)`"""
    to_blocks: Counts
    """the number of neighbours that each node has in each block, `(N, B)`"""
    between: Counts
    """the number of pairs of neighbours between blocks, `(B, B)`"""
    sizes: Counts
    """the number of nodes of each block, `(B,)`"""

    @staticmethod
    def of(adjacency: Floats, blocks: Counts) -> _Partition:
        names, blocks = np.unique(blocks, return_inverse=True)
        member = np.equal.outer(blocks, np.arange(len(names))).astype(np.int64)
        to_blocks = adjacency.astype(np.int64) @ member
        return _Partition(adjacency, blocks, to_blocks, member.T @ to_blocks, member.sum(axis=0))

    @property
    def length(self) -> float:
        nodes, blocks, pairs = len(self.blocks), len(self.sizes), self.between.sum()
        if nodes == 0:
            return 0.0
        data = -_log_factorial(self.between).sum() + 2 * self.between.sum(axis=1) @ np.log(self.sizes)
        counts = _log_choose(blocks**2 - 1 + pairs, pairs)
        nodes_given_sizes = _log_factorial(nodes) - _log_factorial(self.sizes).sum()
        return float(data + counts + nodes_given_sizes + _log_choose(nodes - 1, blocks - 1) + np.log(nodes))

    def moves(self, nodes: Counts) -> Floats:
        """The change of the description length if one of `nodes` `(V,)` moves to a block, `(V, B)`; infinite if it is
        alone."""
        e, k, n, own = self.between, self.to_blocks[nodes], self.sizes, self.blocks[nodes]
        log = _log_factorials(int(e.max(initial=0) + 2 * k.max(initial=0)) + 1)
        every, degree, log_e = np.arange(len(own)), k.sum(axis=1), log[e]
        leave = log[e[own] - k] - log_e[own]  # (V, t): pairs between the old block and t
        arrive = log[e + k[:, None]] - log_e  # (V, s, t): pairs between the new block s and t
        to_self, within = k[every, own], e.diagonal()
        change = leave.sum(axis=1)[:, None] - leave[every, own][:, None] - leave
        change += arrive.sum(axis=2) - arrive[every, :, own] - np.diagonal(arrive, axis1=1, axis2=2)
        change += log[e[own] + to_self[:, None] - k] - log_e[own]  # between the old and the new block
        change *= 2  # both orders of each pair
        change += (log[within[own] - 2 * to_self] - log[within[own]])[:, None]
        change += log[within + 2 * k] - log[within]
        ends, left = e.sum(axis=1), np.maximum(n[own] - 1, 1)
        parted = (ends[own] - degree) * np.log(left) - ends[own] * np.log(n[own])
        joined = (ends + degree[:, None]) * np.log(n + 1) - ends * np.log(n)
        delta = 2 * (parted[:, None] + joined) - change + np.log(n[own])[:, None] - np.log(n + 1)
        delta[every, own] = 0
        delta[n[own] == 1] = np.inf
        return delta


@lru_cache(maxsize=1)
def _table(size: int) -> Floats:
    return gammaln(np.arange(size) + 1.0)


def _log_factorials(size: int) -> Floats:
    """log 0!, …, log (size − 1)!, and perhaps more of them; `(≥ size,)`."""
    return _table(1 << size.bit_length())


def _log_factorial(x: Counts | int) -> Floats:
    return gammaln(np.asarray(x) + 1.0)


def _log_choose(n: int, k: int) -> Floats:
    return _log_factorial(n) - _log_factorial(k) - _log_factorial(n - k)


def _descended(partition: _Partition, nodes: Counts | None = None, blocks: tuple[int, ...] = ()) -> _Partition:
    """The partition after the best moves of single nodes, one by one, until none helps.

    Args:
        partition: where to start.
        nodes: the nodes that may move, `(V,)`; by default all.
        blocks: the blocks to which they may move; by default all.
    """
    movable = np.arange(len(partition.blocks)) if nodes is None else nodes
    targets = np.array(blocks or range(len(partition.sizes)))
    while True:
        delta = partition.moves(movable)[:, targets]
        node, block = np.unravel_index(np.argmin(delta), delta.shape)
        if delta[node, block] >= -GAIN:
            return partition
        partition = _moved(partition, int(movable[node]), int(targets[block]))


def _moved(partition: _Partition, node: int, block: int) -> _Partition:
    old, row = partition.blocks[node], partition.adjacency[node].astype(np.int64)
    blocks, to_blocks = partition.blocks.copy(), partition.to_blocks.copy()
    between, sizes = partition.between.copy(), partition.sizes.copy()
    blocks[node] = block
    for which, sign in ((old, -1), (block, 1)):
        between[which] += sign * to_blocks[node]
        between[:, which] += sign * to_blocks[node]
        sizes[which] += sign
    to_blocks[:, old] -= row
    to_blocks[:, block] += row
    return _Partition(partition.adjacency, blocks, to_blocks, between, sizes)


def _splits(partition: _Partition, block: int) -> Iterator[_Partition]:
    """The block in two: by communities within it, and into nodes of low and of high degree."""
    members = np.flatnonzero(partition.blocks == block)
    within = partition.adjacency[np.ix_(members, members)]
    scale = 1 / np.sqrt(np.maximum(within.sum(axis=1), 1))
    degrees = partition.to_blocks[members].sum(axis=1)
    second = np.linalg.eigh(within * scale * scale[:, None])[1][:, -2]
    new = len(partition.sizes)
    for apart in (second > GAIN, degrees > np.median(degrees)):  # rounding errors must not part nodes
        if apart.any() and not apart.all():
            blocks = partition.blocks.copy()
            blocks[members[apart]] = new
            yield _descended(_Partition.of(partition.adjacency, blocks), members, (block, new))


def _merged(partition: _Partition, r: int, s: int) -> _Partition:
    return _Partition.of(partition.adjacency, np.where(partition.blocks == s, r, partition.blocks))
