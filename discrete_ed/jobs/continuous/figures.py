"""Figures of the experiments on real vectors."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from discrete_ed.jobs.style import GENERATED, QUIET, REAL, style


def mixture_weights(weights: np.ndarray, curves: Mapping[str, np.ndarray], truth: float) -> Figure:
    """Every loss as a function of the weight: above its minimum, and divided by its range.

    The first and the last curve, score matching and maximum likelihood, are dashed.
    """
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    panels = figure.subplots(1, 2)
    names = list(curves)
    colors = [QUIET, *colormaps["viridis"](np.linspace(0.75, 0.15, len(names) - 2)), GENERATED]
    for name, color in zip(names, colors, strict=True):
        line = "--" if name in (names[0], names[-1]) else "-"
        above = curves[name] - curves[name].min()
        panels[0].plot(weights, above, color=color, label=name, linestyle=line)
        panels[1].plot(weights, above / above.max(), color=color, linestyle=line)
    for axes in panels:
        axes.axvline(truth, color=REAL, linewidth=0.8)
        axes.text(truth + 0.01, 0.97, "truth", transform=axes.get_xaxis_transform(), va="top", color=REAL)
    style(panels[0], "the loss as a function of the weight", "weight ρ of the left mode", "loss above its minimum")
    style(panels[1], "its shape", "weight ρ of the left mode", "share of its range")
    panels[0].legend(frameon=False, loc="upper center")
    return figure


def densities(truth: np.ndarray, learned: np.ndarray, samples: np.ndarray, extent: float) -> Figure:
    """Two densities on the square `[−extent, extent]²`, on one scale of colours, and points."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    panels = figure.subplots(1, 3)
    box = (-extent, extent, -extent, extent)
    for axes, values, title in zip(panels, (truth, learned), ("the law", "learned"), strict=False):
        axes.imshow(values, origin="lower", extent=box, cmap="magma", vmin=0, vmax=truth.max())
        style(axes, title, "x₁", "x₂")
    panels[2].scatter(samples[:, 0], samples[:, 1], s=2, color=GENERATED, alpha=0.5, linewidths=0)
    panels[2].set(xlim=box[:2], ylim=box[2:], aspect="equal")
    style(panels[2], "MALA on the learned energy", "x₁", "x₂")
    return figure


def image_grids(panels: Mapping[str, np.ndarray]) -> Figure:
    """Square grids of grey images `(N, H, W)` in [0, 1], side by side."""
    figure = Figure(figsize=(4 * len(panels), 4.3), layout="constrained")
    for axes, (title, images) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        side = isqrt(len(images))
        framed = np.pad(images[: side * side], ((0, 0), (0, 1), (0, 1)), constant_values=0.5)
        _, height, width = framed.shape
        grid = framed.reshape(side, side, height, width).swapaxes(1, 2).reshape(side * height, side * width)
        axes.imshow(grid, cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_axis_off()
    return figure
