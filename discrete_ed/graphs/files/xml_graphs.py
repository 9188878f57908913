"""GraphML and GEXF, read element by element, so that the files of networkx, Gephi, graph-tool, Cytoscape and yEd differ
only in attributes.

Files with a document type are refused before they are parsed, since only these can define entities, which can expand
without bound or refer to other files. The encoding must be UTF-8 or UTF-16, whatever the file declares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.simple import listed_graph, simple_graph
from discrete_ed.graphs.files.source import GraphFile, shown

Element = ElementTree.Element
Values = dict[str, list[Any]]
Keys = dict[tuple[str, str], tuple[str, str, str | None]]
"""the name, type and default of every declared attribute, by what it belongs to and its id"""
TIMES = ("start", "end", "startopen", "endopen")
"""when an element of a dynamic graph exists, beside spells within it"""


def _real(text: str) -> float:
    """A number, perhaps with hexadecimal digits, as graph-tool writes them."""
    return float.fromhex(text) if "0x" in text.lower() else float(text)


TYPES: dict[str, Callable[[str], int | float]] = {
    "int": int,
    "long": int,
    "short": int,
    "integer": int,
    "float": _real,
    "double": _real,
    "long_double": _real,
}
"""types of attributes that are numbers"""


def read_graphml(source: GraphFile) -> list[nx.Graph]:
    """The graphs of a GraphML file, without nested graphs and hyperedges."""
    root = _root(source)
    keys = _keys(root)
    return [_simple(*_raw_graphml(graph, keys, source), source) for graph in _graphs(root, source, "GraphML")]


def read_gexf(source: GraphFile) -> list[nx.Graph]:
    """The graph of a GEXF file of any version."""
    graphs = _graphs(_root(source), source, "GEXF")
    if len(graphs) > 1:
        raise source.error("one graph", f"{len(graphs)}; give a file for each")
    (element,) = graphs
    titles: Keys = {
        (group.get("class", ""), one.get("id", "")): (
            one.get("title", one.get("id", "")),
            "",
            next((part.text for part in one if _tag(part) == "default"), None),
        )
        for group in element
        if _tag(group) == "attributes"
        for one in group
    }
    names, edges, places = [], [], []
    edge_values: Values = {}
    node_values: Values = {}
    for part in _inner(element, ("nodes", "node", "edges")):
        if _tag(part) == "node":
            names.append(part.get("id"))
            _add(node_values, {**_others(part, ("id", "label")), **_values(part, titles, "node")})
            if any(_tag(inner) == "nodes" for inner in part):
                _add(node_values, {"nodes within them": "given"})
        elif _tag(part) == "edge":
            edges.append((part.get("source"), part.get("target")))
            places.append(part.get("type"))
            others = _others(part, ("id", "source", "target", "type", *TIMES))
            timed = any(part.get(time) for time in TIMES) or any(_tag(inner) == "spells" for inner in part)
            times = {"times": "given"} if timed else {}
            _add(edge_values, {**others, **times, **_values(part, titles, "edge")})
    directed = _direction(element.get("defaultedgetype", "undirected"), places)
    return [_simple(names, edges, directed, edge_values, node_values, source)]


def graphml_with_attributes(source: GraphFile) -> nx.Graph:
    """The only graph of a GraphML file, undirected; its nodes and edges keep their attributes.

    Raises:
        InputError: the file has another number of graphs, or its graph isn't simple.
    """
    root = _root(source)
    elements = _graphs(root, source, "GraphML")
    if len(elements) != 1:
        raise source.error("GraphML with one graph", len(elements))
    keys = _keys(root)
    names, edges, directed, _, _ = _raw_graphml(elements[0], keys, source)
    graph = _simple(names, edges, directed, {}, {}, source)
    place = {name: k for k, name in enumerate(names)}
    for part in elements[0].iter():
        if _tag(part) == "node":
            graph.nodes[place[part.get("id")]].update(_data(part, keys, "node", source))
        elif _tag(part) == "edge":
            u, v = place[part.get("source")], place[part.get("target")]
            if u != v:
                graph.edges[u, v].update(_data(part, keys, "edge", source))
    return graph


def _raw_graphml(element: Element, keys: Keys, source: GraphFile) -> tuple[list[Any], list[Any], bool, Values, Values]:
    names, edges, places = [], [], []
    edge_values: Values = {}
    node_values: Values = {}
    for part in element:
        if _tag(part) == "hyperedge":
            raise source.error("edges between two nodes", "a hyperedge")
        if _tag(part) == "node":
            names.append(part.get("id"))
            _add(node_values, {**_others(part, ("id",)), **_data(part, keys, "node", source)})
        elif _tag(part) == "edge":
            edges.append((part.get("source"), part.get("target")))
            places.append(part.get("directed"))
            _add(
                edge_values,
                {**_others(part, ("id", "source", "target", "directed")), **_data(part, keys, "edge", source)},
            )
    return names, edges, _direction(element.get("edgedefault", "undirected"), places), edge_values, node_values


def _simple(
    names: list[Any],
    edges: list[Any],
    directed: bool | None,
    edge_values: Values,
    node_values: Values,
    source: GraphFile,
) -> nx.Graph:
    raw = listed_graph(names, edges, source.at())
    raw.directed, raw.edge_values, raw.node_values = directed, edge_values, node_values
    return simple_graph(raw, source)


def _direction(default: str, places: list[str | None]) -> bool:
    """Whether any edge has a direction."""
    kinds = {place if place is not None else default for place in places} or {default}
    return any(str(kind).lower() in ("true", "directed", "mutual") for kind in kinds)


def _others(element: Element, known: tuple[str, ...]) -> dict[str, Any]:
    """The attributes in an element's tag itself, apart from the known ones."""
    return {key.rpartition("}")[2]: value for key, value in element.items() if key not in known}


def _add(values: Values, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        if value is not None:
            values.setdefault(name, []).append(value)


def _keys(root: Element) -> Keys:
    keys: Keys = {}
    for key in root:
        if _tag(key) == "key":
            name = key.get("attr.name", key.get("yfiles.type", key.get("id", "")))
            for kind in ("node", "edge"):
                if key.get("for", "all") in (kind, "all"):
                    default = next((one.text for one in key if _tag(one) == "default"), None)
                    keys[kind, key.get("id", "")] = name, key.get("attr.type", ""), default
    return keys


def _defaults(keys: Keys, kind: str) -> dict[str, Any]:
    """The values of attributes that an element doesn't give."""
    return {name: value.strip() for (of, _), (name, _, value) in keys.items() if of == kind and value is not None}


def _data(element: Element, keys: Keys, kind: str, source: GraphFile) -> dict[str, Any]:
    """The attributes of a node or an edge of GraphML."""
    found = _defaults(keys, kind)
    for data in element:
        if _tag(data) == "graph":
            raise source.error("a graph without nested graphs", "one within a node or an edge")
        if _tag(data) != "data":
            continue
        name, type_, _ = keys.get((kind, data.get("key", "")), (data.get("key", ""), "", None))
        text = (data.text or "").strip()
        try:
            found[name] = TYPES[type_](text) if type_ in TYPES else text or ("graphics" if len(data) else "")
        except ValueError:
            raise source.error(f"a number as {shown(name)}", repr(text)) from None
    return found


def _values(element: Element, titles: Keys, kind: str) -> dict[str, Any]:
    """The attributes of a node or an edge of GEXF; those that change over time have several values."""
    found, own = _defaults(titles, kind), set()
    for part in element.iter():
        if _tag(part) == "attvalue":
            key = part.get("for", part.get("id", ""))
            name = titles.get((kind, key), (key, "", None))[0]
            while name in own:
                name = f"{name} later"
            own.add(name)
            found[name] = part.get("value")
    return found


def _graphs(root: Element, source: GraphFile, kind: str) -> list[Element]:
    """The graphs of the file, none within another."""
    graphs = [element for element in root if _tag(element) == "graph"]
    every = sum(_tag(element) == "graph" for element in root.iter())
    if not graphs or every != len(graphs) or (_tag(root) != kind.lower()):
        raise source.error(f"{kind} with a graph, and none within another", f"{every} in <{_tag(root)}>")
    for graph in graphs:
        tags = [_tag(part) for part in graph.iter()]
        check_size(source.at(), tags.count("node"), tags.count("edge"))
    return graphs


def _root(source: GraphFile) -> Element:
    text = source.text
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise InputError(f"{source.path}: expected XML without a document type, got one with <!DOCTYPE or <!ENTITY")
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)  # decoded already: a declared encoding must not apply
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"{source.at(error.position[0])}: expected well-formed XML, but {error}") from None
    except (ValueError, RecursionError) as error:  # ValueError: half a surrogate pair
        raise InputError(f"{source.path}: expected well-formed XML, but {shown(error)}") from None


def _inner(element: Element, containers: tuple[str, ...]) -> Iterator[Element]:
    """The elements within an element and within those of the named kinds, in the order of the file."""
    stack = [iter(element)]
    while stack:
        part = next(stack[-1], None)
        if part is None:
            stack.pop()
            continue
        yield part
        if _tag(part) in containers:
            stack.append(iter(part))


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
