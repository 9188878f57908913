"""Edge lists and GraphML: what is read, what is refused, and that XML can do no harm."""

import tracemalloc
import warnings

import networkx as nx
import pytest
from brute_force import random_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs, single, write_graphs

GRAPHS = [graph for graph in random_graphs(20, largest=12) if len(graph)]


def isomorphic(a: nx.Graph, b: nx.Graph) -> bool:
    return list(a) == list(range(len(a))) and nx.is_isomorphic(a, b)


@pytest.mark.parametrize("ending", [".edges", ".edgelist", ".EDGES"])
@pytest.mark.parametrize("data", [True, False])
def test_edge_lists_of_networkx_are_read(tmp_path, ending, data):
    graph = nx.petersen_graph()
    for _, _, attributes in graph.edges(data=True):
        attributes.clear()
    nx.write_edgelist(graph, tmp_path / f"petersen{ending}", data=data)
    (read,) = read_graphs(tmp_path / f"petersen{ending}")
    assert isomorphic(read, graph)


def test_lines_of_an_edge_list(tmp_path):
    text = "# comment\r\n% another\r\n\r\n b a\r\na,c\n a\td 1.0\nlone\n"
    (tmp_path / "mine.edges").write_text(text, newline="")
    (graph,) = read_graphs(tmp_path / "mine.edges")
    assert len(graph) == 5
    assert sorted(graph.edges) == [(0, 1), (1, 2), (1, 3)]


@pytest.mark.parametrize("titles", ["source target", "From,To", "# made by hand\nu\tv"])
def test_names_of_columns_are_left_out_with_a_warning(tmp_path, titles):
    (tmp_path / "mine.edges").write_text(f"{titles}\na b\nb c\n")
    with pytest.warns(UserWarning, match=r"mine.edges: the first line, '\w+ \w+', is left out as names of columns"):
        (graph,) = read_graphs(tmp_path / "mine.edges")
    assert isomorphic(graph, nx.path_graph(3))


@pytest.mark.parametrize(
    ("text", "nodes"), [("u v\n", 2), ("u v\nv w\n", 3), ("a b\nsource target\n", 4), ("u\nv\nu v\na b\n", 4)]
)
def test_nodes_that_are_called_like_columns_stay(tmp_path, text, nodes):
    (tmp_path / "mine.edges").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (graph,) = read_graphs(tmp_path / "mine.edges")
    assert len(graph) == nodes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b\nc c\n", "line 2: expected no self-loops, got one at node 'c'"),
        ("a b\n\nb a\n", "line 3: expected every edge once, got 'b a' again"),
        ("a b 0.5\n", "line 1: expected an edge 'u v' without weight"),
        ("a b {'weight': 2}\n", "line 1: expected an edge 'u v' without weight"),
        ("a b c d\n", "line 1: expected an edge"),
        ("# nothing\n", "expected at least one edge or node, got an empty file"),
        ("", "got an empty file"),
        ("a \0\n", "got a null character"),
    ],
)
def test_other_lines_are_refused_by_number(tmp_path, text, message):
    path = tmp_path / "mine.edges"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_graphs(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize("number", range(len(GRAPHS)))
def test_graphml_of_networkx_is_read(tmp_path, number):
    nx.write_graphml(GRAPHS[number], tmp_path / "mine.graphml")
    (graph,) = read_graphs(tmp_path / "mine.graphml")
    assert isomorphic(graph, GRAPHS[number])


HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
UNDIRECTED = '<graph edgedefault="undirected">'
NODES = '<node id="a"/><node id="b"/>'
EDGE = '<edge source="a" target="b"/>'


def test_graphml_without_namespace_with_attributes_and_with_a_null_graph(tmp_path):
    key = '<key id="k" for="node" attr.name="label" attr.type="string"/>'
    node = '<node id="c"><data key="k">DOCTYPE</data></node>'
    (tmp_path / "a.graphml").write_text(f"<graphml>{UNDIRECTED}{NODES}{EDGE}</graph></graphml>")
    (tmp_path / "b.graphml").write_text(f"{HEAD}{key}{UNDIRECTED}{NODES}{node}{EDGE}</graph></graphml>")
    (tmp_path / "c.graphml").write_text(f"<?xml version='1.0' encoding='UTF-8'?>{HEAD}{UNDIRECTED}</graph></graphml>")
    assert [(len(g), g.number_of_edges()) for g in read_graphs(tmp_path)] == [(2, 1), (3, 1), (0, 0)]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
WEIGHT = '<key id="w" for="edge" attr.name="weight" attr.type="double"/>'
REFUSED = {
    "entities": (f"{BOMB}{HEAD}{UNDIRECTED}<node id='&b;'/></graph></graphml>", "without a document type"),
    "outside entity": (f"{OUTSIDE}{HEAD}{UNDIRECTED}<node id='&a;'/></graph></graphml>", "without a document type"),
    "lower case": (f"<!doctype x>{HEAD}</graphml>", "without a document type"),
    "broken": (f"{HEAD}\n{UNDIRECTED}\n</graphml>", "line 3: expected well-formed XML"),
    "empty": ("", "expected well-formed XML"),
    "no graph": (f"{HEAD}</graphml>", "one graph, got 0"),
    "two graphs": (f"{HEAD}{UNDIRECTED}</graph>{UNDIRECTED}</graph></graphml>", "one graph, got 2"),
    "nested": (f"{HEAD}{UNDIRECTED}<node id='a'>{UNDIRECTED}</graph></node></graph></graphml>", "one graph, got 2"),
    "directed": (f"{HEAD}<graph edgedefault='directed'>{NODES}{EDGE}</graph></graphml>", "undirected graph"),
    "parallel": (f"{HEAD}{UNDIRECTED}{NODES}{EDGE}{EDGE}</graph></graphml>", "at most one edge"),
    "loop": (f"{HEAD}{UNDIRECTED}{NODES}<edge source='a' target='a'/></graph></graphml>", "no self-loops"),
    "unknown node": (
        f"{HEAD}{UNDIRECTED}{NODES}<edge source='a' target='z'/></graph></graphml>",
        "existing nodes",
    ),
    "same node": (f"{HEAD}{UNDIRECTED}{NODES}<node id='a'/></graph></graphml>", "every node and edge once"),
    "weighted": (
        f"{HEAD}{WEIGHT}{UNDIRECTED}{NODES}<edge source='a' target='b'><data key='w'>2</data></edge></graph></graphml>",
        "weight 2.0",
    ),
    "other XML": ("<html><graph/></html>", "expected"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_graphml_is_refused(tmp_path, kind):
    text, message = REFUSED[kind]
    path = tmp_path / "mine.graphml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_graphs(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp037", "utf-32"])
@pytest.mark.parametrize("declare", [False, True])
def test_entities_hidden_by_another_encoding_are_refused(tmp_path, encoding, declare):
    text = f"{BOMB}{HEAD}{UNDIRECTED}<node id='&b;'/></graph></graphml>"
    head = f'<?xml version="1.0" encoding="{encoding}"?>'.encode("ascii") if declare else b""
    (tmp_path / "mine.graphml").write_bytes(head + text.encode(encoding))
    with pytest.raises(InputError, match=r"mine\.graphml"):
        read_graphs(tmp_path / "mine.graphml")


@pytest.mark.parametrize("ending", [".edges", ".graphml"])
def test_large_files_are_refused_in_bounded_memory(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(single, "MAX_BYTES", 1000)
    path = tmp_path / f"huge{ending}"
    path.write_bytes(b"1 2\n" * 2**20)
    tracemalloc.start()
    with pytest.raises(InputError, match="at most 1000 bytes"):
        read_graphs(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**19


@pytest.mark.parametrize(("limit", "value"), [("MAX_NODES", 3), ("MAX_EDGES", 2)])
def test_graphs_beyond_the_limits_are_refused(tmp_path, monkeypatch, limit, value):
    monkeypatch.setattr(single, limit, value)
    nx.write_graphml(nx.path_graph(5), tmp_path / "path.graphml")
    nx.write_edgelist(nx.path_graph(5), tmp_path / "path.edges", data=False)
    for name in ("path.graphml", "path.edges"):
        with pytest.raises(InputError, match="expected at most"):
            read_graphs(tmp_path / name)


@pytest.mark.parametrize("ending", [".edges", ".graphml"])
def test_missing_and_binary_files_are_named(tmp_path, ending):
    with pytest.raises(InputError, match=r"nowhere.*No such file"):
        read_graphs(tmp_path / f"nowhere{ending}")
    (tmp_path / f"mine{ending}").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="expected text in UTF-8"):
        read_graphs(tmp_path / f"mine{ending}")


def test_a_folder_may_mix_formats(tmp_path):
    write_graphs(tmp_path / "a.g6", [nx.path_graph(2), nx.path_graph(3)])
    nx.write_graphml(nx.path_graph(4), tmp_path / "b.graphml")
    nx.write_edgelist(nx.path_graph(5), tmp_path / "c.edges", data=False)
    assert [len(graph) for graph in read_graphs(tmp_path)] == [2, 3, 4, 5]


@given(text=st.text('ab1 ,#%{}<>/!\n"=', max_size=40), cut=st.integers(0, 200))
@settings(max_examples=80, deadline=None, database=None)
def test_random_text_is_read_or_refused(tmp_path_factory, text, cut):
    whole = f"{HEAD}{UNDIRECTED}{NODES}{EDGE}</graph></graphml>"
    for ending, content in ((".edges", text), (".graphml", text), (".graphml", whole[:cut] + text + whole[cut + 3 :])):
        path = tmp_path_factory.getbasetemp() / f"fuzz{ending}"
        path.write_text(content)
        graphs, message = [], ""
        try:
            graphs = read_graphs(path)
        except InputError as error:
            message = str(error)
        assert len(graphs) == 1 or message.startswith(str(path))
