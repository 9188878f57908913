"""Figures of recovered couplings. Each function returns a matplotlib figure; nothing here touches a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discrete_ed.report.figures import MADE, QUIET, REAL, style

if TYPE_CHECKING:
    from discrete_ed.ising import Goodness

Array = NDArray[np.float64]
NAMED = 40  # spins up to which a network names them


def coupling_matrices(matrices: Mapping[str, Array]) -> Figure:
    """Coupling matrices side by side on one scale: blue pulls spins together, red apart."""
    figure = Figure(figsize=(5.2 * len(matrices) + 0.8, 4.8), layout="constrained")
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    most = max(max(float(np.abs(matrix).max()) for matrix in matrices.values()), 1e-9)
    for axes, (title, matrix) in zip(panels, matrices.items(), strict=True):
        image = axes.imshow(matrix, cmap="RdBu", vmin=-most, vmax=most, interpolation="nearest")
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlabel("spin")
    panels[0].set_ylabel("spin")
    figure.colorbar(image, ax=list(panels), label="coupling J (physics convention)", shrink=0.85)
    return figure


def recovery(true: Array, learned: Array, errors: Array) -> Figure:
    """Learned against true couplings with 95% intervals, where pairs interact or are said to; and errors of the edges.

    Where all edges have the same coupling, they stand side by side in the order of what was learned.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    upper = np.triu_indices(len(true), 1)
    x, y, e = true[upper], learned[upper], errors[upper]
    alike = len(np.unique(x[x != 0])) <= 1
    first = 0
    for mine, color, label in (
        (x != 0, REAL, "edges"),
        ((x == 0) & (y != 0), MADE, "pairs that aren't edges"),
    ):
        order = np.argsort(y[mine])
        place = first + np.arange(mine.sum()) if alike else x[mine][order]
        left.errorbar(place, y[mine][order], 1.96 * e[mine][order], fmt="o", ms=3, lw=0.7, color=color, label=label)
        if alike and mine.any():
            left.hlines(x[mine][0], first, first + mine.sum(), color=color, linestyle="--", linewidth=1)
        first += mine.sum()
    if alike:
        style(left, "learned couplings (dashed: truth)", "pairs, by what was learned", "learned J, 95% interval")
    else:
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        left.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1, zorder=0)
        style(left, "learned against true couplings", "true J", "learned J, 95% interval")
    left.legend(frameon=False, loc="upper left")
    if (x != 0).any():
        right.hist((y - x)[x != 0], bins=30, color=REAL)
        right.axvline(0, color=QUIET, linestyle="--")
    style(right, "errors on the edges", "learned − true J", "edges")
    return figure


def network(couplings: Array, names: Sequence[str]) -> Figure:
    """The spins that interact: width by strength, blue together, red apart; placed by springs."""
    figure = Figure(figsize=(8.5, 7), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    i, j = np.nonzero(np.triu(couplings, 1))
    graph = nx.Graph()
    graph.add_nodes_from(range(len(couplings)))
    graph.add_weighted_edges_from(zip(i.tolist(), j.tolist(), np.abs(couplings[i, j]).tolist(), strict=True))
    spot = nx.spring_layout(graph, seed=0, k=2 / np.sqrt(len(graph)), iterations=100)
    place = np.array([spot[k] for k in range(len(graph))])
    strength = np.abs(couplings[i, j])
    if len(i):
        colors = np.where(couplings[i, j] > 0, REAL, MADE)
        widths = 0.3 + 3.5 * strength / strength.max()
        lines = LineCollection(
            [(place[a], place[b]) for a, b in zip(i, j, strict=True)], colors=list(colors), linewidths=widths, alpha=0.7
        )
        axes.add_collection(lines)
    axes.scatter(place[:, 0], place[:, 1], s=60 if len(graph) <= NAMED else 14, color=QUIET, zorder=2)
    if len(graph) <= NAMED:
        for name, (x, y) in zip(names, place, strict=True):
            axes.annotate(name, (x, y), textcoords="offset points", xytext=(6, 6), fontsize=8)
    axes.margins(0.08)
    axes.set_title(f"{len(i)} couplings between {len(graph)} spins", loc="left", fontsize=11)
    return figure


def goodness(found: Goodness) -> Figure:
    """What the model predicts against what the data show: pairs, triples, and how many spins are up at once."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, (data, model), title, label in (
        (left, found.pairs, "pairs", "covariance of two spins"),
        (middle, found.triples, "triples", "third moment of three spins"),
    ):
        axes.scatter(data, model, s=6, color=REAL, alpha=0.5, linewidths=0)
        if data.size:
            ends = [min(data.min(), model.min()), max(data.max(), model.max())]
            axes.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1)
        style(axes, title, f"data: {label}", "model")
    up = np.arange(found.sums.shape[1])
    right.plot(up, found.sums[0], color=REAL, marker="o", ms=3, label="data")
    right.plot(up, found.sums[1], color=MADE, label="model")
    right.legend(frameon=False, loc="upper right")
    style(right, "how many are up", "spins up at once", "share of samples")
    return figure
