"""Training and sampling curves of the job that generates graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from discrete_ed.jobs.style import GENERATED, REAL, plot_loss, range_of, style


def curves(
    loss: Sequence[float],
    energy: Sequence[float],
    acceptance: Sequence[float],
    data_energy: float,
    *,
    unit: str = "sampler step",
) -> Figure:
    """Loss over training steps; mean energy and acceptance of the chains over sampler steps or noise levels.

    Args:
        loss: of each training step.
        energy: mean energy of the chains after each sampler step.
        acceptance: share of the chains that moved in each sampler step.
        data_energy: the mean energy of the training graphs, plotted as a line that the chains should reach.
        unit: what the chains count, for the axis.
    """
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plot_loss(left, loss, "energy discrepancy")
    plot_chains(middle, right, energy, acceptance, data_energy, unit)
    return figure


def chain_curves(
    energy: Sequence[float], acceptance: Sequence[float], data_energy: float, *, unit: str = "sampler step"
) -> Figure:
    """Mean energy and acceptance of the chains over sampler steps; the arguments are those of `curves`."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_chains(left, right, energy, acceptance, data_energy, unit)
    return figure


def plot_chains(
    left: Axes, right: Axes, energy: Sequence[float], acceptance: Sequence[float], data_energy: float, unit: str
) -> None:
    """Mean energy and acceptance of the chains over sampler steps, each on its axes; the arguments are those of
    `curves`."""
    steps = np.arange(1, len(energy) + 1)
    left.plot(steps, energy, color=GENERATED, label="chains")
    left.axhline(data_energy, color=REAL, linestyle="--", label="training graphs")
    left.set_ylim(*range_of(energy[len(energy) // 20 :], include=data_energy))
    left.legend(frameon=False, loc="upper right")
    style(left, "mean energy", unit, "E(x)" if unit == "sampler step" else "E(x, t)")
    right.plot(steps, acceptance, color=GENERATED)
    right.set_ylim(0, 1)
    style(right, "acceptance", unit, "share of chains that moved")
