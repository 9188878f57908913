"""Maximum mean discrepancy between two sets of graphs: descriptor → kernel → estimator.

| protocol | degree | clustering | orbit | spectral | before that |
|---|---|---|---|---|---|
| `edp` (GraphRNN, EDP-GNN, GDSS) | EMD, σ 1 | EMD, σ 0.1 | L2, σ 30 | EMD, σ 1 | isolated nodes are dropped |
| `gran` (GRAN, SPECTRE, SwinGNN) | TV, σ 1 | TV, σ 0.1 | TV, σ 30 | TV, σ 1 | graphs without nodes are dropped |
| `psd` (this package's) | TV, σ 1 | Cramér, σ 0.1 | L2 of log, σ 2 | Cramér, σ 0.5 | nothing |

The kernels are `exp(−dist² / 2σ²)`, but for degree in `psd`, `exp(−dist / σ)`. `edp` and `gran` take the biased
V-statistic of MMD², no square root; `psd` takes the U-statistic. Degree, clustering (100 bins on [0, 1]) and spectral
(200 bins on [0, 2]) are histograms over nodes that sum to one. Orbit is the sum over nodes of the 15 four-node orbit
counts, divided by the number of nodes. EMD and Cramér's distance are the L1 and L2 norms of the difference of
cumulative histograms, over degrees, the clustering coefficient, and, for `spectral`, bins (`edp`) or the eigenvalue
(`psd`).

Know what you quote: the EMD- and TV-Gaussian kernels of `edp` and `gran` are not positive definite, so a score of zero
or less need not mean equality, and under equality of the two laws the V-statistic still expects
`(1/m + 1/n) (1 − E k)`. Hence the floor beside every score. Clustering in `gran` sees any two graphs whose histograms
differ in more than .3 of their nodes as wholly different (k < .011).

`psd` mends these: its kernels are positive definite, its estimate expects zero under equality (and is then negative
about as often as positive), and it changes no graph. One without nodes is compared as it is, with the row of zeros. Its
σ are fixed, so that scores can be compared between papers. Distances and σ were chosen for the power to tell ego
graphs from the same with 2% and 5% of their pairs flipped (`scripts/power.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import networkx as nx
import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.convert import check_graphs
from discrete_ed.graphs.descriptors import DESCRIPTORS, Description
from discrete_ed.graphs.kernels import Kernel
from discrete_ed.graphs.statistics import GraphSet, degrees
from discrete_ed.metrics.two_sample import mmd2


@dataclass(frozen=True)
class Protocol:
    """How one line of the literature computes its scores."""

    name: str
    clean: Callable[[GraphSet], GraphSet]
    kernels: Mapping[str, Kernel]
    unbiased: bool = False
    """whether the score is the U-statistic"""
    changes: Callable[[GraphSet], dict[str, int]] = lambda _: {}
    """what the cleaning does: the number of graphs that it changes, by what happens to them"""


def _as_they_are(graphs: GraphSet) -> GraphSet:
    return graphs


def _isolated_nodes_dropped(graphs: GraphSet) -> dict[str, int]:
    lone = degrees(graphs) == 0
    edgeless = np.bincount(graphs.owner[~lone], minlength=len(graphs)) == 0
    loses = np.bincount(graphs.owner[lone], minlength=len(graphs)) > 0
    return {
        "lost_isolated_nodes": int(np.sum(loses & ~edgeless)),
        "became_one_node": int(np.sum(edgeless & (graphs.sizes != 1))),
    }


def _null_graphs_dropped(graphs: GraphSet) -> dict[str, int]:
    return {"dropped_without_nodes": int(np.sum(graphs.sizes == 0))}


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "edp": Protocol(
            "edp",
            GraphSet.without_isolated_nodes,
            {
                "degree": Kernel("emd", 1.0),
                "clustering": Kernel("emd", 0.1, bin_width=0.01),
                "orbit": Kernel("l2", 30.0),
                "spectral": Kernel("emd", 1.0),
            },
            changes=_isolated_nodes_dropped,
        ),
        "gran": Protocol(
            "gran",
            GraphSet.without_null_graphs,
            {
                "degree": Kernel("tv", 1.0),
                "clustering": Kernel("tv", 0.1),
                "orbit": Kernel("tv", 30.0),
                "spectral": Kernel("tv", 1.0),
            },
            changes=_null_graphs_dropped,
        ),
        "psd": Protocol(
            "psd",
            _as_they_are,
            {
                "degree": Kernel("tv", 1.0, shape="laplacian"),
                "clustering": Kernel("cramer", 0.1, bin_width=0.01),
                "orbit": Kernel("log", 2.0),
                "spectral": Kernel("cramer", 0.5, bin_width=0.01),
            },
            unbiased=True,
        ),
    }
)


def get_protocol(name: str) -> Protocol:
    """The protocol of that name, or an `InputError` that lists those there are."""
    if name not in PROTOCOLS:
        raise InputError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {name!r}")
    return PROTOCOLS[name]


def describe(graphs: Iterable[nx.Graph], protocol: str = "edp") -> Description:
    """The features that a protocol compares, a row for each graph that its cleaning leaves.

    Raises:
        InputError: no graph is left, or one is not a simple undirected graph.
    """
    cleaned = get_protocol(protocol).clean(GraphSet.of(check_graphs(graphs)))
    if len(cleaned) == 0:
        raise InputError(f"graphs: expected at least one graph for protocol {protocol!r}, got none with a node")
    return {name: descriptor(cleaned) for name, descriptor in DESCRIPTORS.items()}


def cleaned(graphs: Iterable[nx.Graph], protocol: str = "edp") -> dict[str, int]:
    """How many graphs a protocol's cleaning changes, by what it does to them.

    `edp`: `lost_isolated_nodes` (and kept others), `became_one_node` (had no edge, or no node). `gran`:
    `dropped_without_nodes`. `psd`: nothing.

    >>> cleaned([nx.path_graph(3), nx.empty_graph(2)])
    {'lost_isolated_nodes': 0, 'became_one_node': 1}
    """
    return get_protocol(protocol).changes(GraphSet.of(check_graphs(graphs)))


def compare(
    reference: Description, generated: Description, protocol: str = "edp", *, unbiased: bool | None = None
) -> dict[str, float]:
    """MMD² for each statistic between two described sets; as `graph_mmd`, for descriptions that are used again."""
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
        generated: what is judged.
        protocol: `edp`, `gran` or `psd`; see the table of this module.
        unbiased: the U-statistic (True) or the V-statistic (False); by default what the protocol says.

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
