"""Inference of blocks: description lengths by hand, moves against differences, planted blocks."""

import sys
from itertools import combinations
from math import comb, factorial, log

import networkx as nx
import numpy as np
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import block_loops, block_splits
from discrete_ed.graphs.blocks import _halves, _logs, _neighbours, description_length, infer_blocks


def by_hand(adjacency, blocks):
    """The formula of the docstring, term by term."""
    nodes, names = len(blocks), sorted(set(blocks))
    members = [[i for i in range(nodes) if blocks[i] == name] for name in names]
    between = [[sum(int(adjacency[u, v]) for u in r for v in s) for s in members] for r in members]
    pairs = sum(map(sum, between))
    length = -sum(log(factorial(e)) for row in between for e in row)
    length += 2 * sum(sum(row) * log(len(r)) for row, r in zip(between, members, strict=True))
    length += log(comb(len(names) ** 2 - 1 + pairs, pairs))
    length += log(factorial(nodes)) - sum(log(factorial(len(r))) for r in members)
    return length + log(comb(nodes - 1, len(names) - 1)) + log(nodes)


@pytest.fixture(scope="module")
def graph():
    return nx.to_numpy_array(nx.gnp_random_graph(9, 0.5, seed=3))


@pytest.mark.parametrize("blocks", [[0] * 9, [0, 1, 2] * 3, [5, 5, 5, 5, 5, 2, 2, 7, 7], list(range(9))])
def test_description_length_is_that_of_the_formula(graph, blocks):
    assert description_length(graph, np.array(blocks)) == pytest.approx(by_hand(graph, blocks), rel=1e-12)


def descended_by_hand(adjacency, blocks, movable, targets):
    """The slow twin: of all moves that do not empty a block the best, until none helps."""
    while True:
        length = by_hand(adjacency, blocks)
        moves = [(v, s) for v in movable for s in targets if s != blocks[v] and (blocks == blocks[v]).sum() > 1]
        tried = [np.where(np.arange(len(blocks)) == v, s, blocks) for v, s in moves]
        gains = [round(by_hand(adjacency, one) - length, 9) for one in tried]  # equal where rounding makes a difference
        if not gains or min(gains) >= 0:
            return blocks, length
        blocks = tried[gains.index(min(gains))]


@pytest.mark.parametrize("blocks", [[0, 0, 1, 1, 2, 2, 0, 1, 3], [0, 1, 0, 1, 0, 1, 0, 1, 0], [0] * 8 + [1]])
@pytest.mark.parametrize("some", [False, True])
def test_nodes_move_as_the_slow_search_moves_them(graph, blocks, some):
    moved, count = np.array(blocks), max(blocks) + 1
    movable, targets = (np.arange(5), np.array([0, count - 1])) if some else (np.arange(9), np.arange(count))
    expected, length = descended_by_hand(graph, moved, movable, targets)
    starts, neighbours = _neighbours(graph)
    found = block_loops.descend(starts, neighbours, moved, count, movable, targets, *_logs(len(neighbours)))
    assert moved.tolist() == expected.tolist()
    assert found == pytest.approx(length, rel=1e-12)
    assert len(set(moved.tolist())) == count


@pytest.mark.parametrize(("sizes", "seed"), [([25, 30], 0), ([22, 31, 38], 1), ([20, 40, 33, 28, 21], 2)])
def test_planted_blocks_are_found_under_any_numbering(sizes, seed):
    inside = np.equal.outer(planted := np.repeat(np.arange(len(sizes)), sizes), planted)
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random(inside.shape) < np.where(inside, 0.3, 0.005), 1)
    order = rng.permutation(len(planted))
    adjacency = (upper | upper.T)[np.ix_(order, order)].astype(float)
    found = infer_blocks(adjacency)
    assert (np.equal.outer(found, found) == inside[np.ix_(order, order)]).all()


@pytest.mark.parametrize(("nodes", "density"), [(20, 0.2), (30, 0.3), (70, 0.05), (120, 0.1)])
@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_split_by_the_second_eigenvector_and_by_the_median(nodes, density, seed):
    graph = nx.to_numpy_array(nx.gnp_random_graph(nodes, density, seed=seed))
    members = np.sort(np.random.default_rng(seed).permutation(nodes)[: nodes - 7 + seed])
    within, degrees = graph[np.ix_(members, members)], graph.sum(axis=1)[members]
    scale = np.diag(1 / np.sqrt(np.maximum(within.sum(axis=1), 1)))
    values, vectors = np.linalg.eigh(scale @ within @ scale)
    assert values[-3] + 1e-6 < values[-2] < 1 - 1e-9  # it is unique
    by_sign, by_degree = _halves(*_neighbours(graph), members, degrees.astype(int))
    second = vectors[:, -2]
    assert by_sign.tolist() in ([*members[second > 1e-9]], [*members[second < -1e-9]])  # an eigenvector has two signs
    assert by_degree.tolist() == members[degrees > np.median(degrees)].tolist()


@pytest.mark.parametrize(
    ("graph", "half"),
    [
        (nx.empty_graph(6), [0] * 6),  # no edges, no communities
        (nx.complete_bipartite_graph(3, 4), [1] * 3 + [0] * 4),  # of its eigenvalues 1, 0 and −1 that of the two sides
        (nx.disjoint_union(nx.barbell_graph(4, 0), nx.empty_graph(2)), [1] * 4 + [0] * 4 + [-1] * 2),  # no entry
    ],
)
def test_nodes_with_the_same_neighbours_are_on_one_side(graph, half):
    found = block_splits.communities(*_neighbours(nx.to_numpy_array(graph)), np.arange(len(graph)))
    assert found.tolist() in ([side == 1 for side in half], [side == 0 and any(half) for side in half])


@pytest.mark.parametrize("blocks", [[0, 1, 2, 3, 0, 1, 2, 2, 1], [0, 0, 0, 1, 1, 1, 2, 2, 2], [0, 1] * 4 + [1]])
def test_the_best_merge_is_that_of_the_formula(graph, blocks):
    pairs = combinations(range(max(blocks) + 1), 2)
    expected = min((by_hand(graph, [r if block == s else block for block in blocks]), r, s) for r, s in pairs)
    _, between, sizes = block_loops.counted(*_neighbours(graph), np.array(blocks), max(blocks) + 1)
    assert block_loops.best_merge(between, sizes) == (pytest.approx(expected[0], rel=1e-12), *expected[1:])


def test_graphs_without_blocks_are_one():
    for graph in (nx.gnp_random_graph(60, 0.3, seed=0), nx.empty_graph(30), nx.empty_graph(1), nx.complete_graph(20)):
        assert not infer_blocks(nx.to_numpy_array(graph)).any()
    assert len(infer_blocks(np.zeros((0, 0)))) == 0


def test_the_pieces_of_a_graph_are_its_first_blocks():
    """The largest eigenvalue of a graph in pieces is not the only one, and its eigenvectors are arbitrary."""
    graph = nx.disjoint_union(nx.gnp_random_graph(34, 0.3, seed=1), nx.gnp_random_graph(40, 0.3, seed=2))
    assert sorted(np.bincount(infer_blocks(nx.to_numpy_array(graph)))) == [34, 40]


def test_without_numba_the_way_on_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "discrete_ed.graphs.block_loops", None)
    monkeypatch.delattr("discrete_ed.graphs.block_loops")
    with pytest.raises(InputError, match="pip install numba"):
        infer_blocks(np.zeros((3, 3)))
