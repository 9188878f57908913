import random

import networkx as nx
import numpy as np
import pytest
from scipy.spatial import Delaunay

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs
from discrete_ed.graphs.planarity import is_planar
from discrete_ed.graphs.shares import graph_shares
from discrete_ed.graphs.validity import OF_PIECES, PROPERTIES, block_p_value, get_property, validity, which_are

ATLAS = nx.graph_atlas_g()
KINDS = {
    "null": nx.null_graph(),
    "one node": nx.empty_graph(1),
    "two nodes": nx.empty_graph(2),
    "path": nx.path_graph(4),
    "triangle": nx.cycle_graph(3),
    "square": nx.cycle_graph(4),
    "as many edges as a tree": nx.disjoint_union(nx.cycle_graph(3), nx.empty_graph(1)),
    "two stars": nx.disjoint_union(nx.star_graph(3), nx.star_graph(4)),
    "two squares": nx.disjoint_union(nx.cycle_graph(4), nx.cycle_graph(4)),
    "no lobster": nx.balanced_tree(3, 3),
    "ladder": nx.ladder_graph(4),
    "K5": nx.complete_graph(5),
    "K33": nx.complete_bipartite_graph(3, 3),
}
WHOLE = set(KINDS) - {"null", "two nodes", "as many edges as a tree", "two stars", "two squares"}
HOLDS = {
    "connected": WHOLE,
    "planar": WHOLE - {"K5", "K33"},
    "tree": {"one node", "path", "no lobster"},
    "lobster": {"one node", "path"},
    "grid": {"square", "ladder"},
    "bipartite": {"one node", "path", "square", "no lobster", "ladder", "K33"},
    "sbm": set(),
}
IN_PIECES = {
    "planar": set(KINDS) - {"K5", "K33"},
    "tree": {"null", "two nodes", "two stars"} | HOLDS["tree"],
    "lobster": {"null", "two nodes", "two stars"} | HOLDS["lobster"],
    "grid": {"null", "two squares"} | HOLDS["grid"],
    "bipartite": {"null", "two nodes", "two stars", "two squares"} | HOLDS["bipartite"],
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_of_small_graphs(name):
    assert {kind for kind, graph in KINDS.items() if PROPERTIES[name](graph)} == HOLDS[name]
    assert validity(list(KINDS.values()), name) == pytest.approx(len(HOLDS[name]) / len(KINDS))


@pytest.mark.parametrize("name", OF_PIECES)
def test_properties_of_graphs_in_pieces(name):
    found = which_are(KINDS.values(), name, pieces=True)
    assert {kind for kind, one in zip(KINDS, found, strict=True) if one} == IN_PIECES[name]


def lobster_by_definition(graph):
    """A tree with a path from which no node is farther than two steps, by trying all paths."""
    if not nx.is_tree(graph):
        return False
    paths = [path for others in dict(nx.all_pairs_shortest_path(graph)).values() for path in others.values()]
    near = {node: set(nx.ego_graph(graph, node, 2)) for node in graph}
    return any(set().union(*(near[node] for node in path)) == set(graph) for path in paths)


def test_lobsters_grids_and_planar_graphs_are_those_of_slow_searches():
    grids = [nx.grid_2d_graph(i, j) for i, j in ((2, 2), (2, 3))]
    for graph in ATLAS[1:]:
        assert PROPERTIES["grid"](graph) == any(nx.is_isomorphic(graph, grid) for grid in grids)
        assert is_planar(graph) == nx.check_planarity(graph)[0]
    trees = [nx.random_labeled_tree(n, seed=n) for n in range(1, 22)]
    trees += [nx.random_lobster_graph(6, 0.6, 0.6, seed=k) for k in (1, 2, 4)]
    found = [PROPERTIES["lobster"](tree) for tree in trees]
    assert found == [lobster_by_definition(tree) for tree in trees]
    assert {*found} == {True, False}


def test_grids_are_found_under_any_names_and_nothing_near_them():
    rng = random.Random(0)
    for i, j in ((2, 7), (3, 3), (4, 6), (9, 5)):
        grid = nx.grid_2d_graph(i, j)
        names = rng.sample(range(i * j), i * j)
        shuffled = nx.relabel_nodes(grid, dict(zip(grid, names, strict=True)))
        assert PROPERTIES["grid"](shuffled)
        u, v = rng.choice(list(shuffled.edges))
        shuffled.remove_edge(u, v)
        shuffled.add_edge(*rng.choice(list(nx.non_edges(shuffled))))
        assert PROPERTIES["grid"](shuffled) == nx.is_isomorphic(shuffled, grid)
    assert not PROPERTIES["grid"](nx.circular_ladder_graph(6))


def test_planarity_of_larger_graphs_is_that_of_networkx():
    rng, found = random.Random(0), set()
    for seed in range(60):
        points = np.random.default_rng(seed).random((rng.randint(8, 50), 2))
        graph = nx.Graph(
            (int(t[a]), int(t[b])) for t in Delaunay(points).simplices for a, b in ((0, 1), (1, 2), (0, 2))
        )
        graph.remove_edges_from(rng.sample(list(graph.edges), rng.randint(0, 5)))
        graph.add_edges_from(rng.sample(list(nx.non_edges(graph)), rng.randint(0, 2)))
        graph = nx.relabel_nodes(graph, dict(zip(graph, rng.sample(range(len(graph)), len(graph)), strict=True)))
        expected = nx.check_planarity(graph)[0]
        assert is_planar(graph) == expected
        found.add(expected)
    assert found == {True, False}


def delaunay(points):
    """A planar graph of so many points in the square, as planar-64 is made."""
    triangles = Delaunay(np.random.default_rng(points).random((points, 2))).simplices
    return nx.Graph((int(t[a]), int(t[b])) for t in triangles for a, b in ((0, 1), (1, 2), (0, 2)))


def test_planar_graphs_in_two_pieces_are_not_valid():
    whole = [delaunay(points) for points in (30, 31, 32)]
    pieces = [nx.disjoint_union(graph, delaunay(34)) for graph in whole]
    assert (validity(pieces, "planar"), validity(pieces, "planar", pieces=True), validity(whole, "planar")) == (0, 1, 1)
    shares = graph_shares({"reference": whole[:1], "generated": pieces, "train": whole[1:]}, "planar")
    assert (shares.valid, shares.valid_reference, shares.valid_train) == (0, 1, 1)
    assert (shares.vun, shares.vun_reference, shares.vun_train) == (0, 1, 1)


def test_block_p_values_by_hand():
    """Two blocks of three nodes: densities 1 and 2/3 within, 1/9 between."""
    adjacency = nx.to_numpy_array(nx.Graph([(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (0, 3)]), nodelist=range(6))
    tail = {"full": 0.3, "two": 0.3, "between": 0.005}  # expected densities
    density = {"full": 1.0, "two": 2 / 3, "between": 1 / 9}
    squares = {key: (density[key] - tail[key]) ** 2 / (density[key] * (1 - density[key]) + 1e-6) for key in density}
    from math import erfc, sqrt

    p = {key: erfc(sqrt(square / 2)) for key, square in squares.items()}
    expected = (p["full"] + p["two"] + 2 * p["between"]) / 4
    assert block_p_value(adjacency, np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(expected, abs=1e-6)


def planted(sizes, within, between, seed):
    probabilities = np.full((len(sizes), len(sizes)), between) + np.diag([within - between] * len(sizes))
    graph = nx.stochastic_block_model(sizes, probabilities, seed=seed)
    return nx.Graph(graph.edges) if not list(nx.isolates(graph)) else nx.Graph(graph)


@pytest.mark.parametrize(
    ("sizes", "within", "between", "valid"),
    [
        ([25, 35], 0.3, 0.006, True),
        ([20, 40, 30], 0.3, 0.01, True),
        ([25, 35], 0.6, 0.008, False),
        ([25, 35], 0.3, 0.1, False),
        ([50], 0.3, 0.0, False),
        ([15, 35], 0.4, 0.01, False),
        ([20, 20, 20, 20, 20, 20], 0.5, 0.01, False),
    ],
)
def test_stochastic_block_models_are_told_by_their_blocks(sizes, within, between, valid):
    assert PROPERTIES["sbm"](planted(sizes, within, between, seed=1)) == valid


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "some", "invalid"), [("planar", 128, []), ("tree", 128, []), ("sbm", 16, [3, 5, 11, 14, 15])]
)
def test_published_training_graphs_are_as_valid_as_published(data_root, name, some, invalid):
    """Of all 128 SBM graphs 110 are valid, the published 85.9%; the first 16 are enough here, since each takes long."""
    path = data_root / name / f"{name}.train.g6"
    if not path.exists():
        pytest.skip(f"needs {path}")
    found = which_are(read_graphs(path)[:some], name)
    assert np.flatnonzero(~found).tolist() == invalid


def test_a_function_says_what_is_valid():
    def is_even(graph):
        return len(graph) % 2 == 0

    sets = {
        "reference": [nx.path_graph(2)],
        "generated": [nx.path_graph(n) for n in (3, 4)],
        "train": [nx.path_graph(6)],
    }
    shares = graph_shares(sets, is_even)
    assert (shares.valid_property, shares.valid, shares.vun, shares.vun_train) == ("is_even", 0.5, 0.5, 1.0)
    with pytest.raises(InputError, match="valid: expected a function that returns True or False, got 6 from one"):
        graph_shares(sets, len)


@pytest.mark.parametrize(
    ("valid", "pieces", "message"),
    [
        ("green", False, "valid: expected one of connected, planar, .*, or a function of a graph, got 'green'"),
        ("sbm", True, "pieces: expected a property among planar, tree, lobster, grid, bipartite, got 'sbm'"),
        (len, True, "pieces: expected a property among .*, got 'len'"),
    ],
)
def test_unknown_properties_are_refused(valid, pieces, message):
    with pytest.raises(InputError, match=message):
        get_property(valid, pieces=pieces)


def test_empty_sets_are_refused():
    with pytest.raises(InputError, match="at least one graph"):
        validity([], "tree")
