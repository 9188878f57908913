"""Couplings and fields of networkx graphs and of binary quadratic models."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from discrete_ed.errors import InputError

if TYPE_CHECKING:
    import networkx as nx

FIELD_LIKE = ("h", "J", "bias", "coupling", "weight", "magnetic_field")  # names that a node's field may hide behind


def graph_parameters(
    graph: nx.Graph, coupling: float | None, field: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges `(E, 2)` of a networkx graph, their couplings `(E,)` and the fields `(D,)`.

    A coupling is the attribute `coupling` of an edge, or else `weight`, or else the argument.

    Raises:
        InputError: a directed graph, several edges of one pair, a self-loop; an attribute that would be ignored, since
            it differs from another one, from the argument, or has another name.
    """
    if not hasattr(graph, "is_directed"):
        raise InputError(
            f"graph: expected a networkx graph or a lattice, got {type(graph).__name__}; IsingEnergy(matrix) takes "
            "matrices of couplings, and from_edges takes edges"
        )
    if graph.is_directed() or graph.is_multigraph():
        raise InputError(f"graph: expected an undirected graph with single edges, got a {type(graph).__name__}")
    for name, value in (("coupling", coupling), ("field", field)):
        if value is not None and not _is_number(value):
            raise InputError(
                f"{name}: expected one number for a networkx graph, got {type(value).__name__}; write several into the "
                f"attribute {name!r} of its {'edges' if name == 'coupling' else 'nodes'}, or take from_edges"
            )
    bare = next(((u, v) for u, v, data in graph.edges(data=True) if not {"coupling", "weight"} & data.keys()), None)
    if coupling is None and bare is not None and has_couplings(graph):
        raise InputError(
            f"graph: expected a coupling on all edges or on none, got none at {bare}; give it an attribute 'coupling', "
            "or say the coupling of such edges as the argument"
        )
    place = {node: k for k, node in enumerate(graph)}
    edges, values = np.empty((graph.number_of_edges(), 2), np.int64), np.empty(graph.number_of_edges())
    for k, (u, v, data) in enumerate(graph.edges(data=True)):
        if u == v:
            raise InputError(f"graph: expected no self-loops, got one at {u}")
        edges[k], values[k] = (place[u], place[v]), _coupling(data, coupling, (u, v))
    fields = np.empty(len(place))
    for k, (node, data) in enumerate(graph.nodes(data=True)):
        for name in FIELD_LIKE:
            if "field" not in data and _is_number(data.get(name)):
                raise InputError(
                    f"graph: expected the field of a node in its attribute 'field', got {name!r} at {node}, which "
                    "would be ignored; rename or remove it"
                )
        fields[k] = _number(data.get("field", 0.0 if field is None else field), f"'field' of node {node}")
    return edges, values, fields


def has_couplings(graph: nx.Graph) -> bool:
    """Whether some edge of a graph says its own coupling."""
    return any("coupling" in data or "weight" in data for _, _, data in graph.edges(data=True))


def _coupling(data: dict[str, Any], default: float | None, edge: tuple[Any, Any]) -> float:
    own = {name: _number(data[name], f"{name!r} of edge {edge}") for name in ("coupling", "weight") if name in data}
    if len(set(own.values())) > 1:
        raise InputError(
            f"graph: expected one coupling for the edge {edge}, got coupling {own['coupling']:g} and weight "
            f"{own['weight']:g}; remove one of the two attributes"
        )
    if own:
        if "coupling" not in own and default is not None and own["weight"] != default:
            raise InputError(
                f"graph: expected edges without 'weight' where the argument coupling = {default:g} is given, got "
                f"weight {own['weight']:g} at {edge}; leave the argument out, or remove the attribute"
            )
        return next(iter(own.values()))
    other = next((name for name, value in data.items() if _is_number(value)), None)
    if other is not None:
        raise InputError(
            f"graph: expected the coupling of an edge in its attribute 'coupling' or 'weight', got {other!r} at "
            f"{edge}, which would be ignored; rename or remove it"
        )
    return 1.0 if default is None else default


def _is_number(value: object) -> bool:
    return isinstance(value, Real | np.number) and not isinstance(value, bool | np.bool_)


def _number(value: Any, description: str) -> float:
    if not _is_number(value):
        raise InputError(f"graph: expected a number as {description}, got {value!r:.60}")
    return float(value)


def bqm_parameters(bqm: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges, couplings and fields of a `dimod.BinaryQuadraticModel` over spins or bits, less its constant.

    Raises:
        InputError: it isn't a binary quadratic model.
    """
    try:
        spins = bqm.change_vartype("SPIN", inplace=False)
        linear, (row, column, bias), *_ = spins.to_numpy_vectors(list(spins.variables))
    except (AttributeError, TypeError, ValueError):
        raise InputError(f"bqm: expected a dimod.BinaryQuadraticModel, got {type(bqm).__name__}") from None
    return np.stack([row, column], 1).astype(np.int64), -np.asarray(bias, float), -np.asarray(linear, float)
