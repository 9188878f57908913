"""Published splits and TU data sets, read from a user's folder."""

from __future__ import annotations

import zipfile

import networkx as nx
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import load_graph_data, read_graphs, write_graphs
from discrete_ed.graphs.files import limits
from discrete_ed.graphs.published import SPLIT_SIZES, tu_graphs


def put_split(folder, name: str, **other: int) -> None:
    """Files of a published split, filled with paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, (part, size) in enumerate({**SPLIT_SIZES, **other}.items(), 2):
        write_graphs(folder / f"{name}.{part}.g6", [nx.path_graph(place)] * size)


@pytest.mark.parametrize("name", ["planar", "sbm", "tree"])
@pytest.mark.parametrize("folder", ["", "own"])
def test_published_splits_are_read_from_both_places(tmp_path, name, folder):
    put_split(tmp_path / folder.replace("own", name), name)
    data = load_graph_data(name, tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (128, 32, 40)
    assert [len(part[0]) for part in (data.train, data.validation, data.test)] == [2, 3, 4]
    assert len(data.files) == 3
    assert not data.random_split


@pytest.mark.parametrize(("name", "instead"), [("planar", "planar-64"), ("sbm", "sbm-fresh"), ("tree", "tree-64")])
def test_where_files_are_missing_the_recipe_is_named(tmp_path, name, instead):
    with pytest.raises(InputError, match=rf"root: expected {name}\.train\.g6, .* --data {instead} makes"):
        load_graph_data(name, tmp_path)
    assert load_graph_data(instead, tmp_path, graphs=5).train


def test_a_file_with_another_number_of_graphs_is_not_the_published_one(tmp_path):
    put_split(tmp_path, "tree", val=31)
    with pytest.raises(InputError, match=r"tree\.val\.g6: expected the 32 published graphs, got 31"):
        load_graph_data("tree", tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "nodes"), [("planar", {64}), ("tree", {64}), ("sbm", set(range(44, 188)))])
def test_the_published_files_are_what_they_are_said_to_be(data_root, name, nodes):
    data = load_graph_data(name, data_root)
    graphs = data.train + data.validation + data.test
    assert {len(graph) for graph in graphs} <= nodes
    if name == "tree":
        assert all(map(nx.is_tree, graphs))
    elif name == "planar":
        assert all(nx.is_connected(graph) and nx.is_planar(graph) for graph in graphs)
    else:
        assert sum(map(nx.is_connected, graphs)) == 196


def put_tu(folder, name: str, graphs: list[list[tuple[int, int]]], sizes: list[int]) -> None:
    """The two files of a TU data set, whose last lines end without a line break."""
    folder.mkdir(parents=True, exist_ok=True)
    first, lines, owners = 1, [], []
    for number, (pairs, size) in enumerate(zip(graphs, sizes, strict=True), 1):
        lines += [f"{u + first}, {v + first}" for u, v in pairs]
        owners += [str(number)] * size
        first += size
    (folder / f"{name}_A.txt").write_text("\n".join(lines))
    (folder / f"{name}_graph_indicator.txt").write_text("\n".join(owners))


@pytest.mark.parametrize("folder", ["", "DD", "DD/raw", "TUDataset/DD/raw"])
def test_tu_graphs_are_read_from_every_place_and_cleaned(tmp_path, folder):
    pairs = [[(0, 1), (1, 0), (1, 2), (2, 1)], [(0, 0), (0, 2), (2, 0)], [], [(0, 1), (1, 0)]]
    put_tu(tmp_path / folder, "DD", pairs, [3, 3, 1, 2])
    graphs, files = tu_graphs("DD", tmp_path)
    assert [sorted(graph.edges) for graph in graphs] == [[(0, 1), (1, 2)], [(0, 1)], [], [(0, 1)]]
    assert [len(graph) for graph in graphs] == [3, 2, 0, 2]  # isolated nodes are left out
    assert [file.name for file in files] == ["DD_A.txt", "DD_graph_indicator.txt"]


OFFICIAL = {  # two triangles with a tail, as the files of ENZYMES are written: both directions, the second end first
    "ENZYMES_A.txt": "2, 1\n3, 1\n1, 2\n3, 2\n1, 3\n2, 3\n4, 3\n3, 4\n6, 5\n7, 5\n5, 6\n7, 6\n5, 7\n6, 7\n8, 7\n7, 8\n",
    "ENZYMES_graph_indicator.txt": "1\n1\n1\n1\n2\n2\n2\n2\n",
    "ENZYMES_graph_labels.txt": "6\n6\n",
    "ENZYMES_node_labels.txt": "1\n" * 8,
    "ENZYMES_node_attributes.txt": "11.0, 15.8\n" * 8,
    "README.txt": "README for dataset ENZYMES\n",
}


@pytest.mark.parametrize("inner", ["ENZYMES", "ENZYMES/raw", "raw", "zip", "zip in its folder"])
def test_the_official_layout_is_read_unpacked_and_zipped(tmp_path, monkeypatch, inner):
    folder = tmp_path / inner.replace("zip in its folder", "ENZYMES").replace("zip", "")
    folder.mkdir(parents=True, exist_ok=True)
    if "zip" in inner:
        with zipfile.ZipFile(folder / "ENZYMES.zip", "w") as archive:
            for name, text in OFFICIAL.items():
                archive.writestr(f"ENZYMES/{name}", text)
    else:
        for name, text in OFFICIAL.items():
            (folder / name).write_text(text)
        monkeypatch.setattr(limits, "MAX_NODES", 6)  # of each graph, not of all together
        with pytest.warns(UserWarning, match="node_labels, graph_labels, node_attributes"):
            assert [graph.number_of_edges() for graph in read_graphs(folder)] == [4, 4]
    graphs, files = tu_graphs("ENZYMES", tmp_path)
    triangle = nx.lollipop_graph(3, 1)
    assert len(graphs) == 2
    assert all(nx.is_isomorphic(graph, triangle) for graph in graphs)
    assert all(file.is_file() for file in files)
    if "zip" in inner:
        files[0].write_bytes(b"PK broken")
        with pytest.raises(InputError, match=r"ENZYMES\.zip: expected a zip archive of a TU data set, but"):
            tu_graphs("ENZYMES", tmp_path)


@pytest.mark.parametrize(
    ("name", "tu", "kept"), [("enzymes", "ENZYMES", range(10, 126)), ("proteins", "DD", range(100, 501))]
)
def test_enzymes_and_proteins_are_selected_by_size_and_split(tmp_path, name, tu, kept):
    sizes = [kept.start - 1, *range(kept.start, kept.start + 23), kept.stop - 1, kept.stop]
    put_tu(tmp_path, tu, [[(k, k + 1) for k in range(size - 1)] for size in sizes], sizes)
    data = load_graph_data(name, tmp_path)
    parts = (data.train, data.validation, data.test)
    assert tuple(map(len, parts)) == {"enzymes": (20, 0, 4), "proteins": (15, 4, 5)}[name]
    assert sorted(len(graph) for part in parts for graph in part) == sizes[1:-1]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("A", "1, 2\n2, 3, 4\n", r"DD_A\.txt: expected lines of 2 whole numbers"),
        ("A", "1, 2\n2, b\n", r"DD_A\.txt: expected lines of 2 whole numbers"),
        ("A", "0, 1\n", "expected edges between two of the 4 nodes"),
        ("A", "2, 3\n", "that belong to the same graph"),
        ("A", "1, 5\n", "expected edges between two of the 4 nodes"),
        ("graph_indicator", "1\n2\n1\n2\n", "expected the nodes of graph 1, then of graph 2"),
        ("graph_indicator", "", "expected lines of 1 whole numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_malformed_tu_files_are_refused_by_name(tmp_path, file, content, message):
    put_tu(tmp_path, "DD", [[(0, 1)], [(0, 1)]], [2, 2])
    (tmp_path / f"DD_{file}.txt").write_text(content)
    with pytest.raises(InputError, match=message):
        load_graph_data("proteins", tmp_path)


def test_missing_tu_files_are_named_with_the_way_on(tmp_path):
    with pytest.raises(InputError, match=r"root: expected the TU data set ENZYMES.*TUDataset\(.*, 'ENZYMES'\) downl"):
        load_graph_data("enzymes", tmp_path)
