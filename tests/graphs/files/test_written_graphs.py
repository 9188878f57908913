"""What networkx writes is read back, whatever the writer and the names of nodes."""

import warnings

import networkx as nx
import pytest
from written_graphs import STYLES, WRITERS, random_tree

from discrete_ed import read_graphs


@pytest.mark.parametrize("file", WRITERS)
def test_random_trees_come_back(tmp_path, file):
    for seed, style in enumerate([*STYLES, "numbers"]):
        tree = random_tree(seed, style, weight=1.0 if seed % 2 else None)
        if file == "tree.json" and style == "pairs":
            continue  # networkx writes the names of nodes as lists, and refuses to read them
        WRITERS[file](tree, tmp_path / file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (graph,) = read_graphs(tmp_path / file)
        assert list(graph) == list(range(len(tree)))
        assert nx.is_isomorphic(graph, tree), (tmp_path / file).read_bytes()


def test_a_wrong_reading_would_be_seen(tmp_path):
    tree = random_tree(3, "numbers")
    WRITERS["plain.edges"](tree, tmp_path / "a.edges")
    (tmp_path / "a.edges").write_text((tmp_path / "a.edges").read_text() + "0 new\n")
    assert not nx.is_isomorphic(read_graphs(tmp_path / "a.edges")[0], tree)
