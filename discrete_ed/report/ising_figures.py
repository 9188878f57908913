"""Figures of recovered couplings. Each function returns a matplotlib figure; nothing here touches a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from discrete_ed.report.figures import MADE, QUIET, REAL, label, style

if TYPE_CHECKING:
    from discrete_ed.ising import Goodness

Array = NDArray[np.float64]
NAMED, DRAWN = 40, 100  # spins up to which a network names them; couplings that it draws at most


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
    for mine, color, what in (
        (x != 0, REAL, "edges"),
        ((x == 0) & (y != 0), MADE, "pairs that aren't edges"),
    ):
        if not mine.any():
            continue
        order = np.argsort(y[mine])
        place = first + np.arange(mine.sum()) if alike else x[mine][order]
        left.errorbar(place, y[mine][order], 1.96 * e[mine][order], fmt="o", ms=3, lw=0.7, color=color, label=what)
        if alike:
            left.hlines(x[mine][0], first, first + mine.sum(), color=color, linestyle="--", linewidth=1)
        first += mine.sum()
    if alike:
        style(left, "learned couplings (dashed: truth)", "pairs, by what was learned", "learned J, 95% interval")
    else:
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        left.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1, zorder=0)
        style(left, "learned against true couplings", "true J", "learned J, 95% interval")
    if left.get_legend_handles_labels()[0]:
        left.legend(frameon=False, loc="upper left")
    left.xaxis.set_major_locator(MaxNLocator(6, integer=alike))
    right.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    if (x != 0).any():
        right.hist((y - x)[x != 0], bins=30, color=REAL)
        right.axvline(0, color=QUIET, linestyle="--")
    style(right, "errors on the edges", "learned − true J", "edges")
    return figure


def network(couplings: Array, names: Sequence[str]) -> Figure:
    """The spins that interact: width by strength, blue together, red apart; placed by springs.

    Of more than 100 couplings the strongest are drawn; spins without one of these aren't.
    """
    figure = Figure(figsize=(8.5, 7), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    pairs = np.argwhere(np.triu(couplings, 1))
    strength = np.abs(couplings[tuple(pairs.T)])
    strongest = np.argsort(-strength, kind="stable")[:DRAWN]
    shown, strength = pairs[strongest], strength[strongest]
    graph = nx.Graph()
    graph.add_nodes_from(sorted(set(shown.ravel().tolist())))
    graph.add_weighted_edges_from((*pair, value) for pair, value in zip(shown.tolist(), strength.tolist(), strict=True))
    spot = nx.spring_layout(graph, seed=0, k=2 / np.sqrt(max(len(graph), 1)), iterations=100)
    if len(shown):
        colors = np.where(couplings[tuple(shown.T)] > 0, REAL, MADE)
        lines = [(spot[i], spot[j]) for i, j in shown.tolist()]
        widths = 0.3 + 3.5 * strength / strength.max()
        axes.add_collection(LineCollection(lines, colors=list(colors), linewidths=list(widths), alpha=0.7))
    few = len(graph) <= NAMED
    for k, (x, y) in spot.items():
        axes.scatter(x, y, s=60 if few else 14, color=QUIET, zorder=2)
        if few:
            axes.annotate(label(names[k]), (x, y), textcoords="offset points", xytext=(6, 6), fontsize=8)
    axes.margins(0.08)
    title = f"{len(pairs)} couplings between {len(couplings)} spins"
    title += f", the {DRAWN} strongest" if len(pairs) > DRAWN else ""
    alone = len(couplings) - len(graph)
    title += f"; {alone} spin{'s' if alone > 1 else ''} without" if alone else ""
    axes.set_title(title, loc="left", fontsize=11)
    return figure


def goodness(found: Goodness) -> Figure:
    """What the model predicts against what the data show: pairs, triples, and how many spins are up at once."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, (data, model), title, what in (
        (left, found.pairs, "pairs", "covariance of two spins"),
        (middle, found.triples, "triples", "third moment of three spins"),
    ):
        axes.scatter(data, model, s=6, color=REAL, alpha=0.5, linewidths=0)
        if data.size:
            ends = [min(data.min(), model.min()), max(data.max(), model.max())]
            axes.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        style(axes, title, f"data: {what}", "model")
    up = np.arange(found.sums.shape[1])
    right.plot(up, found.sums[0], color=REAL, marker="o", ms=3, label="data")
    right.plot(up, found.sums[1], color=MADE, label="model")
    right.legend(frameon=False, loc="upper right")
    style(right, "how many are up", "spins up at once", "share of samples")
    return figure
