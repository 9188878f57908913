"""The quick proof of planarity: which graphs it covers, and that it never covers one that networkx calls not planar."""

import random
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy.spatial import Delaunay

from discrete_ed.graphs.planarity import is_planar
from discrete_ed.graphs.triangulations import is_triangulated
from discrete_ed.graphs.validity import which_are

OCTAHEDRON = nx.octahedral_graph()
FACE = next(list(three) for three in combinations(OCTAHEDRON, 3) if OCTAHEDRON.subgraph(three).size() == 3)
OPPOSITE = next(iter(nx.non_edges(OCTAHEDRON)))


def delaunay(points, seed):
    triangles = Delaunay(np.random.default_rng(seed).random((points, 2))).simplices
    return nx.Graph((int(t[a]), int(t[b])) for t in triangles for a, b in combinations(range(3), 2))


def torus(size):
    """Squares on a torus, each with a diagonal."""
    steps = ((0, 1), (1, 0), (1, 1))
    places = [(x, y) for x in range(size) for y in range(size)]
    return nx.Graph(((x, y), ((x + i) % size, (y + j) % size)) for x, y in places for i, j in steps)


def joined(graph, other, pairs):
    """Two graphs in one, in which the second of each pair is the first."""
    names = {node: ("other", node) for node in other} | {two: one for one, two in pairs}
    return nx.compose(graph, nx.relabel_nodes(other, names))


def filled(graph, face, *names):
    return nx.compose(graph, nx.Graph((name, corner) for name in names for corner in face))


def projective_plane():
    """Corners, edges and squares of half a cube, of which every two that touch are joined; it has 3 N − 3 edges."""
    graph = nx.Graph((corner, edge) for edge in combinations(range(4), 2) for corner in edge)
    for square in ((0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3)):
        sides = [tuple(sorted((square[k], square[k - 1]))) for k in range(4)]
        graph.add_edges_from((square, part) for part in (*square, *sides))
    return graph


GRAPHS = {  # whether its triangles show that it is planar
    "a node": (nx.empty_graph(1), False),
    "a triangle": (nx.cycle_graph(3), True),
    "K4": (nx.complete_graph(4), True),
    "K5 without an edge": (nx.Graph([*nx.complete_graph(5).edges][1:]), True),
    "an octahedron": (OCTAHEDRON, True),
    "a square": (nx.cycle_graph(4), False),
    "a filled face": (filled(OCTAHEDRON, FACE, "a"), True),
    "a face of a filled face": (filled(filled(OCTAHEDRON, FACE, "a"), ["a", *FACE[:2]], "b"), True),
    "a face that is filled twice": (filled(OCTAHEDRON, FACE, "a", "b"), False),
    "two that share a node": (joined(OCTAHEDRON, OCTAHEDRON, [(0, 0)]), False),
    "two that share opposite nodes": (joined(OCTAHEDRON, OCTAHEDRON, [(node, node) for node in OPPOSITE]), False),
    "two pieces": (nx.disjoint_union(OCTAHEDRON, nx.cycle_graph(3)), False),
    "a torus": (torus(5), False),
    "a torus and an octahedron": (nx.disjoint_union(torus(5), OCTAHEDRON), False),
    "a projective plane": (projective_plane(), False),
    "a triangulation": (delaunay(64, 0), True),
}


@pytest.mark.parametrize("kind", GRAPHS)
def test_what_triangles_show(kind):
    graph, shown = GRAPHS[kind]
    assert is_triangulated(graph) == shown
    assert is_planar(graph) == nx.check_planarity(graph)[0]


def test_no_graph_near_a_triangulation_is_taken_for_planar():
    rng, found = random.Random(0), set()
    for seed in range(120):
        graph = delaunay(rng.randint(5, 25), seed)
        if seed % 3 == 0:  # another in some of its nodes
            other, shared = delaunay(rng.randint(5, 15), seed + 1000), rng.randint(1, 4)
            graph = joined(graph, other, zip(rng.sample([*graph], shared), rng.sample([*other], shared), strict=True))
        for k in range(rng.randint(0, 4)):
            u, v = rng.choice([*graph.edges])
            graph = filled(graph, (u, v, rng.choice([*nx.common_neighbors(graph, u, v)])), f"new {k}")
        missing = [*nx.non_edges(graph)]
        graph.add_edges_from(rng.sample(missing, min(len(missing), rng.randint(0, 1))))
        shown, expected = is_triangulated(graph), nx.check_planarity(graph)[0]
        assert is_planar(graph) == expected
        assert expected or not shown
        found.add((shown, expected))
    assert found == {(True, True), (False, True), (False, False)}


@pytest.mark.parametrize("graph", [torus(5), OCTAHEDRON, nx.path_graph(6), nx.complete_graph(6)])
def test_graphs_known_to_be_connected_are_tested_alike(graph):
    assert is_triangulated(graph, connected=True) == is_triangulated(graph)
    assert is_planar(graph, connected=True) == nx.check_planarity(graph)[0]


def test_each_piece_must_be_planar():
    pieces = nx.disjoint_union(torus(5), nx.disjoint_union(OCTAHEDRON, OCTAHEDRON))  # characteristic 0 + 2 + 2
    assert which_are([pieces, nx.disjoint_union(OCTAHEDRON, OCTAHEDRON)], "planar", pieces=True).tolist() == [
        False,
        True,
    ]
    assert not which_are([pieces], "planar").any()
