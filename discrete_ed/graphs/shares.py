"""Shares of generated graphs: novel, unique, connected, valid, and valid, unique and novel at once (V.U.N.)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.isomorphism import find_classes
from discrete_ed.graphs.phases import Phases, compute_phase
from discrete_ed.graphs.statistics import Counts, GraphSet, are_connected
from discrete_ed.graphs.validity import OF_PIECES, Property, get_property, have, property_name


@dataclass(frozen=True)
class GraphShares:
    """Fractions of the generated graphs and, for comparison, of the reference and training graphs."""

    novel: float | None
    """not isomorphic to any training graph (None without training graphs)"""
    novel_reference: float | None
    """the same for the reference graphs, which a generator that doesn't memorise comes close to"""
    unique: float
    """the number of isomorphism classes over the number of graphs"""
    connected: float
    """the fraction of connected graphs"""
    valid_property: str | None
    """the property that makes a graph valid, or the name of the function that tests it; None if the user named none"""
    valid_pieces: bool
    """whether a valid graph may be in several pieces, each of which has the property"""
    valid: float | None
    """the fraction of graphs with this property"""
    valid_reference: float | None
    """the same of the reference graphs"""
    valid_train: float | None
    """the same of the training graphs (None without them)"""
    vun_property: str | None
    """the property that V.U.N. requires: `valid_property` or, if there is none, `connected` where all training and
    reference graphs are connected; None if there is neither, or if there are no training graphs"""
    vun: float | None
    """valid, unique and novel at once: a graph counts if it has the property `vun_property` (if there is one), is the
    first of its isomorphism class among the generated graphs, and is isomorphic to no training graph (None without
    training graphs); it falls as the number of graphs grows, since more of them are repeated"""
    vun_reference: float | None
    """the same of the reference graphs"""
    vun_train: float | None
    """the share of training graphs that are valid and unique: what a generator would reach that sampled such graphs
    and repeated none of them"""
    undecided: int = 0
    """the number of graphs whose comparison with earlier ones was ended at its limit, see `find_classes`; they count as
    classes of their own, so `novel`, `unique` and `vun` may be too high by as many"""

    def to_dict(self) -> dict[str, Any]:
        """The shares as values that JSON can hold."""
        return asdict(self)


def graph_shares(
    sets: Mapping[str, Sequence[nx.Graph]],
    valid: str | Property | None = None,
    *,
    pieces: bool = False,
    phases: Phases | None = None,
) -> GraphShares:
    """The shares of generated graphs that are novel, unique, connected and valid, without any score.

    Args:
        sets: the graphs `reference`, `generated` and, if there are any, `train`.
        valid: what makes a graph valid, see `validity.which_are`.
        pieces: whether a valid graph may be in several pieces, see `validity.get_property`.
        phases: runs the computations; by default nothing is kept and no progress is reported.

    Raises:
        InputError: an empty set, a graph that is not simple and undirected, or as `validity.which_are`.

    >>> paths, cycles = [nx.path_graph(n) for n in (3, 4, 5)], [nx.cycle_graph(n) for n in (3, 4)]
    >>> graph_shares({"reference": paths[:1], "generated": [*paths, *cycles], "train": paths[1:]}, "tree").vun
    0.2
    """
    if valid is not None:
        get_property(valid, pieces=pieces)
    phases = phases or Phases(2, compute_phase)
    lists = {kind: check_graphs(graphs, kind) for kind, graphs in sets.items()}
    train = lists.get("train")
    everything = [*(train or ()), *lists["reference"], *lists["generated"]]
    laid_out = GraphSet.of(everything)
    found = phases.run("isomorphism", _classes, everything, laid_out)
    properties = phases.run("properties", _properties, everything, laid_out, valid, pieces)
    sizes = None if train is None else len(train), len(lists["reference"])
    name = None if valid is None else property_name(valid)
    shares = _count_shares(found["classes"], properties, *sizes, name, pieces)
    return replace(shares, undecided=int(found.get("undecided", 0)))


def _classes(graphs: Sequence[nx.Graph], laid_out: GraphSet) -> dict[str, Any]:
    found = find_classes(graphs, laid_out=laid_out)
    return {"classes": np.array(found.classes), "undecided": np.array(found.undecided)}


def _properties(
    graphs: Sequence[nx.Graph], laid_out: GraphSet, valid: str | Property | None, pieces: bool
) -> dict[str, Any]:
    connected = are_connected(laid_out)
    if valid is None:
        return {"connected": connected}
    if pieces or callable(valid) or valid not in OF_PIECES:
        return {"connected": connected, "valid": have(graphs, get_property(valid, pieces=pieces))}
    has = OF_PIECES[valid]  # only of connected graphs, which are known already
    found = [one and has(graph) for graph, one in zip(graphs, connected.tolist(), strict=True)]
    return {"connected": connected, "valid": np.array(found, dtype=bool)}


def _count_shares(
    classes: Counts,
    properties: Mapping[str, NDArray[np.bool_]],
    train: int | None,
    reference: int,
    valid: str | None,
    pieces: bool,
) -> GraphShares:
    """The shares from the classes and properties of all training, reference and generated graphs, in this order.

    Args:
        classes: for each graph the index of the first graph that is isomorphic to it, `(G,)`.
        properties: whether each graph is `connected` and, if a property was named, `valid`, `(G,)`.
        train: the number of training graphs, which come first; None without training graphs.
        reference: the number of reference graphs, which come next.
        valid: name of the property that makes a graph valid, if one was named.
        pieces: whether a valid graph may be in several pieces.
    """
    start = train or 0
    learned, real, generated = slice(start), slice(start, start + reference), slice(start + reference, None)
    connected = properties["connected"]
    needed = valid or ("connected" if connected[: generated.start].all() else None)
    is_valid = properties.get("valid", connected if needed else np.ones(len(classes), dtype=bool))
    novel = classes >= start

    def first_of_class(part: slice) -> NDArray[np.bool_]:
        among = classes[part]
        return np.isin(np.arange(len(among)), np.unique(among, return_index=True)[1])

    def vun(part: slice) -> float:
        return float(np.mean(novel[part] & first_of_class(part) & is_valid[part]))

    def share_valid(part: slice) -> float | None:
        return None if valid is None else float(is_valid[part].mean())

    return GraphShares(
        novel=None if train is None else float(novel[generated].mean()),
        novel_reference=None if train is None else float(novel[real].mean()),
        unique=float(first_of_class(generated).mean()),
        connected=float(connected[generated].mean()),
        valid_property=valid,
        valid_pieces=pieces,
        valid=share_valid(generated),
        valid_reference=share_valid(real),
        valid_train=None if train is None else share_valid(learned),
        vun_property=None if train is None else needed,
        vun=None if train is None else vun(generated),
        vun_reference=None if train is None else vun(real),
        vun_train=None if train is None else float(np.mean(first_of_class(learned) & is_valid[learned])),
    )
