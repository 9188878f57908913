"""Exact isomorphism classes, from which novelty and uniqueness are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.statistics import GraphSet, degrees, orbits

SMALL = 24  # largest number of nodes for which the search is fast for any graph
MEASURED = 2000  # largest number of nodes for which all distances are computed
INDIVIDUALISED = 16  # largest number of nodes that get a colour of their own
ROUNDS = 3  # of colour refinement

Colours = NDArray[np.uint64]


def isomorphism_classes(graphs: Iterable[nx.Graph]) -> list[int]:
    """For each graph the index of the first graph of the list that is isomorphic to it.

    Graphs that differ after colour refinement are not isomorphic. Those of which `certificates` finds the same are.
    The few others are told apart by the multisets of their nodes' orbit counts, and where these are equal, by an exact
    search (VF2++); no class depends on a hash alone. Before the search, the nodes of graphs with more than 24 nodes get
    labels that distinguish more of them; without these it would take too long on rings and lattices.

    >>> isomorphism_classes([nx.path_graph(3), nx.complete_graph(3), nx.star_graph(2)])
    [0, 1, 0]
    """
    graphs = check_graphs(graphs)
    classes = np.arange(len(graphs))
    doubtful = _repeated(refined_colours(GraphSet.of(graphs)))
    if not doubtful:
        return classes.tolist()
    found = certificates(GraphSet.of([graphs[k] for k in doubtful]))
    first: dict[tuple[int, bytes], int] = {}
    for k, (_, certificate) in zip(doubtful, found, strict=True):
        classes[k] = first.setdefault((len(graphs[k]), certificate), k)
    colour = {k: total for k, (total, _) in zip(doubtful, found, strict=True) if classes[k] == k}
    open_ = [k for k, many in zip(colour, _counts(colour.values()), strict=True) if many > 1]
    for k, other in zip(open_, _searched_classes([graphs[k] for k in open_]), strict=True):
        classes[k] = open_[other]
    return classes[classes].tolist()


def _counts(values: Iterable[int]) -> list[int]:
    values = list(values)
    count = Counter(values)
    return [count[value] for value in values]


def _repeated(values: Sequence[int]) -> list[int]:
    """The places of values that occur more than once."""
    return [k for k, many in enumerate(_counts(values)) if many > 1]


def refined_colours(graphs: GraphSet) -> list[int]:
    """A number for each graph that is the same for isomorphic graphs, and differs for most others; `(G,)`.

    It is the sum of hashes of the nodes' colours after colour refinement (Weisfeiler and Leman 1968): in each of four
    rounds the colour of a node becomes a hash of it and of its neighbours' colours. Graphs in which all nodes have one
    degree are not told apart.
    """
    return _totals(graphs, _coloured(graphs, _mixed(degrees(graphs).astype(np.uint64)), ROUNDS + 1))


def certificates(graphs: GraphSet) -> list[tuple[int, bytes]]:
    """The number of `refined_colours` and the edges of each graph, with its nodes in an order that depends little on
    their numbering; graphs of one size with the same edges are isomorphic.

    The nodes are ordered by their colours. As long as some are the same, one of these gets a colour of its own and the
    colours are refined again, at most 16 times. Where equal colours remain, or the nodes are no images of each other,
    isomorphic graphs may get different edges.
    """
    owner, starts = graphs.owner, np.cumsum(graphs.sizes) - graphs.sizes
    colours = _coloured(graphs, _mixed(degrees(graphs).astype(np.uint64)), ROUNDS + 1)
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


def _searched_classes(graphs: Sequence[nx.Graph]) -> list[int]:
    """The classes of graphs that may be isomorphic."""
    if not graphs:
        return []
    laid_out = GraphSet.of(graphs)
    counts = np.split(orbits(laid_out), np.cumsum(laid_out.sizes)[:-1])
    known: dict[tuple[bytes, ...], list[tuple[int, _Labelled]]] = {}
    classes: list[int] = []
    for k, (graph, rows) in enumerate(zip(graphs, counts, strict=True)):
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
