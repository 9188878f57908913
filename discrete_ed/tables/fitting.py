"""The training of a table's energy: its network, and the step at which held-out rows stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch

from discrete_ed.density.losses import density_loss
from discrete_ed.tables.columns import Cells
from discrete_ed.tables.encoding import TableEncoder
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.missing import completed_rows, filled_positions
from discrete_ed.tables.sweeps import log_conditionals
from discrete_ed.training import FitConfig, Record, fit_steps
from discrete_ed.training.selection import fit_selected

VALIDATION = 0.15
"""share of the rows that choose between the steps of the training"""
SCORES = 20
"""number of scores on these rows"""
LEAST_GAIN = 1.0
"""what a training step must gain on these rows to be kept, in standard errors of the mean of their gains"""


@dataclass(frozen=True)
class TrainedEnergy:
    """An energy of a table after its training."""

    energy: TableEnergy
    step: int
    """the number of steps that it was trained; 0 is the start"""
    scores: list[tuple[int, float]]
    """for each step at which it was taken, the mean of `log p(cell | the other cells)` of held-out rows, summed over
    columns"""


def train_energy(
    encoder: TableEncoder,
    positions: Cells,
    config: FitConfig,
    *,
    width: int,
    block: int,
    batch_size: int,
    seed: int,
    generator: torch.Generator,
    least_gain: float = LEAST_GAIN,
    callback: Callable[[Record], None] | None = None,
) -> TrainedEnergy:
    """Train the energy of a table by energy discrepancy on blocks of columns.

    Some rows are held out, and choose the training step; the start is kept if the best step gains too little, compared
    row by row. Then the energy is trained by so many steps again, on all rows.

    Args:
        encoder: how rows become states.
        positions: the rows, `(N, columns)`, NaN where a cell is missing.
        config: steps and learning rate.
        width, block, batch_size: as of `TableEstimator`.
        seed: seed of the initial weights.
        generator: the source of all other randomness.
        least_gain: the mean gain of the best step, in its standard errors, above which the step is kept.
        callback: called with the record of each training step that is scored.

    Raises:
        NumericalError: training diverged.
    """
    order = torch.randperm(len(positions), generator=generator).numpy()
    held_out = max(2, int(VALIDATION * len(positions)))
    valid, train = positions[order[:held_out]], positions[order[held_out:]]
    ordered = [column.is_ordered for column in encoder.schema.columns]
    loss = density_loss("block-ed", block=block, generator=generator)

    def start(rows: Cells) -> TableEnergy:
        return TableEnergy.of_rows(rows, encoder.sizes, ordered, width=width, seed=seed)

    energy = start(train)
    filled = filled_positions(valid, generator)
    first = log_conditionals(energy, filled).sum(-1)
    selected = fit_selected(
        energy,
        loss,
        completed_rows(energy, train, batch_size, generator=generator),
        config,
        score=lambda model: float(log_conditionals(model, filled).sum(-1).mean()),
        every=max(1, config.steps // SCORES),
        callback=callback,
    )
    gain = log_conditionals(energy, filled).sum(-1) - first
    is_kept = gain.mean() > least_gain * gain.std() / len(gain) ** 0.5
    energy, step = start(positions), selected.step if is_kept else 0
    batches = completed_rows(energy, positions, batch_size, generator=generator)
    for _ in islice(fit_steps(energy, loss, batches, config), step):
        pass
    return TrainedEnergy(energy.eval(), step, [(0, float(first.mean())), *selected.scores])
