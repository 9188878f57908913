"""The statistics by which sets of graphs are compared. Each statistic gives every graph a row of features, `(G, K)`.

Degree, clustering and spectral features are histograms over the nodes of a graph that sum to one. Orbit features are
means over its nodes. A graph without nodes has a row of zeros.

A new statistic is a function from a `GraphSet` to features, and an entry in `STATISTICS` with a kernel for each
protocol:

    STATISTICS["size"] = Statistic(sizes, kernels={"edp": FeatureKernel("l2", sigma=1.0)})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from discrete_ed.graphs import statistics
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.statistics import Counts, Floats, GraphSet

Description = dict[str, Floats]
"""the features of a set of graphs by statistic, with a row for each graph, `(G, K)`"""

CLUSTERING_BINS = np.linspace(0, 1, 101)  # as in the published code
# The first bin starts a little below zero, as in the published code, so that a rounded zero stays in it.
SPECTRAL_BINS = np.linspace(-1e-5, 2, 201)


def _histograms(places: Counts, bins: int, graphs: GraphSet) -> Floats:
    """Rows that sum to one over the nodes of each graph, from the bin of each node, `(V,)`; `(G, bins)`."""
    counts = np.bincount(graphs.owner * bins + places, minlength=len(graphs) * bins)
    return counts.reshape(len(graphs), bins) / np.maximum(graphs.sizes, 1)[:, None]


def _bin(values: Floats, edges: Floats) -> Counts:
    """The bin of each value as in `numpy.histogram`: bins are closed on the left, and the last one on both sides."""
    return (np.searchsorted(edges, values, side="right") - 1).clip(0, len(edges) - 2)


def degree_histograms(graphs: GraphSet) -> Floats:
    """`(G, largest degree + 1)`."""
    d = statistics.degrees(graphs)
    return _histograms(d, int(d.max(initial=0)) + 1, graphs)


def clustering_histograms(graphs: GraphSet) -> Floats:
    """`(G, 100)`, bins of width 0.01 on [0, 1]."""
    return _histograms(_bin(statistics.clustering(graphs), CLUSTERING_BINS), 100, graphs)


def orbit_means(graphs: GraphSet) -> Floats:
    """`(G, 15)`: orbit counts summed over the nodes, divided by their number."""
    counts = statistics.orbits(graphs)
    sums = [np.bincount(graphs.owner, weights=column, minlength=len(graphs)) for column in counts.T]
    return np.stack(sums, axis=1) / np.maximum(graphs.sizes, 1)[:, None]


def spectral_histograms(graphs: GraphSet) -> Floats:
    """`(G, 200)`, bins on [0, 2] over the eigenvalues of the normalised Laplacian."""
    return _histograms(_bin(statistics.spectra(graphs), SPECTRAL_BINS), 200, graphs)


@dataclass(frozen=True)
class Statistic:
    """A statistic by which sets of graphs are compared: its features, and a kernel for each protocol that uses it.

    >>> edges = Statistic(lambda graphs: graphs.sizes[:, None] / 1.0, {"edp": FeatureKernel("l2", sigma=1.0)})
    >>> sorted(edges.kernels)
    ['edp']
    """

    describe: Callable[[GraphSet], Floats]
    """a function of a set of `G` graphs to rows of features, `(G, K)`"""
    kernels: Mapping[str, FeatureKernel]
    """the kernel between two rows, by name of the protocol; protocols that are missing don't use the statistic"""


STATISTICS: dict[str, Statistic] = {
    "degree": Statistic(
        degree_histograms,
        {
            "edp": FeatureKernel("emd", 1.0),
            "gran": FeatureKernel("tv", 1.0),
            "psd": FeatureKernel("tv", 1.0, shape="laplacian"),
        },
    ),
    "clustering": Statistic(
        clustering_histograms,
        {
            "edp": FeatureKernel("emd", 0.1, bin_width=0.01),
            "gran": FeatureKernel("tv", 0.1),
            "psd": FeatureKernel("cramer", 0.1, bin_width=0.01),
        },
    ),
    "orbit": Statistic(
        orbit_means,
        {
            "edp": FeatureKernel("l2", 30.0),
            "gran": FeatureKernel("tv", 30.0),
            "psd": FeatureKernel("log", 2.0),
        },
    ),
    "spectral": Statistic(
        spectral_histograms,
        {
            "edp": FeatureKernel("emd", 1.0),
            "gran": FeatureKernel("tv", 1.0),
            "psd": FeatureKernel("cramer", 0.5, bin_width=0.01),
        },
    ),
}
"""every statistic by name; one that is added here appears in scores, tables, pages and results"""

AVERAGED = ("degree", "clustering", "orbit")
"""the statistics that the literature averages into one number, the mean of 3"""
