"""An exact search for an isomorphism of two graphs: colours are refined, and nodes singled out where they are equal.

Both graphs are coloured together, so that a colour means the same in both. A refinement gives a node the colours of its
neighbours; if a colour is then more frequent in one graph than in the other, no isomorphism keeps the colours. Where
several nodes share a colour, one of the first graph is singled out, and each of the second is tried as its image
(individualisation and refinement, McKay 1981).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Ends = NDArray[np.int64]
"""the ends of edges by the places of nodes, `(M, 2)`"""
Colours = NDArray[np.int64]
"""the colours of the nodes of the first graph and then of the second, `(2 N,)`, numbered from 0"""
FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""an odd number that tells a node's own colour from those of its neighbours"""
DENSE = 100
"""largest number of nodes of both graphs together for which a dense matrix is faster than a sparse one"""
OVERHEAD = 1000
"""operations that a round of refinement counts besides those for nodes and edges"""


def match(
    first: Ends, second: Ends, labels: Sequence[bytes], other_labels: Sequence[bytes], limit: int
) -> tuple[bool | None, int]:
    """Whether a bijection of the nodes keeps edges and labels.

    Args:
        first: edges of the first graph.
        second: edges of the second graph.
        labels: labels of the nodes of the first graph, `(N,)`, which any isomorphism keeps.
        other_labels: those of the second graph.
        limit: the number of operations after which the search ends.

    Returns:
        Whether there is one, or None if the search ended at its limit; and the number of operations.

    >>> path, star = np.array([[0, 1], [1, 2], [2, 3]]), np.array([[0, 1], [0, 2], [0, 3]])
    >>> match(path, path[:, ::-1], [b""] * 4, [b""] * 4, 10**6)[0], match(path, star, [b""] * 4, [b""] * 4, 10**6)[0]
    (True, False)
    """
    if len(labels) != len(other_labels) or len(first) != len(second):
        return False, 0
    nodes = len(labels)
    number = {label: k for k, label in enumerate(sorted({*labels, *other_labels}))}
    colours = np.array([number[label] for label in (*labels, *other_labels)], dtype=np.int64)
    neighbours, numbers = _adjacency(np.concatenate((first, second + nodes)), 2 * nodes), _numbers(2 * nodes)
    wanted = np.sort(_codes(second, nodes))
    stack, operations = [colours], 0
    while stack:
        if operations > limit:
            return None, operations
        colours, sizes, rounds = _refined(stack.pop(), neighbours, numbers)
        operations += rounds * (len(colours) + 4 * len(first) + OVERHEAD)
        if sizes is None:
            continue
        mine, theirs = np.split(colours, 2)
        image = np.empty(len(mine), dtype=np.int64)
        image[np.argsort(mine, kind="stable")] = np.argsort(theirs, kind="stable")
        if np.array_equal(np.sort(_codes(image[first], nodes)), wanted):
            return True, operations
        shared = np.flatnonzero(sizes > 1)
        if len(shared) == 0:
            continue
        cell = shared[np.argmin(sizes[shared])]
        single = np.flatnonzero(mine == cell)[0]
        for candidate in np.flatnonzero(theirs == cell)[::-1]:  # the first of them is tried first
            tried = colours.copy()
            tried[[single, nodes + candidate]] = len(sizes)
            stack.append(tried)
    return False, operations


def _adjacency(ends: Ends, nodes: int) -> NDArray[np.uint64] | csr_array:
    """The adjacency matrix, as an array where it is small."""
    u, v = np.concatenate((ends, ends[:, ::-1])).T
    if nodes <= DENSE:
        matrix = np.zeros((nodes, nodes), dtype=np.uint64)
        matrix[u, v] = 1
        return matrix
    return csr_array((np.ones(len(u), dtype=np.uint64), (u, v)), shape=(nodes, nodes))


@lru_cache(maxsize=64)
def _numbers(nodes: int) -> NDArray[np.uint64]:
    """A random number for each colour, always the same."""
    return np.random.default_rng(nodes).integers(2**64, size=nodes, dtype=np.uint64)


def _codes(ends: Ends, nodes: int) -> NDArray[np.int64]:
    """A number for each edge, whatever the order of its ends."""
    return ends.min(axis=1) * nodes + ends.max(axis=1)


def _refined(
    colours: Colours, neighbours: NDArray[np.uint64] | csr_array, numbers: NDArray[np.uint64]
) -> tuple[Colours, NDArray[np.int64] | None, int]:
    """The colours after as many rounds as split any, and the number of rounds.

    The colours of neighbours enter as a sum of random numbers. Where two sums are equal by chance, colours stay equal
    that could be split, which makes the search longer and never wrong.

    Args:
        colours: the colours before.
        neighbours: the adjacency matrix of both graphs.
        numbers: a random number for each colour.

    Returns:
        The colours; for each the number of nodes in one graph, or None if it is another in the other graph; the rounds.
    """
    rounds, count = 0, 0
    while True:
        mine, theirs = np.split(colours, 2)
        sizes = np.bincount(mine, minlength=colours.max() + 1)
        if not np.array_equal(sizes, np.bincount(theirs, minlength=len(sizes))):
            return colours, None, rounds + 1
        if len(sizes) == count:
            return colours, sizes, rounds
        rounds, count = rounds + 1, len(sizes)
        own = numbers[colours]
        _, split = np.unique(own * FACTOR + neighbours @ own, return_inverse=True)
        if split.max() < count:
            return colours, sizes, rounds
        colours = split
