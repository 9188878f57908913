"""Exact isomorphism classes, from which novelty and uniqueness are counted."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.statistics import GraphSet, orbits

SMALL = 24  # nodes up to which the search is quick whatever the graphs
MEASURED = 2000  # nodes up to which all distances are computed
ROUNDS = 3


def isomorphism_classes(graphs: Iterable[nx.Graph]) -> list[int]:
    """For each graph the index of the first graph of the list that is isomorphic to it.

    Graphs with equal multisets of node orbit counts are compared exactly (VF2++), so classes never rest on a hash. The
    nodes of large ones are told apart further before that, or the search would not end on rings and lattices.

    >>> isomorphism_classes([nx.path_graph(3), nx.complete_graph(3), nx.star_graph(2)])
    [0, 1, 0]
    """
    graphs = check_graphs(graphs)
    laid_out = GraphSet.of(graphs)
    counts = np.split(orbits(laid_out), np.cumsum(laid_out.sizes)[:-1])
    known: dict[tuple[bytes, ...], list[tuple[int, nx.Graph]]] = {}
    equal: dict[tuple[int, frozenset[tuple[int, int]]], int] = {}  # equal graphs need no search
    classes: list[int] = []
    for k, (graph, rows) in enumerate(zip(graphs, counts, strict=True)):
        place = {node: j for j, node in enumerate(graph)}
        pairs = ((place[u], place[v]) for u, v in graph.edges)
        twin = equal.setdefault((len(graph), frozenset((min(pair), max(pair)) for pair in pairs)), k)
        if twin < k:
            classes.append(classes[twin])
            continue
        labels = [row.tobytes() for row in rows]
        if len(graph) > SMALL:
            labels = _refined(graph, labels)
        invariant = tuple(sorted(labels))
        labelled = nx.Graph()
        labelled.add_nodes_from((node, {"orbits": label}) for node, label in zip(graph, labels, strict=True))
        labelled.add_edges_from(graph.edges)
        alike = known.setdefault(invariant, [])
        first = next((j for j, other in alike if _isomorphic(other, labelled)), k)
        if first == k:
            alike.append((k, labelled))
        classes.append(first)
    return classes


def _refined(graph: nx.Graph, labels: list[bytes]) -> list[bytes]:
    """Labels that tell more nodes apart: how many nodes and edges lie at which distance, and then those of neighbours.

    The latter is colour refinement (Weisfeiler and Leman 1968), three rounds of it.
    """
    place = {node: k for k, node in enumerate(graph)}
    ends = np.array([(place[u], place[v]) for u, v in graph.edges], dtype=int).reshape(-1, 2)
    if len(graph) <= MEASURED and len(ends):
        matrix = csr_array((np.ones(len(ends)), ends.T), shape=(len(graph), len(graph)))
        distances = np.minimum(shortest_path(matrix, directed=False, unweighted=True), len(graph)).astype(int)
        for k, row in enumerate(distances):
            nodes = np.bincount(row)
            near, far = np.sort(row[ends], axis=1).T
            edges = np.bincount(2 * near + (far - near))
            labels[k] = _digest(labels[k], nodes.tobytes(), edges.tobytes())
    neighbours = [[place[other] for other in graph[node]] for node in graph]
    for _ in range(ROUNDS):
        around = (sorted(labels[k] for k in near) for near in neighbours)
        labels = [_digest(label, *near) for label, near in zip(labels, around, strict=True)]
    return labels


def _digest(*parts: bytes) -> bytes:
    return blake2b(b"|".join(parts), digest_size=16).digest()


def _isomorphic(a: nx.Graph, b: nx.Graph) -> bool:
    if len(a) == 0 or a.number_of_edges() == 0:  # equal invariants: the same number of lone nodes
        return True
    return bool(nx.vf2pp_is_isomorphic(a, b, node_label="orbits"))
