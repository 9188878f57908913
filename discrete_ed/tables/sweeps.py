"""Sweeps over the columns of a table: each column is sampled given all others, or its law is computed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from discrete_ed.tables.energy import TableEnergy


def sweep_columns(
    energy: TableEnergy,
    positions: Tensor,
    sweeps: int,
    *,
    known: Tensor | None = None,
    stratified: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Sample each column given all others, one after the other in random order, again and again: Gibbs sampling.

    Args:
        energy: the energy of the table.
        positions: the value of each column, whole numbers `(B, columns)`.
        sweeps: how often each column is sampled.
        known: which cells stay as they are, `(B, columns)` bool.
        stratified: whether the uniforms of the chains fill (0, 1) evenly, in the order of the values that the chains
            expect. Every chain has its law, and means over chains have less noise than those of independent ones.
        generator: the source of randomness.

    Returns:
        The values at the end, `(B, columns)`.

    Source: Geman and Geman 1984, IEEE PAMI 6, 721–741; stratified as in L'Ecuyer, Lécot and Tuffin 2008, Operations
    Research 56, 958–975.

    >>> energy = TableEnergy.of_rows(torch.tensor([[0.0], [2.0]]).numpy(), [3], [True])
    >>> sweep_columns(energy, torch.zeros(5, 1, dtype=torch.long), 1).shape
    torch.Size([5, 1])
    """
    current = positions.clone()
    with torch.no_grad():
        for _ in range(sweeps):
            for column, logits in scan_columns(energy, current, generator):
                u = torch.rand(len(current), 1, generator=generator, dtype=torch.float64)
                shares = logits.double().softmax(-1).cumsum(-1)
                if stratified:
                    u = _stratified(u, shares, generator)
                sampled = torch.searchsorted(shares, u).squeeze(1).clamp(max=logits.shape[1] - 1)
                chosen = sampled if known is None else torch.where(known[:, column], current[:, column], sampled)
                current[:, column] = chosen
    return current


def _stratified(u: Tensor, shares: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniforms `(B, 1)`, one in each of B equal parts of (0, 1), of which chains with like laws have different ones.

    Chains are sorted by what they expect, and neighbours in this order get numbers that are far apart: the part of the
    k-th chain is the k-th number of a sequence of golden steps, sorted into ranks.
    """
    count = len(u)
    golden = (torch.arange(count, dtype=torch.float64) * 0.6180339887498949 + torch.rand(1, generator=generator)) % 1
    part = golden.argsort().argsort()
    expected = shares.sum(-1) + 1e-9 * torch.rand(count, generator=generator, dtype=torch.float64)
    parts = torch.empty(count, dtype=torch.long)
    parts[expected.argsort()] = part
    return (parts.unsqueeze(-1) + u) / count


def log_conditionals(energy: TableEnergy, positions: Tensor) -> Tensor:
    """`log p(value | all other columns)` of each cell, `(B, columns)`; exact, without log Z.

    >>> energy = TableEnergy([2, 4], features=2)
    >>> log_conditionals(energy, torch.tensor([[1, 3]])).exp().tolist()
    [[0.5, 0.25]]
    """
    found = torch.empty(positions.shape)
    with torch.no_grad():
        for column, logits in scan_columns(energy, positions, order=range(positions.shape[1])):
            found[:, column] = logits.log_softmax(-1).gather(1, positions[:, column : column + 1]).squeeze(1)
    return found


def column_law(energy: TableEnergy, positions: Tensor, column: int) -> Tensor:
    """`log p(column | all other columns)` of each row, `(B, K)`; what the rows hold in the column is ignored.

    >>> column_law(TableEnergy([2, 4], features=2), torch.tensor([[1, 0]]), 1).exp().tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    with torch.no_grad():
        return next(scan_columns(energy, positions, order=[column]))[1].log_softmax(-1)


def scan_columns(
    energy: TableEnergy,
    positions: Tensor,
    generator: torch.Generator | None = None,
    order: range | list[int] | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """For one column after the other, its number and `−E` of its values given the present values of all others."""
    columns = len(energy.sizes)
    parts, own = [], []  # what each value adds, to the features of its column alone
    phi = energy.origin.repeat(len(positions), 1)
    laws = energy.mixture.laws
    terms = energy.log_weights.repeat(len(positions), 1)
    for column in range(columns):
        added = energy.value_features(column)
        own.append((added != 0).any(0).nonzero().squeeze(1))
        parts.append(added[:, own[-1]])
        phi[:, own[-1]] += parts[-1][positions[:, column]]
        terms += laws[column][positions[:, column]]
    for column in torch.randperm(columns, generator=generator).tolist() if order is None else order:
        before = positions[:, column].clone()
        yield column, energy.column_logits(phi, terms, column, before)
        # what the caller made of the column
        now = positions[:, column]
        phi[:, own[column]] += parts[column][now] - parts[column][before]
        terms += laws[column][now] - laws[column][before]
