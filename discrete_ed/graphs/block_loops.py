"""Compiled loops of the inference of blocks. Importing this needs numba."""

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
def inner_degrees(adjacency: Floats, members: Counts) -> Floats:
    """The number of neighbours of each node of a block within it, `(n,)`."""
    inner = np.zeros(len(members))
    for i in range(len(members)):
        for j in range(len(members)):
            inner[i] += adjacency[members[i], members[j]]
    return inner


@njit()
def deflated(adjacency: Floats, members: Counts, scale: Floats, first: Floats) -> Floats:
    """The transpose of `a_ij scale_i scale_j − 2 first_i first_j` over the nodes of a block, `(n, n)`."""
    matrix = np.empty((len(members), len(members)))
    for i in range(len(members)):
        for j in range(len(members)):
            matrix[j, i] = adjacency[members[i], members[j]] * scale[j] * scale[i] - 2 * (first[i] * first[j])
    return matrix


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
def change(
    k: Counts, degree: int, e: Counts, ends: Counts, n: Counts, r: int, s: int, log: Floats, log_factorial: Floats
) -> float:
    """The change of the description length if a node moves from block r to block s.

    Args:
        k: the number of its neighbours in each block, `(B,)`.
        degree: their sum.
        e: the number of pairs of neighbours between blocks, `(B, B)`.
        ends: its sums over the second block, `(B,)`.
        n: the number of nodes of each block, `(B,)`.
        r, s: two different blocks.
        log, log_factorial: tables of log 1, log 1, log 2, … and log 0!, log 1!, …
    """
    pairs = 0.0
    for t in range(len(n)):
        if t != r and t != s:  # not `in (r, s)`, which takes longer
            pairs += log_factorial[e[r, t] - k[t]] - log_factorial[e[r, t]]
            pairs += log_factorial[e[s, t] + k[t]] - log_factorial[e[s, t]]
    pairs += log_factorial[e[r, s] + k[r] - k[s]] - log_factorial[e[r, s]]
    pairs *= 2  # both orders
    pairs += log_factorial[e[r, r] - 2 * k[r]] - log_factorial[e[r, r]]
    pairs += log_factorial[e[s, s] + 2 * k[s]] - log_factorial[e[s, s]]
    places = (ends[r] - degree) * log[n[r] - 1] - ends[r] * log[n[r]]
    places += (ends[s] + degree) * log[n[s] + 1] - ends[s] * log[n[s]]
    return 2 * places - pairs + log[n[r]] - log[n[s] + 1]


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
        log, log_factorial: as in `change`, up to the number of nodes and of all pairs of neighbours.

    Returns:
        The description length in the end.
    """
    to_blocks, between, sizes = counted(starts, neighbours, blocks, count)
    ends = np.zeros(count, np.int64)
    for r in range(count):
        for s in range(count):
            ends[r] += between[r, s]
    while True:
        best, node, new = -GAIN, -1, -1
        for v in movable:
            r = blocks[v]
            if sizes[r] == 1:
                continue
            degree = starts[v + 1] - starts[v]
            for s in targets:
                if s != r:
                    found = change(to_blocks[v], degree, between, ends, sizes, r, s, log, log_factorial)
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
