"""Shares of generated graphs: novel, unique, connected, valid, and valid, unique and novel at once (V.U.N.)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from discrete_ed.graphs.isomorphism import find_classes
from discrete_ed.graphs.phases import Phases
from discrete_ed.graphs.statistics import Counts
from discrete_ed.graphs.validity import which_are


@dataclass(frozen=True)
class GraphShares:
    """Fractions of the generated graphs and, for comparison, of the reference graphs."""

    novel: float | None
    """not isomorphic to any training graph (None without training graphs)"""
    novel_reference: float | None
    """the same for the reference graphs, which a generator that doesn't memorise comes close to"""
    unique: float
    """the number of isomorphism classes over the number of graphs"""
    connected: float
    """the fraction of connected graphs"""
    valid_property: str | None
    """the property that makes a graph valid; None if the user named none"""
    valid: float | None
    """the fraction of graphs with this property"""
    valid_reference: float | None
    """the same of the reference graphs"""
    vun_property: str | None
    """the property that V.U.N. requires: `valid_property` or, if there is none, `connected` where all training and
    reference graphs are connected; None if there is neither, or if there are no training graphs"""
    vun: float | None
    """valid, unique and novel at once: a graph counts if it has the property `vun_property` (if there is one), is the
    first of its isomorphism class among the generated graphs, and is isomorphic to no training graph (None without
    training graphs); it falls as the number of graphs grows, since more of them are repeated"""
    vun_reference: float | None
    """the same of the reference graphs"""
    undecided: int = 0
    """the number of graphs whose comparison with earlier ones was ended at its limit, see `find_classes`; they count as
    classes of their own, so `novel`, `unique` and `vun` may be too high by as many"""

    def to_dict(self) -> dict[str, Any]:
        """The shares as values that JSON can hold."""
        return asdict(self)


def graph_shares(phases: Phases, sets: Mapping[str, Sequence[nx.Graph]], valid: str | None) -> GraphShares:
    """Compute the shares.

    Args:
        phases: runs the computations.
        sets: the graphs `reference`, `generated` and, if there are any, `train`.
        valid: name of the property that makes a graph valid, see `validity.PROPERTIES`.
    """
    train = sets.get("train")
    everything = [*(train or ()), *sets["reference"], *sets["generated"]]
    found = phases.run("isomorphism", _classes, everything)
    undecided = int(found.get("undecided", 0))
    properties = phases.run("properties", _properties, everything, valid)
    known = None if train is None else len(train)
    shares = count_shares(found["classes"], properties, known, len(sets["reference"]), valid)
    return replace(shares, undecided=undecided)


def _classes(graphs: Sequence[nx.Graph]) -> dict[str, Any]:
    found = find_classes(graphs)
    return {"classes": np.array(found.classes), "undecided": np.array(found.undecided)}


def _properties(graphs: Sequence[nx.Graph], valid: str | None) -> dict[str, Any]:
    return {name: which_are(graphs, name) for name in dict.fromkeys(("connected", valid or "connected"))}


def count_shares(
    classes: Counts, properties: Mapping[str, NDArray[np.bool_]], train: int | None, reference: int, valid: str | None
) -> GraphShares:
    """The shares from the classes and properties of all training, reference and generated graphs, in this order.

    Args:
        classes: for each graph the index of the first graph that is isomorphic to it, `(G,)`.
        properties: for each property whether each graph has it, `(G,)`: `connected`, and the one that makes a graph
            valid.
        train: the number of training graphs, which come first; None without training graphs.
        reference: the number of reference graphs, which come next.
        valid: the property that makes a graph valid, if one was named.
    """
    start = train or 0
    real, generated = slice(start, start + reference), slice(start + reference, None)
    needed = valid or ("connected" if properties["connected"][: generated.start].all() else None)
    novel = classes >= start

    def first_of_class(part: slice) -> NDArray[np.bool_]:
        among = classes[part]
        return np.isin(np.arange(len(among)), np.unique(among, return_index=True)[1])

    def vun(part: slice) -> float:
        return float(np.mean(novel[part] & first_of_class(part) & (properties[needed][part] if needed else True)))

    return GraphShares(
        novel=None if train is None else float(novel[generated].mean()),
        novel_reference=None if train is None else float(novel[real].mean()),
        unique=float(first_of_class(generated).mean()),
        connected=float(properties["connected"][generated].mean()),
        valid_property=valid,
        valid=None if valid is None else float(properties[valid][generated].mean()),
        valid_reference=None if valid is None else float(properties[valid][real].mean()),
        vun_property=None if train is None else needed,
        vun=None if train is None else vun(generated),
        vun_reference=None if train is None else vun(real),
    )
