"""Training and sampling curves of the job that generates graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.jobs.style import GENERATED, QUIET, REAL, plot_loss, range_of, style


def curves(
    loss: Sequence[float],
    held_out: Sequence[tuple[int, float]],
    generated: GeneratedGraphs,
    data_energy: float,
    *,
    unit: str = "sampler step",
) -> Figure:
    """Loss over training steps; mean energy and acceptance of the chains over sampler steps or noise levels.

    Args:
        loss: of each training step.
        held_out: the loss of held-out graphs, by training step.
        generated: the trace of the chains.
        data_energy: the mean energy of the training graphs, plotted as a line that the chains should reach.
        unit: what the chains count, for the axis.
    """
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plot_loss(left, loss, "energy discrepancy")
    if held_out:
        other = left.twinx()  # its negatives are others, so the two losses are not to be compared
        other.plot(*zip(*held_out, strict=True), "o", color=REAL, markersize=3)
        other.set_ylabel("loss of held-out graphs", color=REAL)
        other.tick_params(axis="y", colors=REAL)
        other.spines["top"].set_visible(False)
    plot_chains(middle, right, generated, data_energy, unit)
    return figure


def chain_curves(generated: GeneratedGraphs, data_energy: float, *, unit: str = "sampler step") -> Figure:
    """Mean energy and acceptance of the chains over sampler steps; the arguments are those of `curves`."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_chains(left, right, generated, data_energy, unit)
    return figure


def plot_chains(left: Axes, right: Axes, generated: GeneratedGraphs, data_energy: float, unit: str) -> None:
    """Mean energy and acceptance of the chains over sampler steps, each on its axes; the arguments are those of
    `curves`."""
    energy = generated.mean_energy
    steps = np.arange(1, len(energy) + 1)
    left.plot(steps, energy, color=GENERATED, label="chains")
    left.axhline(data_energy, color=REAL, linestyle="--", label="training graphs")
    left.set_ylim(*range_of(energy[len(energy) // 20 :], include=data_energy))
    left.legend(frameon=False, loc="upper right")
    style(left, "mean energy", unit, "E(x)" if not generated.effective else "E(x, t)")
    right.plot(steps, generated.acceptance, color=GENERATED, label="single flips")
    right.set_ylim(0, 1.02)
    style(right, "acceptance", unit, "share of chains that moved")
    if generated.effective:
        right.plot(steps, generated.effective, "--", color=QUIET, label="independent edges")
        right.legend(frameon=False, loc="lower left")
        right.set_ylabel("share")
