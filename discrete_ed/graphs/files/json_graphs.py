"""Graphs in JSON: one record in a file, a list of records, or a record on each line.

| from | shape of a record |
|---|---|
| this package | `{"nodes": 3, "edges": [[0, 1], [1, 2]]}` |
| networkx, D3, sigma | `{"nodes": [{"id": "a"}], "links": [{"source": "a", "target": "b"}]}`, also with `edges` |
| networkx | `{"nodes": [{"id": "a"}], "adjacency": [[{"id": "b"}]]}`, and a tree `{"id": "a", "children": [...]}` |
| Cytoscape | `{"elements": {"nodes": [{"data": {"id": "a"}}], "edges": [{"data": {"source": "a", "target": "b"}}]}}` |
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.simple import FALSE, RawGraph, collected, listed_graph, number_of, plain, simple_graph
from discrete_ed.graphs.files.source import GraphFile, shown

SHAPES = '{"nodes": n, "edges": [[u, v], …]} or node-link, adjacency or Cytoscape JSON'
REMARKS = {"name", "comment", "id", "description", "multigraph", "graph", "version", "generator", "formatversion"}
"""keys of a record that say nothing of its edges"""
DIRECTIONS = {"directed", "isdirected", "undirected"}
"""keys that say whether edges have a direction"""
Record = dict[str, Any]


def read_json(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a JSON file.

    Raises:
        InputError: it isn't JSON, or a record isn't a graph; the message names the line or the record.
    """
    if not source.text.strip():
        raise source.error("at least one graph", "an empty file")
    numbered_lines = [(k, line) for k, line in enumerate(source.lines, 1) if line.strip()]
    records: list[tuple[Any, str]] = []
    try:
        whole = _loaded(source.text)
    except (ValueError, RecursionError):  # then it may hold a record on each line
        for k, line in numbered_lines:
            try:
                records.append((_loaded(line), source.at(k)))
            except (ValueError, RecursionError) as error:
                raise InputError(f"{source.at(k)}: expected a line of JSON, but {shown(error)}") from None
    else:
        several = isinstance(whole, list) and bool(whole) and not _is_elements(whole) and isinstance(whole[0], dict)
        place = source.at(numbered_lines[0][0]) if len(numbered_lines) == 1 else source.at()
        records = [(one, f"{source.path}[{k}]") for k, one in enumerate(whole)] if several else [(whole, place)]
    return [_graph(record, source, where) for record, where in records]


def _loaded(text: str) -> Any:
    """The value of a JSON text, in which no record has a key twice."""
    return json.loads(text, object_pairs_hook=_record_of)


def _record_of(items: list[tuple[str, Any]]) -> Record:
    record = dict(items)
    if len(record) < len(items):
        twice = next(key for key, count in Counter(key for key, _ in items).items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice in a record")
    return record


def _graph(record: Any, source: GraphFile, where: str) -> nx.Graph:
    if isinstance(record, list) and _is_elements(record):
        record = {"elements": record}
    outer = record
    if isinstance(record, dict) and isinstance(record.get("graph"), dict) and "nodes" in record["graph"]:
        record = record["graph"]  # the JSON Graph Format
    if isinstance(record, dict) and "edges" in record and record.get("links", record["edges"]) != record["edges"]:
        raise InputError(f"{where}: expected edges or links, got both, which differ; leave out one of them")
    read = _reader(record)
    if read is None:
        raise InputError(f"{where}: expected {SHAPES}, got {shown(json.dumps(record))[:60]}")
    raw = read(record, where)
    raw.directed = _directed(record, _directed(outer, raw.directed))
    return simple_graph(raw, source, where)


def _reader(record: Any) -> Callable[[Record, str], RawGraph] | None:
    """The function that reads a record of this shape."""
    if not isinstance(record, dict):
        return None
    if "elements" in record:
        return _cytoscape
    if "children" in record and "nodes" not in record:
        return _tree
    if "nodes" not in record:
        return None
    if "adjacency" in record:
        return _adjacency
    if "links" in record or "edges" in record:
        counted = not isinstance(record["nodes"], list | dict)
        return _counted if counted else _node_link
    return None


def _directed(record: Any, otherwise: bool | None) -> bool | None:
    """Whether a record, its data or its options say that its edges have a direction, whatever the key's spelling."""
    if isinstance(record, list):
        return otherwise
    for part in (record, *(record.get(key) for key in ("data", "options", "graph", "metadata", "attributes"))):
        for name, value in part.items() if isinstance(part, dict) else ():
            if plain(name) in ("directed", "isdirected"):
                return str(value).lower() not in FALSE
            if plain(name) == "undirected":
                return str(value).lower() in FALSE
            if plain(name) not in ("type", "edgetype", "edgedefault", "defaultedgetype", "graphtype"):
                continue
            if value == "mixed" and isinstance(record.get("edges"), list):  # graphology marks its undirected edges
                return not all(isinstance(edge, dict) and edge.get("undirected") is True for edge in record["edges"])
            if str(value).lower() in ("directed", "undirected"):
                return str(value).lower() == "directed"
    return otherwise


def _counted(record: Record, where: str) -> RawGraph:
    """Nodes by their number, edges by pairs of places."""
    nodes, edges = record["nodes"], record["edges"] if "edges" in record else record["links"]
    if not isinstance(nodes, int) or isinstance(nodes, bool) or nodes < 0:
        raise InputError(f"{where}: expected nodes to be a number from 0, got {shown(nodes)}")
    check_size(where, nodes)
    pairs: list[tuple[int, int]] = []
    values: list[Record] = []
    for edge in _list(edges, "edges", where):
        ends = edge[:2] if isinstance(edge, list) and len(edge) in (2, 3) else []
        if not (len(ends) == 2 and all(_is_index(end, nodes) for end in ends)):
            raise InputError(
                f"{where}: expected edges [u, v] between two of {nodes} nodes, numbered from 0, got {shown(edge)[:60]}"
            )
        pairs.append((edge[0], edge[1]))
        values += [{"weight": value} for value in edge[2:]]
    edge_values, node_values = _extra(record, len(pairs))
    return RawGraph(range(nodes), pairs, False, None, {**collected(values), **edge_values}, node_values)


def _node_link(record: Record, where: str) -> RawGraph:
    """Nodes and links as records, the ends of links by the names of nodes or, in D3's older form, by their places."""
    nodes, links = record["nodes"], record["links" if "links" in record else "edges"]
    if isinstance(nodes, dict):
        nodes = [{"id": name, **(value if isinstance(value, dict) else {})} for name, value in nodes.items()]
    nodes = [node if isinstance(node, dict) else {"id": node} for node in _list(nodes, "nodes", where)]
    links = [
        dict(zip(("source", "target", "weight"), link, strict=False)) if isinstance(link, list) else link
        for link in _list(links, "edges", where)
    ]
    ends = [(_end(link, ("source", "from"), where), _end(link, ("target", "to"), where)) for link in links]
    key = next((key for key in ("id", "key") if nodes and all(key in node for node in nodes)), None)
    if key is None and all(_is_index(end, len(nodes)) for pair in ends for end in pair):
        raw = RawGraph(range(len(nodes)), ends)
    else:
        key = key or next((key for key in ("name", "label") if all(key in node for node in nodes)), "id")
        raw = _named([_name(node.get(key), where) for node in nodes], ends, where)
    edge_values, node_values = _extra(record, len(ends))
    raw.edge_values = {**collected(links, ("source", "target", "from", "to")), **edge_values}
    raw.node_values = {**collected(nodes), **node_values}
    return raw


def _adjacency(record: Record, where: str) -> RawGraph:
    nodes = [_record(node, where) for node in _list(record["nodes"], "nodes", where)]
    rows = [_list(row, "adjacency", where) for row in _list(record["adjacency"], "adjacency", where)]
    if len(rows) != len(nodes):
        raise InputError(f"{where}: expected a list of neighbours for each of {len(nodes)} nodes, got {len(rows)}")
    names = [_name(node.get("id"), where) for node in nodes]
    links = [(name, _record(one, where)) for name, row in zip(names, rows, strict=True) for one in row]
    raw = _named(names, [(name, _name(link.get("id"), where)) for name, link in links], where)
    raw.edge_values = collected((link for _, link in links), ("id", "key"))
    raw.node_values = collected(nodes)
    raw.in_both_directions = True
    return raw


def _tree(record: Record, where: str) -> RawGraph:
    names, edges, values = [], [], []
    stack = [record]
    while stack:
        node = stack.pop()
        names.append(_name(node.get("id", node.get("name")), where))
        values.append({key: value for key, value in node.items() if key != "children"})
        children = [_record(child, where) for child in _list(node.get("children", []), "children", where)]
        edges += [(names[-1], _name(child.get("id", child.get("name")), where)) for child in children]
        stack += reversed(children)
    raw = _named(names, edges, where)
    raw.node_values = collected(values)
    raw.directed = False
    return raw


def _cytoscape(record: Record, where: str) -> RawGraph:
    elements = record["elements"]
    if isinstance(elements, dict):
        nodes = _list(elements.get("nodes", []), "nodes", where)
        links = _list(elements.get("edges", []), "edges", where)
    else:
        elements = [_record(one, where) for one in _list(elements, "elements", where)]
        links = [one for one in elements if "source" in _record(one.get("data"), where)]
        nodes = [one for one in elements if "source" not in one["data"]]
    nodes, links = ([_record(_record(one, where).get("data"), where) for one in part] for part in (nodes, links))
    ends = [(_name(link.get("source"), where), _name(link.get("target"), where)) for link in links]
    raw = _named([_name(node.get("id"), where) for node in nodes], ends, where, as_text=True)
    raw.edge_values = collected(links, ("source", "target", "id", "name", "shared_name", "SUID", "interaction"))
    raw.node_values = collected(nodes, ("value",))
    return raw


def _named(names: list[Any], ends: list[tuple[Any, Any]], where: str, *, as_text: bool = False) -> RawGraph:
    """The graph over named nodes, all of which must be listed once."""
    if as_text:
        names, ends = list(map(str, names)), [(str(u), str(v)) for u, v in ends]
    return listed_graph(names, ends, where)


def _extra(record: Record, edges: int) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """What a record says besides nodes and edges: values of edges, such as weights, and of nodes or the graph."""
    edge_values: dict[str, list[Any]] = {}
    node_values: dict[str, list[Any]] = {}
    for name, value in record.items():
        if plain(name) in REMARKS | {"nodes", "edges", "links", *DIRECTIONS, "type", "edgetype"}:
            continue
        values = list(value) if isinstance(value, list) else [value]
        if values and all(isinstance(row, list) for row in values) and len(values) == edges and "edge" in plain(name):
            edge_values[name] = [cell for row in values for cell in row]
            continue
        numbers = all(number_of(one) is not None for one in values)
        weights = "weight" in plain(name) or (isinstance(value, list) and len(values) == edges and numbers)
        (edge_values if weights else node_values)[name] = values
    return edge_values, node_values


def _is_elements(record: list[Any]) -> bool:
    return bool(record) and all(isinstance(one, dict) and isinstance(one.get("data"), dict) for one in record)


def _end(link: Any, keys: tuple[str, ...], where: str) -> Any:
    found = _record(link, where)
    return _name(next((found[key] for key in keys if key in found), None), where)


def _name(value: Any, where: str) -> Any:
    """The name of a node: text or a number, or a list of these, as JSON has it for tuples."""
    if isinstance(value, list):
        return tuple(_name(one, where) for one in value)
    if isinstance(value, dict):
        return _name(value.get("id"), where)
    if value is None or isinstance(value, bool):
        raise InputError(f"{where}: expected the names of nodes, got {value}")
    return value


def _record(value: Any, where: str) -> Record:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a record {{…}} of a node or an edge, got {shown(value)[:60]}")
    return value


def _list(value: Any, name: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{where}: expected a list of {name}, got {shown(value)[:60]}")
    return value


def _is_index(value: Any, stop: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < stop
