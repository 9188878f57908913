"""GML: nested lists of keys and values; the graph is the list `graph`, its parts the lists `node` and `edge`."""

from __future__ import annotations

import re
from typing import Any

import networkx as nx

from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.simple import collected, listed_graph, simple_graph
from discrete_ed.graphs.files.source import GraphFile

TOKEN = re.compile(r'\s*(?:(?P<comment>#[^\n]*)|(?P<text>"[^"]*")|(?P<mark>[\[\]])|(?P<word>[^\s\[\]"]+))')
DEEPEST = 50
"""the deepest nesting of lists"""
Items = list[tuple[str, Any]]


def read_gml(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a GML file.

    Source: Himsolt 1997, GML: A portable graph file format.
    """
    graphs = [value for key, value in _parsed(source) if key.lower() == "graph" and isinstance(value, list)]
    if not graphs:
        raise source.error("GML with a graph [ … ]", "none")
    return [_graph(graph, source) for graph in graphs]


def _graph(items: Items, source: GraphFile) -> nx.Graph:
    parts = [items, *(value for key, value in items if key.lower() in ("node", "edge") and isinstance(value, list))]
    if any(key.lower() == "graph" and isinstance(value, list) for part in parts for key, value in part):
        raise source.error("a graph without nested graphs", "one within a node, an edge or a graph")
    nodes, edges = _records(items, "node", ("id",)), _records(items, "edge", ("source", "target"))
    for one, key in [(node, "id") for node in nodes] + [(edge, end) for edge in edges for end in ("source", "target")]:
        if not isinstance(one.get(key), str):
            raise source.error(f"one {key} of each node and edge", one.get(key, "none"))
    ends = [(edge["source"], edge["target"]) for edge in edges]
    raw = listed_graph([node["id"] for node in nodes], ends, source.at())
    raw.directed = any(key.lower() == "directed" and value != "0" for key, value in items)
    raw.edge_values, raw.node_values = collected(edges, ("source", "target")), collected(nodes)
    return simple_graph(raw, source)


def _records(items: Items, kind: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """The records of a kind; the keys that matter may be spelled with capitals."""
    found = [_record(value) for key, value in items if key.lower() == kind and isinstance(value, list)]
    return [{key.lower() if key.lower() in keys else key: value for key, value in one.items()} for one in found]


def _record(items: Items) -> dict[str, Any]:
    """Keys and values; a key that is repeated has the list of its values."""
    values: dict[str, list[Any]] = {}
    for key, value in items:
        values.setdefault(key, []).append(_record(value) if isinstance(value, list) else value)
    return {key: told[0] if len(told) == 1 else told for key, told in values.items()}


def _parsed(source: GraphFile) -> Items:
    """The keys and values of the file, a list as a list of these."""
    text, place = source.text, 0
    stack: list[Items] = [[]]
    key: str | None = None
    while match := TOKEN.match(text, place):
        place = match.end()
        kind = match.lastgroup
        value = match[kind or 0]
        if kind == "comment":
            continue
        if key is None and value == "]" and len(stack) > 1:
            stack.pop()
        elif key is None and kind == "word":
            key = value
        elif key is not None and value == "[" and len(stack) < DEEPEST:
            inner: Items = []
            stack[-1].append((key, inner))
            stack.append(inner)
            key = None
        elif key is not None and kind in ("text", "word"):
            stack[-1].append((key, value.strip('"')))
            key = None
        else:
            place = match.start(kind or 0)
            break
    else:
        if len(stack) == 1 and key is None and not text[place:].strip():
            check_size(
                source.at(),
                *(
                    sum(name.lower() == kind for _, graph in stack[0] if isinstance(graph, list) for name, _ in graph)
                    for kind in ("node", "edge")
                ),
            )
            return stack[0]
    line = text.count("\n", 0, place) + 1
    if not text[place:].strip():
        raise source.error("GML whose lists are all closed by ]", "its end before", line=line)
    raise source.error("GML: keys with values or lists [ … ]", repr(text[max(0, place - 20) : place + 20]), line=line)
