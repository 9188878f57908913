"""Figures of learned densities. Each function returns a matplotlib figure; none needs a display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from discrete_ed.data.tables import Bits
from discrete_ed.data.toys import Points, Toy
from discrete_ed.energies import Energy
from discrete_ed.energies.base import device_of
from discrete_ed.jobs.style import GENERATED, QUIET, REAL, plot_loss, range_of, style
from discrete_ed.states import CHUNK_STATES
from discrete_ed.training.selection import Selected

PIXELS, POINTS = 150, 4
"""pixels on a side of a heat map, and points in each pixel, over which the density is averaged"""


def heat_maps(toy: Toy, energy: Energy, log_z: float) -> Figure:
    """The learned density in the plane and the true one, side by side."""
    reach = min(toy.half_width, toy.reach + 0.5)
    rng = np.random.default_rng(0)
    side = 2 * reach / PIXELS
    corners = -reach + side * np.stack(np.meshgrid(np.arange(PIXELS), np.arange(PIXELS)), -1).reshape(-1, 2)
    device = device_of(energy)
    learned, true = np.zeros(PIXELS**2), np.zeros(PIXELS**2)
    for _ in range(POINTS):
        points = corners + side * rng.random(corners.shape)
        states = torch.from_numpy(toy.encode(points))
        with torch.no_grad():
            parts = [energy(rows.float().to(device)).cpu() for rows in states.split(CHUNK_STATES)]
        energies = torch.cat(parts).double()
        learned += np.exp(-energies.numpy() - log_z - toy.log_cell) / POINTS
        true += toy.density(points) / POINTS
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    top = max(np.quantile(true, 0.999), 1e-12)
    for axes, density, title in zip(figure.subplots(1, 2), (learned, true), ("learned", "true"), strict=True):
        picture = axes.imshow(
            density.reshape(PIXELS, PIXELS),
            origin="lower",
            extent=(-reach, reach) * 2,
            vmin=0,
            vmax=top,
            cmap="viridis",
        )
        axes.set_title(title, loc="left", fontsize=11)
    figure.colorbar(picture, ax=figure.axes, shrink=0.8, label="density")
    return figure


def points(samples: Points, truth: Points, toy: Toy) -> Figure:
    """Samples of the model and of the true density, side by side, as points in the plane."""
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    panels = ((samples, "samples", GENERATED), (truth, "test states", REAL))
    for axes, (places, title, color) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.scatter(*places.T, s=2, color=color, linewidths=0)
        axes.set_xlim(-toy.half_width, toy.half_width)
        axes.set_ylim(-toy.half_width, toy.half_width)
        axes.set_aspect("equal")
        style(axes, title, "x", "y")
    return figure


def images(samples: Bits, truth: Bits, shape: tuple[int, int], *, side: int = 8) -> Figure:
    """The first samples and the first test images, side by side."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    for axes, pictures, title in zip(figure.subplots(1, 2), (samples, truth), ("samples", "test images"), strict=True):
        shown = np.zeros((side * side, shape[0] + 1, shape[1] + 1))
        few = pictures[: side * side].reshape(-1, *shape)
        shown[: len(few), 1:, 1:] = few
        grid = shown.reshape(side, side, *shown.shape[1:]).swapaxes(1, 2).reshape(side * shown.shape[1], -1)
        axes.imshow(grid, cmap="gray_r", interpolation="nearest")
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_axis_off()
    return figure


def moments(samples: Bits, truth: Bits) -> Figure:
    """Means of bits, and covariances of pairs of bits, in the samples against those in test states."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    upper = np.triu_indices(samples.shape[1], 1)
    for axes, statistic, title in (
        (left, lambda x: x.mean(0), "mean of a bit"),
        (right, lambda x: np.cov(x.T.astype(float)).reshape(x.shape[1], -1)[upper], "covariance of two bits"),
    ):
        x, y = statistic(truth), statistic(samples)
        axes.scatter(x, y, s=8, color=GENERATED, linewidths=0, alpha=0.7)
        if len(x):
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            axes.plot(ends, ends, color=QUIET, linewidth=1, zorder=0)
        style(axes, title, "test states", "samples")
    return figure


def curves(selected: Sequence[Selected], score: str) -> Figure:
    """Loss over the steps of the first fit; validation scores of every fit, with the score that was kept.

    Args:
        selected: the fit of each member of an ensemble.
        score: what the validation scores are, as the label of their axis.
    """
    loss = [record["loss"] for record in selected[0].records]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_loss(left, loss, "loss")
    shown: list[float] = []
    for fitted in selected:
        steps, scores = zip(*fitted.scores, strict=True)
        right.plot(steps, scores, color=REAL, marker="o", markersize=3, linewidth=1)
        right.plot([fitted.step], [fitted.score], color=GENERATED, marker="o", markersize=7)
        shown += scores[len(scores) // 5 :]
    right.set_ylim(*range_of(shown, include=max(fitted.score for fitted in selected)))
    style(right, "validation", "training step", score)
    return figure
