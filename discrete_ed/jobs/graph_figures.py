"""Galleries of graphs and histograms of their statistics, as matplotlib figures. None needs a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy import sparse

from discrete_ed.graphs.statistics import GraphSet, clustering, degrees
from discrete_ed.jobs.style import GENERATED, QUIET, REAL, style

KAMADA_KAWAI_NODES = 64  # largest graph with the Kamada–Kawai layout
LARGEST = 500  # largest graph whose nodes and edges are plotted
MOST_EDGES = 4000  # of a graph with more edges, this many are plotted, chosen at random
POOLED = (
    "Distributions of the sets of graphs. The scores above compare graph by graph; these histograms pool all graphs."
)
"""caption of the figure of statistics"""


def layout(graph: nx.Graph) -> np.ndarray:
    """Coordinates of the nodes of a graph, in the order of the graph and the same each time, `(n, 2)`.

    Up to 64 nodes it is the Kamada–Kawai layout, with components as far apart as the graph is long instead of
    infinitely far. For more nodes it is a spring layout, which for a connected graph starts near the spectral layout,
    since that unfolds grids and rings.
    """
    if len(graph) > KAMADA_KAWAI_NODES:
        initial, noise = None, np.random.default_rng(0)
        # In a disconnected graph all nodes of a component would start in one place; the noise separates twins.
        if nx.is_connected(graph):
            initial = {node: at + noise.normal(scale=0.002, size=2) for node, at in nx.spectral_layout(graph).items()}
        place = nx.spring_layout(graph, pos=initial, iterations=50 if initial is None else 20, seed=0)
    else:
        distances = {u: dict(nx.single_source_shortest_path_length(graph, u)) for u in graph}
        far = 1 + max((max(row.values()) for row in distances.values()), default=0)
        whole = {u: {v: row.get(v, far) for v in graph} for u, row in distances.items()}
        place = nx.kamada_kawai_layout(graph, dist=whole)
    return np.array([place[node] for node in graph]).reshape(-1, 2)


def _plot(axes: Axes, graph: nx.Graph, color: str) -> None:
    axes.set_axis_off()
    axes.set_aspect("equal")
    if len(graph) == 0:
        return
    if len(graph) > LARGEST:
        size = f"{len(graph)} nodes\n{graph.number_of_edges()} edges"
        axes.text(0.5, 0.5, size, ha="center", va="center", fontsize=7, color=color, transform=axes.transAxes)
        return
    place = layout(graph)
    ends = np.stack(sparse.triu(GraphSet.of([graph]).adjacency).nonzero(), axis=1)
    if len(ends) > MOST_EDGES:
        ends = ends[np.random.default_rng(0).choice(len(ends), MOST_EDGES, replace=False)]
    fine = min(1.0, (KAMADA_KAWAI_NODES / len(graph)) ** 0.5)
    axes.add_collection(LineCollection(place[ends], colors=QUIET, linewidths=0.7 * fine))
    x, y = place.T
    axes.scatter(x, y, s=27 * fine**3, color=color, linewidths=0, zorder=2)
    middle, reach = (place.min(0) + place.max(0)) / 2, 0.62 * (np.ptp(place, axis=0).max() or 1)
    # The panel is a square, since a single flat edge has no height of its own and would not be visible.
    axes.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))


def gallery(
    train: Sequence[nx.Graph],
    generated: Sequence[nx.Graph],
    *,
    most: int = 36,
    left: str = "training graphs",
    right: str = "generated graphs",
) -> Figure:
    """The first graphs of two sets, side by side in the same layout; a set of few graphs fills its half as well.

    For a graph with more than 4,000 edges, 4,000 of them are plotted, chosen at random. For a graph with more than 500
    nodes only its size is shown.
    """
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    grid = figure.add_gridspec(1, 2)
    halves = figure.add_subfigure(grid[0, 0]), figure.add_subfigure(grid[0, 1])
    panels = ((halves[0], left, train, REAL), (halves[1], right, generated, GENERATED))
    for half, title, graphs, color in panels:
        half.suptitle(title, fontsize=12, parse_math=False)
        shown = max(1, min(most, len(graphs)))
        columns = isqrt(shown - 1) + 1  # as many as rows, or one more
        cells = half.subplots(-(-shown // columns), columns, squeeze=False).ravel()
        for axes in cells:
            axes.set_axis_off()
        for axes, graph in zip(cells, graphs, strict=False):
            _plot(axes, graph, color)
    return figure


def statistics(sets: Mapping[str, Sequence[nx.Graph]]) -> Figure:
    """Distribution of degrees, clustering coefficients and numbers of edges in each of the named sets of graphs."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    laid_out = {name: GraphSet.of(graphs) for name, graphs in sets.items()}
    degree = {name: degrees(graphs) for name, graphs in laid_out.items()}
    edges = {name: np.array([graph.number_of_edges() for graph in graphs]) for name, graphs in sets.items()}
    _histograms(left, degree, np.arange(-0.5, max(d.max(initial=0) for d in degree.values()) + 1.5))
    _histograms(middle, {name: clustering(graphs) for name, graphs in laid_out.items()}, np.linspace(0, 1, 11))
    most = max(m.max(initial=0) for m in edges.values())
    width = 1 + most // 25
    _histograms(right, edges, np.arange(-0.5, most + width, width))
    style(left, "degree", "degree of a node", "share of nodes")
    style(middle, "clustering", "clustering coefficient of a node", "share of nodes")
    style(right, "size", "edges of a graph", "share of graphs")
    legend = figure.legend(
        *left.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=len(sets)
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a `$` in the name of a file is no formula
    return figure


def _histograms(axes: Axes, sets: Mapping[str, np.ndarray], bins: np.ndarray) -> None:
    """A histogram of each set over the same bins."""
    colors = (REAL, GENERATED) if len(sets) == 2 else (REAL, QUIET, GENERATED)
    for (name, values), color in zip(sets.items(), colors, strict=True):
        share = np.histogram(values, bins)[0] / max(len(values), 1)
        axes.stairs(share, bins, color=color, label=name, linewidth=2 if color == GENERATED else 1.5)
