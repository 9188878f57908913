"""Shares of graphs: valid, which is to have a property that the user names; unique; novel; all three at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.statistics import Counts


def is_connected(graph: nx.Graph) -> bool:
    """Whether the graph has nodes and a path between any two."""
    return len(graph) > 0 and bool(nx.is_connected(graph))


def is_tree(graph: nx.Graph) -> bool:
    """Whether the graph is connected and without cycles; a graph without nodes is no tree."""
    return graph.number_of_edges() == len(graph) - 1 and is_connected(graph)


def is_planar(graph: nx.Graph) -> bool:
    """Whether the graph can be drawn in the plane without crossings; one without nodes can."""
    return bool(nx.check_planarity(graph)[0])


def is_bipartite(graph: nx.Graph) -> bool:
    """Whether two colours suffice for the nodes; they do for a graph without nodes."""
    return bool(nx.is_bipartite(graph))


PROPERTIES: Mapping[str, Callable[[nx.Graph], bool]] = MappingProxyType(
    {"connected": is_connected, "planar": is_planar, "tree": is_tree, "bipartite": is_bipartite}
)


def check_property(name: str) -> None:
    """Raise `InputError` unless there is a property of that name."""
    if name not in PROPERTIES:
        raise InputError(f"valid: expected one of {', '.join(PROPERTIES)}, got {name!r}")


def which_are(graphs: Iterable[nx.Graph], valid: str) -> NDArray[np.bool_]:
    """Which of the graphs are `connected`, `planar`, a `tree` or `bipartite`, `(G,)`.

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


def shares(
    classes: Counts, properties: Mapping[str, NDArray[np.bool_]], train: int | None, reference: int, valid: str | None
) -> dict[str, Any]:
    """What `evaluate_graphs` tells of shares, from classes and properties of training, reference and generated graphs.

    Args:
        classes: for each of them the first of them that is isomorphic to it, `(G,)`.
        properties: which of them have a property, `(G,)`: `connected`, and the one that makes a graph valid.
        train: the number of training graphs, which come first; None where there are none.
        reference: the number of reference graphs, which come next.
        valid: the property that makes a graph valid, if one was named.
    """
    start = train or 0
    real, made = slice(start, start + reference), slice(start + reference, None)
    counted = valid or ("connected" if properties["connected"][: made.start].all() else None)
    novel = classes >= start

    def first(some: slice) -> NDArray[np.bool_]:
        among = classes[some]
        return np.isin(np.arange(len(among)), np.unique(among, return_index=True)[1])

    def vun(some: slice) -> float:
        return float(np.mean(novel[some] & first(some) & (properties[counted][some] if counted else True)))

    return {
        "novel": None if train is None else float(novel[made].mean()),
        "novel_reference": None if train is None else float(novel[real].mean()),
        "unique": float(first(made).mean()),
        "connected": float(properties["connected"][made].mean()),
        "valid_property": valid,
        "valid": None if valid is None else float(properties[valid][made].mean()),
        "valid_reference": None if valid is None else float(properties[valid][real].mean()),
        "vun_property": None if train is None else counted,
        "vun": None if train is None else vun(made),
        "vun_reference": None if train is None else vun(real),
    }
