"""Exact isomorphism classes, from which novelty and uniqueness are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.statistics import GraphSet, orbits

SMALL = 24  # largest number of nodes for which the search is fast for any graph
MEASURED = 2000  # largest number of nodes for which all distances are computed
ROUNDS = 3  # of colour refinement


def isomorphism_classes(graphs: Iterable[nx.Graph]) -> list[int]:
    """For each graph the index of the first graph of the list that is isomorphic to it.

    Graphs with equal multisets of node orbit counts are compared exactly (VF2++), so no class depends on a hash alone.
    Before that, the nodes of graphs with more than 24 nodes get labels that distinguish more of them; without these the
    search would take too long on rings and lattices. Few graphs need this comparison.

    >>> isomorphism_classes([nx.path_graph(3), nx.complete_graph(3), nx.star_graph(2)])
    [0, 1, 0]
    """
    graphs = check_graphs(graphs)
    laid_out = GraphSet.of(graphs)
    counts = np.split(orbits(laid_out), np.cumsum(laid_out.sizes)[:-1])
    known: dict[tuple[bytes, ...], list[tuple[int, _Labelled]]] = {}
    equal: dict[tuple[int, frozenset[tuple[int, int]]], int] = {}  # equal graphs need no search
    classes: list[int] = []
    for k, (graph, rows) in enumerate(zip(graphs, counts, strict=True)):
        place = {node: j for j, node in enumerate(graph)}
        pairs = ((place[u], place[v]) for u, v in graph.edges)
        twin = equal.setdefault((len(graph), frozenset((min(pair), max(pair)) for pair in pairs)), k)
        if twin < k:
            classes.append(classes[twin])
            continue
        one = _Labelled(graph, [row.tobytes() for row in rows])
        alike = known.setdefault(tuple(sorted(one.orbits)), [])
        first = next((j for j, other in alike if _isomorphic(other, one)), k)
        if first == k:
            alike.append((k, one))
        classes.append(first)
    return classes


@dataclass(frozen=True)
class _Labelled:
    """A graph with its nodes' orbit counts, which distinguish most graphs; others are computed if needed."""

    graph: nx.Graph
    orbits: list[bytes]

    @cached_property
    def labels(self) -> list[bytes]:
        return _refined(self.graph, self.orbits) if len(self.graph) > SMALL else self.orbits

    @cached_property
    def invariant(self) -> list[bytes]:
        return sorted(self.labels)

    @cached_property
    def searched(self) -> nx.Graph:
        """The graph with node labels, as VF2++ takes it."""
        labelled = nx.Graph()
        labelled.add_nodes_from((node, {"label": label}) for node, label in zip(self.graph, self.labels, strict=True))
        labelled.add_edges_from(self.graph.edges)
        return labelled


def _isomorphic(a: _Labelled, b: _Labelled) -> bool:
    """Whether two graphs with equal orbit counts are isomorphic."""
    if a.graph.number_of_edges() == 0:  # both have the same number of isolated nodes
        return True
    return a.invariant == b.invariant and bool(nx.vf2pp_is_isomorphic(a.searched, b.searched, node_label="label"))


def _refined(graph: nx.Graph, labels: list[bytes]) -> list[bytes]:
    """Labels that distinguish more nodes, from the number of nodes and edges at each distance and from the neighbours.

    The neighbours' labels enter by three rounds of colour refinement (Weisfeiler and Leman 1968).
    """
    place = {node: k for k, node in enumerate(graph)}
    ends = np.array([(place[u], place[v]) for u, v in graph.edges], dtype=int).reshape(-1, 2)
    if len(graph) <= MEASURED and len(ends):
        matrix = csr_array((np.ones(len(ends)), ends.T), shape=(len(graph), len(graph)))
        distances = np.minimum(shortest_path(matrix, directed=False, unweighted=True), len(graph)).astype(int)
        measured = []
        for label, row in zip(labels, distances, strict=True):
            nodes = np.bincount(row)
            near, far = np.sort(row[ends], axis=1).T
            edges = np.bincount(2 * near + (far - near))
            measured.append(_digest(label, nodes.tobytes(), edges.tobytes()))
        labels = measured
    neighbours = [[place[other] for other in graph[node]] for node in graph]
    for _ in range(ROUNDS):
        around = (sorted(labels[k] for k in near) for near in neighbours)
        labels = [_digest(label, *near) for label, near in zip(labels, around, strict=True)]
    return labels


def _digest(*parts: bytes) -> bytes:
    return blake2b(b"|".join(parts), digest_size=16).digest()
