"""Slow, obvious counterparts of the graph statistics, and the random graphs to try them on."""

from __future__ import annotations

import random
from itertools import combinations

import networkx as nx
import numpy as np

# A connected graph on two to four nodes is told by its degrees, and a node's place in it by the node's own degree.
PLACES = {
    (1, 1): {1: 0},
    (1, 1, 2): {1: 1, 2: 2},
    (2, 2, 2): {2: 3},
    (1, 1, 2, 2): {1: 4, 2: 5},
    (1, 1, 1, 3): {1: 6, 3: 7},
    (2, 2, 2, 2): {2: 8},
    (1, 2, 2, 3): {1: 9, 2: 10, 3: 11},
    (2, 2, 3, 3): {2: 12, 3: 13},
    (3, 3, 3, 3): {3: 14},
}


def orbit_counts(graph: nx.Graph) -> np.ndarray:
    """Orbit counts `(n, 15)`, from every subset of two, three and four nodes and the edges inside it."""
    place = {node: k for k, node in enumerate(graph)}
    edges = {frozenset((place[u], place[v])) for u, v in graph.edges}
    counts = np.zeros((len(graph), 15), dtype=np.int64)
    for size in (2, 3, 4):
        for nodes in combinations(range(len(graph)), size):
            degree = dict.fromkeys(nodes, 0)
            for u, v in combinations(nodes, 2):
                if frozenset((u, v)) in edges:
                    degree[u] += 1
                    degree[v] += 1
            for node, orbit in PLACES.get(tuple(sorted(degree.values())), {}).items():
                counts[[u for u in nodes if degree[u] == node], orbit] += 1
    return counts


def random_graphs(count: int, largest: int, seed: int = 0) -> list[nx.Graph]:
    """Random graphs of all sizes up to `largest` and all densities, every fifth with isolated nodes, nodes shuffled."""
    rng = random.Random(seed)
    graphs = []
    for k in range(count):
        n = rng.randint(0, largest)
        graph = nx.gnp_random_graph(n, rng.choice((0.0, 0.1, 0.3, 0.5, 0.8, 1.0)), seed=rng.getrandbits(32))
        if k % 5 == 0 and n > 1:
            graph.remove_edges_from(list(graph.edges(range(n // 3 + 1))))
        order = [f"node {u}" for u in range(n)]
        rng.shuffle(order)
        shuffled = nx.Graph()
        shuffled.add_nodes_from(order)
        shuffled.add_edges_from((f"node {u}", f"node {v}") for u, v in graph.edges)
        graphs.append(shuffled)
    return graphs
