"""Rows of a table with missing cells: filled in from their columns, and completed by the model that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from discrete_ed.tables.columns import Cells
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.optional import scikit_learn
from discrete_ed.tables.sweeps import sweep_columns

COMPLETING_SWEEPS = 2
"""sweeps over the missing cells of a row each time that the row is in a batch"""
FILLING_SWEEPS = 20
"""sweeps over the missing cells of a row before its features are compared with those of the model"""


def filled_positions(positions: Cells, generator: torch.Generator) -> Tensor:
    """Rows `(N, columns)` as whole numbers, with missing cells (NaN) resampled from their column."""
    filled = torch.from_numpy(np.nan_to_num(positions)).long()
    for k, missing in enumerate(torch.from_numpy(np.isnan(positions)).T):
        present = filled[~missing, k]
        if missing.any() and len(present):
            filled[missing, k] = present[torch.randint(len(present), (int(missing.sum()),), generator=generator)]
    return filled


def rows_in_turn(positions: Cells, count: int, generator: torch.Generator) -> Tensor:
    """Rows of `(N, columns)` in random order, each as often as any other, `(count, columns)`; missing cells resampled
    from their column."""
    rounds = -(-count // len(positions))
    rows = torch.cat([torch.randperm(len(positions), generator=generator) for _ in range(rounds)])[:count]
    return filled_positions(positions[rows.numpy()], generator)


def completed_rows(energy: TableEnergy, positions: Cells, size: int, *, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless batches `(B, D)` of states, in which missing cells are sampled from the model as it is.

    Each row has a chain over its missing cells, which makes two sweeps whenever the row is in a batch: the stochastic
    form of the EM algorithm, as in `discrete_ed.density.completed_batches`.
    """
    known = torch.from_numpy(~np.isnan(positions))
    current = filled_positions(positions, generator)
    groups, size = energy.groups, min(size, len(current))
    assert groups is not None
    while True:
        order = torch.randperm(len(current), generator=generator)
        for rows in order[: len(order) // size * size].split(size):
            gaps = rows[~known[rows].all(1)]
            if len(gaps):
                model = deepcopy(energy).eval()
                current[gaps] = sweep_columns(
                    model, current[gaps], COMPLETING_SWEEPS, known=known[gaps], generator=generator
                )
            yield groups.encode(current[rows])


def table_covariance(energy: TableEnergy, positions: Cells, generator: torch.Generator) -> Tensor:
    """The covariance of the scores of rows `(N, columns)`, shrunk as Ledoit and Wolf do, in a matrix of all features,
    `(P, P)`, which is 0 elsewhere; missing cells are sampled from the model given the others.

    Indicators would be shrunk with the scores, and there are so many that little of the correlations would be left.
    """
    known = torch.from_numpy(~np.isnan(positions))
    filled, groups = filled_positions(positions, generator), energy.groups
    assert groups is not None
    if not known.all():
        filled = sweep_columns(energy, filled, FILLING_SWEEPS, known=known, generator=generator)
    scores = energy.scores
    phi = energy.features(groups.encode(filled).to(energy.fields))[:, scores].detach().double()
    found = torch.zeros(len(energy.couplings), len(energy.couplings), dtype=torch.float64)
    if len(scores):
        found[scores[:, None], scores] = torch.from_numpy(scikit_learn("covariance").ledoit_wolf(phi.numpy())[0])
    return found
