"""Training and sampling curves of the job that generates graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from discrete_ed.jobs.style import GENERATED, REAL, plot_loss, range_of, style


def curves(loss: Sequence[float], energy: Sequence[float], acceptance: Sequence[float], data_energy: float) -> Figure:
    """Loss over training steps; mean energy and acceptance of the chains over sampler steps.

    Args:
        loss: of each training step.
        energy: mean energy of the chains after each sampler step.
        acceptance: share of the chains that moved in each sampler step.
        data_energy: the mean energy of the training graphs, plotted as a line that the chains should reach.
    """
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    plot_loss(left, loss, "energy discrepancy")
    steps = np.arange(1, len(energy) + 1)
    middle.plot(steps, energy, color=GENERATED, label="chains")
    middle.axhline(data_energy, color=REAL, linestyle="--", label="training graphs")
    middle.set_ylim(*range_of(energy[len(energy) // 20 :], include=data_energy))
    middle.legend(frameon=False, loc="upper right")
    style(middle, "mean energy", "sampler step", "E(x)")
    right.plot(steps, acceptance, color=GENERATED)
    right.set_ylim(0, 1)
    style(right, "acceptance", "sampler step", "share of chains that moved")
    return figure
