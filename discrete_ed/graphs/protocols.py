"""Protocols: how different strands of the literature, and this package, score a set of graphs.

| protocol | degree | clustering | orbit | spectral | cleaning |
|---|---|---|---|---|---|
| `edp` (GraphRNN, EDP-GNN, GDSS) | EMD, σ 1 | EMD, σ 0.1 | L2, σ 30 | EMD, σ 1 | isolated nodes are dropped |
| `gran` (GRAN, SPECTRE, SwinGNN) | TV, σ 1 | TV, σ 0.1 | TV, σ 30 | TV, σ 1 | graphs without nodes are dropped |
| `psd` (this package's) | TV, σ 1 | Cramér, σ 0.1 | L2 of log, σ 2 | Cramér, σ 0.5 | nothing |

The kernels are `exp(−dist² / 2σ²)`, except that for degree in `psd`, which is `exp(−dist / σ)`. `edp` and `gran` use
the biased V-statistic of MMD², without a square root; `psd` uses the U-statistic. Degree, clustering (100 bins on [0,
1]) and spectral (200 bins on [0, 2]) features are histograms over nodes that sum to one. Orbit features are the sums
over nodes of the 15 four-node orbit counts, divided by the number of nodes. EMD and Cramér's distance are the L1 and L2
norms of the difference of cumulative histograms, over degrees, the clustering coefficient, and, for `spectral`, bins
(`edp`) or the eigenvalue (`psd`).

Before you quote a score: the EMD- and TV-Gaussian kernels of `edp` and `gran` are not positive definite, so a score of
zero or less need not mean that the laws are equal. If the two laws are equal, the V-statistic still has the expectation
`(1/m + 1/n) (1 − E k)`, which is why every score is reported with a floor. Clustering in `gran` counts any two graphs
whose histograms differ in more than .3 of their nodes as completely different (k < .011).

`psd` avoids these defects. Its kernels are positive definite. Its estimate has expectation zero if the laws are equal,
and is then negative about as often as positive. It changes no graph: one without nodes is compared as it is, with a row
of zeros. Its σ are fixed, so that scores can be compared between papers. Its distances and σ were chosen for the power
to tell ego graphs from the same graphs with 2% and 5% of their pairs flipped (`scripts/maintenance/power.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.graphs.descriptors import STATISTICS
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.statistics import GraphSet, degrees


@dataclass(frozen=True)
class Protocol:
    """The cleaning and the estimate of a protocol. Its kernels are defined with each statistic in `STATISTICS`."""

    name: str
    clean: Callable[[GraphSet], GraphSet]
    """removes nodes and graphs that the protocol does not compare"""
    changes: Callable[[GraphSet], dict[str, int]] = lambda _: {}
    """the number of graphs that the cleaning changes, by the kind of change"""
    unbiased: bool = False
    """whether the score is the U-statistic"""

    @property
    def kernels(self) -> dict[str, FeatureKernel]:
        """The kernel of each statistic that this protocol compares."""
        return {
            name: statistic.kernels[self.name]
            for name, statistic in STATISTICS.items()
            if self.name in statistic.kernels
        }


def _unchanged(graphs: GraphSet) -> GraphSet:
    return graphs


def _isolated_nodes_dropped(graphs: GraphSet) -> dict[str, int]:
    isolated = degrees(graphs) == 0
    edgeless = np.bincount(graphs.owner[~isolated], minlength=len(graphs)) == 0
    loses = np.bincount(graphs.owner[isolated], minlength=len(graphs)) > 0
    return {
        "lost_isolated_nodes": int(np.sum(loses & ~edgeless)),
        "became_one_node": int(np.sum(edgeless & (graphs.sizes != 1))),
    }


def _null_graphs_dropped(graphs: GraphSet) -> dict[str, int]:
    return {"dropped_without_nodes": int(np.sum(graphs.sizes == 0))}


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "edp": Protocol("edp", GraphSet.without_isolated_nodes, _isolated_nodes_dropped),
        "gran": Protocol("gran", GraphSet.without_null_graphs, _null_graphs_dropped),
        "psd": Protocol("psd", _unchanged, unbiased=True),
    }
)


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        InputError: there is no such protocol; the message lists all of them.
    """
    if name not in PROTOCOLS:
        raise InputError(f"protocol: expected one of {', '.join(PROTOCOLS)}, got {name!r}")
    return PROTOCOLS[name]
