import json
import pickle
import re
import warnings
from pathlib import Path

import networkx as nx
import pytest
from brute_force import random_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs, write_graphs
from discrete_ed.graphs.convert import check_graph
from discrete_ed.graphs.files.limits import MAX_NODES
from discrete_ed.graphs.io import encode_graphs, graph_files

ENDINGS = [".g6", ".s6", ".jsonl"]
PETERSEN = nx.convert_node_labels_to_integers(nx.petersen_graph())
VALID = {
    ".g6": nx.to_graph6_bytes(PETERSEN, header=False).strip(),
    ".s6": nx.to_sparse6_bytes(PETERSEN, header=False).strip(),
    ".jsonl": json.dumps({"nodes": 10, "edges": [list(edge) for edge in PETERSEN.edges]}).encode(),
}
fuzz = settings(max_examples=80, deadline=None, database=None)


def signature(graph: nx.Graph) -> tuple[int, list[tuple[int, ...]]]:
    """Size and edges, the nodes numbered in the order of the graph."""
    graph = nx.convert_node_labels_to_integers(graph)
    return len(graph), sorted(tuple(sorted(edge)) for edge in graph.edges)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "graphs",
    [
        [nx.null_graph()],
        [nx.empty_graph(1)],
        [nx.null_graph(), nx.empty_graph(1), nx.empty_graph(7), nx.complete_graph(7)],
        random_graphs(100, largest=20),
        [nx.gnp_random_graph(n, 0.1, seed=n) for n in (61, 62, 63, 64, 65, 130)],
    ],
    ids=["null", "one node", "odd", "random", "longer size field"],
)
def test_what_is_written_is_read_back(tmp_path, ending, graphs):
    write_graphs(tmp_path / f"graphs{ending}", graphs)
    assert [signature(graph) for graph in read_graphs(tmp_path / f"graphs{ending}")] == list(map(signature, graphs))


@pytest.mark.thorough
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_atlas_graph_is_read_back(tmp_path, ending):
    atlas = nx.graph_atlas_g()
    write_graphs(str(tmp_path / f"atlas{ending}"), atlas)
    assert [signature(graph) for graph in read_graphs(str(tmp_path / f"atlas{ending}"))] == list(map(signature, atlas))


def folder_of_odds_and_ends(folder: Path) -> None:
    write_graphs(folder / "b.s6", [nx.path_graph(2)])
    write_graphs(folder / "a.jsonl", [nx.path_graph(3), nx.path_graph(4)])
    write_graphs(folder / "c.G6", [nx.path_graph(5)])
    for name in (".DS_Store", ".gitkeep", "._c.g6"):
        (folder / name).write_bytes(b"\0nothing of a graph")


def test_folder_is_read_by_file_name_without_its_hidden_files(tmp_path):
    folder_of_odds_and_ends(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [len(graph) for graph in read_graphs(tmp_path)] == [3, 4, 2, 5]
    assert [file.name for file in graph_files(tmp_path)] == ["a.jsonl", "b.s6", "c.G6"]


@pytest.mark.parametrize(
    ("others", "told"),
    [
        (["notes.txt"], r"1 \(notes\.txt\)$"),
        (["z", "notes.txt", "more.pkl"], r"3 \(more\.pkl, notes\.txt, z\)$"),
        (["z", "notes.txt", "more.pkl", "even.csv"], r"4 \(even\.csv, more\.pkl, notes\.txt, …\)$"),
    ],
)
def test_other_files_of_a_folder_are_named_in_one_warning(tmp_path, others, told):
    folder_of_odds_and_ends(tmp_path)
    for name in others:
        (tmp_path / name).write_bytes(b"not a graph")
    with pytest.warns(UserWarning, match=told) as caught:
        assert [len(graph) for graph in read_graphs(tmp_path)] == [3, 4, 2, 5]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert str(caught[0].message).startswith(f"{tmp_path}: skipped ")


def test_headers_blank_lines_and_line_endings_of_other_systems_are_accepted(tmp_path):
    (tmp_path / "a.g6").write_bytes(b"\n>>graph6<<Bw\r\n\r\nBw\n\n")
    (tmp_path / "a.s6").write_bytes(b">>sparse6<<" + VALID[".s6"] + b"\r\n")
    (tmp_path / "a.json").write_bytes(b' {"nodes": 2, "edges": [[1, 0]], "comment": "ours"}')
    (tmp_path / "a.ndjson").write_bytes(VALID[".jsonl"])
    assert [signature(graph) for graph in read_graphs(tmp_path / "a.g6")] == [signature(nx.complete_graph(3))] * 2
    assert [signature(graph) for graph in read_graphs(tmp_path / "a.s6")] == [signature(PETERSEN)]
    assert [signature(graph) for graph in read_graphs(tmp_path / "a.json")] == [signature(nx.path_graph(2))]
    assert [signature(graph) for graph in read_graphs(tmp_path / "a.ndjson")] == [signature(PETERSEN)]


@pytest.mark.parametrize("ending", [".g6", ".s6", ".d6"])
def test_lines_of_the_other_formats_of_nauty_are_recognised(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"\xef\xbb\xbf>>graph6<<\n" + VALID[".g6"] + b"\n" + VALID[".s6"] + b"\n&B[_\n")
    graphs = read_graphs(path)  # the last is a path, each edge in both directions
    assert [signature(graph) for graph in graphs] == [signature(PETERSEN)] * 2 + [(3, [(0, 1), (0, 2)])]


LOOP, PARALLEL = nx.Graph([(0, 1), (2, 2)]), nx.MultiGraph([(0, 1), (0, 1)])
MALFORMED = [
    (".g6", b"B", "3 bits but got 0"),
    (".g6", b"Bww", "3 bits but got 12"),
    (".g6", b"~", "cut short"),
    (".g6", b"B\xff", "other characters"),
    (".g6", b"B!", "other characters"),
    (".g6", b"#", "graph6 format"),
    (".g6", b";A_", "incremental sparse6"),
    (".g6", b"&DI?AO?", "edge (0, 2) in one direction only; --undirected"),
    (".g6", b"&D", "doesn't fit 5 nodes"),
    (".g6", VALID[".jsonl"], "graph6 format"),
    (".g6", b"~~~~~~~~", f"at most {MAX_NODES} nodes, got 68719476735"),
    (".s6", b":", "cut short"),
    (".s6", b":~", "cut short"),
    (".s6", b":#", "other characters"),
    (".s6", VALID[".s6"] + b"\xff", "other characters"),
    (".s6", nx.to_sparse6_bytes(LOOP, header=False).strip(), "no self-loops, got one at node 2"),
    (".s6", nx.to_sparse6_bytes(PARALLEL, header=False).strip(), "every edge once, got (0, 1) again; --ignore-weights"),
    (".s6", b":~~~~~~~~", f"at most {MAX_NODES} nodes, got 68719476735"),
    (".jsonl", b"{", "line of JSON"),
    (".jsonl", b"\xff\xfe\xff", "text in UTF-8"),
    (".jsonl", b"[" * 100_000, "line of JSON"),
    (".jsonl", b"[1, 2]", '"nodes": n'),
    (".jsonl", b'{"nodes": 2}', '"nodes": n'),
    (".jsonl", b'{"nodes": -1, "edges": []}', "nodes to be a number from 0"),
    (".jsonl", b'{"nodes": 2.0, "edges": []}', "nodes to be a number from 0"),
    (".jsonl", b'{"nodes": true, "edges": []}', "nodes to be a number from 0"),
    (".jsonl", b'{"nodes": 8000000000, "edges": []}', f"at most {MAX_NODES} nodes, got 8000000000"),
    (".jsonl", b'{"nodes": 2, "edges": 7}', "list of edges"),
    (".jsonl", b'{"nodes": 2, "edges": [[0, 2]]}', "between two of 2 nodes"),
    (".jsonl", b'{"nodes": 2, "edges": [[-1, 0]]}', "between two of 2 nodes"),
    (".jsonl", b'{"nodes": 2, "edges": [[0, 1, 0.5]]}', "weight 0.5 of an edge; --ignore-weights"),
    (".jsonl", b'{"nodes": 2, "edges": ["01"]}', "between two of 2 nodes"),
    (".jsonl", b'{"nodes": 2, "edges": [[1, 1]]}', "self-loop"),
    (".jsonl", b'{"nodes": 3, "edges": [[0, 1], [1, 0], [1, 2]]}', "every edge once"),
    (".jsonl", b'{"nodes": 2, "edges": [[0, 1]], "directed": true}', "undirected"),
    (".jsonl", b'{"nodes": 2, "edges": [[0, 1]], "Directed": 1}', "in one direction only; --undirected"),
    (".jsonl", b'{"nodes": 3, "edges": [[0, 1]], "weights": [0.5]}', "weights 0.5 of an edge; --ignore-weights"),
    (".jsonl", b'{"nodes": 3, "edges": [[0, 1], [1, 2]], "edge_attr": [[1], [2]]}', "edge_attr 2 of an edge"),
    (".jsonl", b'{"nodes": 3, "edges": [[0, 1, 1, 1]]}', "between two of 3 nodes"),
    (".jsonl", b'{"nodes": 3, "edges": [[0, 1]], "strength": [3]}', "strength 3 of an edge; --ignore-weights"),
]


@pytest.mark.parametrize(("ending", "line", "message"), MALFORMED, ids=[f"{e} {b[:30]!r}" for e, b, _ in MALFORMED])
def test_malformed_line_is_refused_by_file_and_line(tmp_path, ending, line, message):
    path = tmp_path / f"graphs{ending}"
    path.write_bytes(VALID[ending] + b"\n\n" + line + b"\n" + VALID[ending] + b"\n")
    with pytest.raises(InputError) as caught:
        read_graphs(path)
    assert str(caught.value).startswith(f"{path}, line 3: expected ")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n\n"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_empty_file_is_refused(tmp_path, ending, content):
    path = tmp_path / f"graphs{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="at least one graph, got an empty file") as caught:
        read_graphs(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.g6: .*No such file"):
        read_graphs(tmp_path / "nowhere.g6")


def test_unknown_ending_lists_those_there_are(tmp_path):
    (tmp_path / "graphs.xls").write_bytes(VALID[".g6"])
    with pytest.raises(InputError, match=r"graphs\.xls: .*\.g6, \.s6, .*\.jsonl.* got ending '\.xls'.*write_graphs"):
        read_graphs(tmp_path / "graphs.xls")
    assert read_graphs(tmp_path / "graphs.xls", format="graph6")
    with pytest.raises(InputError, match=r"other\.txt: .*\.g6, \.s6, \.jsonl, got '\.txt'"):
        write_graphs(tmp_path / "other.txt", [PETERSEN])


@pytest.mark.parametrize("ending", [".pkl", ".pickle", ".p", ".pt", ".PKL", ".dat", ".g6", ".edges", ""])
def test_pickle_is_refused_with_the_way_out(tmp_path, ending):
    (tmp_path / f"graphs{ending}").write_bytes(pickle.dumps([PETERSEN]))
    with pytest.raises(InputError, match=r"a pickle, which can run code.*write_graphs\('graphs\.g6', graphs\)"):
        read_graphs(tmp_path / f"graphs{ending}")


@pytest.mark.parametrize(("names", "found"), [([], "none"), ([".a.g6"], "none"), (["a.doc", "b"], "only 2 (a.doc, b)")])
def test_folder_without_graph_files_is_refused(tmp_path, names, found):
    for name in names:
        (tmp_path / name).write_text("nothing")
    for read in (read_graphs, graph_files):
        with pytest.raises(InputError, match=rf"folder with graph files .*got {re.escape(found)}$"):
            read(tmp_path)


def test_malformed_file_in_a_folder_is_named(tmp_path):
    write_graphs(tmp_path / "a.g6", [PETERSEN])
    (tmp_path / "b.g6").write_bytes(b"Bw\nB\n")
    with pytest.raises(InputError, match=r"b\.g6, line 2: "):
        read_graphs(tmp_path)


@pytest.mark.parametrize(
    "graphs", [[], [nx.path_graph(2), LOOP], [PARALLEL], [nx.path_graph(2, create_using=nx.DiGraph)]]
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_only_simple_graphs_are_written(tmp_path, ending, graphs):
    with pytest.raises(InputError, match="graphs"):
        write_graphs(tmp_path / f"graphs{ending}", graphs)
    assert not list(tmp_path.iterdir())


def test_writing_into_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="missing"):
        write_graphs(tmp_path / "missing" / "graphs.g6", [PETERSEN])


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def read_or_refuse(scratch, ending: str, content: bytes) -> None:
    """Whatever the bytes: an `InputError` that names the file, or simple graphs over `0 … n − 1`."""
    path = scratch / f"graphs{ending}"
    path.write_bytes(content)
    graphs, message = [], ""
    try:
        graphs = read_graphs(path)
    except InputError as error:
        message = str(error)
    assert graphs or message.startswith(str(path))
    assert "\n" not in message
    for graph in graphs:
        check_graph(graph)
        assert list(graph) == list(range(len(graph)))


@pytest.mark.parametrize("ending", ENDINGS)
@given(content=st.binary(max_size=60))
@fuzz
def test_random_bytes_are_read_or_refused(scratch, ending, content):
    read_or_refuse(scratch, ending, content)
    read_or_refuse(scratch, ending, b":" + content)


@pytest.mark.parametrize("ending", ENDINGS)
@given(
    edits=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=4),
    length=st.integers(0, 200),
)
@fuzz
def test_mutated_lines_are_read_or_refused(scratch, ending, edits, length):
    line = VALID[ending]
    for place, removed, inserted in edits:
        place %= len(line) + 1
        line = line[:place] + inserted + line[place + removed :]
    read_or_refuse(scratch, ending, line)
    read_or_refuse(scratch, ending, line[:length])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@pytest.mark.thorough
@given(nodes=json_values, edges=json_values | st.lists(st.lists(json_values, max_size=3), max_size=4))
@fuzz
def test_any_json_record_is_read_or_refused(scratch, nodes, edges):
    read_or_refuse(scratch, ".jsonl", json.dumps({"nodes": nodes, "edges": edges}).encode())
    read_or_refuse(scratch, ".jsonl", json.dumps({"nodes": 4, "edges": edges}).encode())


@pytest.mark.parametrize("nodes", [0, 1, 2, 5, 62, 63, 130])
def test_graph6_is_written_as_by_networkx(nodes):
    graphs = [nx.gnp_random_graph(nodes, p, seed=nodes) for p in (0.0, 0.2, 1.0)]
    assert encode_graphs(".g6", graphs) == b"".join(nx.to_graph6_bytes(graph, header=False) for graph in graphs)


@pytest.mark.parametrize(("names", "told"), [(("train.g6", "my_test.g6"), True), (("attest.g6", "b.g6"), False)])
def test_a_folder_of_training_and_test_graphs_is_said_to_be_one_set(tmp_path, names, told):
    for name in names:
        write_graphs(tmp_path / name, [nx.path_graph(3)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(read_graphs(tmp_path)) == 2
    assert ["all files are read as one set (" in str(one.message) for one in caught] == [True] * told
