"""Figures of recovered couplings. Each function returns a matplotlib figure; none needs a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from discrete_ed.jobs.style import GENERATED, QUIET, REAL, style
from discrete_ed.jobs.text import short
from discrete_ed.names import Z_95

if TYPE_CHECKING:
    from discrete_ed.ising import GoodnessOfFit

Array = NDArray[np.float64]
NAMED = 40
"""largest number of spins whose names are shown on the axes"""
FIELDS = 80
"""the same for the figure of fields, which is wider"""
STRONGEST = 100
"""largest number of couplings with which the figure of the network stays readable"""
POINTS, FURTHEST = 10_000, 200
"""largest number of points of a panel that are plotted in a second, and of those that are surely among them"""


def coupling_matrices(matrices: Mapping[str, Array], names: Sequence[str] | None = None) -> Figure:
    """Coupling matrices side by side on one scale: blue couplings favour equal spins, red ones opposite spins.

    Args:
        names: names of the spins; up to 40 are shown on the axes, more are numbered from 1. Without names, spins are
            numbered from 0.
    """
    figure = Figure(figsize=(5.2 * len(matrices) + 0.8, 4.8), layout="constrained")
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    most = max(float(np.abs(matrix).max()) for matrix in matrices.values()) or 1.0
    first = 0 if names is None else 1
    for axes, (title, matrix) in zip(panels, matrices.items(), strict=True):
        d = len(matrix)
        ends = first - 0.5, first + d - 0.5
        image = axes.imshow(
            matrix, cmap="RdBu", vmin=-most, vmax=most, interpolation="nearest", extent=(*ends, *ends[::-1])
        )
        axes.set_title(title, loc="left", fontsize=11)
        if names is not None and d <= NAMED:
            labels = {"labels": [short(name) for name in names], "fontsize": 9 if d <= 20 else 6, "parse_math": False}
            axes.set_xticks(range(1, d + 1), rotation=90, **labels)
            axes.set_yticks(range(1, d + 1), **labels)
            continue
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("spin" if names is None else "column")
        axes.set_ylabel(axes.get_xlabel() if axes is panels[0] else "")
    figure.colorbar(image, ax=list(panels), label="coupling J (physics convention)", shrink=0.85)
    return figure


def recovery(true: Array, learned: Array, interval: tuple[Array, Array]) -> Figure:
    """Learned against true couplings with 95% intervals, for true and for found edges; and the errors of the edges.

    Where all true couplings are equal, the pairs stand side by side in the order of their learned couplings. Couplings
    that are not identified, or were left out instead of estimated, have no interval.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    upper = np.triu_indices(len(true), 1)
    x, y, low, high = (array[upper] for array in (true, learned, *interval))
    bounded = np.isfinite(high - low)
    alike = len(np.unique(x[x != 0])) <= 1
    first = 0
    left.xaxis.set_major_locator(MaxNLocator(6, integer=alike))
    for mine, color, label in (
        (x != 0, REAL, "edges"),
        ((x == 0) & (y != 0), GENERATED, "pairs that aren't edges"),
    ):
        if not mine.any():
            continue
        order = np.argsort(y[mine])
        place = first + np.arange(mine.sum()) if alike else x[mine][order]
        there = bounded[mine][order]
        left.vlines(place[there], low[mine][order][there], high[mine][order][there], lw=0.7, color=color)
        left.plot(place, y[mine][order], "o", ms=3, color=color, label=label)
        if alike:
            left.hlines(x[mine][0], first, first + mine.sum(), color=color, linestyle="--", linewidth=1)
        first += mine.sum()
    if alike:
        style(left, "learned couplings (dashed: truth)", "pairs, by learned coupling", "learned J, 95% interval")
    else:
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        left.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1, zorder=0)
        style(left, "learned against true couplings", "true J", "learned J, 95% interval")
    if first:
        left.legend(frameon=False, loc="upper left")
    else:
        _empty(left, "no couplings, true or learned")
    if (x != 0).any():
        right.hist((y - x)[x != 0], bins=30, color=REAL)
        right.axvline(0, color=QUIET, linestyle="--")
        right.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        right.xaxis.set_major_locator(MaxNLocator(6))
    else:
        _empty(right, "no edges")
    style(right, "errors on the edges", "learned − true J", "edges")
    return figure


def _empty(axes: Axes, why: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, why, ha="center", color=QUIET, transform=axes.transAxes)


def network(couplings: Array, names: Sequence[str]) -> Figure:
    """The spins that interact: wide lines are strong, blue favours equal and red opposite spins; a spring layout.

    At most the 100 strongest couplings are shown, and the names of the first 40 spins that they join. Spins that none
    of them joins are left out; a line says which have no couplings at all.
    """
    figure = Figure(figsize=(8.5, 7), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    pairs = np.argwhere(np.triu(couplings, 1))
    strength = np.abs(couplings[tuple(pairs.T)])
    shown = np.argsort(-strength, kind="stable")[:STRONGEST]
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        (i, j, weight) for (i, j), weight in zip(pairs[shown].tolist(), strength[shown].tolist(), strict=True)
    )
    if len(graph):
        place = nx.spring_layout(graph, seed=0, k=3 / np.sqrt(len(graph)), iterations=200)
        lines = LineCollection(
            [(place[i], place[j]) for i, j in graph.edges],
            colors=[REAL if couplings[i, j] > 0 else GENERATED for i, j in graph.edges],
            linewidths=[0.3 + 3.5 * weight / strength.max() for _, _, weight in graph.edges(data="weight")],
            alpha=0.7,
        )
        axes.add_collection(lines)
        x, y = np.array(list(place.values())).T
        axes.scatter(x, y, s=60 if len(graph) <= NAMED else 25, color=QUIET, zorder=2)
        halo = [withStroke(linewidth=2.5, foreground="white")]
        for node in list(graph)[:NAMED]:  # in the order of the couplings
            axes.annotate(
                short(names[node]),
                place[node],
                textcoords="offset points",
                xytext=(6, 6),
                fontsize=8,
                parse_math=False,
                path_effects=halo,
            )
        axes.margins(0.1)
    count = f"{len(pairs)} couplings" if len(shown) == len(pairs) else f"{len(shown)} of {len(pairs)} couplings"
    axes.set_title(f"{count} between {len(graph)} of {len(couplings)} columns", loc="left", fontsize=11)
    alone = [short(names[node]) for node in np.flatnonzero(~couplings.any(0)).tolist()]
    if alone:
        few = ", ".join(alone[:12]) + (f" and {len(alone) - 12} more" if len(alone) > 12 else "")
        line = fill(f"without couplings: {few}", 110)
        figure.supxlabel(line, x=0.01, ha="left", fontsize=9, color=QUIET, parse_math=False)
    return figure


def fields(values: Array, errors: Array, names: Sequence[str]) -> Figure:
    """Fields with 95% intervals, the smallest first; up to 80 are named."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    axes = figure.subplots()
    order, d = np.argsort(values, kind="stable"), len(values)
    axes.axhline(0, color=QUIET, linestyle="--", linewidth=1)
    axes.errorbar(np.arange(1, d + 1), values[order], Z_95 * errors[order], fmt="o", ms=3, lw=0.7, color=REAL)
    style(axes, "fields", "", "h, 95% interval")
    axes.margins(x=0.01)
    if d <= FIELDS:
        labels = [short(names[k]) for k in order.tolist()]
        axes.set_xticks(range(1, d + 1), labels, rotation=90, fontsize=8 if d <= NAMED else 6, parse_math=False)
    else:
        axes.set_xlabel("columns, by their field")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def goodness_of_fit(fit: GoodnessOfFit) -> Figure:
    """Model against data: means, covariances of pairs, third moments of triples, and how many spins are up at once.

    Of more than 10,000 points the 200 that are furthest from the line and every so many of the others are shown.
    """
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    (first, second), (third, last) = figure.subplots(2, 2)
    for axes, (data, model), title, label in (
        (first, fit.means, "means", "mean of a spin"),
        (second, fit.pairs, "pairs", "covariance of two spins"),
        (third, fit.triples, "triples", "third moment of three spins"),
    ):
        shown = _shown(np.abs(data - model))
        axes.scatter(data[shown], model[shown], s=8 if data.size > 200 else 20, color=REAL, alpha=0.5, linewidths=0)
        if data.size:
            ends = [min(data.min(), model.min()), max(data.max(), model.max())]
            axes.plot(ends, ends, color=QUIET, linestyle="--", linewidth=1)
        some = f", {len(shown):,} of {data.size:,}" if len(shown) < data.size else ""
        style(axes, title + some, f"data: {label}", "model")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
    up = np.arange(fit.sums.shape[1])
    last.plot(up, fit.sums[0], color=REAL, marker="o", ms=3, label="data")
    last.plot(up, fit.sums[1], color=GENERATED, label="model")
    last.legend(frameon=False)
    seen = np.flatnonzero(fit.sums.any(0))
    last.set_xlim(seen[0] - 1, seen[-1] + 1)
    last.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    last.yaxis.set_major_locator(MaxNLocator(5))
    style(last, "how many are up", "spins up at once", "share of samples")
    return figure


def _shown(distances: Array) -> NDArray[np.intp]:
    """The numbers of the points that are plotted."""
    order = np.argsort(-distances, kind="stable")
    if len(order) <= POINTS:
        return order
    others = order[FURTHEST:]
    return np.concatenate([order[:FURTHEST], others[:: -(-len(others) // (POINTS - FURTHEST))]])
