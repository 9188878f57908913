"""Novel, unique, connected and valid graphs, counted by hand and by slow searches."""

import networkx as nx
import pytest
from brute_force import random_graphs

from discrete_ed.errors import InputError
from discrete_ed.graphs import evaluate_graphs, graph_shares, load_graph_data


@pytest.fixture(scope="module")
def data():
    return load_graph_data("citation-egos")


@pytest.mark.thorough
def test_copies_of_training_graphs_are_not_novel(data):
    result = evaluate_graphs(data.test, data.train, data.train)
    assert result.shares.novel == 0
    assert 0 < result.shares.novel_reference < 1
    assert result.mean.mmd2 == pytest.approx(result.mean.floor, rel=1e-12)
    assert result.shares.connected == 1


def test_copies_of_reference_graphs_score_zero_and_are_as_novel(data):
    result = evaluate_graphs(data.test, data.test, data.train)
    assert result.mean.mmd2 == 0
    assert result.shares.novel == result.shares.novel_reference


def test_novel_unique_and_connected_by_hand():
    train, reference = [nx.path_graph(4), nx.star_graph(3)], [nx.cycle_graph(4), nx.path_graph(4)]
    generated = [nx.path_graph(4), nx.cycle_graph(4), nx.cycle_graph(4), nx.empty_graph(4), nx.null_graph()]
    result = evaluate_graphs(reference, generated, train)
    assert result.shares.novel == 4 / 5
    assert result.shares.novel_reference == 1 / 2
    assert result.shares.unique == 4 / 5
    assert result.shares.connected == 3 / 5


def counted_by_search(graphs, train, is_valid):
    """The fraction of `graphs` that are valid and isomorphic to none of `train` and no earlier one; graph by graph."""
    counted = 0
    for k, graph in enumerate(graphs):
        seen = any(nx.is_isomorphic(graph, other) for other in [*train, *graphs[:k]])
        counted += is_valid(graph) and not seen
    return counted / len(graphs)


@pytest.mark.parametrize(
    ("connected", "valid", "counted"),
    [
        (True, None, "connected"),
        (False, None, None),
        (True, "bipartite", "bipartite"),
        (False, "tree", "tree"),
        (False, "connected", "connected"),
    ],
)
def test_valid_unique_and_novel_graphs_are_those_of_a_search(connected, valid, counted):
    """Of the reference graphs some are among the generated ones, which takes nothing from the novelty of these."""
    some = random_graphs(120, largest=5)
    whole = [graph for graph in some if len(graph) and nx.is_connected(graph)]
    rest = [graph for graph in some if len(graph) and not nx.is_connected(graph)]
    train = whole[:5]
    reference = sorted(whole[3:20], key=lambda graph: any(nx.is_isomorphic(graph, one) for one in train))
    generated = [*some[::-1], *train, *reference]
    if not connected:
        reference = [*reference, rest[0]]  # one is enough
    result = evaluate_graphs(reference, generated, train, valid=valid)
    is_valid = {
        None: lambda _: True,
        "bipartite": lambda graph: len(graph) > 0 and nx.is_connected(graph) and nx.is_bipartite(graph),
        "connected": lambda graph: len(graph) > 0 and nx.is_connected(graph),
        "tree": lambda graph: len(graph) > 0 and nx.is_tree(graph),
    }
    assert result.shares.vun_property == counted
    assert result.shares.vun == counted_by_search(generated, train, is_valid[counted])
    assert result.shares.vun_reference == counted_by_search(reference, train, is_valid[counted])
    assert 0 < result.shares.vun < min(result.shares.novel, result.shares.unique)


def test_validity_by_a_named_property():
    paths = [nx.path_graph(n) for n in (3, 4, 5, 6)]
    result = evaluate_graphs(paths, [nx.cycle_graph(3), nx.path_graph(3)], valid="tree")
    assert (result.shares.valid_property, result.shares.valid, result.shares.valid_reference) == ("tree", 0.5, 1.0)
    with pytest.raises(InputError, match=r"valid: expected one of connected, planar, tree, .*, got 'green'"):
        evaluate_graphs(paths, paths, valid="green")


@pytest.mark.parametrize("empty", ["reference", "generated", "train"])
def test_empty_sets_have_no_shares(empty):
    sets = {name: [nx.path_graph(2)] for name in ("reference", "generated", "train")} | {empty: []}
    with pytest.raises(InputError, match=f"{empty}: expected at least one graph, got an empty set"):
        graph_shares(sets)


def test_errors_name_the_set_and_the_place_in_it():
    sets = {"train": [nx.path_graph(2)], "generated": [nx.path_graph(2), nx.Graph([(0, 0)])]}
    with pytest.raises(InputError, match=r"generated\[1\]: expected no self-loops"):
        graph_shares({"reference": [nx.path_graph(3)], **sets})
