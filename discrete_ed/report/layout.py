"""Where the nodes of a graph are drawn: as far apart as they are in the graph, if the plane has room for that."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from discrete_ed.graphs.statistics import Floats, GraphSet

EXACT = 64  # nodes up to which all distances count
PIVOTS, ROUNDS = 24, 24
EDGES = 2**14  # that pull at nodes in large graphs, each counted in both directions; of more, some drawn at random


def layout(graph: nx.Graph) -> Floats:
    """Places in the plane of the nodes of a graph, in its order and always the same, `(n, 2)`.

    Small graphs have the Kamada–Kawai layout. Large ones have one of the same kind, in time proportional to their
    numbers of nodes and edges. Components are kept as far apart as the graph is long, not infinitely far.

    >>> ring = layout(nx.cycle_graph(1000))
    >>> opposite, beside = (np.linalg.norm(ring - np.roll(ring, k, axis=0), axis=1).mean() for k in (500, 1))
    >>> bool(opposite > 100 * beside)
    True
    """
    if len(graph) > EXACT:
        return _sparse_stress(GraphSet.of([graph]).adjacency)
    distances = {u: dict(nx.single_source_shortest_path_length(graph, u)) for u in graph}
    far = 1 + max((max(row.values()) for row in distances.values()), default=0)
    whole = {u: {v: row.get(v, far) for v in graph} for u, row in distances.items()}
    place: dict[object, Sequence[float]] = nx.kamada_kawai_layout(graph, dist=whole)
    return np.array([place[node] for node in graph]).reshape(-1, 2)


def _sparse_stress(adjacency: sparse.csr_array) -> Floats:
    """Lessens `Σ w (|x_i − x_j| − d_ij)²` over edges (`w = d = 1`) and pairs of a node and a pivot (`w = n / 24 d²`).

    The 24 pivots are drawn at random. In each of 24 rounds every node goes to where its pairs want it on average. The
    rounds begin at the two directions in which the distances to the pivots vary most.

    Sources: Brandes and Pich 2007, Eigensolver methods for progressive multidimensional scaling of large data (the
    beginning); Ortmann, Klimenta and Brandes 2017, A sparse stress model (with finer weights).
    """
    nodes = adjacency.shape[0]
    rng = np.random.default_rng(0)
    pivots = rng.choice(nodes, min(PIVOTS, nodes), replace=False)
    distances = dijkstra(adjacency, indices=pivots, unweighted=True)
    finite = np.isfinite(distances)
    distances[~finite] = 1 + distances[finite].max() / 2  # the radius: a component may lie inside a ring
    centred = distances**2
    centred = centred - centred.mean(axis=0) - centred.mean(axis=1, keepdims=True) + centred.mean()
    x = centred.T @ np.linalg.eigh(centred @ centred.T)[1][:, -2:]
    gaps = np.linalg.norm(x[pivots, None] - x, axis=2)
    x *= np.sum(distances * gaps) / max(np.sum(gaps**2), 1e-12)  # which leaves nodes that look alike in one place
    x += rng.normal(scale=0.5, size=x.shape)

    weights = nodes / len(pivots) / np.maximum(distances, 1) ** 2
    weights[distances == 0] = 0
    rows, columns = adjacency.nonzero()
    some = rng.choice(len(rows), min(EDGES, len(rows)), replace=False)
    rows, columns = rows[some], columns[some]
    total = weights.sum(axis=0) + np.bincount(rows, minlength=nodes)
    for _ in range(ROUNDS):
        away = x - x[pivots, None]
        stretch = distances / np.maximum(np.linalg.norm(away, axis=2), 1e-9)
        wanted = np.einsum("kn,knd->nd", weights, x[pivots, None] + away * stretch[:, :, None])
        along = x[rows] - x[columns]
        ends = x[columns] + along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        wanted += np.stack([np.bincount(rows, one, nodes) for one in ends.T], axis=1)
        x = wanted / total[:, None]
    return x
