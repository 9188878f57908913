"""Inference of blocks: description lengths by hand, moves against differences, planted blocks."""

from itertools import product
from math import comb, factorial, log

import networkx as nx
import numpy as np
import pytest

from discrete_ed.graphs.blocks import _descended, _Partition, description_length, infer_blocks


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


def test_moves_change_the_length_as_predicted(graph):
    blocks = np.array([0, 0, 1, 1, 2, 2, 0, 1, 3])
    partition = _Partition.of(graph, blocks)
    delta = partition.moves(np.arange(9))
    for node, block in product(range(8), range(4)):
        moved = np.where(np.arange(9) == node, block, blocks)
        assert delta[node, block] == pytest.approx(by_hand(graph, moved) - by_hand(graph, blocks), abs=1e-9)
    assert np.isinf(delta[8, :3]).all()  # its block would be empty
    ended = _descended(partition)
    assert ended.length == pytest.approx(by_hand(graph, ended.blocks), rel=1e-12)
    assert ended.moves(np.arange(9)).min() >= -1e-9
    assert ended.length <= by_hand(graph, blocks)


@pytest.mark.parametrize(("sizes", "seed"), [([25, 30], 0), ([22, 31, 38], 1), ([20, 40, 33, 28, 21], 2)])
def test_planted_blocks_are_found_under_any_numbering(sizes, seed):
    inside = np.equal.outer(planted := np.repeat(np.arange(len(sizes)), sizes), planted)
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random(inside.shape) < np.where(inside, 0.3, 0.005), 1)
    order = rng.permutation(len(planted))
    adjacency = (upper | upper.T)[np.ix_(order, order)].astype(float)
    found = infer_blocks(adjacency)
    assert (np.equal.outer(found, found) == inside[np.ix_(order, order)]).all()


def test_graphs_without_blocks_are_one():
    for graph in (nx.gnp_random_graph(60, 0.3, seed=0), nx.empty_graph(30), nx.empty_graph(1), nx.complete_graph(20)):
        assert not infer_blocks(nx.to_numpy_array(graph)).any()
    assert len(infer_blocks(np.zeros((0, 0)))) == 0
