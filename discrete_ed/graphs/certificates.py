"""Numbers and orders of nodes by colour refinement, which decide most questions of isomorphism at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from discrete_ed.graphs.statistics import GraphSet, degrees

INDIVIDUALISED = 16  # largest number of nodes that get a colour of their own
ROUNDS = 4  # of colour refinement

Colours = NDArray[np.uint64]


def refined_colours(graphs: GraphSet) -> list[int]:
    """A number for each graph that is the same for isomorphic graphs, and differs for most others; `(G,)`.

    It is the sum of hashes of the nodes' colours after colour refinement (Weisfeiler and Leman 1968): in each of four
    rounds the colour of a node becomes a hash of it and of its neighbours' colours. Graphs in which all nodes have one
    degree are not told apart.
    """
    return _totals(graphs, _coloured(graphs, _mixed(degrees(graphs).astype(np.uint64)), ROUNDS))


def certificates(graphs: GraphSet) -> list[tuple[int, bytes]]:
    """The number of `refined_colours` and the edges of each graph, with its nodes in an order that depends little on
    their numbering; graphs of one size with the same edges are isomorphic.

    The nodes are ordered by their colours. As long as some are the same, one of these gets a colour of its own and the
    colours are refined again, at most 16 times. Where equal colours remain, or the nodes are no images of each other,
    isomorphic graphs may get different edges.
    """
    owner, starts = graphs.owner, np.cumsum(graphs.sizes) - graphs.sizes
    colours = _coloured(graphs, _mixed(degrees(graphs).astype(np.uint64)), ROUNDS)
    totals = _totals(graphs, colours)
    for _ in range(INDIVIDUALISED):
        order = np.lexsort((colours, owner))
        same = (np.diff(colours[order]) == 0) & (np.diff(owner[order]) == 0)
        ties = order[:-1][same]
        if not len(ties):
            break
        chosen = ties[np.unique(owner[ties], return_index=True)[1]]
        colours[chosen] = _mixed(colours[chosen])
        colours = _coloured(graphs, colours, 2)
    rank = np.empty(len(owner), dtype=np.int64)
    rank[np.lexsort((colours, owner))] = np.arange(len(owner))
    rows, columns = graphs.adjacency.nonzero()
    code = (rank[rows] * len(owner) + rank[columns])[rows < columns]
    lower, upper = np.divmod(code, max(len(owner), 1))
    code = np.sort(np.minimum(lower, upper) * len(owner) + np.maximum(lower, upper))
    lower, upper = np.divmod(code, max(len(owner), 1))
    belongs = owner[lower] if len(owner) else lower
    edges = np.stack([lower - starts[belongs], upper - starts[belongs]], axis=1)
    parts = np.split(edges, np.searchsorted(belongs, np.arange(1, len(graphs))))
    return [(total, part.tobytes()) for total, part in zip(totals, parts, strict=True)]


def _coloured(graphs: GraphSet, colours: Colours, rounds: int) -> Colours:
    adjacency = graphs.adjacency.astype(np.uint64)
    for _ in range(rounds):
        colours = _mixed(colours * np.uint64(3) + adjacency @ colours)
    return colours


def _totals(graphs: GraphSet, colours: Colours) -> list[int]:
    ends = np.append(np.zeros(1, np.uint64), np.cumsum(colours))  # modulo 2⁶⁴, so that their differences are right
    stops = np.cumsum(graphs.sizes)
    sums = ends[stops] - ends[stops - graphs.sizes] + _mixed(graphs.sizes.astype(np.uint64))
    return [int(total) for total in sums]


def _mixed(x: Colours) -> Colours:
    """Hashes of 64-bit numbers: the finaliser of splitmix64 (Steele et al. 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
