"""The other formats: what is read, what is refused with the way on, and that hostile files do no harm."""

import gzip
import io
import json
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import scipy.sparse
import torch
from hostile_files import Runs, zipped

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs, write_graphs
from discrete_ed.graphs.files import limits
from discrete_ed.graphs.io import graph_files

SQUARE = nx.to_numpy_array(nx.cycle_graph(4))
LINK = {"source": "a", "target": "b"}
NODES = [{"id": "a"}, {"id": "b"}]
CYTOSCAPE = {"nodes": [{"data": node} for node in NODES], "edges": [{"data": LINK}]}


def saved(array: object, *, archive: bool = False, **arrays: object) -> bytes:
    buffer = io.BytesIO()
    if archive:
        np.savez(buffer, **({} if array is None else {"adjs": array}), **arrays)
    else:
        np.save(buffer, array)
    return buffer.getvalue()


def sparse(matrix: object) -> bytes:
    buffer = io.BytesIO()
    scipy.sparse.save_npz(buffer, matrix)
    return buffer.getvalue()


def on_cpu(values: object) -> torch.Tensor:
    return torch.tensor(values, device="cpu")  # files are written from there


def tensors(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def record(**values: object) -> str:
    return json.dumps(values)


def sizes(path: Path, content: str | bytes, **options: object) -> tuple[list[tuple[int, int]], str]:
    """The numbers of nodes and edges of all graphs, and the notes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graphs = read_graphs(path, **options)
    return [(len(graph), graph.number_of_edges()) for graph in graphs], " ".join(str(one.message) for one in caught)


PAIRS = np.array([[0, 1, 2], [1, 2, 3]])
PADDED = np.stack([SQUARE, np.pad(SQUARE[:2, :2], (0, 2))])
MARKET = "%%MatrixMarket matrix coordinate {} {}\n% made by hand\n4 4 {}\n"
GML = "graph [ {} node [ id 1 ] node [ id 2 ] edge [ source 1 target 2 {} ] ]"
READ = {
    "a.json": (record(directed=False, multigraph=False, graph={}, nodes=NODES, links=[LINK]), [(2, 1)], ""),
    "edges.json": (record(nodes=NODES, edges=[LINK]), [(2, 1)], ""),
    "list.json": (json.dumps([{"nodes": 2, "edges": [[0, 1]]}, {"nodes": 3, "edges": []}]), [(2, 1), (3, 0)], ""),
    "pretty.json": (json.dumps({"nodes": NODES, "links": [LINK]}, indent=2), [(2, 1)], ""),
    "places.json": (record(nodes=[{"name": "x"}] * 2, links=[{"source": 0, "target": 1}]), [(2, 1)], ""),
    "labels.json": (
        record(nodes=[{"id": "a", "group": 1}, NODES[1]], links=[LINK]),
        [(2, 1)],
        "of nodes or graphs (group)",
    ),
    "a.cyjs": (record(elements=CYTOSCAPE), [(2, 1)], ""),
    "flat.json": (json.dumps([*CYTOSCAPE["nodes"], *CYTOSCAPE["edges"]]), [(2, 1)], ""),
    "jgf.json": (record(graph={"nodes": {"a": {}, "b": {}}, "edges": [LINK]}), [(2, 1)], ""),
    "sigma.json": (record(nodes=[{"key": "a"}, {"key": "b"}], edges=[{"key": "e", **LINK}]), [(2, 1)], ""),
    "lines.jsonl": (f"{record(nodes=NODES, links=[LINK])}\n\n{record(nodes=NODES, links=[])}\n", [(2, 1), (2, 0)], ""),
    "a.net": ('*Vertices 3\n1 "ada l"\n2 "ben"\n*Edges\n1 2 1.0\n', [(3, 1)], ""),
    "lists.net": ("*vertices 4\n*edgeslist\n1 2 3 4\n", [(4, 3)], ""),
    "matrix.net": ("*Vertices 2\n*Matrix\n0 1\n1 0\n", [(2, 1)], ""),
    "places.net": ('*Vertices 2\n1 "a" 0.1 0.2 ellipse\n*Edges\n1 2\n', [(2, 1)], "coordinates"),
    "a.graph": ("% comment\n3 2\n2\n1 3\n2\n", [(3, 2)], ""),
    "ones.metis": ("2 1 001\n2 1\n1 1\n", [(2, 1)], ""),
    "a.mtx": (MARKET.format("pattern", "symmetric", 2) + "2 1\n3 2\n", [(4, 2)], ""),
    "general.mtx": (MARKET.format("integer", "general", 2) + "2 1 1\n1 2 1\n", [(4, 1)], ""),
    "array.mtx": ("%%MatrixMarket matrix array real general\n2 2\n0\n1\n1\n0\n", [(2, 1)], ""),
    "renamed.txt": (MARKET.format("pattern", "symmetric", 1) + "2 1\n", [(4, 1)], ""),
    "a.gml": ('Creator "x"\ngraph [ directed 0 node [ id 1 ] node [ id 2 ] edge [ source 1 target 2 ] ]', [(2, 1)], ""),
    "a.npy": (saved(SQUARE), [(4, 4)], ""),
    "stack.npy": (saved(np.stack([SQUARE, SQUARE]).astype(bool)), [(4, 4)] * 2, ""),
    "padded.npy": (saved(PADDED), [(4, 4), (4, 1)], "in 1 matrices the last nodes have no edge"),
    "links.npz": (saved(None, archive=True, edge_index=PAIRS), [(4, 3)], ""),
    "columns.npz": (saved(None, archive=True, edges=PAIRS.T, num_nodes=5), [(5, 3)], ""),
    "both.json": (record(nodes=3, edges=[[0, 1]], links=[[0, 1]]), [(3, 1)], ""),
    "a.npz": (saved(SQUARE[None], archive=True), [(4, 4)], ""),
    "csr.npz": (sparse(scipy.sparse.csr_matrix(SQUARE)), [(4, 4)], ""),
    "coo.npz": (sparse(scipy.sparse.coo_matrix(SQUARE)), [(4, 4)], ""),
    "stack.pt": (tensors(on_cpu(SQUARE).expand(3, 4, 4).clone()), [(4, 4)] * 3, ""),
    "list.pt": (tensors([on_cpu(SQUARE), on_cpu([[0, 1], [1, 0]]).bfloat16()]), [(4, 4), (2, 1)], ""),
    "spectre.pt": (tensors([[on_cpu(SQUARE)], [on_cpu([1.0] * 4)], [on_cpu([[1.0] * 4] * 4)], [4], 2.0]), [(4, 4)], ""),
    "a.g6.gz": (gzip.compress(b"Bw\nBw\n"), [(3, 3)] * 2, ""),
    "several.npz": (saved(None, archive=True, arr_0=SQUARE, arr_10=SQUARE[:2, :2]), [(4, 4), (2, 1)], ""),
    "capitals.gml": ("Graph [ Node [ Id 1 ] Node [ Id 2 ] Edge [ Source 1 Target 2 ] ]", [(2, 1)], ""),
    "drawn.gml": (GML.format("", "graphics [ width 2.0 ]"), [(2, 1)], "labels of edges (graphics)"),
    "drawn.net": ("*Vertices 2\n*Edges\n1 2 1 w 3 c Blue\n", [(2, 1)], ""),
    "relations.net": ("*Vertices 3\n*Edges :1 a\n1 2\n*Edges :2 b\n2 3\n", [(3, 2)], "labels of edges (relations)"),
    "graphology.json": (
        record(
            options={"type": "undirected"}, nodes=[{"key": "a"}, {"key": "b"}], edges=[{"undirected": True, **LINK}]
        ),
        [(2, 1)],
        "labels of nodes or graphs (options)",
    ),
    "graph.xml": ('<graphml><graph><node id="a"/></graph></graphml>', [(1, 0)], "read as graphml"),
    "zipped.dat": (saved(SQUARE[None], archive=True), [(4, 4)], ""),
}


@pytest.mark.parametrize("name", READ)
def test_every_format_is_read(tmp_path, name):
    content, expected, note = READ[name]
    found, notes = sizes(tmp_path / name, content)
    assert found == expected
    assert (note in notes) if note else not notes


PAIR, EDGE = '<node id="a"/><node id="b"/>', '<edge source="a" target="b"{}/>'
XML = f'<graphml>{{}}<graph edgedefault="undirected">{PAIR}{EDGE}</graph></graphml>'
GEXF = f"<gexf><graph>{{}}<nodes>{PAIR}</nodes><edges>{EDGE}</edges></graph></gexf>"
KEY = '<key id="d" for="edge" attr.name="w" attr.type="double"><default>2.5</default></key>'
ATTRIBUTE = '<attributes class="edge"><attribute id="0" title="w"><default>3</default></attribute></attributes>'
UNSYMMETRIC, LOOP = np.triu(SQUARE), SQUARE + np.diag([1, 0, 0, 0])
REFUSED = {  # the error, and the option that leads on with what it then reads
    "weights.json": (record(nodes=NODES, links=[{**LINK, "w": 0.5}]), "w 0.5 of an edge", "ignore_weights", [(2, 1)]),
    "directed.json": (record(directed=True, nodes=NODES, links=[LINK]), "one direction only", "undirected", [(2, 1)]),
    "multi.json": (record(nodes=NODES, links=[LINK, LINK]), "every edge once", "ignore_weights", [(2, 1)]),
    "arcs.net": ("*Vertices 2\n*Arcs\n1 2\n", "line 3: expected an undirected graph", "undirected", [(2, 1)]),
    "weights.net": ("*Vertices 2\n*Edges\n1 2 .3\n", "weight .3", "ignore_weights", [(2, 1)]),
    "weights.metis": ("2 1 001\n2 7\n1 7\n", "weight 7", "ignore_weights", [(2, 1)]),
    "real.mtx": (MARKET.format("real", "symmetric", 1) + "2 1 .5\n", "entries .5", "ignore_weights", [(4, 1)]),
    "loop.mtx": (MARKET.format("pattern", "symmetric", 1) + "2 2\n", "line 4: expected no", "ignore_loops", [(4, 0)]),
    "general.mtx": (MARKET.format("pattern", "general", 1) + "2 1\n", "one direction only", "undirected", [(4, 1)]),
    "directed.gml": (GML.format("directed 1", ""), "one direction only", "undirected", [(2, 1)]),
    "weights.gml": (GML.format("", "value 3"), "value 3", "ignore_weights", [(2, 1)]),
    "nested.gml": (GML.format("", "attr [ w 2 ]"), "w 2 of an edge", "ignore_weights", [(2, 1)]),
    "capital.gml": (GML.format("Directed 1", ""), "one direction only", "undirected", [(2, 1)]),
    "edge.gml": (GML.format("", "directed 1"), "one direction only", "undirected", [(2, 1)]),
    "default.graphml": (XML.format(KEY, ""), "w 2.5 of an edge", "ignore_weights", [(2, 1)]),
    "tag.graphml": (XML.format("", ' weight="3"'), "weight 3 of an edge", "ignore_weights", [(2, 1)]),
    "default.gexf": (GEXF.format(ATTRIBUTE, ""), "w 3 of an edge", "ignore_weights", [(2, 1)]),
    "type.gexf": (GEXF.format("", ' type="directed"'), "one direction only", "undirected", [(2, 1)]),
    "nested.json": (record(nodes=NODES, edges=[{**LINK, "data": {"w": 3}}]), "w 3 of an", "ignore_weights", [(2, 1)]),
    "edge.json": (record(nodes=NODES, edges=[{**LINK, "directed": 1}]), "one direction", "undirected", [(2, 1)]),
    "type.json": (record(nodes=NODES, edges=[{**LINK, "type": "directed"}]), "one direction", "undirected", [(2, 1)]),
    "options.json": (
        record(options={"type": "directed"}, nodes=NODES, edges=[LINK]),
        "one direction",
        "undirected",
        [(2, 1)],
    ),
    "vis.json": (record(nodes=NODES, edges=[{**LINK, "arrows": "to"}]), "one direction", "undirected", [(2, 1)]),
    "data.cyjs": (record(data={"directed": True}, elements=CYTOSCAPE), "one direction", "undirected", [(2, 1)]),
    "outer.json": (record(directed=True, graph={"nodes": NODES, "edges": [LINK]}), "one dir", "undirected", [(2, 1)]),
    "value.net": ("*Vertices 2\n*Edges\n1 2 1 trust 0.5\n", "trust 0.5", "ignore_weights", [(2, 1)]),
    "rows.net": ("*Vertices 3\n*Matrix\n0 1 0\n1 0 1\n", "matrix of 3 × 3 numbers, got 2 rows", None, None),
    "twice_key.json": ('{"nodes": 2, "edges": [[0, 1]], "edges": []}', "'edges' stands twice", None, None),
    "a.txt.bz2": (b"BZh9", "got .bz2; unpack it", None, None),
    "a.tar.gz": (gzip.compress(b"x"), "got .tar; unpack it", None, None),
    "a.dot": ("graph { a -- b }", "Graphviz's DOT", None, None),
    "keys.pt": (tensors({"edge_index": on_cpu([[0], [1]])}), "a dictionary of edge_index; where you trust", None, None),
    "directed.npy": (saved(UNSYMMETRIC), "one direction only", "undirected", [(4, 4)]),
    "weights.npz": (saved(0.5 * SQUARE, archive=True), "entries 0.5", "ignore_weights", [(4, 4)]),
    "loop.pt": (tensors(on_cpu(LOOP)), "no self-loops", "ignore_loops", [(4, 4)]),
    "csc.npz": (sparse(scipy.sparse.csc_matrix(UNSYMMETRIC)), "one direction only", "undirected", [(4, 4)]),
    "index.npz": (saved(None, archive=True, edge_index=PAIRS[:, :2]), "edges in rows or in columns", None, None),
    "padded.npz": (saved(None, archive=True, edges=PAIRS - 1), "nodes from 0, got -1", None, None),
    "beside.npz": (saved(None, archive=True, edges=PAIRS, x=PAIRS), "one array of edges", None, None),
    "outside.npz": (saved(None, archive=True, edges=PAIRS, num_nodes=2), "num_nodes 2 and nodes to 3", None, None),
    "differ.json": (record(nodes=3, edges=[[0, 1]], links=[[1, 2]]), "got both, which differ", None, None),
    "plain.edges.gz": (b"0 1\n", "a gzip file, as its name says", None, None),
    "links.npy": (saved(np.zeros((2, 5), int)), "square matrices", None, None),
    "nan.npy": (saved(SQUARE * np.nan), "finite entries", None, None),
    "several.npz": (saved(SQUARE, archive=True, flags=np.ones(4)), "without padding", None, None),
    "objects.npy": (saved(np.array([{}], dtype=object)), "pickled and can run code", None, None),
    "state.pt": (tensors({"weight": on_cpu([1.0, 1.0])}), "SPECTRE's list", None, None),
    "model.pt": (tensors(nx.path_graph(2)), "write_graphs('graphs.g6', graphs)", None, None),
    "nowhere.json": (record(nodes=NODES, links=[{"source": "a", "target": "z"}]), "got one at 'z'", None, None),
    "twice.json": (record(nodes=NODES * 2, links=[]), "every node once, got 'a' again", None, None),
    "pairs.json": ("[[0, 1]]", "node-link, adjacency or Cytoscape JSON", None, None),
    "beyond.net": ("*Vertices 2\n*Edges\n1 3\n", "line 3: expected the number of a vertex from 1 to 2", None, None),
    "short.graph": ("3 2\n1 2\n3", "3 lines behind the first", None, None),
    "one_end.graph": ("3 2\n2\n3\n2\n", "at both its ends", None, None),
    "short.mtx": (MARKET.format("pattern", "symmetric", 2) + "2 1\n", "as the size says", None, None),
    "complex.mtx": (MARKET.format("complex", "general", 0), "line 1: expected %%MatrixMarket", None, None),
    "open.gml": ("graph [\n node [ id 1 ]", "line 2: expected GML whose lists are all closed", None, None),
    "value.gml": ("graph [\n node ]", "line 2: expected GML: keys with values", None, None),
    "a.xlsx": (zipped("xl/workbook.xml", b"<x/>"), "a zip archive of xl/workbook.xml", None, None),
    "a.mat": (b"MATLAB 5.0", "got ending '.mat'", None, None),
    "none": (b"0 1\n", "got ending ''", None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_with_the_option_that_leads_on(tmp_path, name):
    content, message, option, expected = REFUSED[name]
    with pytest.raises(InputError) as caught:
        sizes(tmp_path / name, content)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert message in str(caught.value)
    if option is not None:
        assert f"--{option.replace('_', '-')} ({option}=True)" in str(caught.value)
        found, notes = sizes(tmp_path / name, content, **{option: True})
        assert found == expected
        assert "are dropped" in notes or "are merged" in notes


def test_nothing_in_a_file_of_torch_is_executed(tmp_path):
    marker = tmp_path / "ran"
    for k, content in enumerate((Runs(marker), [torch.ones(2, 2), Runs(marker)])):
        with pytest.raises(InputError, match=r"loader of weights refuses"):
            sizes(tmp_path / f"{k}.pt", tensors(content))
    assert not marker.exists()


TU = {
    "X_A.txt": "1, 2\n2, 1\n3, 4\n4, 3\n",
    "X_graph_indicator.txt": "1\n1\n2\n2\n2\n",
    "X_node_labels.txt": "0\n0\n1\n1\n2\n",
}


@pytest.mark.parametrize("inner", ["", "raw"])
def test_a_folder_of_the_tu_data_sets_is_read(tmp_path, inner):
    (tmp_path / inner).mkdir(exist_ok=True)
    for name, text in TU.items():
        (tmp_path / inner / name).write_text(text)
    with pytest.warns(UserWarning, match=r"labels \(node_labels\) are not read"):
        graphs = read_graphs(tmp_path)
    assert [(len(graph), list(graph.edges)) for graph in graphs] == [(2, [(0, 1)]), (3, [(0, 1)])]
    assert [file.name for file in graph_files(tmp_path)] == list(TU)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("X_A.txt", "1, 2\n", "line 1: expected an undirected graph, got edge (1, 2) in one direction only; --undir"),
        ("X_A.txt", "1, 9\n", "line 1: expected two nodes from 1 to 5, got (1, 9)"),
        ("X_A.txt", "1, 3\n", "line 1: expected an edge within one graph"),
        ("X_A.txt", "1 2 3\n", "line 1: expected 2 whole numbers"),
        ("X_graph_indicator.txt", "1\n2\n1\n", "the nodes of every graph together"),
        ("X_graph_indicator.txt", "a\n", "line 1: expected 1 whole number"),
    ],
)
def test_other_folders_of_tu_are_refused(tmp_path, file, text, message):
    for name, content in {**TU, file: text}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read_graphs(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / file))
    assert message in str(caught.value)


def test_tables_of_a_folder_are_graphs_where_nothing_else_is(tmp_path):
    write_graphs(tmp_path / "a.g6", [nx.path_graph(2)])
    (tmp_path / "b.csv").write_text("0,1\n1,2\n")
    with pytest.warns(UserWarning, match=r"skipped files .*1 \(b\.csv\)"):
        assert [len(graph) for graph in read_graphs(tmp_path)] == [2]
    (tmp_path / "a.g6").unlink()
    assert [len(graph) for graph in read_graphs(tmp_path)] == [3]


def bomb(name: str) -> bytes:
    if name.endswith(".gz"):
        return gzip.compress(bytes(10**7))
    return zipped("adjs.npy" if name.endswith(".npz") else "a/data.pkl", bytes(10**6), 2)


@pytest.mark.parametrize("name", ["a.edges", "a.graphml", "a.g6.gz", "a.npz", "a.pt"])
def test_large_files_and_bombs_are_refused_in_bounded_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr(limits, "MAX_BYTES", 10**5)
    path = tmp_path / name
    path.write_bytes(b"1 2\n" * 2**20 if name[-3:] not in (".gz", "npz", ".pt") else bomb(name))
    tracemalloc.start()
    with pytest.raises(InputError, match=rf"{path}: expected .*(at most 100000 bytes|unpacks to)"):
        read_graphs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(("limit", "value"), [("MAX_NODES", 3), ("MAX_EDGES", 2)])
def test_graphs_beyond_the_limits_are_refused(tmp_path, monkeypatch, limit, value):
    monkeypatch.setattr(limits, limit, value)
    path = nx.path_graph(5)
    nx.write_graphml(path, tmp_path / "path.graphml")
    nx.write_edgelist(path, tmp_path / "path.edges", data=False)
    nx.write_pajek(path, tmp_path / "path.net")
    (tmp_path / "path.json").write_text(json.dumps(nx.node_link_data(path, edges="links")))
    (tmp_path / "path.graph").write_text("5 4\n2\n1 3\n2 4\n3 5\n4\n")
    for file in tmp_path.iterdir():
        with pytest.raises(InputError, match="expected at most"):
            read_graphs(file)


@pytest.mark.parametrize("ending", [".edges", ".graphml", ".pt", ".npz", ".csv"])
def test_missing_files_and_devices_are_named(tmp_path, ending):
    with pytest.raises(InputError, match=r"nowhere.*No such file"):
        read_graphs(tmp_path / f"nowhere{ending}")
    (tmp_path / f"device{ending}").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="not a regular file"):
        read_graphs(tmp_path / f"device{ending}")


def test_members_of_an_archive_are_only_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("../../outside.npy", saved(SQUARE))
    assert [len(graph) for graph in read_graphs(tmp_path / "a.npz")] == [4]
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]
