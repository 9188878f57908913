"""Blocks of a graph: the partition of its nodes under which a stochastic block model describes it most briefly."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from discrete_ed.errors import InputError
from discrete_ed.graphs.statistics import Counts, Floats


def description_length(adjacency: Floats, blocks: Counts) -> float:
    """The description length of a graph and a partition of its nodes, in nats.

        − Σ_rs log e_rs!  +  2 Σ_r e_r log n_r  +  log ((B² − 1 + E over E))
        +  log N! − Σ_r log n_r! + log (N − 1 over B − 1) + log N

    Here `n_r` is the number of nodes in block r of B, `e_rs` the number of pairs (u, v) of neighbours with u in r and v
    in s, `e_r` its sum over s, and E the number of all such pairs. Each edge is two of them, as in published code that
    tests graphs for blocks: it hands both directions of every edge to the inference. The degrees are not corrected for.
    Terms that do not depend on the blocks are left out.

    Args:
        adjacency: symmetric matrix of zeros and ones without a diagonal, `(N, N)`; N is at least 1.
        blocks: the block of each node, `(N,)`; any whole numbers.

    Source: Peixoto 2017, Physical Review E 95, 012317 (the microcanonical model, directed and not degree-corrected).
    """
    names, blocks = np.unique(blocks, return_inverse=True)
    loops = _loops()
    _, between, sizes = loops.counted(*_neighbours(adjacency), blocks.astype(np.int64), len(names))
    return float(loops.described(between, sizes))


def infer_blocks(adjacency: Floats) -> Counts:
    """The block of each node, `(N,)`, numbered from zero, at a local minimum of `description_length`.

    The search starts from a single block. Each round takes the best of all splits of a block and all merges of two
    blocks, and then moves single nodes, always the one that shortens the description most. It ends when no split or
    merge helps. A block is split in two ways, by the sign of the second eigenvector of its normalised adjacency matrix
    and by the median of its degrees, each followed by moves of its nodes. Nothing is random, and the numbering of the
    nodes matters only where two moves are equally good, or two eigenvalues equal. Eigenvectors and moves are
    compiled with numba.

    Raises:
        InputError: numba can't be imported.

    >>> two = np.kron(np.eye(2), np.ones((15, 15)) - np.eye(15))
    >>> np.bincount(infer_blocks(two)).tolist()
    [15, 15]
    """
    return search_blocks(*_neighbours(adjacency))


def search_blocks(starts: Counts, neighbours: Counts) -> Counts:
    """What `infer_blocks` finds, from lists of neighbours.

    Args:
        starts: where the neighbours of each node start in `neighbours`, and their number, `(N + 1,)`.
        neighbours: the neighbours of the nodes, one node after the other.

    Raises:
        InputError: numba can't be imported.
    """
    loops, nodes = _loops(), np.arange(len(starts) - 1)
    degrees, tables = np.diff(starts), _logs(max(len(starts), len(neighbours)))
    ways: dict[bytes, list[Counts]] = {}  # a block that a round leaves alone is split in the same ways in the next

    def descended(blocks: Counts, count: int, movable: Counts, targets: Counts) -> float:
        return float(loops.descend(starts, neighbours, blocks, count, movable, targets, *tables))

    best, count = np.zeros_like(nodes), 1
    if not len(nodes):
        return best
    length = descended(best, count, nodes, nodes[:1])
    while True:
        tried = []
        for block in range(count):
            members = np.flatnonzero(best == block)
            key = members.tobytes()
            if key not in ways:
                ways[key] = _halves(starts, neighbours, members, degrees[members])
            for half in ways[key]:
                split = best.copy()
                split[half] = count
                tried.append((descended(split, count + 1, members, np.array([block, count])), count + 1, split))
        if count > 1:
            merged, r, s = loops.best_merge(*loops.counted(starts, neighbours, best, count)[1:])
            tried.append((merged, count - 1, np.where(best == s, r, best - (best > s))))
        found, blocks, partition = min(tried, key=itemgetter(0), default=(length, count, best))
        if found >= length - loops.GAIN:
            return best
        best, count = partition, blocks
        length = descended(best, count, nodes, np.arange(count))


def _halves(starts: Counts, neighbours: Counts, members: Counts, degrees: Counts) -> list[Counts]:
    """The nodes that leave a block if it is split by communities within it, or into nodes of low and of high degree."""
    from discrete_ed.graphs.block_splits import communities

    ordered = np.sort(degrees)
    high: NDArray[np.bool_] = 2 * degrees > ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
    halves = [members[apart] for apart in (communities(starts, neighbours, members), high)]
    return [half for half in halves if 0 < len(half) < len(members)]


def _loops() -> ModuleType:
    try:
        from discrete_ed.graphs import block_loops  # numba takes half a second to import
    except ImportError:
        raise InputError("sbm: expected numba, which compiles its loops, to be installed (pip install numba)") from None
    return block_loops


def _neighbours(adjacency: Floats) -> tuple[Counts, Counts]:
    """Where the neighbours of each node start, `(N + 1,)`, and the neighbours of all nodes."""
    rows, columns = np.nonzero(adjacency)
    return np.searchsorted(rows, np.arange(len(adjacency) + 1)), np.ascontiguousarray(columns)  # compiled once only


def _logs(largest: int) -> tuple[Floats, Floats]:
    """log k and log k! for k from 0 to `largest` and perhaps beyond; log 0 is set to 0, as only 0 log 0 is needed."""
    return _tables(1 << (largest + 1).bit_length())


@lru_cache(maxsize=4)
def _tables(size: int) -> tuple[Floats, Floats]:
    numbers = np.arange(size)
    return np.log(np.maximum(numbers, 1)), gammaln(numbers + 1.0)
