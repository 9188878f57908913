"""Graphs by recipe: the properties that define each set, laws where they can be counted, and seeds."""

from __future__ import annotations

import itertools
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from scipy.stats import binomtest, chisquare

from discrete_ed.errors import InputError
from discrete_ed.graphs import load_graph_data
from discrete_ed.graphs.recipes import (
    LOBSTER_SEED,
    LOBSTER_SIZES,
    grid_graphs,
    lobster_graphs,
    planar_graphs,
    published_lobsters,
    sbm_graphs,
    tree_graphs,
)

RECIPES = [planar_graphs, tree_graphs, sbm_graphs, lobster_graphs]


def edges(graph: nx.Graph) -> frozenset[tuple[int, int]]:
    return frozenset((min(edge), max(edge)) for edge in graph.edges)


@pytest.mark.parametrize("recipe", RECIPES)
def test_graphs_depend_on_the_seed_and_their_place_and_not_on_how_many_there_are(recipe):
    some, more, others = recipe(3, seed=5), recipe(5, seed=5), recipe(3, seed=6)
    assert [edges(graph) for graph in some] == [edges(graph) for graph in more[:3]]
    assert len({edges(graph) for graph in [*more, *others]}) == 8
    assert all(list(graph) == list(range(len(graph))) for graph in more)


@pytest.mark.parametrize("recipe", RECIPES)
def test_counts_and_seeds_that_make_no_sense_are_refused(recipe):
    with pytest.raises(InputError, match="count: expected at least one graph, got 0"):
        recipe(0)
    with pytest.raises(InputError, match="seed: expected at least 0, got -1"):
        recipe(1, seed=-1)


@pytest.mark.parametrize(("recipe", "nodes", "least"), [(planar_graphs, 2, 3), (tree_graphs, 0, 1)])
def test_too_few_nodes_are_refused(recipe, nodes, least):
    with pytest.raises(InputError, match=f"nodes: expected at least {least}, got {nodes}"):
        recipe(1, nodes)


@pytest.mark.parametrize("nodes", [3, 4, 10, 64])
def test_planar_graphs_are_triangulations(nodes):
    for graph in planar_graphs(5, nodes):
        assert len(graph) == nodes
        assert nx.is_connected(graph)
        assert nx.check_planarity(graph)[0]
        hull = 3 * nodes - 3 - graph.number_of_edges()  # by Euler's formula, if all inner faces are triangles
        assert 3 <= hull <= nodes
        assert sum(nx.triangles(graph).values()) // 3 >= 2 * nodes - 2 - hull


@pytest.mark.thorough
def test_planar_graphs_are_as_dense_as_the_published_ones(data_root):
    published = load_graph_data("planar", data_root)
    theirs, ours = (
        np.array([graph.number_of_edges() for graph in graphs])
        for graphs in (published.train + published.validation + published.test, planar_graphs(200))
    )
    error = np.sqrt(theirs.var() / len(theirs) + ours.var() / len(ours))
    assert abs(theirs.mean() - ours.mean()) < 4 * error < 1


@pytest.mark.parametrize(("nodes", "trees"), [(3, 3), (4, 16), (5, 125)])
def test_trees_are_uniform_over_all_labelled_trees(nodes, trees):
    made = tree_graphs(20 * trees, nodes, seed=1)
    assert all(nx.is_tree(tree) and len(tree) == nodes for tree in made)
    seen = Counter(map(edges, made))
    assert len(seen) == trees == nodes ** (nodes - 2)
    assert chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize("nodes", [1, 2])
def test_the_smallest_trees_exist(nodes):
    (tree,) = tree_graphs(1, nodes)
    assert len(tree) == nodes
    assert nx.is_tree(tree)


def test_block_models_have_the_densities_and_sizes_of_their_recipe():
    graphs = sbm_graphs(200, seed=3)
    sizes = np.array(list(map(len, graphs)))
    assert 40 <= sizes.min() < 60
    assert 140 < sizes.max() <= 200
    assert sizes.mean() == pytest.approx(105, abs=4 * sizes.std() / len(sizes) ** 0.5)
    within = between = 0
    for graph in graphs:  # a community has at least 20 nodes, so the first 20 share one, and the last 20 another
        first, last = range(20), range(len(graph) - 20, len(graph))
        within += sum(graph.has_edge(u, v) for u, v in itertools.combinations(first, 2))
        between += sum(graph.has_edge(u, v) for u, v in itertools.product(first, last))
    assert binomtest(within, 200 * 190, 0.3).pvalue > 1e-3
    assert binomtest(between, 200 * 400, 0.005).pvalue > 1e-3


def test_block_models_have_the_communities_that_are_named():
    graphs = sbm_graphs(200, [6, 1, 3], seed=3)
    assert all(len(graph) == 10 for graph in graphs)
    density = np.mean([nx.to_numpy_array(graph) for graph in graphs], axis=0)
    apart = np.repeat([0, 1, 2], [6, 1, 3])
    same = (apart[:, None] == apart) & ~np.eye(10, dtype=bool)
    within, between = density[same].sum() * 200 / 2, density[~same].sum() * 200 / 2
    assert binomtest(round(within), 200 * 18, 0.3).pvalue > 1e-3
    assert binomtest(round(between), 200 * 27, 0.005).pvalue > 1e-3


@pytest.mark.parametrize("sizes", [[], [4, 0]])
def test_communities_without_nodes_are_refused(sizes):
    with pytest.raises(InputError, match="sizes: expected at least one community of one node or more"):
        sbm_graphs(3, sizes)


def pruned(tree: nx.Graph) -> nx.Graph:
    return tree.subgraph([node for node, degree in tree.degree if degree > 1])


@pytest.mark.parametrize("lobsters", [lobster_graphs(50), published_lobsters()], ids=["fresh", "published"])
def test_lobsters_are_trees_that_two_prunings_make_a_path(lobsters):
    for lobster in lobsters:
        assert nx.is_tree(lobster)
        assert len(lobster) in LOBSTER_SIZES
        spine = pruned(pruned(lobster))
        assert max((degree for _, degree in spine.degree), default=0) <= 2
        assert len(spine) == 0 or nx.is_connected(spine)
    assert any(max(degree for _, degree in pruned(lobster).degree) > 2 for lobster in lobsters)  # no caterpillars only


def test_published_lobsters_are_those_of_networkx():
    make = getattr(nx, "random_lobster_graph", None) or nx.random_lobster
    theirs = (make(80, 0.7, 0.7, seed=seed) for seed in itertools.count(LOBSTER_SEED))
    kept = itertools.islice((lobster for lobster in theirs if len(lobster) in LOBSTER_SIZES), 8)
    ours = published_lobsters()
    assert len(ours) == 100
    assert [edges(lobster) for lobster in kept] == [edges(lobster) for lobster in ours[:8]]


def test_grids_are_grids():
    grids = grid_graphs(range(2, 5))
    for (i, j), grid in zip(itertools.product(range(2, 5), repeat=2), grids, strict=True):
        assert nx.is_isomorphic(grid, nx.cartesian_product(nx.path_graph(i), nx.path_graph(j)))
    assert [len(grid) for grid in grid_graphs()] == [i * j for i in range(10, 20) for j in range(10, 20)]
