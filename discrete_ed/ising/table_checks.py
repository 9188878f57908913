"""Checks of a table of observations before anything is estimated, and warnings about couplings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import torch

from discrete_ed.errors import InputError
from discrete_ed.ising.parameters import PRIOR_SD, Array
from discrete_ed.names import ENUMERABLE_BITS, EstimatorName, PenaltyName
from discrete_ed.states import check_states

LISTED = 5
"""largest number of columns or pairs that a warning lists"""


def check_samples(x: torch.Tensor | Array, estimator: str, penalty: str, *, name: str = "x") -> Array:
    """The samples as spins −1 and +1, `(N, D)`; raises the errors of `recover_couplings`, with `name` for the table."""
    bits = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x, dtype=float))
    check_states(bits.float() if bits.dtype == torch.uint8 else bits, name=name)
    if bits.ndim != 2 or bits.shape[0] < 10 or bits.shape[1] < 2:
        raise InputError(f"{name}: expected a table of at least 10 samples of 2 spins, got shape {tuple(bits.shape)}")
    d = bits.shape[1]
    check_estimator(estimator, penalty, d)
    spins: Array = 2 * bits.double().cpu().numpy() - 1
    if constant_columns(spins).all():
        raise InputError(f"{name}: expected columns that vary, got {d} constant in all rows")
    return spins


def check_estimator(estimator: str, penalty: str, spins: int) -> None:
    """Refuse an unknown estimator or penalty, and maximum likelihood of too many spins to enumerate their states."""
    for option, value, known in (("estimator", estimator, EstimatorName), ("penalty", penalty, PenaltyName)):
        if value not in get_args(known):
            raise InputError(f"{option}: expected one of {', '.join(get_args(known))}, got {value!r}")
    if estimator == "maximum-likelihood" and spins > ENUMERABLE_BITS:
        raise InputError(f"estimator: expected at most {ENUMERABLE_BITS} spins for maximum-likelihood, got {spins}")


def pair_counts(spins: Array, pairs: Array) -> Array:
    """The 2×2 table of each pair of spins or bits: both up, only the first, only the second, neither; `(P, 4)`."""
    ups = (spins > 0).astype(float)
    i, j = pairs.T
    both = (ups.T @ ups)[i, j]
    first, second = ups.sum(0)[i] - both, ups.sum(0)[j] - both
    return np.stack([both, first, second, len(ups) - both - first - second], 1).astype(int)


def constant_columns(spins: Array) -> Array:
    """Whether each column is constant, `(D,)`."""
    return np.abs(spins.mean(0)) == 1


def same_columns(spins: Array) -> Array:
    """Whether two columns always agree or always differ, `(D, D)`; False for constant columns."""
    same = np.abs(spins.T @ spins) == len(spins)
    constant = constant_columns(spins)
    same[constant] = same[:, constant] = False
    return same & ~np.eye(len(same), dtype=bool)


def unlimited_couplings(spins: Array, couplings: Array) -> Array:
    """Whether the coupling of a pair `i < j` could grow without limit without making the data less likely, `(D, D)`.

    This is so for an empty cell in the 2×2 table of the pair, since the fields can compensate the other cells. Pairs of
    equal or constant columns are not included.
    """
    same, constant = same_columns(spins), constant_columns(spins)
    pairs = np.argwhere(np.triu(couplings, 1) * ~same * ~constant * ~constant[:, None])
    unlimited = np.zeros_like(same)
    unlimited[tuple(pairs[(pair_counts(spins, pairs) == 0).any(1)].T)] = True
    return unlimited


def table_warnings(spins: Array, names: Sequence[str]) -> list[str]:
    """Warnings about a table, before anything is estimated: constant columns, equal columns, too few rows."""
    n, d = spins.shape
    found = []
    constant, same = np.flatnonzero(constant_columns(spins)), same_columns(spins)
    if len(constant):
        found.append(
            f"constant columns carry no information on couplings: {_listed([names[i] for i in constant.tolist()])}"
        )
    if same.any():
        found.append(
            "columns that always agree or always differ: the data set no limit to their coupling and can't distinguish "
            f"their neighbours; leave out one of each pair: {_listed_pairs(np.argwhere(np.triu(same)), names)}"
        )
    if n < d:
        found.append(f"fewer samples ({n}) than spins ({d}): only strong couplings can be found")
    return found


def coupling_warnings(spins: Array, couplings: Array, names: Sequence[str], *, with_fields: bool) -> list[str]:
    """Warnings about estimated couplings that are limited by the prior instead of the data."""
    found = []
    same = same_columns(spins)
    unlimited = unlimited_couplings(spins, couplings) if with_fields else np.zeros_like(same)
    if unlimited.any():
        found.append(
            "couplings of columns with a combination of values that never occurs: the data set no limit to them, and "
            f"only the prior keeps them finite: {_listed_pairs(np.argwhere(unlimited), names)}"
        )
    large = np.argwhere(np.triu((np.abs(couplings) > PRIOR_SD) & ~same & ~unlimited))
    if len(large):
        found.append(f"couplings above {PRIOR_SD:g}, which the prior shrinks: {_listed_pairs(large, names)}")
    return found


def _listed_pairs(pairs: Array, names: Sequence[str]) -> str:
    return _listed([f"{names[i]} and {names[j]}" for i, j in pairs.tolist()])


def _listed(words: list[str]) -> str:
    return ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")
