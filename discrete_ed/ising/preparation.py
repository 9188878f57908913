"""From a table to observations: weights, blocks of dependent rows, and the number of rows in effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch

from discrete_ed.errors import InputError, check_total
from discrete_ed.ising.dependence import (
    DIFFERENT,
    block_length_of,
    blocks_of_length,
    deflated,
    design_effects,
    energies,
    energies_depend,
    find_dependence,
    row_patterns,
    without_copies,
)
from discrete_ed.ising.edge_search import search_edges
from discrete_ed.ising.estimators import ESTIMATORS
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Array, Parameters, Support
from discrete_ed.ising.pseudo_likelihood import SpinColumns
from discrete_ed.ising.site_fits import refit
from discrete_ed.ising.table_checks import observed_cells
from discrete_ed.names import EstimatorName

BlockLength = int | Literal["auto"]
PILOT_PRICE = 12.0
"""price of a pair in the fits from which the design effect is estimated"""
PILOT_ROUNDS = 2
"""number of such fits"""
FEW_BLOCKS = 10
"""number of blocks below which standard errors are themselves uncertain, which is warned of"""


class Prepared(NamedTuple):
    """Observations, and what is to be said about them."""

    data: Observations
    warnings: list[str]


def observed_rows(
    x: torch.Tensor | Array, weights: Array | None, blocks: Array | None
) -> tuple[torch.Tensor | Array, Array | None, Array | None]:
    """The rows that have an observed cell, with their weights and blocks; others say nothing. A missing cell is NaN.

    Raises:
        InputError: the errors of `recover_couplings`.
    """
    x = observed_cells(x)
    weights = None if weights is None else check_weights(weights, len(x))
    blocks = None if blocks is None else check_blocks(blocks, len(x))
    values = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x
    if values.dtype.kind != "f" or not values.shape[1]:
        return x, weights, blocks
    there = ~np.isnan(values).all(1)
    if not there.all() and there.any():
        x = x[torch.from_numpy(there)] if isinstance(x, torch.Tensor) else x[there]
        weights, blocks = (None if part is None else part[there] for part in (weights, blocks))
    return x, weights, blocks


def check_weights(weights: Array, rows: int, name: str = "weights") -> Array:
    """The weights as numbers, `(N,)`; raises the errors of `recover_couplings`."""
    found = np.asarray(weights, dtype=float)
    if found.shape != (rows,):
        raise InputError(f"{name}: expected a weight for each of {rows} rows, got shape {found.shape}")
    if not np.isfinite(found).all() or (found < 0).any():
        bad = int(np.flatnonzero(~(np.isfinite(found) & (found >= 0)))[0])
        raise InputError(f"{name}: expected finite weights of at least 0, got {found[bad]} in row {bad + 1}")
    if not found.any():
        raise InputError(f"{name}: expected weights that are not all zero")
    with np.errstate(over="ignore"):
        check_total(float(found.sum()), name)
    return found


def counts_warnings(spins: Array, counts: Array) -> list[str]:
    """A warning if all counts are multiples of a number, as where every row was written several times.

    The counts of fewer than 20 patterns may be so by chance.
    """
    factor = int(np.gcd.reduce(counts.astype(np.int64)))
    if factor == 1 or len(row_patterns(spins)[1]) < DIFFERENT:
        return []
    return [
        f"all counts are multiples of {factor}, which those of independent rows would hardly be: if each row was "
        f"written {factor} times, or the counts were multiplied, divide them by {factor}; otherwise intervals are too "
        "narrow"
    ]


def rows_of_proportions(weights: Array) -> float:
    """The number of rows as which proportions count together, `(Σw)² / Σw²` (Kish 1965)."""
    shares = weights / weights.max()  # squares of very small numbers are zero
    return float(shares.sum() ** 2 / (shares**2).sum())


def check_proportions(spins: Array, weights: Array, name: str = "weights") -> list[str]:
    """Warnings about weights that are no counts where all rows differ, as in a table of patterns with their shares.

    Shares of patterns don't tell how many rows were observed. Weights of a survey average 1, or add up to a population;
    those that add up to 1 or 100 are taken for shares of patterns.

    Raises:
        InputError: all rows differ, and the weights are such shares.
    """
    there = weights > 0
    rows, total = int(there.sum()), float(weights.sum())
    if (weights == np.rint(weights)).all() or len(np.unique(spins[there], axis=0)) < rows:
        return []
    shares = any(abs(total / whole - 1) < 0.01 for whole in (1, 100)) and abs(total / rows - 1) > 0.01
    if shares:
        raise InputError(
            f"{name}: expected counts where all rows differ, got shares that add up to {total:.4g}: multiply them by "
            f"{'N' if total < 2 else 'N / 100'}, where N is the number of rows observed, and round; if each row is one "
            "observation, divide the weights by their mean"
        )
    return [
        f"all {rows} rows differ and the weights are not counts: they count as "
        f"{rows_of_proportions(weights):.0f} rows; if the rows are patterns, give counts instead (share × "
        "number of rows observed)"
    ]


def check_blocks(blocks: Array, rows: int, name: str = "blocks") -> Array:
    """The numbers of the blocks from 0, `(N,)`; raises the errors of `recover_couplings`."""
    found = np.asarray(blocks)
    if found.shape != (rows,):
        raise InputError(f"{name}: expected a block for each of {rows} rows, got shape {found.shape}")
    absent = found.dtype.kind == "f" and np.isnan(found)
    if np.any(absent) or (found.dtype == object and any(each is None for each in found)):
        raise InputError(f"{name}: expected a block for each row, got rows without one")
    values, places = np.unique(found, return_inverse=True)
    if len(values) < 2:
        raise InputError(f"{name}: expected at least two different blocks, got {len(values)}")
    return places.ravel()


def check_block_length(length: BlockLength, rows: int, weights: Array | None, blocks: Array | None) -> BlockLength:
    """The length of blocks; raises the errors of `recover_couplings`."""
    if length == "auto":
        return length
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
        raise InputError(f"block_length: expected auto or a whole number of at least 1, got {length!r}")
    if length > 1 and (weights is not None or blocks is not None):
        raise InputError(f"block_length: expected none with weights or blocks, got {length}")
    if length > rows // 2:
        raise InputError(f"block_length: expected at least two blocks, got {rows} rows in blocks of {length}")
    return int(length)


def check_estimator_of_rows(estimator: EstimatorName, *, plain: bool) -> None:
    """Refuse weights, blocks and missing cells for an estimator that can't take them.

    Args:
        plain: whether rows have no weights, no blocks and no missing cells.
    """
    if not plain and not ESTIMATORS[estimator].weighs_rows:
        able = ", ".join(name for name, entry in ESTIMATORS.items() if entry.weighs_rows)
        raise InputError(
            f"estimator: expected one that takes weights, blocks of dependent rows and missing cells ({able}), got "
            f"{estimator}"
        )


def blocks_by_energy(data: Observations, parameters: Parameters) -> Prepared | None:
    """Observations in blocks if the energies of neighbouring rows under a fitted model depend on each other."""
    values = energies(data.spins, parameters)
    if not energies_depend(values):
        return None
    length = block_length_of(values[:, None])
    words = f"energies of neighbouring rows under the fitted model are correlated; rows in blocks of {length}"
    return in_blocks(replace(data, blocks=blocks_of_length(len(values), length)), words, tested=True)


def prepare(
    spins: Array,
    weights: Array | None,
    blocks: Array | None,
    block_length: BlockLength,
    *,
    weighs_rows: bool = True,
) -> Prepared:
    """Observations from a table of spins; rows of weight zero are left out.

    Weights that are whole numbers are counts: a row stands for that many independent rows. Other weights are
    proportions, such as those of a survey: together the rows count as `(Σw)² / Σw²` (Kish 1965). Rows of one block
    count as many as the design effect leaves of them.

    Args:
        weighs_rows: whether the estimator takes weights; otherwise dependence that is found is only warned of.
    """
    if weights is not None:
        there = weights > 0
        spins, weights, blocks = spins[there], weights[there], None if blocks is None else blocks[there]
        if blocks is None:
            if (weights == np.rint(weights)).all():
                return Prepared(Observations(spins, weights), counts_warnings(spins, weights))
            doubts = check_proportions(spins, weights)
            shares = weights / weights.max()
            weights = shares * (rows_of_proportions(weights) / shares.sum())
            return Prepared(Observations(spins, weights, np.arange(len(spins))), doubts)
    said = []
    if blocks is None and block_length == "auto":
        rows = len(spins)
        spins, weights, copies = without_copies(spins)
        if copies > 1:
            said.append(
                f"every row occurs {copies} times, or a multiple of that: {rows} rows count as {rows // copies}"
            )
        if weights is not None:
            if not weighs_rows:
                spins, weights = np.repeat(spins, weights.astype(int), axis=0), None
            return Prepared(Observations(spins, weights), said)
    data = Observations(spins, weights, blocks)
    reason = "" if blocks is None else f"in {data.block_count} blocks"
    if blocks is None and block_length != "auto":
        if block_length == 1:
            return Prepared(data, [])
        data = replace(data, blocks=blocks_of_length(len(spins), block_length))
        reason = f"in blocks of {block_length}"
    if blocks is None and block_length == "auto":
        found = find_dependence(spins)
        if found is None:
            return Prepared(data, said)
        if not weighs_rows:
            return Prepared(
                data,
                [
                    f"rows depend on each other ({found.finding.partition(';')[0]}), which this estimator can't take "
                    "into account: its errors are too small; use single-site"
                ],
            )
        data = replace(data, blocks=found.blocks)
        reason = found.finding
    prepared = in_blocks(data, reason, tested=blocks is None and block_length == "auto")
    return Prepared(prepared.data, [*said, *prepared.warnings])


def in_blocks(data: Observations, reason: str, *, tested: bool) -> Prepared:
    """The observations with weights that add up to the number of rows in effect.

    Args:
        data: observations with blocks.
        reason: why there are blocks, in words.
        tested: whether the blocks were found by a test, not given.
    """
    rows = data.size
    data = replace(data, spins=data.spins.astype(float))  # blocks need each row, so nothing is packed
    columns = SpinColumns.of(data)
    fit = refit(columns, Support.no_pairs(with_fields=True))
    lighter = deflated(data, *design_effects(fit, data))
    for _ in range(PILOT_ROUNDS):
        pilot = search_edges(SpinColumns.of(lighter), True, PILOT_PRICE)
        fit = columns.fit_at(pilot.support, pilot.values)
        lighter = deflated(data, *design_effects(fit, data))
    warnings = []
    if tested:
        warnings.append(
            f"rows depend on each other: {reason}. {rows:.0f} rows count as {lighter.size:.0f}; if they were only "
            "sorted, so that their order means nothing, use block length 1"
        )
    if data.block_count < FEW_BLOCKS:
        warnings.append(f"only {data.block_count} blocks: intervals are wide, and what they depend on is hardly known")
    return Prepared(lighter, warnings)
