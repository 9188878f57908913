"""From a graph as a file gives it to a simple graph: loops, parallel edges, directions, weights and labels.

Each of these is refused with the option that allows it, or noted. None is dropped without a word.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.files.limits import check_size
from discrete_ed.graphs.files.options import WAYS
from discrete_ed.graphs.files.python_lists import SEPARATE
from discrete_ed.graphs.files.source import GraphFile, shown

IDENTIFIERS = {"id", "key", "edgeid", "suid", "index"}
"""attributes that only name an edge"""
NODE_NAMES = {"id", "key", "label", "name", "sharedname", "suid", "nodeid", "index"}
"""attributes that only name a node"""

WEIGHTS = {"weight", "weights", "edgeweight"}
"""attributes that are weights even if they aren't numbers, such as 1/2 or high"""
WAYS_ALONG = {"to", "from", "in", "out", "forward", "backward", "left", "right", "->", "<-", "-->", "<--"}
BOTH_WAYS = {"both", "none", "undirected", "<->", "<-->", "--", "-"}
"""directions of edges, and what says that there is none"""
MISSING = ("", "nan", "na", "n/a", "null", "none")
"""spellings of a missing value, in lower case"""
INFINITE = ("inf", "+inf", "-inf", "infinity", "-infinity")
DRAWING = ("graphics", "labelgraphics", "LabelGraphics", "viz", "style")
"""attributes that say how an element is drawn"""
FALSE = {"false", "0", "0.0", "no", "none", ""}
"""spellings of false, in lower case"""
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
QUANTITY = re.compile(
    r"[$€£¥]?\s*[+-]?(\d{1,3}([.,' ]\d{3})+|\d+)([.,]\d+)?([eEdD][+-]?\d+)?\s*(%|[$€£¥]|[kmc]?m|[mµn]?s|[kMG]?B)?",
    re.ASCII,
)
"""a number with a unit, or with marks between thousands"""


@dataclass
class RawGraph:
    """A graph as a file gives it."""

    names: Sequence[Any]
    """the names of the nodes, in the order in which the file gives them"""
    edges: Sequence[tuple[int, int]]
    """the edges as places of their ends in `names`"""
    directed: bool | None = None
    """whether the file says that edges have a direction; None if it doesn't say"""
    lines: Sequence[int] | None = None
    """the line of each edge, where errors name it"""
    edge_values: Mapping[str, list[Any]] = field(default_factory=dict)
    """for each attribute of edges its values, in any order"""
    node_values: Mapping[str, list[Any]] = field(default_factory=dict)
    """for each attribute of nodes its values, in any order"""
    in_both_directions: bool = False
    """whether the format gives an undirected edge in both directions, as matrices do"""
    gap: int | None = None
    """the first line between edges that may have been meant to separate graphs"""
    or_adjacency_list: bool = False
    """whether what was taken for weights may be neighbours"""
    or_last_columns: bool = False
    """whether the first of three columns may only number the edges, whose ends are the last two"""
    or_matrix: bool = False
    """whether it may be a row of a matrix"""


def simple_graph(raw: RawGraph, source: GraphFile, where: str | None = None) -> nx.Graph:
    """The simple graph over `0 … n − 1`.

    Args:
        raw: the graph as the file gives it.
        source: the file, with the options and notes.
        where: the place in the file, if it holds several graphs; otherwise the file.

    Raises:
        InputError: the graph has loops, parallel edges, directions or weights that no option allows, or is too large.
    """
    where = where or source.at()
    check_size(where, len(raw.names), len(raw.edges))
    directed = _check_values(raw, source, where)
    options = source.options

    def at(k: int) -> str:
        return where if raw.lines is None else source.at(raw.lines[k])

    def ends(k: int) -> str:
        u, v = raw.edges[k]
        return shown(f"({raw.names[u]!r}, {raw.names[v]!r})")

    loops = [k for k, (u, v) in enumerate(raw.edges) if u == v]
    if loops and not options.ignore_loops:
        name = shown(repr(raw.names[raw.edges[loops[0]][0]]))
        raise InputError(f"{at(loops[0])}: expected no self-loops, got one at node {name}; {WAYS['ignore_loops']}")
    if loops:
        source.notes.add("{n} self-loops are dropped", where, len(loops))
    listed = dict.fromkeys(raw.edges)  # in the order of the file
    for k in loops:
        listed.pop(raw.edges[k], None)
    repeated = _repeated(raw.edges) if len(listed) < len(raw.edges) - len(loops) else []
    both = {(u, v): k for k, (u, v) in enumerate(raw.edges) if (v, u) in listed}
    reverse = [k for (u, v), k in both.items() if both[v, u] < k]
    symmetric = bool(both) and len(both) == len(listed)
    parallel = repeated + (reverse if directed is False and not symmetric else [])
    if parallel and not options.ignore_weights:
        k = min(parallel)
        way = WAYS["ignore_weights"]
        if raw.gap is not None and raw.lines is not None and raw.lines[k] > raw.gap:
            way = f"line {raw.gap} may separate several graphs; give {SEPARATE}"
        raise InputError(f"{at(k)}: expected every edge once, got {ends(k)} again; {way}")
    if parallel:
        source.notes.add("{n} parallel edges are merged", where, len(parallel))
    if symmetric and not raw.in_both_directions:
        source.notes.add("every edge is given in both directions, and read once", where)
    elif not symmetric and directed is not False and (directed or reverse):
        if not options.undirected and listed:
            single = next(k for k, (u, v) in enumerate(raw.edges) if u != v and (v, u) not in listed)
            found = f"edge {ends(single)} in one direction only"
            way = WAYS["undirected"]
            if reverse:
                found += f" and {ends(reverse[0])} in both"
                if raw.gap is not None and raw.lines is not None and raw.lines[reverse[0]] > raw.gap:
                    way = f"line {raw.gap} may separate several graphs; give {SEPARATE}"
            raise InputError(f"{at(single)}: expected an undirected graph, got {found}; {way}")
        if listed:
            source.notes.add("the directions of {n} edges are dropped", where, len(listed))
    graph = nx.empty_graph(len(raw.names))
    graph.add_edges_from(listed)
    return graph


def _repeated(edges: Sequence[tuple[int, int]]) -> list[int]:
    """The places of edges that stand before, too, without loops."""
    seen: set[tuple[int, int]] = set()
    found = []
    for k, edge in enumerate(edges):
        if edge in seen and edge[0] != edge[1]:
            found.append(k)
        seen.add(edge)
    return found


def numbered(names: Iterable[Any], edges: Iterable[tuple[Any, Any]]) -> tuple[list[Any], list[tuple[int, int]]]:
    """The names of all nodes, once each, and the edges by place: first `names`, then the ends of edges.

    >>> numbered(["c"], [("a", "c"), ("c", "b")])
    (['c', 'a', 'b'], [(1, 0), (0, 2)])
    """
    place: dict[Any, int] = {}
    for name in names:
        place.setdefault(name, len(place))
    pairs = [(place.setdefault(u, len(place)), place.setdefault(v, len(place))) for u, v in edges]
    return list(place), pairs


def listed_graph(names: Sequence[Any], edges: Iterable[tuple[Any, Any]], where: str) -> RawGraph:
    """The graph over nodes that the file lists, each of them once.

    Raises:
        InputError: a node has no name or is listed twice, or an edge has an end that isn't listed.
    """
    listed, pairs = numbered(names, edges)
    if None in listed:
        raise InputError(f"{where}: expected nodes and ends of edges with names, got one without")
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise InputError(f"{where}: expected every node once, got {shown(repr(twice))} again")
    if len(listed) > len(names):
        raise InputError(f"{where}: expected edges between listed nodes, got one at {shown(repr(listed[len(names)]))}")
    return RawGraph(listed, pairs)


def collected(records: Iterable[Mapping[str, Any]], leave_out: Iterable[str] = ()) -> dict[str, list[Any]]:
    """The values of each attribute in records of nodes or edges; those within an attribute count by their own names.

    >>> collected([{"a": 1, "data": {"w": 2}}, {"a": 3}])
    {'a': [1, 3], 'w': [2]}
    """
    values: dict[str, list[Any]] = {}
    skipped = set(leave_out)
    for record in records:
        for name, value in record.items():
            if name in skipped:
                continue
            if isinstance(value, dict) and value and name not in DRAWING:
                for inner, told in collected([value]).items():
                    values.setdefault(inner, []).extend(told)
            else:
                values.setdefault(str(name), []).append(value)
    return values


def number_of(value: Any) -> float | None:
    """The number that a value is or spells, also with a decimal comma; None if it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not is_number(value.strip()):
        return math.inf if value.strip().lower() in INFINITE else None
    try:
        return float(value.replace(",", ".") if isinstance(value, str) else value)
    except OverflowError:
        return math.inf


def is_number(text: str) -> bool:
    """Whether a text spells a number."""
    return NUMBER.fullmatch(text) is not None


def _check_values(raw: RawGraph, source: GraphFile, where: str) -> bool | None:
    """Refuse weights, note labels, and return whether the graph or one of its edges has a direction."""
    directed = raw.directed
    labels = []
    for name, values in raw.edge_values.items():
        edge_directed = _direction(plain(name), values)
        if edge_directed is not None:
            directed = bool(directed) or edge_directed
            continue
        told = [value for value in values if not _is_trivial(value)]
        if plain(name) in IDENTIFIERS or not told:
            continue
        if plain(name) not in WEIGHTS and not all(
            number_of(value) is not None or _is_quantity(value) for value in told
        ):
            labels.append(name)
        elif source.options.ignore_weights:
            source.notes.add(f"the weights of edges ({shown(name)}) are dropped", where)
        else:
            other = "; --format adjacency-list reads neighbours instead" if raw.or_adjacency_list else ""
            other = "; --format matrix reads an adjacency matrix instead" if raw.or_matrix else other
            if raw.or_last_columns:
                other += "; a first line of titles such as number, source, target reads the last two columns"
            raise InputError(
                f"{where}: expected an unweighted graph, got {shown(name)} {shown(told[0])} of an edge; "
                f"{WAYS['ignore_weights']}{other}"
            )
    if labels:
        source.notes.add(f"labels of edges ({_listed(labels)}) are not read, and never compared", where)
    labels = [
        name
        for name, values in raw.node_values.items()
        if plain(name) not in NODE_NAMES and any(value not in (None, "", {}, []) for value in values)
    ]
    if labels:
        source.notes.add(f"labels of nodes or graphs ({_listed(labels)}) are not read, and never compared", where)
    return directed


def _direction(name: str, values: Iterable[Any]) -> bool | None:
    """Whether an attribute says that edges have a direction; None if it says nothing of directions."""
    told = {str(value).lower() for value in values if value not in (None, "")}
    if name in ("direction", "dir", "arrow") and told and told <= WAYS_ALONG | BOTH_WAYS:
        return bool(told & WAYS_ALONG)
    if name in ("type", "edgetype", "kind", "direction", "defaultedgetype", "edgedefault"):
        return bool(told - {"undirected"}) if told and told <= {"directed", "undirected", "mixed", "mutual"} else None
    if name == "arrows":
        return bool(told)
    if name in ("directed", "isdirected", "oneway"):
        return not told <= FALSE
    return bool(told & FALSE) if name in ("undirected", "bidirectional", "reciprocal", "twoway") else None


def plain(name: str) -> str:
    """A name in lower case and of letters and digits only."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _is_quantity(value: Any) -> bool:
    return isinstance(value, str) and QUANTITY.fullmatch(value.strip()) is not None


def _is_trivial(value: Any) -> bool:
    """Whether an attribute says no more than that there is an edge."""
    missing = isinstance(value, str) and value.strip().lower() in MISSING
    return value is None or missing or value in ({}, []) or number_of(value) == 1


def _listed(names: list[str]) -> str:
    return shown(", ".join([*names[:4], *(["…"] if len(names) > 4 else [])]))
