"""Equal rows: whether there are more of them than independent rows of the fitted model would have."""

from __future__ import annotations

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.ising.objectives import enumerated
from discrete_ed.ising.parameters import Array, Parameters
from discrete_ed.names import SMALL_BITS
from discrete_ed.samplers import GibbsSweep, sample

MOST_ROWS, MOST_CELLS = 2000, 200_000
"""largest number of rows, and of their cells, that are compared with samples of the model"""
SWEEPS = 30
"""sweeps of single spins from each row"""
LIMIT = 5.0
"""number of standard deviations above chance that counts as an excess"""


def duplicate_warnings(spins: Array, parameters: Parameters, seed: int, rough: bool = False) -> list[str]:
    """A warning if complete rows are equal more often than independent rows of the fitted model.

    The number `K` of different rows is compared with what the model makes likely: `Σ_x 1 − (1 − p(x))^N`, by
    enumeration up to 16 spins; otherwise with the number after 30 Gibbs sweeps from each of at most 2,000 rows, which
    leave independent rows of the model what they are. The variance of `K` is at most the expected number of rows that
    occur once, since `e^{−λ} (1 − e^{−λ}) ≤ λ e^{−λ}` for the Poisson number of each pattern. For a rough model
    `K` must also be below half of what it makes likely, or below a third of it where both were counted after sweeps.
    """
    rows, d = spins.shape
    if d > SMALL_BITS:
        rng = np.random.default_rng(seed)
        rows = min(rows, MOST_ROWS, max(MOST_CELLS // d, 2))
        spins = spins[rng.choice(len(spins), rows, replace=False)] if rows < len(spins) else spins
    share = 1.0 if not rough else 0.5 if d <= SMALL_BITS else 1 / 3
    different, once = _counts(spins)
    if different == rows:
        return []
    if d <= SMALL_BITS:
        law = enumerated(parameters).law
        absent = np.exp(rows * np.log1p(-np.minimum(law, 1 - 1e-15)))
        expected, variance = float((1 - absent).sum()), float((rows * law * absent / (1 - law + 1e-15)).sum())
    else:
        energy = IsingEnergy(torch.from_numpy(parameters.couplings), torch.from_numpy(parameters.fields))
        start = torch.from_numpy((spins > 0).astype(np.float64))
        with torch.no_grad():
            generator = torch.Generator().manual_seed(seed)
            moved = sample(GibbsSweep(), Exact(energy), start, SWEEPS, generator=generator)
        expected, once_after = _counts(moved.numpy())
        variance = once + once_after
    if expected - different <= LIMIT * np.sqrt(variance + 1) or different >= share * expected:
        return []
    return [
        f"equal rows are more frequent than the fitted model makes likely: {different} of {rows} rows differ, where "
        f"{expected:.0f} would; either rows repeat each other (name what belongs together as blocks), or the model "
        "does not describe the data (see the goodness of fit)"
    ]


def _counts(rows: Array) -> tuple[int, int]:
    """The number of different rows, and of those that occur once."""
    _, counts = np.unique(np.packbits(rows > 0, axis=1), axis=0, return_counts=True)
    return len(counts), int((counts == 1).sum())
