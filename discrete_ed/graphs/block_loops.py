"""Compiled counts and moves of the inference of blocks. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np

from discrete_ed.graphs.statistics import Counts, Floats
from discrete_ed.runtime.compiling import njit

GAIN = 1e-9  # description lengths that differ by less count as equal


@njit()
def log_choose(number: int, chosen: int) -> float:
    """log (n over k)"""
    return math.lgamma(number + 1.0) - math.lgamma(chosen + 1.0) - math.lgamma(number - chosen + 1.0)


@njit()
def counted(starts: Counts, neighbours: Counts, blocks: Counts, count: int) -> tuple[Counts, Counts, Counts]:
    """What `described` and `descend` need of a partition.

    Returns:
        The number of neighbours that each node has in each block, `(N, B)`; the number of pairs of neighbours between
        blocks, `(B, B)`; the number of nodes of each block, `(B,)`.
    """
    to_blocks = np.zeros((len(blocks), count), np.int64)
    between = np.zeros((count, count), np.int64)
    sizes = np.zeros(count, np.int64)
    for node in range(len(blocks)):
        sizes[blocks[node]] += 1
        for at in range(starts[node], starts[node + 1]):
            to_blocks[node, blocks[neighbours[at]]] += 1
        for block in range(count):
            between[blocks[node], block] += to_blocks[node, block]
    return to_blocks, between, sizes


@njit()
def described(between: Counts, sizes: Counts) -> float:
    """The description length, see `blocks.description_length`."""
    count, nodes, pairs = len(sizes), 0, 0
    for r in range(count):
        nodes += sizes[r]
        for s in range(count):
            pairs += between[r, s]
    length = log_choose(count**2 - 1 + pairs, pairs) + log_choose(nodes - 1, count - 1)
    length += math.lgamma(nodes + 1.0) + math.log(nodes)
    for r in range(count):
        length -= math.lgamma(sizes[r] + 1.0)
        for s in range(count):
            length += 2 * between[r, s] * math.log(sizes[r]) - math.lgamma(between[r, s] + 1.0)
    return length


@njit()
def best_merge(between: Counts, sizes: Counts) -> tuple[float, int, int]:
    """The two blocks r < s that are described most briefly as one, after the description length then.

    Args:
        between, sizes: as in `described`, of at least two blocks.
    """
    count = len(sizes)
    best, first, second = np.inf, 0, 0
    pairs, nodes = np.empty((count - 1, count - 1), np.int64), np.empty(count - 1, np.int64)
    for r in range(count):
        for s in range(r + 1, count):
            pairs[:], nodes[:] = 0, 0
            for t in range(count):
                i = r if t == s else t - (t > s)
                nodes[i] += sizes[t]
                for u in range(count):
                    pairs[i, r if u == s else u - (u > s)] += between[t, u]
            length = described(pairs, nodes)
            if length < best:
                best, first, second = length, r, s
    return best, first, second


@njit()
def leaving(k: Counts, e: Counts, r: int, log_factorial: Floats) -> float:
    """The change of Σ log e_st! if a node leaves block r for none; the arguments are those of `joining`."""
    change = 0.0
    for t in range(len(k)):
        if k[t] and t != r:
            change += log_factorial[e[r, t] - k[t]] - log_factorial[e[r, t]]
    return 2 * change + log_factorial[e[r, r] - 2 * k[r]] - log_factorial[e[r, r]]


@njit()
def joining(k: Counts, e: Counts, r: int, s: int, log_factorial: Floats) -> float:
    """The change of Σ log e_st! if the node that left block r joins block s.

    Args:
        k: the number of its neighbours in each block, `(B,)`.
        e: the number of pairs of neighbours between blocks before it left, `(B, B)`.
        r, s: two different blocks.
        log_factorial: table of log 0!, log 1!, …
    """
    rest = e[r, s] - k[s]
    change = log_factorial[rest + k[r]] - log_factorial[rest]
    for t in range(len(k)):
        if k[t] and t != r and t != s:
            change += log_factorial[e[s, t] + k[t]] - log_factorial[e[s, t]]
    return 2 * change + log_factorial[e[s, s] + 2 * k[s]] - log_factorial[e[s, s]]


@njit()
def descend(
    starts: Counts,
    neighbours: Counts,
    blocks: Counts,
    count: int,
    movable: Counts,
    targets: Counts,
    log: Floats,
    log_factorial: Floats,
) -> float:
    """Move single nodes to other blocks, always the one that shortens the description most, until none helps.

    No block is emptied. Of moves that help equally the first is made.

    Args:
        starts: where the neighbours of each node start, and their number, `(N + 1,)`.
        neighbours: the neighbours of the nodes, one node after the other.
        blocks: the block of each node, `(N,)`, which changes.
        count: the number of blocks.
        movable: the nodes that may move, in ascending order.
        targets: the blocks to which they may move.
        log, log_factorial: tables of log 1, log 1, log 2, … and of log 0!, log 1!, … up to the number of nodes and of
            all pairs of neighbours.

    Returns:
        The description length in the end.
    """
    to_blocks, between, sizes = counted(starts, neighbours, blocks, count)
    ends = np.zeros(count, np.int64)
    for r in range(count):
        for s in range(count):
            ends[r] += between[r, s]
    fewer, more = np.empty(count), np.empty(count)  # what a block's size costs if it loses or wins a node
    while True:
        for r in range(count):
            fewer[r] = 2 * ends[r] * (log[sizes[r] - 1] - log[sizes[r]]) + log[sizes[r]]
            more[r] = 2 * ends[r] * (log[sizes[r] + 1] - log[sizes[r]]) - log[sizes[r] + 1]
        best, node, new = -GAIN, -1, -1
        for v in movable:
            r = blocks[v]
            if sizes[r] == 1:
                continue
            k, twice = to_blocks[v], 2 * (starts[v + 1] - starts[v])
            without = fewer[r] - twice * log[sizes[r] - 1] - leaving(k, between, r, log_factorial)
            for s in targets:
                if s != r:
                    found = without + more[s] + twice * log[sizes[s] + 1] - joining(k, between, r, s, log_factorial)
                    if found < best - GAIN or (node < 0 and found < best):
                        best, node, new = found, v, s
        if node < 0:
            return described(between, sizes)
        old, k = blocks[node], to_blocks[node]
        blocks[node] = new
        for block, sign in ((old, -1), (new, 1)):
            sizes[block] += sign
            for t in range(count):
                between[block, t] += sign * k[t]
                between[t, block] += sign * k[t]
                ends[block] += sign * k[t]
        for at in range(starts[node], starts[node + 1]):
            to_blocks[neighbours[at], old] -= 1
            to_blocks[neighbours[at], new] += 1
