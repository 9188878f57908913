"""Edge lists, adjacency lists and matrices as text: read right, or refused with the way on."""

import gzip
import warnings
from pathlib import Path

import networkx as nx
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs
from discrete_ed.graphs.files import formats, plain

TITLES = """source target|Source;Target|FromNodeId,ToNodeId|from_node\tto_node|node1,node2|node_1 node_2|id_1,id_2
id1;id2|(Source) (Target)|"Source","Target"|u v|i,j|x y|from to|From\tTo|src dst|SRC,DST|head tail|Person A;Person B
NodeA NodeB|V1 V2|X1,X2|start end|follower followee|citing cited|paperA,paperB|userId friendId|Node Neighbor|a b|A,B
parent child|actor1;actor2|#source target|gene1 gene2|row col|ego alter""".replace("\n", "|").split("|")


def sizes(path: Path, text: str | bytes, **options: object) -> tuple[tuple[int, int], list[str]]:
    """The numbers of nodes and edges of the only graph of a file, and the notes, without the file's name."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (graph,) = read_graphs(path, **options)
    return (len(graph), graph.number_of_edges()), [str(one.message).replace(str(path), "") for one in caught]


@pytest.mark.parametrize("titles", TITLES)
@pytest.mark.parametrize("names", ["0 1 2 3", "10 20 30 40", "ada ben cleo dan"])
def test_titles_are_left_out_with_a_note(tmp_path, titles, names):
    mark = next((mark for mark in ";,\t" if mark in titles), " ")
    a, b, c, d = names.split()
    edges = "".join(f"{u}{mark}{v}\n" for u, v in ((a, b), (b, c), (c, d)))
    size, notes = sizes(tmp_path / "a.edges", f"{titles}\n{edges}")
    assert size == (4, 3)
    assert len(notes) == 1
    assert ("left out as names of columns" if titles[0] != "#" else "line 1: is skipped as a comment") in notes[0]
    assert titles[0] == "#" or " ".join(titles.split()) in notes[0]
    if titles[0] != "#":
        assert sizes(tmp_path / "a.edges", f"{titles}\n{edges}", header=False)[0] == (6, 4)
        assert sizes(tmp_path / "a.edges", f"{edges}", header=True)[0] == (3, 2)


PATH = "0 1\n1 2\n"
SAVED = "0.000000000000000000e+00 1.000000000000000000e+00\n1.000000000000000000e+00 2.000000000000000000e+00\n"
READ = {  # text, numbers of nodes and edges, and what the only note says
    "a first edge of names": ("ada ben\nben cleo\n", (3, 2), ""),
    "columns or names": ("u v\n", (2, 1), ""),
    "names like columns that recur": ("u v\nv w\n", (3, 2), ""),
    "names like columns with the others": ("node1 node2\nnode3 node4\nnode4 node5\n", (5, 3), "may hold titles"),
    "a first edge apart": ("ada ben\ncleo dan\ndan eva\n", (5, 3), "may hold titles"),
    "a column of ones": ("a b 1\nb c 1.0\n", (3, 2), ""),
    "a title over ones": ("source,target,weight\n0,1,1\n1,2,1\n", (3, 2), "names of columns"),
    "row names of R": ('"from" "to"\n"1" "a" "b"\n"2" "b" "c"\n', (3, 2), "names of columns"),
    "titles below counts": ("3 2\nu v\n0 1\n1 2\n", (6, 4), "line 2: is read as an edge, though"),
    "negative numbers": ("-1 0\n0 1\n", (3, 2), ""),
    "an index of pandas": (",source,target\n0,5,6\n1,6,7\n", (3, 2), "names of columns"),
    "columns by their titles": ("id;from;to\n0;5;6\n1;6;7\n", (3, 2), "names of columns"),
    "a column of labels": ("Source,Target,Kind\na,b,x\nb,c,y\n", (3, 2), "labels of edges (Kind)"),
    "undirected by its column": ("Source,Target,Type\na,b,Undirected\nb,c,Undirected\n", (3, 2), "names of columns"),
    "arrows": ("a -> b\nb->c\n", (3, 2), "arrows"),
    "dashes": ("a -- b\nb -- c\n", (3, 2), ""),
    "pipes": ("0 | 1\n1|2\n", (3, 2), ""),
    "commas and blanks": ("0, 1\n1, 2\n", (3, 2), ""),
    "names with blanks": ("Ada L\tBen M\nBen M\tCleo N\n", (3, 2), ""),
    "names with commas": ('"Lee, A","Roe, B"\n"Roe, B","Kim, C"\n', (3, 2), ""),
    "quotes here and there": ("'a' b\n\"b\" c\n", (3, 2), ""),
    "tuples": ("(0, 1)\n(1, 2)\n", (3, 2), ""),
    "tuples with commas behind": ("[0, 1],\n[1, 2],\n", (3, 2), ""),
    "a list of lists": ("[[0, 1], [1, 2]]\n", (3, 2), ""),
    "a list of tuples": ("[(0, 1), (1, 2)]\n", (3, 2), ""),
    "a list of names": ("[('a', 'b'), ('b', 'c')]", (3, 2), ""),
    "a list over lines": ("[(0, 1),\n (1, 2), (2, 3)\n]\n", (4, 3), ""),
    "marks at the end": ("0 1;\n1 2;\n", (3, 2), ""),
    "tuples as names between commas": ("(0, 1),(1, 1)\n(1, 1),(2, 1)\n", (3, 2), ""),
    "tuples as names": ("(0, 1) (1, 1)\n(1, 1) (2, 1)\n", (3, 2), ""),
    "a byte-order mark": ("\ufeff" + PATH, (3, 2), ""),
    "blanks without width": ("0\u200b 1\n\u20601 2\n", (3, 2), ""),
    "wide blanks": ("0\u00a01\n1\u20032\n", (3, 2), ""),
    "Windows": ("0 1\r\n1 2\r\n", (3, 2), ""),
    "old Macintosh": ("0 1\r1 2\r", (3, 2), ""),
    "UTF-16": (PATH.encode("utf-16"), (3, 2), ""),
    "gzip": (gzip.compress(PATH.encode()), (3, 2), ""),
    "gzip in two parts": (gzip.compress(b"0 1\n") + gzip.compress(b"1 2\n"), (3, 2), ""),
    "comments of three kinds": ("# a b c d\n% a\n// a b c\n" + PATH, (3, 2), ""),
    "comments behind edges": ("0 1 # friends\n1 2 # foes of old\n", (3, 2), ""),
    "a name like a comment": ("#ada ben\nben cleo\n", (2, 1), "line 1: is skipped as a comment"),
    "names like comments": ("#ada #ben\n#ben cleo\n", (3, 2), "line 1 and 1 more: is read as a row"),
    "SNAP": ("# Undirected graph: x\n# FromNodeId\tToNodeId\n0\t1\n1\t2\n", (3, 2), ""),
    "KONECT": ("% sym unweighted\n% 2 3 3\n1 2\n2 3\n", (3, 2), ""),
    "counts": ("4 3\n0 1\n1 2\n2 3\n", (4, 3), "read as counts"),
    "counts from one": ("4 3\n1 2\n2 3\n3 4\n", (4, 3), "read as counts"),
    "counts of a dense graph": ("4 6\n0 1\n3 0\n0 2\n1 2\n1 3\n2 3\n", (4, 6), "read as counts"),
    "counts with isolated nodes": ("6 3\n0 1\n1 2\n2 3\n", (6, 3), "read as counts"),
    "a count of nodes": ("4\n0 1\n1 2\n2 3\n", (4, 3), "read as counts"),
    "counts above weights": ("4 3\n0 1 1\n1 2 1\n2 3 1\n", (4, 3), "read as counts"),
    "a path that ends at its largest": ("4 3\n3 2\n2 1\n1 0\n", (5, 4), ""),
    "floats": ("0.0 1.0\n1 2\n", (3, 2), "such as 0.0 as 0"),
    "floats of numpy": (SAVED, (3, 2), "as 0"),
    "both directions": ("0 1\n1 0\n1 2\n2 1\n", (3, 2), "in both directions"),
    "isolated nodes": ("lone\na b\n", (3, 1), "read as a node without an edge"),
    "only isolated nodes": ("0\n1\n", (2, 0), "isolated"),
    "blank lines": ("0 1\n\n1 2\n", (3, 2), "line 2: blank lines"),
    "a comment between edges": ("0 1\n# b\n1 2\n", (3, 2), "line 2: comment lines"),
    "attributes of networkx": ("0 1 {'weight': 1.0}\n1 2 {}\n", (3, 2), ""),
    "labels of networkx": ("0 1 {'kind': 'x', 'w': 1}\n1 2 {}\n", (3, 2), "labels of edges (kind)"),
    "adjacency list": ("0 2 1\n1 5\n2\n3 4\n4 5\n5\n", (6, 5), "as an adjacency list"),
    "adjacency list of names": ("a b c d\nb\nc d\nd\n", (4, 4), "as an adjacency list"),
    "colons": ("0: 1 2\n1:\n2: \n", (3, 2), "as an adjacency list"),
    "colons and commas": ("0: 1, 2\n1: 2\n2:\n", (3, 3), "as an adjacency list"),
    "colons without blanks": ("0:1,2\n1:2\n2:\n", (3, 3), "as an adjacency list"),
    "colons before one neighbour": ("a: b\nb: c\n", (3, 2), "as an adjacency list"),
    "colons before lists": ("0: [1, 2]\n1: []\n2: []\n", (3, 2), "as an adjacency list"),
    "names with colons": ("GO:1 GO:2\nGO:2 GO:3\n", (3, 2), ""),
    "METIS": ("4 3\n2\n1 3\n2 4\n3\n", (4, 3), "as metis"),
    "METIS with a node apart": ("5 3\n2\n1 3\n2 4\n3\n\n", (5, 3), "as metis"),
    "matrix": ("0,1,0\n1,0,1\n0,1,0\n", (3, 2), "as an adjacency matrix"),
    "matrix of pandas": (",a,b,c\na,0,1,0\nb,1,0,1\nc,0,1,0\n", (3, 2), "as an adjacency matrix"),
    "matrix with titles": ("a b c\n0 1 0\n1 0 1\n0 1 0\n", (3, 2), "as an adjacency matrix"),
    "an instruction for Excel": ("sep=;\nsource;target\n0;1\n1;2\n", (3, 2), "instruction for Excel"),
    "two tabs": ("0\t\t1\n1\t\t2\n", (3, 2), ""),
    "an empty column": (",0,1\n,1,2\n", (3, 2), ""),
    "arrows to the left": ("a <- b\nb <- c\n", (3, 2), "arrows"),
    "single dashes": ("0 - 1\n1 - 2\n", (3, 2), ""),
    "several neighbours behind arrows": ("0 -> 1 2\n1 -> 0\n2 -> 0\n", (3, 2), "as an adjacency list"),
    "neighbours with commas behind arrows": ("0 -> 1, 2\n1 -> 3\n", (4, 3), "as an adjacency list"),
    "neighbours behind a pipe": ("a|b,c\nb|a\nc|a\n", (3, 2), "as an adjacency list"),
    "neighbours between commas": ("0 1,2\n1 0\n2 0\n", (3, 2), "as an adjacency list"),
    "neighbours in brackets": ("0 []\n1 [2]\n2 [1]\n", (3, 1), "as an adjacency list"),
    "neighbours below titles": ("node;neighbours\n0;1,2\n1;0\n2;0\n", (3, 2), "as an adjacency list"),
    "colons behind two words": ("Ada L: Ben M, Cleo N\nBen M: Ada L\nCleo N: Ada L\n", (3, 2), "as an adjacency list"),
    "colons before one of two words": ("Ada L: Ben M\nBen M: Ada L\n", (2, 1), "as an adjacency list"),
    "names with a word of another": ("York\tNew York\nNew York\tBoston\n", (3, 2), ""),
    "comments behind commas": ("0,1 # x\n1,2 # y\n", (3, 2), "in 2 lines, what follows a mark"),
    "a soft hyphen": ("a\u00ad b\na c\n", (3, 2), ""),
    "accents in two spellings": ("e\u0301 a\n\u00e9 b\n", (3, 2), ""),
    "the end of DOS": ("0 2\n1 2\x1a", (3, 2), ""),
    "no values": ("a b nan\nb c nan\n", (3, 2), ""),
    "a size above a matrix": ("4\n0 1 0 1\n1 0 1 0\n0 1 0 1\n1 0 1 0\n", (4, 4), "as an adjacency matrix"),
    "a matrix of numpy": ("[[0 1 0]\n [1 0 1]\n [0 1 0]]\n", (3, 2), "as an adjacency matrix"),
    "Pajek": ("*Vertices 4\n*Edges\n1 2\n2 3\n", (4, 2), "read as pajek"),
    "JSON": ('{"nodes": 3, "edges": [[0, 1], [1, 2]]}', (3, 2), "read as json"),
}


BESIDE = ("names of columns", "in both directions", "arrows between")


@pytest.mark.parametrize("ending", [".edges", ".txt"])
@pytest.mark.parametrize("kind", READ)
def test_text_of_every_kind_is_read(tmp_path, kind, ending):
    text, size, note = READ[kind]
    read, notes = sizes(tmp_path / f"mine{ending}", text)
    assert read == size
    if ending == ".edges" or kind not in ("Pajek", "JSON"):
        relevant = [one for one in notes if not any(side in one for side in BESIDE)] or notes
        assert len(relevant) == bool(note)
        assert note in "".join(relevant)


REFUSED = {  # text, what the error says, and the option that leads on with what it then reads
    "weights": ("a b .5\nb c 1\n", "column 3 .5", "ignore_weights", (3, 2)),
    "weights with a decimal comma": ("1;2;0,5\n2;3;0,7\n", "column 3 0,5", "ignore_weights", (3, 2)),
    "weights under a title": ("source,target,strength\n0,1,2\n1,2,1\n", "strength 2", "ignore_weights", (3, 2)),
    "weights of networkx": ("0 1 {'w': 2.5}\n1 2 {}\n", "w 2.5", "ignore_weights", (3, 2)),
    "times": ("1 2 1082040961\n3 4 1082155839\n", "column 3", "ignore_weights", (4, 2)),
    "repeated edges": ("0 1\n0 1\n1 2\n", "line 2: expected every edge once", "ignore_weights", (3, 2)),
    "some in both directions": ("0 1\n1 0\n1 2\n", "line 3: expected an undirected graph", "undirected", (3, 2)),
    "directed by its column": ("Source,Target,Type\n0,1,Directed\n1,2,Directed\n", "line 2", "undirected", (3, 2)),
    "directed by SNAP": ("# Directed graph\n0 1\n1 2\n", "one direction only", "undirected", (3, 2)),
    "directed by KONECT": ("% asym positive\n0 1\n1 2\n", "one direction only", "undirected", (3, 2)),
    "directed matrix": ("0 1 0 1\n0 0 1 0\n0 1 0 1\n1 0 1 0\n", "one direction only", "undirected", (4, 4)),
    "weighted matrix": ("0 .5 0 1\n.5 0 1 0\n0 1 0 1\n1 0 1 0\n", "entries 0.5", "ignore_weights", (4, 4)),
    "loops": ("0 1\n1 1\n", "line 2: expected no self-loops, got one at node '1'", "ignore_loops", (2, 1)),
    "counts or an edge": ("4 3\n3 2\n0 1\n1 2\n", "line 1: expected a first line", "header", (4, 3)),
    "nodes or a count": ("7\n0 1\n1 2\n", "line 1: expected a first line", "header", (7, 2)),
    "three names": ("0 1 2\n1 2 0\n2 0 1\n", "can be both", "format=adjacency-list", (3, 3)),
    "words": ("Dhc\nBw\n", "at least one edge", "format=edge-list", (2, 0)),
    "a table of nodes": ("Id,Label\n0,a\n1,b\n", "rename the columns", None, None),
    "a table of people": ("name,age\nann,3\nbob,4\n", "rename the columns", None, None),
    "another table": ("name,age,city\nann,3,rome\nbob,4,oslo\n", "rename the columns", None, None),
    "a wide table": ("1 2 3 4\n2 3 4 5\n", "line 1: expected an edge", None, None),
    "a column": ("1\n2\n2\n", "a column of numbers", None, None),
    "coordinates": ("0.5 1.5\n1.5 2.5\n", "line 1: expected names of nodes, or whole numbers, got 0.5", None, None),
    "two spellings": ("01 2\n1 2\n", "one spelling of every node, got both 01 and 1", None, None),
    "two delimiters": ("a,b\nb c\n", "the same delimiter in all lines, got 'a,b'", None, None),
    "two readings": ("a,b c,d\nc,d e,f\n", "a delimiter that can be told", None, None),
    "a count by name": ("n=3\n0 1\n1 2\n", "line 1: expected an edge, titles, or counts", None, None),
    "a count in words": ("nodes: 3\n0 1\n1 2\n", "line 1: expected an edge, titles, or counts", None, None),
    "rows of three numbers": ("0 1 2\n1 3 4\n2 5 6\n", "column 3 2", "format=adjacency-list", (7, 6)),
    "graphs between comments": ("0 1\n1 2\n# 2\n0 1\n", "line 3 may separate several graphs", None, None),
    "graphs between blank lines": ("0 1\n1 2\n\n1 0\n", "line 3 may separate several graphs", None, None),
    "a column of graphs": ("graph_id,source,target\n0,0,1\n1,0,1\n", "number several graphs", None, None),
    "a graph column behind": ("u,v,G\n0,1,0\n1,2,1\n", "number several graphs", None, None),
    "identifiers that repeat": ("id,source,target\nA,1,2\nA,2,3\nB,4,5\n", "number several graphs", None, None),
    "several lists": ("[(0, 1), (1, 2)]\n[(0, 1)]\n", ".jsonl", None, None),
    "tuples on one line": ("(0, 1), (1, 2)\n", "line 1: expected edges in one list", None, None),
    "a dictionary of lists": ("{0: [1, 2], 1: [0], 2: [0]}\n", "a list of edges such as", None, None),
    "a name that can't be seen": ("0\u200b1\n1 2\n", "line 1: expected the names of two nodes", None, None),
    "an end without a name": ("a,\nb,c\n", "line 1: expected the names of two nodes", None, None),
    "lists of YAML": ("- [0, 1]\n- [1, 2]\n", "line 1: expected names of nodes, all in brackets or none", None, None),
    "words before colons": ("edge 1: 0 1\nedge 2: 1 2\n", "names before colons that also stand", None, None),
    "names or neighbours": ("a;b,c\nb;a\na;c\n", "line 1: expected two names, or a node and its", None, None),
    "colons and long numbers": (f"0: 1, 2\n1: 0\n{'2' * 60}:{'3' * 60}: 0\n", "line 1: expected an edge", None, None),
    "pairs between semicolons": ("0, 1; 1, 2\n", "line 1: expected an edge 'u v' or a node", None, None),
    "torn brackets": ("frozenset({a b})\nfrozenset({b c})\n", "whose brackets are closed", None, None),
    "hyphens without blanks": ("a-b\nb-c\n", "line 1: expected two names with a blank", None, None),
    "numbered graphs": ("graph 1\n0 1\n1 2\ngraph 2\n3 4\n", "line 1: expected the edges of one graph", None, None),
    "rules between graphs": ("0 1\n1 2\n---\n3 4\n", "line 3: expected the edges of one graph", None, None),
    "numbers between graphs": ("1\n0 1\n1 2\n2\n3 4\n4 2\n", "line 4: expected the edges of one graph", None, None),
    "molecules": ("molecule,source,target\nA,0,1\nA,1,2\nB,3,4\n", "number several graphs", None, None),
    "counts in words": ("nodes: 3, edges: 2\n0 1\n1 2\n", "line 1: expected an edge, titles, or counts", None, None),
    "infinite weights": ("a b inf\nb c 1\n", "column 3 inf", "ignore_weights", (3, 2)),
    "weights with gaps": ("a b .5\nb c NA\n", "column 3 .5", "ignore_weights", (3, 2)),
    "UCINET": ("dl n=3 format=edgelist1\ndata:\n1 2\n2 3\n", "UCINET", None, None),
    "GDF": ("nodedef>name VARCHAR\na\nb\nedgedef>node1 VARCHAR,node2 VARCHAR\na,b\n", "GDF", None, None),
    "TGF": ("1 a\n2 b\n#\n1 2\n", "Trivial Graph Format", None, None),
    "HTML": ("<html><body>404 not found</body></html>\n", "HTML", None, None),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n", "git lfs pull", None, None),
    "shortest paths of DIMACS": ("p sp 3 2\na 1 2 5\na 2 3 5\n", "DIMACS", None, None),
    "gzip twice": (gzip.compress(gzip.compress(PATH.encode())), "compressed once", None, None),
    "DIMACS": ("c hi\np edge 3 2\ne 1 2\ne 2 3\n", "DIMACS", None, None),
    "gSpan": ("t # 0\nv 0 1\nv 1 1\ne 0 1 0\n", "gSpan", None, None),
    "Graphviz": ("digraph {\n a -> b;\n}\n", "Graphviz", None, None),
    "comments": ("# nothing\n", "only comments", None, None),
    "nothing": ("", "an empty file", None, None),
    "null characters": (PATH.encode("utf-16-le"), "save it as UTF-8", None, None),
    "Latin 1": ("ä b\n".encode("latin-1"), "line 1: expected text in UTF-8", None, None),
    "half a gzip file": (gzip.compress(PATH.encode())[:-9], "a gzip file, but", None, None),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_other_text_is_refused_with_the_option_that_leads_on(tmp_path, kind):
    text, message, option, size = REFUSED[kind]
    path = tmp_path / "mine.edges"
    with pytest.raises(InputError) as caught:
        sizes(path, text)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "several graphs" not in message or "--" not in str(caught.value)
    if option is not None:
        name, _, value = option.partition("=")
        assert f"--{name.replace('_', '-')}" in str(caught.value)
        read, notes = sizes(path, text, **{name: value or True})
        assert read == size
        assert notes or value


MATRICES = [
    "0 1 0\n1 0 1\n0 1 0\n\n0 1 0 0\n1 0 0 0\n0 0 0 1\n0 0 1 0\n",
    "0 1 0\n1 0 1\n0 1 0\n# second\n0 1 0 0\n1 0 0 0\n0 0 0 1\n0 0 1 0\n",
    "3\n0 1 0\n1 0 1\n0 1 0\n4\n0 1 0 0\n1 0 0 0\n0 0 0 1\n0 0 1 0\n",
]


@pytest.mark.parametrize("text", MATRICES)
def test_several_matrices_are_several_graphs(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_text(text)
    for options in ({}, {"format": "matrix"}):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            graphs = read_graphs(path, **options)
        assert [(len(graph), graph.number_of_edges()) for graph in graphs] == [(3, 2), (4, 2)]
        assert [str(one.message) for one in caught] == [f"{path}: by its content, read as 2 adjacency matrices"][
            : not options
        ]


@pytest.mark.parametrize(
    "text",
    [
        "0 1\n1 2\n",
        "# Undirected graph\n# u v\n7\t1\n1\t2\n",
        "# Directed graph\n0 1\n1 2\n",
        "target,source\n5,6\n6,7\n",
        "u;v\n0;1\n1;0\n1;2\n2;1\n",
        "0 1\n1 2\n1 2\n",
        "0 1\n1 1\n",
        "3 2\n0 1\n1 2\n",
        "0 1\n1 2 3\n",
        "0 1\n1 02\n",
        "0,1\n1;2\n",
        "0 1\n\n1 2\n",
        "#a b\n0 1\n1 2",
        "100000000000000000 1\n1 999999999999999999\n",
        "4 3\n2\n1 3\n2 4\n3\n",
    ],
)
def test_the_shortcut_for_large_files_reads_alike(tmp_path, monkeypatch, text):
    found = []
    for smallest in (10**9, 0):
        monkeypatch.setattr(plain, "SMALLEST", smallest)
        try:
            found.append(sizes(tmp_path / "a.txt", text))
        except InputError as error:
            found.append(str(error))
    assert found[0] == found[1]


def test_the_shortcut_takes_large_files(tmp_path, monkeypatch):
    edges = [(k, k + 1 + k % 7) for k in range(5000)]
    text = "source,target\n" + "".join(f"{u},{v}\n" for u, v in edges)
    monkeypatch.setattr(formats, "read_rows", None)  # so that the other way would fail
    size, notes = sizes(tmp_path / "a.csv", text)
    assert size == (len({node for edge in edges for node in edge}), 5000)
    assert "names of columns" in "".join(notes)


def test_a_named_format_is_not_guessed(tmp_path):
    text = "0 1 0\n1 0 1\n0 1 0\n"
    assert sizes(tmp_path / "a.edges", text, format="matrix")[0] == (3, 2)
    with pytest.raises(InputError, match="ignore-weights"):
        sizes(tmp_path / "a.edges", text, format="edge-list")
    with pytest.raises(InputError, match="format: expected one of graph6, json, edge-list"):
        sizes(tmp_path / "a.edges", text, format="excel")


def test_colons_of_an_adjacency_list_are_no_part_of_a_name(tmp_path):
    text = "0: 1 2\n1: 2\n2:\n"
    assert sizes(tmp_path / "a.txt", text, format="adjacency-list") == ((3, 3), [])
    with pytest.raises(InputError, match="an edge list, got '0: 1 2', an adjacency list"):
        sizes(tmp_path / "a.txt", text, format="edge-list")


def test_prose_in_a_folder_is_refused_with_the_way_on(tmp_path):
    (tmp_path / "a.txt").write_text("0 1\n1 2\n")
    (tmp_path / "notes.txt").write_text("Graphs by our generator, v2.\nSee the wiki.\n")
    with pytest.raises(InputError, match=r"notes\.txt.*; if it holds no graph, move it out of the folder$"):
        read_graphs(tmp_path)


def test_notes_of_many_files_are_one(tmp_path):
    for k in range(12):
        (tmp_path / f"{k:02}.edges").write_text("id_1,id_2\n0,1\n1,2\n")
    with pytest.warns(UserWarning, match=r"00\.edges and 11 more: the first line, 'id_1,id_2', is left out") as caught:
        assert [len(graph) for graph in read_graphs(tmp_path)] == [3] * 12
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_numbers_are_not_confused_with_nodes(tmp_path):
    """The order of nodes is that of the file."""
    (tmp_path / "a.edges").write_text("b a\na c\nlone\n")
    (graph,) = read_graphs(tmp_path / "a.edges")
    assert sorted(graph.edges) == [(0, 1), (1, 2)]
    assert nx.number_of_isolates(graph) == 1
