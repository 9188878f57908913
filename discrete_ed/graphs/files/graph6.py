"""McKay's formats, a graph on each line: graph6, sparse6 and digraph6, told apart by their first character."""

from __future__ import annotations

import re

import networkx as nx
import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.matrices import graph_of_matrix
from discrete_ed.graphs.files.simple import RawGraph, simple_graph
from discrete_ed.graphs.files.source import MARKS, GraphFile

HEADER = re.compile(rb">>(graph6|sparse6|digraph6)<<")


def read_graph6(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a file, one for each line that isn't blank."""
    content = source.content
    mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
    if mark:  # the formats are ASCII, so any text editor's encoding can be undone
        content = source.text.encode("utf-8", "replace")
    graphs = []
    for number, line in enumerate(content.splitlines(), 1):
        line = line.strip()
        encoded = HEADER.sub(b"", line, count=1) if line.startswith(b">>") else line
        if encoded:
            graphs.append(_graph(encoded, source, f"{source.path}, line {number}"))
    if not graphs:
        raise source.error("at least one graph", "an empty file")
    return graphs


def _graph(line: bytes, source: GraphFile, where: str) -> nx.Graph:
    if line.startswith(b";"):
        raise InputError(f"{where}: expected a graph, got incremental sparse6; expand it with nauty's copyg")
    kind = {b":": "sparse6", b"&": "digraph6"}.get(line[:1], "graph6")
    data = [byte - 63 for byte in (line if kind == "graph6" else line[1:])]
    expected = f"{where}: expected a graph in {kind} format, but"
    if not all(0 <= value < 64 for value in data):
        raise InputError(f"{expected} it holds other characters than '?' to '~'")
    try:
        nodes, rest = nx.readwrite.graph6.data_to_n(data)
    except Exception:  # networkx raises several kinds on lines that are cut short
        raise InputError(f"{expected} it is cut short") from None
    check_size(where, nodes)
    if kind == "digraph6":
        return _directed(nodes, rest, source, where, expected)
    try:
        graph = nx.from_graph6_bytes(line) if kind == "graph6" else nx.from_sparse6_bytes(line)
    except Exception as error:
        reason = error if isinstance(error, nx.NetworkXError) else "it is cut short"
        raise InputError(f"{expected} {reason}") from None
    if kind == "graph6":
        return graph
    return simple_graph(RawGraph(range(nodes), [(u, v) for u, v, *_ in graph.edges], False), source, where)


def _directed(nodes: int, data: list[int], source: GraphFile, where: str, expected: str) -> nx.Graph:
    """The graph of the bits of a matrix by rows, six in each character."""
    if len(data) != (nodes * nodes + 5) // 6:
        raise InputError(f"{expected} its length doesn't fit {nodes} nodes")
    bits = np.unpackbits(np.array(data, dtype=np.uint8)[:, None], axis=1)[:, 2:].ravel()
    return graph_of_matrix(bits[: nodes * nodes].reshape(nodes, nodes), source, where)
