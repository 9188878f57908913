"""Figures of Markov chains. Each function returns a matplotlib figure and works without a display."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from discrete_ed.jobs.style import GENERATED, QUIET, REAL, style
from discrete_ed.metrics import Diagnosis
from discrete_ed.metrics.diagnostics import RHAT_OF_MIXED

TRACES = 16
"""number of chains whose energies are plotted"""


def mixing(energy: NDArray[np.float64], diagnosis: Diagnosis) -> Figure:
    """Energies of the chains, `(chain, draw)`, draw by draw; R̂ and bulk effective sample size of all bits that moved.

    The dashed lines are R̂ = 1.01, above which chains haven't mixed, and the effective sample size of the energy.
    """
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for trace in energy[:TRACES]:
        left.plot(np.arange(1, len(trace) + 1), trace, linewidth=0.6, alpha=0.7)
    style(left, "energy", "draw", "E(x) of each chain")
    marked = (
        (middle, diagnosis.rhat, RHAT_OF_MIXED, str(RHAT_OF_MIXED)),
        (right, diagnosis.ess_bulk, diagnosis.energy_ess_bulk, "the energy"),
    )
    for axes, values, mark, label in marked:
        known = values[values.isfinite()].numpy()
        axes.hist(known, bins=30, color=REAL)
        if np.isfinite(mark):
            axes.axvline(mark, color=GENERATED, linestyle="--", label=label)
            axes.legend(frameon=False, loc="upper right")
        if not len(known):
            axes.text(0.5, 0.5, "no bit moved", ha="center", color=QUIET, transform=axes.transAxes)
    style(middle, "R̂", "R̂ of a bit", "bits")
    style(right, "effective sample size", "bulk ESS of a bit", "bits")
    return figure
