"""The training of a table's energy: its couplings, its network, and what held-out rows choose of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from discrete_ed.density.losses import density_loss
from discrete_ed.tables.columns import Cells
from discrete_ed.tables.encoding import TableEncoder
from discrete_ed.tables.energy import TableEnergy
from discrete_ed.tables.missing import completed_rows, filled_positions
from discrete_ed.tables.pairs import MOST_STEPS, SURE_GAIN, ChosenPairs, choose_pairs, fit_pairs, is_better
from discrete_ed.tables.sweeps import log_conditionals
from discrete_ed.training import FitConfig, Record, fit_steps
from discrete_ed.training.selection import fit_selected

VALIDATION = 0.15
"""share of the rows that choose between the steps of the training"""
SCORES = 20
"""number of scores on these rows"""
MOST_JUDGES = 10_000
"""the largest number of these rows"""


@dataclass(frozen=True)
class TrainedEnergy:
    """An energy of a table after its training."""

    energy: TableEnergy
    pairs: ChosenPairs
    """how its couplings were fitted"""
    step: int
    """the number of steps that it was trained; 0 is the start"""
    scores: list[tuple[int, float]]
    """for each step at which it was taken, the mean of `log p(cell | the other cells)` of held-out rows, summed over
    known cells"""


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
    least_gain: float = SURE_GAIN,
    callback: Callable[[Record], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> TrainedEnergy:
    """Fit the couplings of a table by pseudo-likelihood, and its network by energy discrepancy on blocks of columns.

    Some rows are held out. They choose how the couplings are fitted, see `choose_pairs`, and the training step of the
    network; no network is kept if the best step gains too little, compared row by row. Then couplings are fitted, and
    the network is trained by so many steps, on all rows. Where the couplings of a Gaussian law are kept, they are
    trained with the network.

    Args:
        encoder: how rows become states.
        positions: the rows, `(N, columns)`, NaN where a cell is missing.
        config: steps and learning rate.
        width, block, batch_size: as of `TableEstimator`.
        seed: seed of the initial weights.
        generator: the source of all other randomness.
        least_gain: the mean gain of the best step, in its standard errors, above which the step is kept.
        callback: called with the record of each training step on the rows that aren't held out.
        progress: called with the name of a phase, and the number of its steps done and to be done.

    Raises:
        NumericalError: training diverged.
    """
    order = torch.randperm(len(positions), generator=generator).numpy()
    held_out = max(2, min(int(VALIDATION * len(positions)), MOST_JUDGES))
    valid, train = positions[order[:held_out]], positions[order[held_out:]]
    ordered = [column.is_ordered for column in encoder.schema.columns]
    loss = density_loss("block-ed", block=block, generator=generator)

    def hold(model: TableEnergy, chosen: ChosenPairs) -> None:
        """Fitted fields and couplings stay as they are: the noise of batches would only take them from their best."""
        model.fields.requires_grad_(not chosen.best.fitted)
        model.couplings.requires_grad_(not chosen.best.fitted)

    def start(rows: Cells, indicators: bool, components: int) -> TableEnergy:
        return TableEnergy.of_rows(
            rows, encoder.sizes, ordered, indicators=indicators, components=components, width=width, seed=seed
        )

    filled, known = filled_positions(valid, generator), torch.from_numpy(~np.isnan(valid))

    def judge(model: TableEnergy) -> Tensor:
        """What known cells of held-out rows are worth. Values that fill gaps are those of other rows: they have no say
        of their own, since no model expects them."""
        return torch.where(known, log_conditionals(model, filled), 0.0).sum(-1)

    done, total = 0, 4 * MOST_STEPS

    def say(phase: str, steps: int, of: int) -> None:
        if progress is not None:
            progress(phase, steps, of)

    def after_step() -> None:
        nonlocal done
        done += 1
        say("couplings", done, total)

    def after_record(record: Record) -> None:
        say("network", int(record["step"]), config.steps)
        if callback is not None:
            callback(record)

    energy, pairs = choose_pairs(partial(start, train), train, judge, callback=after_step)
    whole = start(positions, pairs.best.indicators, pairs.best.components)
    if pairs.best.fitted:
        fit_pairs(whole, positions, callback=after_step)
    hold(energy, pairs)
    first = judge(energy)
    selected = fit_selected(
        energy,
        loss,
        completed_rows(energy, train, batch_size, generator=generator),
        config,
        score=lambda model: float(judge(model).mean()),
        every=max(1, config.steps // SCORES),
        callback=after_record,
    )
    energy, step = whole, selected.step if is_better(judge(energy), first, least_gain) else 0
    hold(energy, pairs)
    batches = completed_rows(energy, positions, batch_size, generator=generator)
    for record in islice(fit_steps(energy, loss, batches, config), step):
        say("network with all rows", int(record["step"]), step)
    return TrainedEnergy(energy.eval(), pairs, step, [(0, float(first.mean())), *selected.scores])
