"""Properties by which a graph can count as valid, as published code tests them, or as a function of the user's does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import chdtrc

from discrete_ed.errors import InputError
from discrete_ed.graphs.blocks import search_blocks
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.planarity import is_planar
from discrete_ed.graphs.statistics import Counts, Floats, GraphSet

Property = Callable[[nx.Graph], bool]
"""a function of a graph that says whether it is valid"""

BLOCKS, BLOCK_SIZES = (2, 5), (20, 40)  # the least and largest number of blocks, and of nodes in one
WITHIN, BETWEEN = 0.3, 0.005  # probabilities of an edge within a block and between two
LEAST_P = 0.9  # a graph is valid if the mean p-value of its block densities exceeds this
OFFSET = 1e-6  # keeps the published statistic finite where a density is zero


def is_connected(graph: nx.Graph) -> bool:
    """Whether the graph has nodes and a path between any two."""
    unseen = dict(graph.adjacency())
    if not unseen:
        return False
    reached = [unseen.popitem()[1]]
    for others in reached:  # which grows meanwhile; this takes less time than the function of networkx
        for other in others:
            if other in unseen:
                reached.append(unseen.pop(other))
    return not unseen


def _bipartite(graph: nx.Graph) -> bool:
    return bool(nx.is_bipartite(graph))


def _tree(graph: nx.Graph) -> bool:
    ends = sum([len(others) for _, others in graph.adjacency()])  # a third of the time of number_of_edges()
    return ends == 2 * (len(graph) - 1)


def _lobster(graph: nx.Graph) -> bool:
    """A tree that becomes a path, or nothing, when its leaves are removed twice."""
    if not _tree(graph):
        return False
    for _ in range(2):
        graph = graph.subgraph([node for node, degree in graph.degree if degree != 1])
    return all(degree <= 2 for _, degree in graph.degree)


def _grid(graph: nx.Graph) -> bool:
    """A grid of i × j nodes with i, j ≥ 2. It has `ij` nodes and `2ij − i − j` edges, which gives i and j.

    The distances of a node to two corners at the ends of a side are its coordinates, `x + y` and `(i − 1 − x) + y`.
    """
    nodes, edges = len(graph), graph.number_of_edges()
    half = 2 * nodes - edges  # i + j
    root = half**2 - 4 * nodes
    if root < 0 or (low := (half - round(root**0.5)) // 2) < 2 or low * (half - low) != nodes:
        return False
    corners = [node for node, degree in graph.degree if degree == 2]
    if len(corners) < 4:
        return False
    first = nx.single_source_shortest_path_length(graph, corners[0])
    for other in corners[1:]:
        if first[other] != low - 1:
            continue
        second = nx.single_source_shortest_path_length(graph, other)
        place = {}
        for node in graph:
            x, odd = divmod(first[node] - second[node] + low - 1, 2)
            y = first[node] - x
            if not odd and 0 <= x < low and 0 <= y < half - low:
                place[node] = (x, y)
        steps = (abs(place[u][0] - place[v][0]) + abs(place[u][1] - place[v][1]) for u, v in graph.edges)
        if len(place) == len(set(place.values())) == nodes and all(step == 1 for step in steps):
            return True
    return False


OF_PIECES: Mapping[str, Property] = MappingProxyType(
    {
        "planar": partial(is_planar, connected=True),
        "tree": _tree,
        "lobster": _lobster,
        "grid": _grid,
        "bipartite": _bipartite,
    }
)
"""properties of connected graphs, which can also be asked of each connected piece"""


def block_p_value(adjacency: Floats | sparse.csr_array, blocks: Counts) -> float:
    """The mean p-value of the densities of all pairs of blocks against .3 within a block and .005 between two.

        W = (p̂ − p)² / (p̂ (1 − p̂) + 10⁻⁶),    p-value = P(χ²₁ > W)

    This is the published statistic. Unlike Wald's, it does not grow with the number of pairs of nodes.

    Args:
        adjacency: symmetric matrix of zeros and ones, `(N, N)`.
        blocks: the block of each node, from zero without a gap, `(N,)`.
    """
    member = np.eye(int(blocks.max()) + 1)[blocks]
    sizes = member.sum(axis=0)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    density = (member.T @ (adjacency @ member)) / (pairs + OFFSET)
    expected = np.where(np.eye(len(sizes), dtype=bool), WITHIN, BETWEEN)
    wald = (density - expected) ** 2 / (density * (1 - density) + OFFSET)
    return float(chdtrc(1, wald).mean())


def is_sbm(graph: nx.Graph) -> bool:
    """Whether the graph could be from the stochastic block models of the SBM data set (SPECTRE, DiGress, HSpectre).

    `blocks.infer_blocks` must find two to five blocks of 20 to 40 nodes each, and `block_p_value` must exceed .9.

    Source: Martinkus et al. 2022, ICML (SPECTRE); the inference is this package's, see `blocks`.

    >>> is_sbm(nx.path_graph(60))
    False
    """
    if not BLOCKS[0] * BLOCK_SIZES[0] <= len(graph) <= BLOCKS[1] * BLOCK_SIZES[1]:
        return False
    adjacency = GraphSet.of([graph]).adjacency
    blocks = search_blocks(adjacency.indptr.astype(np.int64), adjacency.indices.astype(np.int64))
    sizes = np.bincount(blocks)
    right = BLOCKS[0] <= len(sizes) <= BLOCKS[1] and BLOCK_SIZES[0] <= sizes.min() and sizes.max() <= BLOCK_SIZES[1]
    return bool(right and block_p_value(adjacency, blocks) > LEAST_P)


def _connected_and(has: Property, graph: nx.Graph) -> bool:
    return is_connected(graph) and has(graph)


def _in_pieces(has: Property, graph: nx.Graph) -> bool:
    return all(has(graph.subgraph(nodes)) for nodes in nx.connected_components(graph))


PROPERTIES: Mapping[str, Property] = MappingProxyType(
    {
        "connected": is_connected,
        **{name: partial(_connected_and, has) for name, has in OF_PIECES.items()},
        "sbm": is_sbm,
    }
)
"""the properties by name, as published code tests them: all but `sbm` require a connected graph"""


def property_name(valid: str | Property) -> str:
    """The name of a property, or of the function that tests it."""
    return valid if isinstance(valid, str) else getattr(valid, "__name__", type(valid).__name__)


def get_property(valid: str | Property, *, pieces: bool = False) -> Property:
    """The function that tests a property.

    Args:
        valid: name of one of `PROPERTIES`, or the function itself.
        pieces: whether a graph may be in several pieces, each of which must have the property: `planar`, `tree`,
            `lobster`, `grid` or `bipartite`.

    Raises:
        InputError: there is no property of that name, or pieces are allowed for another property.
    """
    if not (callable(valid) or valid in PROPERTIES):
        raise InputError(f"valid: expected one of {', '.join(PROPERTIES)}, or a function of a graph, got {valid!r}")
    if not pieces:
        return valid if callable(valid) else PROPERTIES[valid]
    if callable(valid) or valid not in OF_PIECES:
        raise InputError(f"pieces: expected a property among {', '.join(OF_PIECES)}, got {property_name(valid)!r}")
    return partial(_in_pieces, OF_PIECES[valid])


def which_are(graphs: Iterable[nx.Graph], valid: str | Property, *, pieces: bool = False) -> NDArray[np.bool_]:
    """Whether each graph is valid, `(G,)`.

    Args:
        graphs: simple and undirected.
        valid: `connected`, `planar`, `tree`, `lobster`, `grid`, `bipartite` or `sbm`, or a function of a graph that
            returns True or False.
        pieces: whether a graph may be in several pieces, see `get_property`.

    Raises:
        InputError: an unknown property, an empty set, a graph that is not simple and undirected, or a function that
            returns anything else.

    >>> two = nx.disjoint_union(nx.path_graph(3), nx.path_graph(2))
    >>> which_are([nx.path_graph(3), nx.cycle_graph(4), two], "tree").tolist()
    [True, False, False]
    >>> which_are([two], "tree", pieces=True).tolist(), which_are([two], lambda graph: len(graph) > 4).tolist()
    ([True], [True])
    """
    has = get_property(valid, pieces=pieces)
    return have(check_graphs(graphs), has)


def have(graphs: Iterable[nx.Graph], has: Property) -> NDArray[np.bool_]:
    """Whether each graph has a property, `(G,)`; unlike in `which_are`, the graphs are not checked."""
    found = [has(graph) for graph in graphs]
    for one in found:
        if not isinstance(one, bool | np.bool_):
            raise InputError(f"valid: expected a function that returns True or False, got {one!r} from one")
    return np.array(found, dtype=bool)


def validity(graphs: Iterable[nx.Graph], valid: str | Property, *, pieces: bool = False) -> float:
    """The fraction of graphs that are valid; the arguments are those of `which_are`.

    >>> validity([nx.path_graph(3), nx.cycle_graph(4)], "tree")
    0.5
    """
    return float(which_are(graphs, valid, pieces=pieces).mean())
