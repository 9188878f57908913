"""Exact isomorphism classes, from which novelty and uniqueness are counted."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from discrete_ed.graphs.certificates import certificates, refined_colours
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.refinement import Ends, match
from discrete_ed.graphs.statistics import GraphSet, orbits

SMALL = 24  # largest number of nodes for which the search is fast without further labels
MEASURED = 2000  # largest number of nodes for which all distances are computed
ROUNDS = 3  # of colour refinement
EFFORT = 10**8
"""operations that all searches of a call may take together: about half a minute"""


@dataclass(frozen=True)
class IsomorphismClasses:
    """The classes of a list of graphs."""

    classes: list[int]
    """for each graph the index of the first graph that is isomorphic to it"""
    undecided: int
    """the number of graphs that may belong to an earlier class, since a search ended at its limit; they count as
    classes of their own"""


def isomorphism_classes(graphs: Iterable[nx.Graph]) -> list[int]:
    """For each graph the index of the first graph of the list that is isomorphic to it; see `find_classes`.

    A warning tells how many graphs were left undecided, if any.

    >>> isomorphism_classes([nx.path_graph(3), nx.complete_graph(3), nx.star_graph(2)])
    [0, 1, 0]
    """
    found = find_classes(graphs)
    if found.undecided:
        warnings.warn(
            f"graphs: {found.undecided} of {len(found.classes)} may be isomorphic to earlier ones, but the search was "
            "ended at its limit; they count as classes of their own",
            stacklevel=2,
        )
    return found.classes


def find_classes(
    graphs: Iterable[nx.Graph], *, laid_out: GraphSet | None = None, effort: int = EFFORT
) -> IsomorphismClasses:
    """The isomorphism classes of graphs.

    Graphs that differ after colour refinement are not isomorphic. Those of which `certificates`
    finds the same edges are. The few others are told apart by the multisets of their nodes' orbit counts, and where
    these are equal, by an exact search; no two graphs are called isomorphic because of a hash. Before the search, the
    nodes of graphs with more than 24 nodes get labels that distinguish more of them; without these it would take too
    long on rings and lattices.

    There are graphs for which every known method takes very long, such as those of Cai, Fürer and Immerman (1992). So
    a search may take a quarter of the effort that is left, but at least a thousandth of the whole. The limit counts
    operations, not seconds, so the result is the same on every machine.

    Args:
        graphs: simple graphs.
        laid_out: the same graphs, which are then not checked; by default they are checked and laid out.
        effort: the number of operations that all searches may take together.
    """
    graphs = check_graphs(graphs) if laid_out is None else list(graphs)
    classes = np.arange(len(graphs))
    doubtful = _repeated(refined_colours(GraphSet.of(graphs) if laid_out is None else laid_out))
    if not doubtful:
        return IsomorphismClasses(classes.tolist(), 0)
    found = certificates(GraphSet.of([graphs[k] for k in doubtful]))
    first: dict[tuple[int, bytes], int] = {}
    for k, (_, certificate) in zip(doubtful, found, strict=True):
        classes[k] = first.setdefault((len(graphs[k]), certificate), k)
    colour = {k: total for k, (total, _) in zip(doubtful, found, strict=True) if classes[k] == k}
    searched = [k for k, many in zip(colour, _counts(colour.values()), strict=True) if many > 1]
    others, undecided = _searched_classes([graphs[k] for k in searched], effort)
    for k, other in zip(searched, others, strict=True):
        classes[k] = searched[other]
    return IsomorphismClasses(classes[classes].tolist(), undecided)


def _counts(values: Iterable[Hashable]) -> list[int]:
    values = list(values)
    count = Counter(values)
    return [count[value] for value in values]


def _repeated(values: Sequence[Hashable]) -> list[int]:
    """The places of values that occur more than once."""
    return [k for k, many in enumerate(_counts(values)) if many > 1]


def _searched_classes(graphs: Sequence[nx.Graph], effort: int) -> tuple[list[int], int]:
    """The classes of graphs that may be isomorphic, and how many of them are left undecided."""
    if not graphs:
        return [], 0
    laid_out = GraphSet.of(graphs)
    counts = np.split(orbits(laid_out), np.cumsum(laid_out.sizes)[:-1])
    known: dict[tuple[bytes, ...], list[tuple[int, _Labelled]]] = {}
    classes: list[int] = []
    left, undecided = effort, 0
    for k, (graph, rows) in enumerate(zip(graphs, counts, strict=True)):
        labelled = _Labelled(graph, [row.tobytes() for row in rows])
        alike = known.setdefault(tuple(sorted(labelled.orbits)), [])
        first, ended = k, False
        for j, other in alike:
            answer, operations = _isomorphic(other, labelled, max(left // 4, effort // 1000))
            left -= operations
            ended = ended or answer is None
            if answer:
                first = j
                break
        if first == k:
            alike.append((k, labelled))
            undecided += ended
        classes.append(first)
    return classes, undecided


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
    def ends(self) -> Ends:
        return _ends(self.graph)


def _isomorphic(a: _Labelled, b: _Labelled, limit: int) -> tuple[bool | None, int]:
    """Whether two graphs with equal orbit counts are isomorphic, or None if that was not decided within the limit; and
    the number of operations that it took."""
    if a.graph.number_of_edges() == 0:  # both have the same number of isolated nodes
        return True, 0
    if a.invariant != b.invariant:
        return False, 0
    return match(a.ends, b.ends, a.labels, b.labels, limit)


def _ends(graph: nx.Graph) -> Ends:
    """The ends of all edges by the places of nodes, `(M, 2)`."""
    place = {node: k for k, node in enumerate(graph)}
    return np.array([(place[u], place[v]) for u, v in graph.edges], dtype=np.int64).reshape(-1, 2)


def _refined(graph: nx.Graph, labels: list[bytes]) -> list[bytes]:
    """Labels that distinguish more nodes, from the number of nodes and edges at each distance and from the neighbours.

    The neighbours' labels enter by three rounds of colour refinement (Weisfeiler and Leman 1968).
    """
    place = {node: k for k, node in enumerate(graph)}
    ends = _ends(graph)
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
