"""Figures of synthetic tables. Each function returns a matplotlib figure; none needs a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from discrete_ed.jobs.style import GENERATED, QUIET, REAL, style
from discrete_ed.jobs.text import short
from discrete_ed.tables import Column, TableEvaluation
from discrete_ed.tables.evaluation import COPULA, INDEPENDENT, YARDSTICKS, PreparedTables
from discrete_ed.tables.evaluation import REAL as REAL_ROWS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import Series

SHOWN_COLUMNS, SHOWN_VALUES = 12, 10
"""largest numbers of columns, and of values of a column, that are shown"""
BINS = 30
LABELLED = 25
"""largest number of columns whose names stand beside a picture of pairs"""


def scores(evaluation: TableEvaluation) -> Figure:
    """Distances and AUC of each table as points, with the floor as a line."""
    found = list(evaluation.scores.values())
    panels = {"columns": [each.marginal for each in found]}
    for title, measured in (
        ("pairs", [each.pairs.mean_contingency for each in found]),
        ("correlations", [each.pairs.mean_correlation for each in found]),
    ):
        known = [value for value in measured if value is not None]
        panels |= {title: known} if len(known) == len(found) else {}
    panels["AUC real or not"] = [each.detection.auc for each in found]
    names = list(evaluation.scores)
    colors = [QUIET if name in (INDEPENDENT, COPULA) else REAL if name == REAL_ROWS else GENERATED for name in names]
    figure = Figure(figsize=(11, 1.3 + 0.32 * len(names)), layout="constrained")
    for axes, (title, values) in zip(
        np.ravel(figure.subplots(1, len(panels), sharey=True)), panels.items(), strict=True
    ):
        places = np.arange(len(names))[::-1]
        axes.hlines(places, 0.5 if "AUC" in title else 0, values, color=colors, linewidth=1.5)
        axes.scatter(values, places, color=colors, zorder=3)
        axes.axvline(values[names.index(REAL_ROWS)], color=REAL, linestyle="--", linewidth=1)
        axes.set_yticks(places, [short(name) for name in names])
        axes.set_ylim(-0.6, len(names) - 0.4)
        style(axes, title, "", "")
    return figure


def columns(prepared: PreparedTables, evaluation: TableEvaluation, name: str) -> Figure:
    """The columns of a table that differ most from those of held-out rows, beside these."""
    found = evaluation.scores[name].columns
    order = sorted(prepared.schema.columns, key=lambda column: -found[column.name].distance)[:SHOWN_COLUMNS]
    wide = min(4, len(order))
    tall = -(-len(order) // wide)
    figure = Figure(figsize=(11, 0.5 + 2.1 * tall), layout="constrained")
    grid = np.ravel(figure.subplots(tall, wide, squeeze=False))
    for axes, column in zip(grid, order, strict=False):
        real, other = (table[column.name] for table in (prepared.reference, prepared.tables[name]))
        (_bars if column.is_discrete else _densities)(axes, column, real, other)
        style(axes, f"{short(str(column.name))}: {found[column.name].distance:.3f}", "", "")
        axes.tick_params(labelsize=8)
    for axes in grid[len(order) :]:
        axes.set_axis_off()
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    return figure


def pairs(evaluation: TableEvaluation, name: str) -> Figure:
    """Distances of all pairs of columns, of a table and of the yardsticks, as images with one scale of colours."""
    shown = [name, *YARDSTICKS]
    largest = max(float(evaluation.scores[each].pairs.contingency.max()) for each in shown)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    labels = [short(str(each), 12) for each in evaluation.schema.names]
    for axes, each in zip(figure.subplots(1, len(shown)), shown, strict=True):
        picture = axes.imshow(
            evaluation.scores[each].pairs.contingency, vmin=0, vmax=largest, cmap="viridis", interpolation="nearest"
        )
        axes.set_title(short(each), loc="left", fontsize=11)
        axes.set_xticks([])
        axes.set_yticks(range(len(labels)) if each == name and len(labels) <= LABELLED else [])
        if each == name and len(labels) <= LABELLED:
            axes.set_yticklabels(labels, fontsize=7)
    figure.colorbar(picture, ax=figure.axes, shrink=0.8, label="total variation")
    return figure


def _bars(axes: Axes, column: Column, real: Series, other: Series) -> None:
    """Shares of the most frequent values of a category, or of the values of an ordinal in order."""
    seen = {*real.dropna(), *other.dropna()}  # others are values of other tables alone
    values = [value for value in column.values if value in seen]
    shares = [cells.value_counts(normalize=True).reindex(values, fill_value=0).to_numpy() for cells in (real, other)]
    shown = np.argsort(-shares[0], kind="stable")[:SHOWN_VALUES]
    shown = np.sort(shown) if column.kind == "ordinal" else shown
    for k, (share, color, label) in enumerate(zip(shares, (REAL, GENERATED), ("real", "synthetic"), strict=True)):
        axes.bar(np.arange(len(shown)) + 0.4 * k, share[shown], 0.4, color=color, label=label)
    angle = 0 if max(len(str(values[k])) for k in shown) * len(shown) < 24 else 35
    axes.set_xticks(np.arange(len(shown)) + 0.2, [short(str(values[k]), 9) for k in shown], rotation=angle)


def _densities(axes: Axes, column: Column, real: Series, other: Series) -> None:
    """Histograms of a number, in bins of the central range of the real cells."""
    del column
    first, second = (each.dropna().to_numpy(float) for each in (real, other))
    low, high = np.quantile(np.concatenate([first, second]), [0.002, 0.998])
    bins = np.linspace(low, high if high > low else low + 1, BINS + 1).tolist()
    axes.hist(first.clip(low, high), bins=bins, density=True, color=REAL, alpha=0.6, label="real")
    axes.hist(
        second.clip(low, high),
        bins=bins,
        density=True,
        histtype="step",
        color=GENERATED,
        linewidth=1.5,
        label="synthetic",
    )
    axes.set_yticks([])
