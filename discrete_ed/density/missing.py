"""Batches of a table with missing cells, which chains of the model that is being trained fill in."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from discrete_ed.density.conditional import complete, free_energies
from discrete_ed.energies import Clamped, Energy
from discrete_ed.energies.probe import evaluating
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups, listed
from discrete_ed.groups.product import product_logits, product_sample
from discrete_ed.likelihood import LogLikelihood, LogPartition, log_likelihood
from discrete_ed.samplers import local_for, sample, suitable_kernel
from discrete_ed.training import shuffled_batches

CHAIN_STEPS = 10
"""steps that the chains of the missing cells of a row make each time the row is in a batch"""


def filled(table: Tensor, *, groups: Groups | None = None, generator: torch.Generator | None = None) -> Tensor:
    """A table `(N, D)` in which missing cells (NaN) are replaced by random bits with the frequency of their column.

    Columns that are tied into groups are replaced together, by one of the values.

    Raises:
        InputError: a column without any cell.

    >>> filled(torch.tensor([[1.0, 0.0], [1.0, torch.nan]]))
    tensor([[1., 0.],
            [1., 0.]])
    """
    missing = table.isnan()
    empty = int(missing.all(0).sum())
    if empty:
        raise InputError(f"X: expected columns with at least one cell, got {empty} in which all are missing")
    rates = table.nanmean(0)
    if groups is not None:
        logits = product_logits(groups, rates).clamp(-30, 30).expand(table.shape)
        return torch.where(missing, product_sample(groups, logits, generator=generator), table)
    coins = torch.rand(table.shape, generator=generator, device=table.device)
    return torch.where(missing, (coins < rates).to(table.dtype), table)


def marginal_log_likelihood(energy: Energy, table: Tensor, log_partition: LogPartition) -> LogLikelihood:
    """The log-likelihood of the known cells of a table `(N, D)` whose missing cells are NaN; at most 16 in a row.

    >>> from discrete_ed import BernoulliEnergy, estimate_log_z
    >>> energy, table = BernoulliEnergy(2), torch.tensor([[0.0, torch.nan]])
    >>> round(marginal_log_likelihood(energy, table, estimate_log_z(energy, table.nan_to_num())).mean, 4)  # −log 2
    -0.6931
    """
    known = ~table.isnan()
    if known.all():
        return log_likelihood(energy, table, log_partition)
    return LogLikelihood(free_energies(energy, table.nan_to_num(), known), log_partition)


def completed(energy: Energy, table: Tensor, *, steps: int = 100, generator: torch.Generator | None = None) -> Tensor:
    """A table `(N, D)` whose missing cells (NaN) are sampled from the model given the others; see `complete`.

    >>> from discrete_ed import BernoulliEnergy
    >>> completed(BernoulliEnergy(torch.tensor([0.0, 99.0])), torch.tensor([[0.0, torch.nan]])).tolist()
    [[0.0, 1.0]]
    """
    known = ~table.isnan()
    if known.all():
        return table
    return complete(energy, table.nan_to_num(), known, steps=steps, generator=generator)


def completed_batches(
    energy: Energy, table: Tensor, size: int, *, steps: int = CHAIN_STEPS, generator: torch.Generator | None = None
) -> Iterator[Tensor]:
    """Endless batches `(B, D)` of a table `(N, D)` whose missing cells (NaN) are sampled from the model as it is.

    Each row has a chain over its missing cells given the others, `p(x_missing | x_known)`, which makes some steps
    whenever the row is in a batch. Fitting to these batches is the stochastic form of the EM algorithm; its result is
    right if which cells are missing doesn't depend on their values, given the known cells.

    Args:
        energy: the energy that is trained with these batches.
        table: zeros, ones and NaN.
        size: rows in a batch.
        steps: steps of the chains of a batch.
        generator: the source of randomness.

    Source: Celeux and Diebolt 1985, Computational Statistics Quarterly 2, 73–82.
    """
    known = ~table.isnan()
    current = filled(table, groups=energy.groups, generator=generator)
    for rows in shuffled_batches(torch.arange(len(table), dtype=torch.float64).unsqueeze(1), size, generator=generator):
        places = rows.squeeze(1).long().to(table.device)
        gaps = ~known[places].all(1)
        some = places[gaps]
        if len(some):
            clamped = Clamped(energy, known[some])
            kernel = suitable_kernel(clamped, purpose="learned")
            with evaluating(clamped, table.device):
                current[some] = sample(kernel, local_for(kernel, clamped), current[some], steps, generator=generator)
        yield current[places].float()


def check_whole_groups(groups: Groups, table: Tensor) -> None:
    """Raise `InputError` unless each row of a table `(N, D)` has one value of every group, or none of its cells."""
    missing = table.isnan()
    for group in groups.members:
        part = missing[:, list(group)]
        some = part.any(1) & ~part.all(1)
        if some.any():
            raise InputError(
                f"X: expected the columns {listed(group)} of a variable to be missing together, got a part "
                f"of them in row {int(some.nonzero()[0])}"
            )
    first = table.nan_to_num()
    for group in groups.members:
        first[:, group[0]] = torch.where(missing[:, group[0]], 1.0, first[:, group[0]])
    groups.check(first, "X")
