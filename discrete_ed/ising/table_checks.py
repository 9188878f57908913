"""Checks of a table of observations before anything is estimated, and warnings about couplings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch

from discrete_ed.errors import InputError
from discrete_ed.groups.one_hot import one_hot_columns
from discrete_ed.ising.parameters import PRIOR_SD, Array
from discrete_ed.names import ENUMERABLE_BITS, EstimatorName, PenaltyName
from discrete_ed.states import check_states

MOST_MISSING = 0.5
"""largest share of missing cells of a column, unless more are allowed"""
CELLS = 2_000_000
"""largest number of cells of pairs of columns that are compared at once"""
LISTED = 5
"""largest number of columns or pairs that a warning lists"""


def check_samples(
    x: torch.Tensor | Array,
    estimator: str,
    penalty: str,
    *,
    name: str = "x",
    names: Sequence[str] | None = None,
    weights: Array | None = None,
    most_missing: float = MOST_MISSING,
    compact: bool = False,
) -> Array:
    """The samples as spins −1 and +1, and 0 where a cell is missing, `(N, D)`.

    Args:
        x: zeros and ones, or −1 and +1; NaN where a cell is missing.
        name: what messages call the table.
        names: names of the columns, for messages.
        weights: how much each row counts; with weights two rows are enough if they count as ten.
        most_missing: the largest share of missing cells that a column may have.
        compact: whether the spins of a complete table are int8, a byte each; otherwise they are float64.

    Raises:
        InputError: the errors of `recover_couplings`.
    """
    if not 0 <= most_missing <= 1:
        raise InputError(f"most_missing: expected a share from 0 to 1, got {most_missing}")
    if (spins := _bytes_of_spins(x)) is not None and spins.ndim == 2 and min(spins.shape[0] - 10, spins.shape[1]) > 1:
        check_estimator(estimator, penalty, spins.shape[1])
        if constant_columns(spins if weights is None else spins[np.asarray(weights) > 0]).all():
            raise InputError(f"{name}: expected columns that vary, got {spins.shape[1]} constant in all rows")
        return spins if compact else spins.astype(float)
    bits = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x, dtype=float))
    bits = bits.float() if bits.dtype == torch.uint8 else bits
    missing = torch.isnan(bits) if bits.is_floating_point() else torch.zeros(bits.shape, dtype=torch.bool)
    known = torch.where(missing, torch.ones_like(bits), bits)
    if (known == -1).any() and ((known == -1) | (known == 1)).all():
        known = (known + 1) / 2
    check_states(known, name=name)
    rows = bits.shape[0] if bits.ndim else 0
    if bits.ndim != 2 or bits.shape[1] < 2 or rows < (10 if weights is None else 2):
        hint = _transposed_hint(tuple(bits.shape))
        raise InputError(
            f"{name}: expected a table of at least 10 samples of 2 spins, got shape {tuple(bits.shape)}{hint}"
        )
    d = bits.shape[1]
    names = check_names(names, d)
    check_estimator(estimator, penalty, d)
    spins = 2 * known.double().cpu().numpy() - 1
    there = np.ones(rows, bool) if weights is None else np.asarray(weights) > 0
    gaps = missing.cpu().numpy()
    if gaps.any():
        share = gaps[there].mean(0)
        if (share == 1).any():
            empty = listed([names[k] for k in np.flatnonzero(share == 1).tolist()])
            raise InputError(
                f"{name}: expected an observed cell in every column, got none in {empty}; drop what is empty"
            )
        if share.max() > most_missing:
            worst = int(share.argmax())
            raise InputError(
                f"{name}, column {names[worst]!r}: expected at most a share of {most_missing:g} of its cells to be "
                f"missing, got {share[worst]:.3g}; drop the column, allow more, or use recode =0 if an empty cell "
                "means 0"
            )
        spins[gaps] = 0
    if constant_columns(spins[there]).all():
        hint = "; if an empty cell means 0, use recode =0" if gaps.any() else ""
        raise InputError(f"{name}: expected columns that vary, got {d} constant in all rows{hint}")
    return spins


def observed_cells(x: torch.Tensor | Array) -> torch.Tensor | Array:
    """The samples as a tensor or an array, with NaN where cells of a masked array are masked.

    Raises:
        InputError: not an array of numbers with two dimensions.
    """
    if isinstance(x, torch.Tensor) and x.ndim == 2:
        return x
    if isinstance(x, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(x.astype(float), np.nan))
    try:
        found = np.asarray(x)
    except ValueError:
        raise InputError("x: expected an array (N, D), got rows of different lengths") from None
    if found.ndim != 2:
        raise InputError(f"x: expected a table of at least 10 samples of 2 spins, got shape {found.shape}")
    return found


def check_names(names: Sequence[str] | None, spins: int) -> Sequence[str]:
    """The names of the columns, by default x1, x2, …; raises the errors of `recover_couplings`."""
    if names is None:
        return [f"x{k}" for k in range(1, spins + 1)]
    if len(names) != spins or len(set(names)) < spins:
        raise InputError(f"names: expected {spins} different names of columns, got {len(set(names))}")
    return names


def _bytes_of_spins(x: torch.Tensor | Array) -> Array | None:
    """The samples as spins −1 and +1 of a byte each; None if a cell is anything but 0 and 1, or −1 and +1."""
    values = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    if values.dtype.kind not in "biuf" or not values.size:
        return None
    low, high = values.min(), values.max()
    if low < -1 or high > 1 or np.isnan(low):  # a NaN is the smallest value if there is any
        return None
    whole = np.asarray(values, dtype=np.int8)
    if values.dtype.kind == "f" and not (whole == values).all():
        return None
    if low < 0:
        return whole if whole.all() else None
    return np.asarray(2 * whole - 1, dtype=np.int8)


def _transposed_hint(shape: tuple[int, ...]) -> str:
    if len(shape) != 2 or shape[0] >= shape[1]:
        return ""
    return "; if its rows are the variables, transpose it"


def check_estimator(estimator: str, penalty: str, spins: int) -> None:
    """Refuse an unknown estimator or penalty, and maximum likelihood of too many spins to enumerate their states."""
    for option, value, known in (("estimator", estimator, EstimatorName), ("penalty", penalty, PenaltyName)):
        if value not in get_args(known):
            raise InputError(f"{option}: expected one of {', '.join(get_args(known))}, got {value!r}")
    if estimator == "maximum-likelihood" and spins > ENUMERABLE_BITS:
        raise InputError(f"estimator: expected at most {ENUMERABLE_BITS} spins for maximum-likelihood, got {spins}")


def pair_counts(spins: Array, pairs: Array, weights: Array | None = None) -> Array:
    """The 2×2 table of each pair of spins or bits: both up, only the first, only the second, neither; `(P, 4)`.

    Args:
        spins: `(N, D)`; NaN is a missing cell, and a row counts for a pair only if both of its cells are there.
        weights: how much each row counts, `(N,)`; the counts are rounded.
    """
    found = np.zeros((len(pairs), 4))
    heavy = np.ones(len(spins)) if weights is None else weights
    step = max(1, CELLS // len(spins))
    for start in range(0, len(pairs), step):
        first, second = (spins[:, sites] for sites in pairs[start : start + step].T)
        there = ~(np.isnan(first) | np.isnan(second))
        up, other = first > 0, second > 0
        cells = (up & other, up & ~other & there, ~up & other & there, ~(up | other) & there)
        found[start : start + step] = np.stack([heavy @ cell for cell in cells], 1)
    return np.rint(found).astype(int)


def weighted_means(cells: Array, weights: Array | None = None) -> Array:
    """The mean of each column over its observed cells, `(D,)`; NaN is a missing cell."""
    there = ~np.isnan(cells)
    if weights is None:
        return np.asarray(np.where(there, cells, 0).sum(0) / there.sum(0))
    return np.asarray(weights @ np.where(there, cells, 0) / (weights @ there))


def constant_columns(spins: Array) -> Array:
    """Whether each column is constant where it is observed, `(D,)`; a spin of 0 is missing."""
    return np.logical_or((spins >= 0).all(0), (spins <= 0).all(0))


def same_columns(spins: Array) -> Array:
    """Whether two columns always agree or always differ where both are observed, `(D, D)`; False for constant ones."""
    constant, d = constant_columns(spins), spins.shape[1]
    if spins.all():  # without missing cells such columns have equal bits, or opposite ones
        bits = np.packbits((spins > 0) == (spins[0] > 0), axis=0).T
        _, place = np.unique(np.ascontiguousarray(bits), axis=0, return_inverse=True)
        place = place.ravel()
        same = place[:, None] == place
    else:
        there = np.abs(spins)
        both = there.T @ there
        same = (np.abs(spins.T @ spins) == both) & (both > 1)
    same[constant] = same[:, constant] = False
    return same & ~np.eye(d, dtype=bool)


def unlimited_couplings(spins: Array, couplings: Array) -> Array:
    """Whether the coupling of a pair `i < j` could grow without limit without making the data less likely, `(D, D)`.

    This is so for an empty cell in the 2×2 table of the pair, since the fields can compensate the other cells. Pairs of
    equal or constant columns are not included.
    """
    same, constant = same_columns(spins), constant_columns(spins)
    pairs = np.argwhere(np.triu(couplings, 1) * ~same * ~constant * ~constant[:, None])
    unlimited = np.zeros_like(same)
    observed = spins if spins.all() else np.where(spins == 0, np.nan, spins)
    unlimited[tuple(pairs[(pair_counts(observed, pairs) == 0).any(1)].T)] = True
    return unlimited


def table_warnings(spins: Array, names: Sequence[str]) -> list[str]:
    """Warnings about a table, before anything is estimated: constant, equal and one-hot columns, too few rows."""
    n, d = spins.shape
    found = []
    constant, same = np.flatnonzero(constant_columns(spins)), same_columns(spins)
    if len(constant):
        found.append(
            f"constant columns carry no information on couplings: {listed([names[i] for i in constant.tolist()])}"
        )
    if same.any():
        found.append(
            "columns that always agree or always differ: the data set no limit to their coupling and can't distinguish "
            f"their neighbours; leave out one of each pair: {listed_pairs(np.argwhere(np.triu(same)), names)}"
        )
    codes = [group for group in one_hot_columns(spins) if len(group) > 2] if spins.all() else []
    if codes:
        found.append(
            "exactly one of some columns is 1 in every row, as if they were the values of one variable: couplings "
            "between them only say so, and those of all of them with another column are known up to a common number; "
            "leave out all but those that matter, or fit their table with estimate --types auto: "
            + listed([f"{names[group[0]]} to {names[group[-1]]}" for group in codes])
        )
    if n < d:
        found.append(
            f"fewer samples ({n}) than spins ({d}): only strong couplings can be found; if the rows are the variables, "
            "transpose the table"
        )
    return found


def coupling_warnings(spins: Array, couplings: Array, names: Sequence[str], *, with_fields: bool) -> list[str]:
    """Warnings about estimated couplings that are limited by the prior instead of the data."""
    found = []
    same = same_columns(spins)
    unlimited = unlimited_couplings(spins, couplings) if with_fields else np.zeros_like(same)
    if unlimited.any():
        found.append(
            "couplings of columns with a combination of values that never occurs: the data set no limit to them, and "
            f"only the prior keeps them finite: {listed_pairs(np.argwhere(unlimited), names)}"
        )
    large = np.argwhere(np.triu((np.abs(couplings) > PRIOR_SD) & ~same & ~unlimited))
    if len(large):
        found.append(f"couplings above {PRIOR_SD:g}, which the prior shrinks: {listed_pairs(large, names)}")
    return found


def listed_pairs(pairs: Array, names: Sequence[str]) -> str:
    """The first of some pairs of columns by name, and how many more there are."""
    return listed([f"{names[i]} and {names[j]}" for i, j in pairs.tolist()])


def listed(words: list[str]) -> str:
    """The first of some words, and how many more there are."""
    return ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")
