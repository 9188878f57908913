"""Maximum mean discrepancy between two sets of graphs: cleaning → descriptor → kernel → estimator.

`discrete_ed.graphs.protocols` describes how each protocol performs these steps.
"""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.descriptors import STATISTICS, Description
from discrete_ed.graphs.protocols import get_protocol
from discrete_ed.graphs.statistics import Floats, GraphSet
from discrete_ed.metrics.two_sample import mmd2


def describe(graphs: Iterable[nx.Graph], protocol: str = "edp") -> Description:
    """The features that a protocol compares, with a row for each graph that remains after its cleaning.

    Raises:
        InputError: no graph is left, or one is not a simple undirected graph.
    """
    chosen = get_protocol(protocol)
    cleaned = chosen.clean(GraphSet.of(check_graphs(graphs)))
    if len(cleaned) == 0:
        raise InputError(f"graphs: expected at least one graph for protocol {protocol!r}, got none with a node")
    return {name: _features(name, cleaned) for name in chosen.kernels}


def _features(name: str, graphs: GraphSet) -> Floats:
    features = STATISTICS[name].describe(graphs)
    if features.ndim != 2 or len(features) != len(graphs):
        raise InputError(
            f"statistic {name}: expected a row of features for each of {len(graphs)} graphs, got {features.shape}"
        )
    return features


def count_cleaned(graphs: Iterable[nx.Graph], protocol: str = "edp") -> dict[str, int]:
    """The number of graphs that a protocol's cleaning changes, by the kind of change.

    `edp`: `lost_isolated_nodes` (and kept others), `became_one_node` (had no edge, or no node). `gran`:
    `dropped_without_nodes`. `psd`: nothing.

    >>> count_cleaned([nx.path_graph(3), nx.empty_graph(2)])
    {'lost_isolated_nodes': 0, 'became_one_node': 1}
    """
    return get_protocol(protocol).changes(GraphSet.of(check_graphs(graphs)))


def compare(
    reference: Description, generated: Description, protocol: str = "edp", *, unbiased: bool | None = None
) -> dict[str, float]:
    """MMD² in each statistic between two sets whose features `describe` has computed; otherwise like `graph_mmd`."""
    chosen = get_protocol(protocol)
    estimate = chosen.unbiased if unbiased is None else unbiased
    return {
        name: mmd2(reference[name], generated[name], kernel, unbiased=estimate)
        for name, kernel in chosen.kernels.items()
    }


def graph_mmd(
    reference: Iterable[nx.Graph],
    generated: Iterable[nx.Graph],
    protocol: str = "edp",
    *,
    unbiased: bool | None = None,
) -> dict[str, float]:
    """MMD² between two sets of graphs in degree, clustering, orbit and spectral statistics.

    Args:
        reference: test graphs; networkx, simple and undirected.
        generated: the graphs to be scored.
        protocol: `edp`, `gran` or `psd`; see `discrete_ed.graphs.protocols`.
        unbiased: the U-statistic (True) or the V-statistic (False); by default that of the protocol.

    Raises:
        InputError: an empty set, an unknown protocol, a graph that is not simple and undirected, or a single graph
            where the U-statistic needs two.

    >>> stars, paths = [nx.star_graph(5)] * 3, [nx.path_graph(6)] * 3
    >>> graph_mmd(stars, stars)["degree"]
    0.0
    >>> graph_mmd(stars, paths)["degree"] > 0.5
    True
    """
    return compare(describe(reference, protocol), describe(generated, protocol), protocol, unbiased=unbiased)
