"""GraphML and GEXF: what is read, what is refused, and that XML can do no harm."""

import re

import networkx as nx
import pytest
from brute_force import random_graphs
from hypothesis import given, settings
from hypothesis import strategies as st

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs

GRAPHS = [graph for graph in random_graphs(20, largest=12) if len(graph)]


def isomorphic(a: nx.Graph, b: nx.Graph) -> bool:
    return list(a) == list(range(len(a))) and nx.is_isomorphic(a, b)


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


def test_several_graphs_are_read(tmp_path):
    path = tmp_path / "a.graphml"
    path.write_text(f"{HEAD}{UNDIRECTED}{NODES}</graph>{UNDIRECTED}{NODES}{EDGE}</graph></graphml>")
    assert [graph.number_of_edges() for graph in read_graphs(path)] == [0, 1]


def test_attributes_of_graph_tool_and_yed_are_noted(tmp_path):
    keys = """<key id="k0" for="node" attr.name="pos" attr.type="vector_double"/>
        <key id="d10" for="edge" yfiles.type="edgegraphics"/>
        <key id="k1" for="edge" attr.name="w" attr.type="short"/>"""
    node = '<node id="c"><data key="k0">0.5, 1</data></node>'
    data = '<data key="d10"><y:PolyLineEdge xmlns:y="http://www.yworks.com/xml/graphml"/></data><data key="k1">1</data>'
    edge = f'<edge id="e0" source="a" target="c">{data}</edge>'
    (tmp_path / "a.graphml").write_text(f"{HEAD}{keys}{UNDIRECTED}{NODES}{node}{edge}</graph></graphml>")
    with pytest.warns(UserWarning, match="labels of ") as caught:
        (graph,) = read_graphs(tmp_path / "a.graphml")
    assert (len(graph), graph.number_of_edges()) == (3, 1)
    assert {str(one.message).partition("labels of ")[2] for one in caught} == {
        "edges (edgegraphics) are not read, and never compared",
        "nodes or graphs (pos) are not read, and never compared",
    }


GEXF = """<gexf xmlns="{}"><graph defaultedgetype="{}"><attributes class="edge"><attribute id="0" title="trust"/>
</attributes><nodes><node id="a"><nodes><node id="c"/></nodes></node><node id="b"/></nodes>
<edges><edge source="a" target="b"/><edge source="c" target="b" weight="1.0">{}</edge></edges></graph></gexf>"""
VALUE = '<attvalues><attvalue for="0" value="{}"/></attvalues>'


@pytest.mark.parametrize(
    "version", ["http://www.gexf.net/1.1draft", "http://www.gexf.net/1.2draft", "http://gexf.net/1.3"]
)
def test_gexf_of_any_version_is_read(tmp_path, version):
    (tmp_path / "a.gexf").write_text(GEXF.format(version, "undirected", VALUE.format(1)))
    with pytest.warns(UserWarning, match="nodes within them"):
        (graph,) = read_graphs(tmp_path / "a.gexf")
    assert sorted(graph.edges) == [(0, 2), (1, 2)]


DYNAMIC = {  # what an edge holds, and what a note or the error says
    '><spells><spell start="0" end="1"/></spells></edge>': "labels of edges (times)",
    ' startopen="2009"/>': "labels of edges (times)",
    f">{VALUE.format(1)}</edge>": "",
    f">{VALUE.format(5)}{VALUE.format(1)}</edge>": "got trust 5 of an edge",
}


@pytest.mark.parametrize("inner", DYNAMIC)
def test_dynamic_gexf_is_not_read_without_a_word(tmp_path, inner):
    text = GEXF.format("x", "undirected", "").replace('target="b"/>', f'target="b"{inner}')
    (tmp_path / "a.gexf").write_text(text)
    told = DYNAMIC[inner]
    if told.startswith("got"):
        with pytest.raises(InputError, match=told):
            read_graphs(tmp_path / "a.gexf")
    else:
        with pytest.warns(UserWarning, match=re.escape(told)):
            assert [graph.number_of_edges() for graph in read_graphs(tmp_path / "a.gexf")] == [2]


def test_weights_of_one_may_have_hexadecimal_digits(tmp_path):
    edge = "<edge source='a' target='b'><data key='w'>0x1p+0</data></edge>"
    (tmp_path / "a.graphml").write_text(f"{HEAD}{WEIGHT}{UNDIRECTED}{NODES}{edge}</graph></graphml>")
    assert [list(graph.edges) for graph in read_graphs(tmp_path / "a.graphml")] == [[(0, 1)]]


def test_two_graphs_in_gexf_are_refused(tmp_path):
    text = GEXF.format("x", "undirected", "")
    graph = text[text.index("<graph") : text.index("</gexf>")]
    (tmp_path / "a.gexf").write_text(text.replace(graph, 2 * graph))
    with pytest.raises(InputError, match="expected one graph, got 2"):
        read_graphs(tmp_path / "a.gexf")


@pytest.mark.parametrize(
    ("text", "option"),
    [
        (GEXF.format("x", "directed", ""), "undirected"),
        (GEXF.format("x", "undirected", VALUE.format(0.5)), "ignore_weights"),
        (GEXF.format("x", "undirected", "").replace("1.0", "2"), "ignore_weights"),
    ],
)
def test_directions_and_weights_of_gexf_need_an_option(tmp_path, text, option):
    (tmp_path / "a.gexf").write_text(text)
    with pytest.raises(InputError, match=rf"a\.gexf: .*; --{option.replace('_', '-')}"):
        read_graphs(tmp_path / "a.gexf")
    with pytest.warns(UserWarning, match="are dropped"):
        assert [graph.number_of_edges() for graph in read_graphs(tmp_path / "a.gexf", **{option: True})] == [2]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
WEIGHT = '<key id="w" for="edge" attr.name="weight" attr.type="double"/>'
REFUSED = {
    "entities": (f"{BOMB}{HEAD}{UNDIRECTED}<node id='&b;'/></graph></graphml>", "without a document type"),
    "outside entity": (f"{OUTSIDE}{HEAD}{UNDIRECTED}<node id='&a;'/></graph></graphml>", "without a document type"),
    "lower case": (f"<!doctype x>{HEAD}</graphml>", "without a document type"),
    "broken": (f"{HEAD}\n{UNDIRECTED}\n</graphml>", "line 3: expected well-formed XML"),
    "empty": ("", "expected well-formed XML"),
    "no graph": (f"{HEAD}</graphml>", "GraphML with a graph, and none within another, got 0"),
    "nested": (f"{HEAD}{UNDIRECTED}<node id='a'>{UNDIRECTED}</graph></node></graph></graphml>", "none within another"),
    "directed": (f"{HEAD}<graph edgedefault='directed'>{NODES}{EDGE}</graph></graphml>", "; --undirected"),
    "one directed": (f"{HEAD}{UNDIRECTED}{NODES}{EDGE[:-2]} directed='true'/></graph></graphml>", "; --undirected"),
    "parallel": (f"{HEAD}{UNDIRECTED}{NODES}{EDGE}{EDGE}</graph></graphml>", "every edge once"),
    "hyperedge": (f"{HEAD}{UNDIRECTED}{NODES}<hyperedge/></graph></graphml>", "a hyperedge"),
    "loop": (f"{HEAD}{UNDIRECTED}{NODES}<edge source='a' target='a'/></graph></graphml>", "no self-loops"),
    "unknown node": (
        f"{HEAD}{UNDIRECTED}{NODES}<edge source='a' target='z'/></graph></graphml>",
        "between listed nodes, got one at 'z'",
    ),
    "same node": (f"{HEAD}{UNDIRECTED}{NODES}<node id='a'/></graph></graphml>", "every node once, got 'a' again"),
    "weighted": (
        f"{HEAD}{WEIGHT}{UNDIRECTED}{NODES}<edge source='a' target='b'><data key='w'>2</data></edge></graph></graphml>",
        "weight 2.0 of an edge; --ignore-weights",
    ),
    "weighted under another key": (
        f"{HEAD}{WEIGHT.replace('weight', 'Strength')}{UNDIRECTED}{NODES}<edge source='a' target='b'>"
        "<data key='w'>.25</data></edge></graph></graphml>",
        "Strength 0.25 of an edge; --ignore-weights",
    ),
    "a weight with hexadecimal digits, as graph-tool writes": (
        f"{HEAD}{WEIGHT}{UNDIRECTED}{NODES}<edge source='a' target='b'><data key='w'>0x1.8p+1</data></edge></graph>"
        "</graphml>",
        "weight 3.0 of an edge; --ignore-weights",
    ),
    "no number": (
        f"{HEAD}{WEIGHT}{UNDIRECTED}{NODES}<edge source='a' target='b'><data key='w'>x</data></edge></graph></graphml>",
        "a number as weight",
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
