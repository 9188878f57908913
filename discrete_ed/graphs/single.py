"""File formats that hold one graph in a file: edge lists and GraphML.

In both formats nodes have names. These are dropped, and nodes are numbered in the order in which the file names them.
Files beyond `MAX_BYTES`, `MAX_NODES` and `MAX_EDGES` are refused, so that reading a file takes bounded memory.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graph

# limits of a file, which bound the memory for reading it
MAX_NODES = 100_000
MAX_EDGES = 5_000_000
MAX_BYTES = 2**26
TITLES = {("source", "target"), ("src", "dst"), ("from", "to"), ("u", "v"), ("node1", "node2")}
"""common column names in the first line of edge tables"""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most `MAX_BYTES`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise InputError(f"{path}: expected a readable graph file, but {getattr(error, 'strerror', error)}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: expected at most {MAX_BYTES} bytes, got more")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8, but byte {error.start} is not") from None
    if "\0" in text:
        raise InputError(f"{path}: expected text in UTF-8, got a null character")
    return text


def read_edge_list(path: Path) -> nx.Graph:
    """A graph from lines `u v`: the names of two nodes, separated by blanks or a comma.

    A line with one name is a node, which may be isolated. Lines that begin with `#` or `%`, and blank lines, are
    skipped. The names may be followed by `{}`, as networkx writes it, or by the weight 1. Any other weight or attribute
    is refused, and so are self-loops and edges that the file already has, in either direction. A first line such as
    `source target` is skipped with a warning, unless the file has no other line or one of the two names occurs again.

    Raises:
        InputError: the file can't be read or holds no graph; the message names the line.
    """
    graph = nx.Graph()
    place: dict[str, int] = {}
    edges, headed = 0, False
    for number, line in enumerate(read_text(path).split("\n"), 1):
        where = f"{path}, line {number}"
        names = line.replace(",", " ").split()
        if not names or names[0][0] in "#%":
            continue
        if len(names) > 2 and not (len(names) == 3 and _is_trivial(names[2])):
            raise InputError(f"{where}: expected an edge 'u v' without weight or attributes, got {line.strip()[:60]!r}")
        headed = headed or (not place and len(names) > 1)
        ends = [place.setdefault(name, len(place)) for name in names[:2]]
        graph.add_nodes_from(ends)
        if len(place) > MAX_NODES:
            raise InputError(f"{where}: expected at most {MAX_NODES} nodes, got more")
        if len(ends) == 2:
            u, v = ends
            if u == v:
                raise InputError(f"{where}: expected no self-loops, got one at node {names[0][:60]!r}")
            if graph.has_edge(u, v):
                raise InputError(f"{where}: expected every edge once, got {line.strip()[:60]!r} again")
            graph.add_edge(u, v)
            edges += 1
            if edges > MAX_EDGES:
                raise InputError(f"{where}: expected at most {MAX_EDGES} edges, got more")
    if not place:
        raise InputError(f"{path}: expected at least one edge or node, got an empty file")
    first = tuple(place)[:2]
    titled = tuple(name.lower() for name in first) in TITLES and len(place) > 2
    if headed and titled and graph.degree(0) == graph.degree(1) == 1:
        warnings.warn(f"{path}: the first line, {' '.join(first)!r}, is left out as names of columns", stacklevel=3)
        graph.remove_nodes_from((0, 1))
        return nx.convert_node_labels_to_integers(graph)
    return graph


def _is_trivial(word: str) -> bool:
    try:
        return word == "{}" or float(word) == 1
    except ValueError:
        return False


def read_graphml(path: Path, *, attributes: bool = False) -> nx.Graph:
    """The graph of a GraphML file, which must hold one undirected graph without nested graphs.

    Files with a document type are refused before they are parsed, since only these can define entities, which can
    expand without bound or refer to other files. The encoding must be UTF-8, whatever the file declares.

    Args:
        path: the file.
        attributes: whether nodes and edges keep their attributes.

    Raises:
        InputError: the file can't be read, isn't GraphML, or holds another kind of graph.
    """
    text = read_text(path)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise InputError(f"{path}: expected GraphML without a document type, got one with <!DOCTYPE or <!ENTITY")
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)  # decoded already: a declared encoding must not apply
    try:
        names = [str(element.tag).rpartition("}")[2] for element in ElementTree.fromstring(text).iter()]
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise InputError(f"{path}, line {line}: expected well-formed XML, but {error}") from None
    nodes, edges, graphs = (names.count(name) for name in ("node", "edge", "graph"))
    if graphs != 1:
        raise InputError(f"{path}: expected GraphML with one graph, got {graphs}")
    if nodes > MAX_NODES or edges > MAX_EDGES:
        raise InputError(f"{path}: expected at most {MAX_NODES} nodes and {MAX_EDGES} edges, got {nodes} and {edges}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about attributes, of which only weights matter here
            graph = nx.parse_graphml(text)
    except Exception as error:  # the parser of networkx raises several kinds on files that break the format
        reason = error if isinstance(error, nx.NetworkXError) else type(error).__name__
        raise InputError(f"{path}: expected GraphML, but networkx says: {reason}") from None
    check_graph(graph, str(path))
    if (len(graph), graph.number_of_edges()) != (nodes, edges):
        raise InputError(
            f"{path}: expected every node and edge once and edges between existing nodes, got {nodes} nodes and "
            f"{edges} edges that make {len(graph)} and {graph.number_of_edges()}"
        )
    if attributes:
        return nx.convert_node_labels_to_integers(graph)
    plain = nx.empty_graph(nodes)
    place = {node: k for k, node in enumerate(graph)}
    plain.add_edges_from((place[u], place[v]) for u, v in graph.edges)
    return plain
