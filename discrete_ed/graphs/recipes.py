"""Random graphs by the recipes of the literature's synthetic data sets, each from a seed.

The graphs of a list have random streams of their own, made from the seed and the place in the list: a longer list with
the same seed begins with the same graphs.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice, pairwise

import networkx as nx
import numpy as np
from scipy.spatial import Delaunay

from discrete_ed.errors import InputError, check_seed

LOBSTER_SIZES = range(10, 101)
"""numbers of nodes of the lobsters that are kept"""
LOBSTER_SEED = 1234
"""seed of the first published lobster"""


def planar_graphs(count: int, nodes: int = 64, *, seed: int = 0) -> list[nx.Graph]:
    """Delaunay triangulations of uniformly random points in the unit square; connected and planar.

    The recipe of SPECTRE's planar graphs, whose published file was made without a seed.

    Raises:
        InputError: a count below 1, fewer than three nodes, or a seed that is no whole number from 0 to 2³² − 1.

    >>> [graph.number_of_edges() for graph in planar_graphs(3, nodes=4)]
    [5, 5, 6]
    """
    _check(count, nodes, least=3)
    return [_triangulation(nodes, rng) for rng in _streams(count, seed)]


def _triangulation(nodes: int, rng: random.Random) -> nx.Graph:
    while True:
        points = np.array([(rng.random(), rng.random()) for _ in range(nodes)])
        triangles = Delaunay(points).simplices
        if len(np.unique(triangles)) == nodes:  # in principle rounding can leave out a point next to another
            break
    graph = nx.empty_graph(nodes)
    graph.add_edges_from(tuple(sorted(pair)) for triangle in triangles.tolist() for pair in combinations(triangle, 2))
    return graph


def tree_graphs(count: int, nodes: int = 64, *, seed: int = 0) -> list[nx.Graph]:
    """Uniformly random labelled trees: each of the `n^(n − 2)` trees on `n` nodes is equally probable.

    A uniformly random Prüfer sequence of `n − 2` nodes is a uniformly random tree, since each tree has one sequence.

    Raises:
        InputError: a count or a number of nodes below 1, or a seed that is no whole number from 0 to 2³² − 1.

    >>> [sorted(tree.edges) for tree in tree_graphs(2, nodes=3)]
    [[(0, 2), (1, 2)], [(0, 1), (0, 2)]]
    """
    _check(count, nodes, least=1)
    if nodes == 1:
        return [nx.empty_graph(1) for _ in range(count)]
    sequences = ([_below(nodes, rng) for _ in range(nodes - 2)] for rng in _streams(count, seed))
    return [_in_order(nx.from_prufer_sequence(sequence)) for sequence in sequences]


def sbm_graphs(count: int, sizes: Sequence[int] | None = None, *, seed: int = 0) -> list[nx.Graph]:
    """Stochastic block models, with edges of probability .3 within a community and .005 between two.

    The nodes of a community follow each other. A few of the graphs are not connected, as in SPECTRE's published file.

    Args:
        count: number of graphs.
        sizes: number of nodes of each community; by default 2 to 5 communities of 20 to 40 nodes, uniformly, which are
            new for each graph, as in the published file.
        seed: seed of the graphs.

    Raises:
        InputError: a count below 1, no community or one without nodes, or a seed that is no whole number from 0 to
            2³² − 1.

    >>> [len(graph) for graph in sbm_graphs(3)]
    [146, 73, 153]
    >>> [len(graph) for graph in sbm_graphs(3, [20, 20])]
    [40, 40, 40]
    """
    _check(count)
    if sizes is not None and (not sizes or min(sizes) < 1):
        raise InputError(f"sizes: expected at least one community of one node or more, got {list(sizes)}")
    return [_block_model(sizes, rng) for rng in _streams(count, seed)]


def _block_model(sizes: Sequence[int] | None, rng: random.Random) -> nx.Graph:
    if sizes is None:
        sizes = [20 + _below(21, rng) for _ in range(2 + _below(4, rng))]
    community = [k for k, size in enumerate(sizes) for _ in range(size)]
    graph = nx.empty_graph(len(community))
    graph.add_edges_from(
        (u, v)
        for u, v in combinations(range(len(community)), 2)
        if rng.random() < (0.3 if community[u] == community[v] else 0.005)
    )
    return graph


def lobster_graphs(count: int, *, seed: int = 0) -> list[nx.Graph]:
    """Random lobsters with 10 to 100 nodes: trees that become a path when their leaves are removed twice.

    The path has up to 160 nodes, uniformly. Each of its nodes gets a leg with probability .7, and each leg a foot with
    probability .7; each time that it did, it gets one more with the same probability. Lobsters of other sizes are
    thrown away.

    Raises:
        InputError: a count below 1, or a seed that is no whole number from 0 to 2³² − 1.

    >>> [len(graph) in LOBSTER_SIZES for graph in lobster_graphs(3)]
    [True, True, True]
    """
    _check(count)
    lobsters: list[nx.Graph] = []
    for rng in _streams(count, seed):
        lobster = None
        while lobster is None:
            lobster = _lobster(rng)
        lobsters.append(lobster)
    return lobsters


def published_lobsters() -> list[nx.Graph]:
    """GRAN's 100 lobsters: of those with the seeds 1234, 1235, …, the first with 10 to 100 nodes.

    They are those that networkx 3.6 makes of these seeds; another version may have made others for GRAN's authors.
    """
    candidates = (_lobster(random.Random(seed)) for seed in itertools.count(LOBSTER_SEED))
    return list(islice((lobster for lobster in candidates if lobster is not None), 100))


def _lobster(rng: random.Random) -> nx.Graph | None:
    """A random lobster, or None if its number of nodes is not among `LOBSTER_SIZES`; it reads the stream as networkx's
    `random_lobster_graph(80, 0.7, 0.7)` does, but stops when there are too many nodes."""
    path = int(2 * rng.random() * 80 + 0.5)
    edges = list(pairwise(range(path)))
    nodes = path
    for node in range(path):
        while nodes < LOBSTER_SIZES.stop and rng.random() < 0.7:
            edges.append((node, leg := nodes))
            nodes += 1
            while nodes < LOBSTER_SIZES.stop and rng.random() < 0.7:
                edges.append((leg, nodes))
                nodes += 1
    if nodes not in LOBSTER_SIZES:
        return None
    lobster = nx.empty_graph(nodes)
    lobster.add_edges_from(edges)
    return lobster


def grid_graphs(sides: Iterable[int] = range(10, 20)) -> list[nx.Graph]:
    """Rectangular grids of `i × j` nodes for all `i` and `j` in `sides`, ordered by `i` and then by `j`.

    With the default these are the 100 grids of GraphRNN and GRAN.

    >>> [(len(grid), grid.number_of_edges()) for grid in grid_graphs([2, 3])]
    [(4, 4), (6, 7), (6, 7), (9, 12)]
    """
    sides = list(sides)
    return [nx.convert_node_labels_to_integers(nx.grid_2d_graph(i, j)) for i in sides for j in sides]


def two_communities(size: int, rng: random.Random, seeds: tuple[int, int]) -> nx.Graph:
    """Two random graphs of `size` nodes and density .7, joined by each possible edge with probability .05.

    If there is no such edge, one is added. The recipe is that of GraphRNN's community-small.

    Args:
        size: nodes of each community.
        rng: source of randomness of the edges between the communities.
        seeds: seeds of the two random graphs.
    """
    graph = nx.disjoint_union_all([nx.gnp_random_graph(size, 0.7, seed=seed) for seed in seeds])
    bridges = [(u, v) for u in range(size) for v in range(size, 2 * size) if rng.random() < 0.05]
    graph.add_edges_from(bridges or [(0, size)])
    return graph


def _streams(count: int, seed: int) -> Iterator[random.Random]:
    """A source of randomness for each graph. Only `random()` is used, whose stream no version of Python changes."""
    first = check_seed(seed) << 32
    return (random.Random(first + k) for k in range(count))


def _below(stop: int, rng: random.Random) -> int:
    """A uniformly random whole number from 0 to `stop − 1`."""
    return int(rng.random() * stop)


def _in_order(graph: nx.Graph) -> nx.Graph:
    """The same graph with its nodes in order."""
    ordered = nx.empty_graph(len(graph))
    ordered.add_edges_from(tuple(sorted(edge)) for edge in graph.edges)
    return ordered


def _check(count: int, nodes: int = 1, *, least: int = 1) -> None:
    if count < 1:
        raise InputError(f"count: expected at least one graph, got {count}")
    if nodes < least:
        raise InputError(f"nodes: expected at least {least}, got {nodes}")
