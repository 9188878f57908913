"""Files of kinds that strangers have: read right, refused with the way on, or warned of."""

import gzip
import warnings
from pathlib import Path

import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import read_graphs
from discrete_ed.graphs.files import plain
from discrete_ed.graphs.io import graph_files


def sizes(path: Path, text: str | bytes, **options: object) -> tuple[list[tuple[int, int]], str]:
    """The numbers of nodes and edges of all graphs of a file, and its notes."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graphs = read_graphs(path, **options)
    return [(len(graph), graph.number_of_edges()) for graph in graphs], " ".join(str(one.message) for one in caught)


TITLES = """origen;destino|nodo_a,nodo_b|Départ;Arrivée|источник,цель|出発,到着|źródło;cel|kaynak,hedef|noeud1;noeud2
da,a|van,naar|de,para|de,à|von;nach|откуда;куда|源,目标|الهدف,المصدر|:START_ID,:END_ID|x,y""".replace("\n", "|").split(
    "|"
)


@pytest.mark.parametrize("titles", TITLES)
def test_titles_in_any_language_are_left_out(tmp_path, titles):
    mark = ";" if ";" in titles else ","
    found, notes = sizes(tmp_path / "a.csv", f"{titles}\nRom{mark}Ulm\nUlm{mark}Nice\nNice{mark}Bonn\n")
    assert found == [(4, 3)]
    assert "left out as names of columns" in notes


READ = {  # text, numbers of nodes and edges, and what a note says
    "titles of no list": ("person,friend\nann,bob\nbob,cat\ndan,eve\n", (7, 4), "may hold titles"),
    "NA among words": ("ann NA\nbob ann\ncat bob\n", (4, 3), "though it may mean that there is none"),
    "times before ends": ("start,end,source,target\n1,1,7,8\n1,1,8,9\n", (3, 2), ""),
    "coordinates before ends": ("x,y,u,v\n1,1,7,8\n1,1,8,9\n", (3, 2), ""),
    "names before ends": ("source_name,target_name,source,target\nann,ben,0,1\nben,cat,1,2\n", (3, 2), "source_name"),
    "types of ends": ("source,source_type,target,target_type\na,p,b,o\nb,o,c,p\n", (3, 2), "source_type"),
    "two pairs of ends": ("gene_a,gene_b,protein_a,protein_b\nx,y,p,q\ny,z,q,r\n", (3, 2), "the former are read"),
    "users and items": ("user_id,item_id\n1,2\n1,3\n2,3\n", (4, 3), "so 2 stands for two nodes"),
    "KONECT of two kinds": ("% bip unweighted\n% 3 2 2\n1 1\n1 2\n2 1\n", (4, 3), "so 1 stands for two nodes"),
    "people and groups": ("person,group\nann,g1\nann,g2\nben,g1\n", (4, 3), "names of columns"),
    "a tree by parents": ("id,parent\n1,0\n2,0\n3,1\n", (4, 3), "1 is one node in both columns"),
    "SNAP with nodes apart": ("# Nodes: 5 Edges: 2\n0 1\n1 2\n", (3, 2), "counts 5 nodes and 2 edges, but the lines"),
    "SNAP in both directions": ("# Nodes: 3 Edges: 4\n0 1\n1 0\n1 2\n2 1\n", (3, 2), "in both directions"),
    "KONECT cut short": ("% sym unweighted\n% 9 3 3\n1 2\n2 3\n", (3, 2), "counts 3 nodes and 9 edges"),
    "a row of sums": ("source,target\n0,1\n1,2\nTotal,2\n", (4, 3), "line 4: is read as an edge, though only"),
    "Pajek without arcs": ("*Vertices 3\n*Arcs\n*Edges\n1 2\n2 3\n", (3, 2), ""),
    "empty columns of Excel": ("source,target,,\n0,1,,\n1,2,,\n", (3, 2), "names of columns"),
    "labels with commas": ('source,target,note\n0,1,"a, b"\n1,2,"say ""hi"""\n', (3, 2), "labels of edges (note)"),
    "a title of one word": ("edges\nann bob\nbob cat\n", (4, 2), "line 1: is read as a node without an edge"),
    "titles like counts": ("node 1,node 2\n7,8\n8,9\n", (3, 2), "names of columns"),
    "a data frame with its index": ("Unnamed: 0,source,target\n0,7,8\n1,8,9\n", (3, 2), "only numbers the rows"),
    "numbers of edges": ("no,source,target\n1,7,8\n2,8,9\n", (3, 2), "column 'no' only numbers the rows"),
    "roles": ("buyer,seller\nann,bob\nbob,cat\n", (3, 2), "names of columns"),
    "a matrix below numbers": ("0,1,2\n0,1,0\n1,0,1\n0,1,0\n", (3, 2), "an adjacency matrix"),
    "a printed data frame": ("   0  1  2\n0  0  1  0\n1  1  0  1\n2  0  1  0\n", (3, 2), "an adjacency matrix"),
    "ports that are no weights": ("a:1 b:2\nb:2 c:3\n", (3, 2), ""),
    "weighted names in quotes": ('a "b:2"\nb c\n', (4, 2), ""),
    "a key of networkx": ("u,v,key\n0,1,0\n1,2,0\n", (3, 2), "names of columns"),
    "an edge of networkx's lists": ("0 1\n1\n", (2, 1), "line 1: is read as an edge; of a matrix, both triangles"),
    "a comment that counts nodes": ("# n = 5\n0 1\n1 2\n", (3, 2), "a comment counts 5 nodes, but the lines have 3"),
    "a comment that counts in words": ("% 3 vertices and 4 edges\n0 1\n1 2\n", (3, 2), "counts 3 nodes and 4 edges"),
    "a comment with numbers": ("# the first 5 nodes are hubs, m = 1\n0 1\n1 2\n", (3, 2), ""),
    "names with a mark": ("C C#\nC# D\n", (3, 2), ""),
    "a star with ones": ("a 1 1\na 2 1\n", (3, 2), ""),
    "a stored zero": (
        "%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 0\n3 2 1\n",
        (3, 1),
        "1 entries that are zero are read as no edges",
    ),
    "nodes behind an edge like counts": ("8 1\n1 2\n2\n", (3, 2), ""),
    "a node above two edges": ("0\n0 1\n1 2\n", (3, 2), ""),
    "one edge in both directions": ("1 0\n0 1\n", (2, 1), "in both directions"),
    "a list of Mathematica or Maple": ("{{1, 2}, {2, 3}}", (3, 2), ""),
    "sets in a list": ("[{1,2},{2,3},{1,4}]", (4, 3), ""),
    "a matrix of Mathematica": ("{{0, 1, 0}, {1, 0, 1}, {0, 1, 0}}", (3, 2), "an adjacency matrix"),
    "a matrix of Sage": ("[0 1 0]\n[1 0 1]\n[0 1 0]\n", (3, 2), "an adjacency matrix"),
    "quoted names with arrows": ('"a->b","c->d"\n"c->d","x->y"\n', (3, 2), ""),
    "one edge of names with a mark": ("P-1 P-2\n", (2, 1), ""),
    "nodes called v and e": ("v: e\ne: v\n", (2, 1), "an adjacency list"),
    "a node called E": ("A: B C\nE: A\n", (4, 3), "an adjacency list"),
    "names of rows": ("source,target\nSmith, John,Doe\n", (2, 1), "'Smith' and so on, has no title"),
    "edges that all exist": ("source,target,connected\na,b,yes\nb,c,yes\n", (3, 2), "names of columns"),
    "line ends of a broken copy": ("0 1\r\r\n1 2\r\r\n", (3, 2), "blank lines are skipped"),
}


@pytest.mark.parametrize("kind", READ)
def test_odd_files_are_read(tmp_path, monkeypatch, kind):
    text, size, note = READ[kind]
    for smallest in (2**14, 0):  # the shortcut for large files reads alike, or leaves the file alone
        monkeypatch.setattr(plain, "SMALLEST", smallest)
        found, notes = sizes(tmp_path / "a.txt", text)
        assert found == [size]
        assert note in notes


REFUSED = {  # text, and what the error says
    "NaN among numbers": ("source,target\n1,2\n2,NaN\n3,NaN\n", "line 3: expected the names of two nodes"),
    "None among numbers": ("1 2\n2 None\n3 null\n", "line 2: expected the names of two nodes"),
    "a small matrix of a directed graph": ("0 1 0\n0 0 1\n0 0 0\n", "--format matrix"),
    "weights between thousands": ('source,target,amount\nx,y,"1,234.50"\ny,z,"2,000.00"\n', "ignore-weights"),
    "German thousands": ("source;target;betrag\nx;y;1.234,50\ny;z;2.000,00\n", "ignore-weights"),
    "percentages": ("source,target,pct\nx,y,50%\ny,z,20%\n", "ignore-weights"),
    "prices": ("source,target,price\nx,y,$5\ny,z,$7\n", "ignore-weights"),
    "weights of Fortran": ("source,target,w\nx,y,1.5d0\ny,z,1d0\n", "ignore-weights"),
    "a type that is mixed": ("Source,Target,Type\n0,1,Mixed\n1,2,Undirected\n", "--undirected"),
    "a named incidence matrix": (",e1,e2\na,1,0\nb,1,1\nc,0,1\n", "a matrix between nodes of two kinds"),
    "a wide incidence matrix": ("actor,m1,m2,m3\nann,1,0,1\nben,0,1,1\n", "rename the columns"),
    "an unnamed incidence matrix": ("1 0 1 0\n0 1 1 0\n", "line 1: expected an edge"),
    "a series of columns": ("m1,m2,m3\n1,0,1\n0,1,1\n1,1,0\n", "rename the columns"),
    "street segments": ("x1,y1,x2,y2\n0,0,1,0\n1,0,1,1\n", "rename the columns"),
    "coordinates of nodes": ("id,x,y\n0,1,1\n1,2,1\n", "rename the columns"),
    "lives of nodes": ("node,start,end\n0,1,2\n1,2,3\n", "rename the columns"),
    "degrees": ("node,degree\n0,1\n1,2\n", "rename the columns"),
    "labels": ("node,label\n0,1\n1,2\n", "rename the columns"),
    "dates of edges": ("name,from_date,to_date\nx,1,2\ny,2,3\n", "rename the columns"),
    "cells with lists of edges": ('graph,edges\n0,"[(0,1),(1,2)]"\n1,"[(0,1)]"\n', "of several graphs"),
    "graphs below letters": ("t 0\n0 1\n1 2\nt 1\n3 4\n4 5\n", "line 1: expected the edges of one graph"),
    "graphs below names": ("G1:\n0 1\n1 2\nG2:\n3 4\n", "line 1: expected the edges of one graph"),
    "graphs between marks": ("0 1\n1 2\n&\n3 4\n", "line 3: expected the edges of one graph"),
    "the end by name": ("0 1\n1 2\nEOF\n", "line 3: expected the edges of one graph"),
    "an ellipsis": ("0 1\n1 2\n...\n", "line 3: expected the edges of one graph"),
    "graphs before ends": ("g0 0 1\ng0 1 2\ng1 0 1\n", "whose ends may be in columns 2 and 3"),
    "edges of DIMACS alone": ("e 1 2\ne 2 3\n", "whose ends may be in columns 2 and 3"),
    "LGL": ("# a\nb\nc\n# b\nc\n", "igraph's LGL"),
    "LGL with weights": ("# a\nb 1.0\nc .4\n# b\nc .3\n", "igraph's LGL"),
    "what igraph prints": ("IGRAPH U--- 3 2 --\n+ edges:\n[1] 1--2 2--3\n", "what igraph prints"),
    "DOT below a comment": ("// x\ngraph G\n{\na -- b;\n}\n", "Graphviz's DOT"),
    "XGMML": ('<?xml version="1.0"?><graph label="x">\n<node id="1"/>\n</graph>', "neither GraphML nor GEXF"),
    "a server's message": ("404: Not Found", "a server's message"),
    "cells over lines": ('source,target,note\n0,1,"a\nb"\n1,2,x\n', "line 2: expected cells in quotes that end"),
    "a torn name of two kinds": ("% bip unweighted\n1 2\n1 3\n2 ,\n", "line 4: expected an edge 'u v' or a node"),
    "a line of export": ("My export\nsource,target\n0,1\n1,2\n", "the same delimiter in all lines"),
    "Windows's letters": ("Müller;Jäger\n".encode("cp1252"), "line 1: expected text in UTF-8"),
    "Japanese letters": ("東京,大阪\n".encode("shift-jis"), "line 1: expected text in UTF-8"),
    "contacts": ("# c\n31220\t1558\t1567\t3B\t3B\n", "line 2: expected an edge"),
    "relations between names": ("A\tinteracts with\tB\nB\tacts on\tC\n", "line 1: expected an edge"),
    "weights before ends": ("weight,source,target\n1,7,8\n2,8,9\n", "ignore-weights"),
    "edges that may be numbered": ("0 7 8\n1 8 9\n2 9 7\n", "a first line of titles such as number, source, target"),
    "graphs that may be numbered": ("1 1 2\n1 2 3\n2 1 2\n2 2 3\n", "whose first column may number graphs"),
    "a rule of Markdown": (
        "| source | target |\n|---|---|\n| a | b |\n| b | c |\n",
        "line 2: expected the edges of one",
    ),
    "a rule of psql": (" a | b \n---+---\n x | y\n y | z\n", "line 2: expected the edges of one"),
    "names that Excel rounded": ("1.23457E+12,5\n1.23457E+12,6\n", "a spreadsheet has rounded"),
    "weights behind colons": ("a b:2\nb c:3\n", "'b:2' may be 'b' with a weight"),
    "weights in brackets": ("a: b(2), c(3)\nb: a(2)\nc: a(3)\n", "'b(2)' may be 'b' with a weight"),
    "weights behind signs": ("a,b=2.5\nb,c=1\n", "'b=2.5' may be 'b' with a weight"),
    "paths of Cypher": ("(a)-[:KNOWS]->(b)\n(b)-[:KNOWS]->(c)\n", "paths of Cypher"),
    "Mermaid": ("graph TD\nA-->B\nB-->C\n", "got Mermaid"),
    "streets of one way": ("u,v,oneway\na,b,True\nb,c,False\n", "--undirected"),
    "edges of which some are mutual": ("source,target,reciprocal\na,b,yes\nb,c,no\n", "--undirected"),
    "a triangle of a matrix": ("0\n1 0\n1 1 0\n", "line 1: expected edges, or a matrix with both of its triangles"),
    "a triangle without its diagonal": ("1\n1 0\n", "got '1' and '1 0', which may be either; --format edge-list"),
    "an upper triangle": ("0,1,1\n0,1\n0\n", "both of its triangles"),
    "a triangle of truths": ("True\nFalse True\n", "both of its triangles"),
    "a triangle with names": ("a\nb 1\nc 1 1\n", "both of its triangles"),
    "a triangle of PHYLIP": ("3\na\nb 1\nc 1 1\n", "line 2: expected edges, or a matrix with both"),
    "graphs below their sizes": ("4\n0 1\n1 2\n5\n0 2\n2 3\n", "line 4: expected the edges of one graph"),
    "graphs below their counts": ("2 1\n0 1\n4 2\n0 2\n2 3\n", "line 3: expected the edges of one graph"),
    "comments without a blank": ("0,1#first\n1,2#second\n", "'1#first' may be '1' with a comment"),
    "numbers of two widths": ("1 2\n\uff12 3\n", "line 2: expected one spelling of every node"),
    "a blank that doesn't break": ("Ann Lee,Bo\nBo,Ann\u00a0Lee\n", "line 2: expected one spelling of every node"),
    "distances without a path": ("0,inf,1\ninf,0,1\n1,1,0\n", "line 1: expected the names of two nodes"),
    "a matrix without blanks": ("0100\n1010\n0101\n0010\n", "expected blanks between the entries of a matrix"),
    "a list of Mathematica's edges": ("{1 <-> 2, 2 <-> 3}", "in which '1 <-> 2' may be an edge"),
    "edges of Mathematica": ("{1 \\[UndirectedEdge] 2, 2 \\[UndirectedEdge] 3}", "may be an edge"),
    "edges of Mathematica's notebooks": ("{1\uf3d42, 2\uf3d43}", "may be an edge"),
    "arrows in cells": ("a->b,c->d\nb->c,d->a\n", "in which 'a->b' may be an edge"),
    "pairs on one line": ("1-2, 2-3\n", "in which '1-2' may be an edge"),
    "pairs with colons on one line": ("1:2,2:3\n", "in which '1:2' may be an edge"),
    "what Julia prints": ("Edge 1 => 2\nEdge 2 => 3\n", "in which 'Edge 2' may be '2' behind a word"),
    "pairs in angles": ("<1,2>\n<2,3>\n", "names whose brackets are closed"),
    "lists of nodes and edges": ("V: a b c\nE: ab bc\n", "line 1: expected a node and its neighbours in each line"),
    "an adjacency list on one line": ("a: b, c; b: a; c: a\n", "line 1: expected a node and its neighbours in each"),
    "edges behind a word": ("edges: 0-1, 1-2\n", "line 1: expected a node and its neighbours in each line"),
    "dreadnaut": ("n=3 g 0:1;1:2.\n", "what nauty's dreadnaut reads"),
    "LEDA": ("LEDA.GRAPH\nvoid\nvoid\n-2\n2\n|{}|\n|{}|\n1\n1 2 0 |{}|\n", "LEDA's format"),
    "a drawn tree": ("╟── 0\n╎   ├── 1\n╎   └── 2\n", "the drawing of a tree"),
    "pairs of numbers on one line": ("1:2 1:3\n", "in which '1:2' may be an edge"),
    "counts before words": ("3 nodes\n0 1\n1 2\n", "line 1: expected an edge, titles, or counts"),
    "weights in words": ("Source,Target,Weight\na,b,low\nb,c,high\n", "got Weight low of an edge; --ignore-weights"),
    "weights in fractions": ("Source,Target,Weight\na,b,1/2\nb,c,1\n", "got Weight 1/2 of an edge"),
    "directions in words": ("Source,Target,Direction\na,b,both\nb,c,out\n", "--undirected"),
    "a partition of Pajek": ("*Vertices 3\n1\n1\n2\n", "line 3: expected every vertex once"),
    "edges that don't exist": ("source,target,connected\na,b,true\nb,c,false\n", "got connected 0 of an edge"),
    "dates behind edges": ("a b 2019-01-01\nb c 2019-01-02\n", "a first line of titles names columns"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_odd_files_are_refused_with_the_way_on(tmp_path, kind):
    text, message = REFUSED[kind]
    with pytest.raises(InputError) as caught:
        sizes(tmp_path / "a.txt", text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


FORMATS = {  # ending, text, and what the error says
    "KONECT's directions": (".karate", "% asym unweighted\n1 2\n2 3\n", "--undirected"),
    "a weight in a record": (".json", '{"nodes": 2, "edges": [[0, 1, {"w": 0.5}]]}', "got w 0.5 of an edge"),
    "directions by another key": (".json", '{"nodes": 2, "edges": [[0, 1]], "undirected": false}', "--undirected"),
    "directions of some edges": (
        ".json",
        """{"options": {"type": "mixed"}, "nodes": [{"key": "a"}, {"key": "b"}, {"key": "c"}], "edges":
        [{"source": "a", "target": "b", "undirected": true}, {"source": "b", "target": "c"}]}""",
        "--undirected",
    ),
    "a graph within a node": (".gml", "graph [ node [ id 0 graph [ node [ id 9 ] ] ] node [ id 1 ] ]", "nested graphs"),
    "a graph within a graph": (".gml", "graph [ node [ id 0 ] graph [ node [ id 9 ] ] ]", "nested graphs"),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_what_other_formats_hide_is_refused(tmp_path, kind):
    ending, text, message = FORMATS[kind]
    with pytest.raises(InputError) as caught:
        sizes(tmp_path / f"a{ending}", text)
    assert message in str(caught.value)


def test_files_of_konect_are_known_by_their_first_line(tmp_path):
    assert sizes(tmp_path / "out.karate", "% sym unweighted\n% 3 3 3\n1 2\n2 3\n1 3\n")[0] == [(3, 3)]


def test_edges_without_direction_in_a_mixed_graph_are_read(tmp_path):
    text = FORMATS["directions of some edges"][1].replace('"c"}]}', '"c", "undirected": true}]}')
    assert sizes(tmp_path / "a.json", text)[0] == [(3, 2)]


def test_times_before_ends_are_warned_of(tmp_path):
    found, notes = sizes(tmp_path / "a.txt", "20 1 2\n20 2 3\n40 3 4\n", ignore_weights=True)
    assert "write a first line of titles" in notes
    assert sizes(tmp_path / "a.csv", "t,i,j\n20,1,2\n20,2,3\n40,3,4\n", ignore_weights=True)[0] == [(4, 3)] != found


@pytest.mark.parametrize("text", ["1 0 1\n0 1 1\n1 1 1\n", "1 1\n1 1\n", "1 0\n0 1\n"])
def test_a_small_matrix_with_loops_is_not_read_as_edges(tmp_path, text):
    """Where loops may be left out, nothing else would refuse it."""
    with pytest.raises(InputError, match="line 1: expected edges or a matrix, got"):
        sizes(tmp_path / "a.txt", text, ignore_loops=True)
    assert sizes(tmp_path / "a.txt", text, ignore_loops=True, format="matrix")[0][0][0] == text.count("\n")


@pytest.mark.parametrize("text", ["1 to 2\n3 to 4\n", "1 x 2\n2 y 3\n", "e 1 2\ne 3 4\n"])
def test_words_beside_numbers_are_not_taken_for_ends(tmp_path, text):
    with pytest.raises(InputError, match=r"line 1: .*whose ends may be in columns [12] and 3"):
        sizes(tmp_path / "a.txt", text, ignore_weights=True)


def test_rows_of_a_triangle_are_edges_if_the_user_says_so(tmp_path):
    assert sizes(tmp_path / "a.txt", "1\n1 0\n", format="edge-list")[0] == [(2, 1)]


OGB = {"edge": "0,1\n1,2\n0,1\n", "num-node-list": "3\n2\n", "num-edge-list": "2\n1\n", "graph-label": "1\n0\n"}


def ogb(folder: Path, **changed: str) -> Path:
    (folder / "raw").mkdir(exist_ok=True)
    for name, text in {**OGB, **changed}.items():
        (folder / "raw" / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return folder


@pytest.mark.parametrize("inner", ["", "raw"])
def test_a_folder_of_ogb_is_read(tmp_path, inner):
    with pytest.warns(UserWarning, match="features and labels of OGB's data sets are not read"):
        graphs = read_graphs(ogb(tmp_path) / inner)
    assert [(len(graph), list(graph.edges)) for graph in graphs] == [(3, [(0, 1), (1, 2)]), (2, [(0, 1)])]
    assert [file.name for file in graph_files(tmp_path / inner)] == [f"{name}.csv.gz" for name in [*OGB][:3]]


def test_other_folders_of_ogb_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected 4 edges of 2 graphs"):
        read_graphs(ogb(tmp_path, **{"num-edge-list": "2\n2\n"}))
    with pytest.raises(InputError, match="line 2: expected two nodes from 0 to 1"):
        read_graphs(ogb(tmp_path, **{"num-node-list": "2\n2\n"}))


@pytest.mark.parametrize("name", ["raw/edge.csv.gz", "X_A.txt"])
def test_one_file_of_a_data_set_is_not_a_graph(tmp_path, name):
    (ogb(tmp_path) / "X_A.txt").write_text("1, 2\n2, 1\n3, 4\n4, 3\n")
    (tmp_path / "X_graph_indicator.txt").write_text("1\n1\n2\n2\n")
    with pytest.raises(InputError, match="expected the folder of a data set of several graphs"):
        read_graphs(tmp_path / name)
