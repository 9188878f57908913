"""Graphs may come from anything that can be gone through once; what is no set of graphs is refused by its name."""

import networkx as nx
import pytest

from discrete_ed import InputError, evaluate_graphs, graph_mmd, graphs_to_states, read_graphs, to_pyg, write_graphs
from discrete_ed.graphs.isomorphism import isomorphism_classes
from discrete_ed.graphs.mmd import count_cleaned, describe
from discrete_ed.graphs.validity import validity
from discrete_ed.graphs.yardsticks import erdos_renyi_like

PATHS = [nx.path_graph(n) for n in (3, 4, 5, 6, 4)]
CYCLES = [nx.cycle_graph(n) for n in (3, 4, 5, 6, 4)]


def described(graphs):
    return {name: features.tolist() for name, features in describe(graphs).items()}


def written(graphs, folder):
    write_graphs(folder / "graphs.jsonl", graphs)
    return [list(graph.edges) for graph in read_graphs(folder / "graphs.jsonl")]


TAKES_GRAPHS = {
    "evaluate_graphs, reference": lambda graphs, _: evaluate_graphs(graphs, CYCLES, CYCLES, valid="tree"),
    "evaluate_graphs, reference in halves": lambda graphs, _: evaluate_graphs(graphs, CYCLES),
    "evaluate_graphs, generated": lambda graphs, _: evaluate_graphs(CYCLES, graphs, CYCLES, protocol="psd"),
    "evaluate_graphs, train": lambda graphs, _: evaluate_graphs(CYCLES, CYCLES, graphs),
    "graph_mmd, first": lambda graphs, _: graph_mmd(graphs, CYCLES),
    "graph_mmd, second": lambda graphs, _: graph_mmd(CYCLES, graphs),
    "describe": lambda graphs, _: described(graphs),
    "count_cleaned": lambda graphs, _: count_cleaned(graphs),
    "isomorphism_classes": lambda graphs, _: isomorphism_classes(graphs),
    "validity": lambda graphs, _: validity(graphs, "tree"),
    "erdos_renyi_like": lambda graphs, _: [list(graph.edges) for graph in erdos_renyi_like(graphs, 9)],
    "graphs_to_states": lambda graphs, _: graphs_to_states(graphs).tolist(),
    "to_pyg": lambda graphs, _: [data.edge_index.tolist() for data in to_pyg(graphs)],
    "write_graphs": written,
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", TAKES_GRAPHS)
def test_a_generator_is_as_good_as_a_list(tmp_path, name):
    function = TAKES_GRAPHS[name]
    assert function((graph for graph in PATHS), tmp_path) == function(PATHS, tmp_path)
    assert function(tuple(PATHS), tmp_path) == function(PATHS, tmp_path)


@pytest.mark.parametrize("name", TAKES_GRAPHS)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nx.path_graph(3), ": expected a list of graphs, got Graph"),
        (lambda: 7, ": expected a list of graphs, got int"),
        (lambda: iter(()), ": expected at least one graph, got an empty set"),
        (lambda: iter([nx.path_graph(3), "mine"]), r"\[1\]: expected a networkx Graph, got str"),
    ],
    ids=["a graph", "a number", "none", "a string among them"],
)
def test_what_is_no_set_of_graphs_is_refused(tmp_path, name, make, message):
    argument = name.split()[1] if name.startswith("evaluate") else "graphs"
    with pytest.raises(InputError, match=f"^{argument}{message}$"):
        TAKES_GRAPHS[name](make(), tmp_path)
