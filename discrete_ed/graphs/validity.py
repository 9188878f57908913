"""Properties by which a graph can count as valid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graphs


def is_connected(graph: nx.Graph) -> bool:
    """Whether the graph has nodes and a path between any two."""
    return len(graph) > 0 and bool(nx.is_connected(graph))


def is_tree(graph: nx.Graph) -> bool:
    """Whether the graph is connected and has no cycles; a graph without nodes is not a tree."""
    return graph.number_of_edges() == len(graph) - 1 and is_connected(graph)


def is_planar(graph: nx.Graph) -> bool:
    """Whether the graph is planar, as a graph without nodes is."""
    return bool(nx.check_planarity(graph)[0])


def is_bipartite(graph: nx.Graph) -> bool:
    """Whether the nodes can be coloured with two colours, as in a graph without nodes."""
    return bool(nx.is_bipartite(graph))


PROPERTIES: Mapping[str, Callable[[nx.Graph], bool]] = MappingProxyType(
    {"connected": is_connected, "planar": is_planar, "tree": is_tree, "bipartite": is_bipartite}
)


def check_property(name: str) -> None:
    """Raise `InputError` if there is no property of that name."""
    if name not in PROPERTIES:
        raise InputError(f"valid: expected one of {', '.join(PROPERTIES)}, got {name!r}")


def which_are(graphs: Iterable[nx.Graph], valid: str) -> NDArray[np.bool_]:
    """Whether each graph is `connected`, `planar`, a `tree` or `bipartite`, `(G,)`.

    >>> which_are([nx.path_graph(3), nx.cycle_graph(4)], "tree").tolist()
    [True, False]
    """
    check_property(valid)
    return np.array([PROPERTIES[valid](graph) for graph in check_graphs(graphs)])


def validity(graphs: Iterable[nx.Graph], valid: str) -> float:
    """The fraction of graphs that are `connected`, `planar`, a `tree` or `bipartite`.

    >>> validity([nx.path_graph(3), nx.cycle_graph(4)], "tree")
    0.5
    """
    return float(which_are(graphs, valid).mean())
