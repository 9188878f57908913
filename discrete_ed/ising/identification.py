"""Which couplings the rows tell apart from others, so that an interval can be given for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from discrete_ed.ising.dependence import row_patterns
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Array
from discrete_ed.ising.table_checks import constant_columns, listed, listed_pairs, same_columns

MOST_REPEATED = 0.05
"""share of the columns that repeat others above which rows may be frozen, if they are several"""
RARE = 10
"""number of rows below which a value of a column is a rare event, in which columns often agree by chance"""
FEWEST_EXPECTED = 5.0
"""number of rows expected by chance in a cell of the 2 × 2 table of a pair below which its coupling is hardly seen"""
FEW = 1.5
"""number of different rows for each column below which rows may be frozen"""


def identified_pairs(data: Observations) -> Array:
    """Whether the rows tell the coupling of each pair apart from others, `(D, D)`; a spin of 0 is missing.

    Not if one of the columns equals, or is opposite to, a third one wherever both are observed: which of them an edge
    belongs to can't be told. Two columns that are equal to each other alone may be a pair themselves. A constant column
    acts as a field. Where rows are frozen, nothing else is told apart either, see `is_frozen`.

    >>> a, b, c = [1, 1, -1, -1], [1, -1, 1, -1], [1, 1, 1, -1]
    >>> np.argwhere(np.triu(identified_pairs(Observations(np.array([a, a, b, c]).T)))).tolist()
    [[0, 1], [2, 3]]
    """
    d = data.spins.shape[1]
    same = same_columns(data.spins)
    if is_frozen(data, same):
        return np.zeros((d, d), bool)
    varies, equals = ~constant_columns(data.spins), same.sum(1)
    alone, twins = equals == 0, same & (equals == 1)
    return varies & varies[:, None] & ((alone & alone[:, None]) | twins) & ~np.eye(d, dtype=bool)


def is_frozen(data: Observations, same: Array) -> bool:
    """Whether more than a twentieth of the columns repeat others, at least two, and few rows differ: fewer than three
    for two columns, and no more than half of those that the different columns could form.

    Then the spins are so strongly coupled that whole groups of them stand in for each other. Columns of which one value
    is rare don't count as repeats: those of events that hardly ever occur are often equal.

    Args:
        same: which columns are the same, see `same_columns`.
    """
    d = len(same)
    if repeated_columns(data, same) <= max(MOST_REPEATED * d, 1):
        return False
    different = len(row_patterns(data.spins)[1])
    kinds = d - int(np.triu(same, 1).any(0).sum())
    return different < FEW * d and different <= 2.0 ** (kinds - 1)


def repeated_columns(data: Observations, same: Array) -> int:
    """The number of columns that repeat others before them, without those of rare events."""
    repeats = np.flatnonzero(np.triu(same, 1).any(0))
    weights = np.ones(len(data.spins)) if data.weights is None else data.weights
    values = data.spins[:, repeats]
    return int((np.minimum(weights @ (values > 0), weights @ (values < 0)) >= RARE).sum())


def unclear_pairs(identified: Array, couplings: Array) -> Array:
    """The pairs whose couplings were estimated though the rows don't tell them apart from others, `(P, 2)`."""
    return np.argwhere(np.triu((couplings != 0) & ~identified, 1))


def identification_warnings(
    data: Observations, identified: Array, couplings: Array, names: Sequence[str], *, decided: bool
) -> list[str]:
    """A warning of couplings without an interval because the rows don't tell them apart.

    Args:
        decided: whether edges were decided apart from the estimate, so that these are none.
    """
    if is_frozen(data, same := same_columns(data.spins)):
        repeated, different = repeated_columns(data, same), len(row_patterns(data.spins)[1])
        return [
            f"{repeated} of {len(same)} columns repeat others, and only {different} rows differ: they can't tell which "
            "pairs interact, so no coupling has an interval; observe where columns vary more, or leave out those that "
            "repeat others"
        ]
    unclear = unclear_pairs(identified, couplings)
    if not len(unclear):
        return []
    what, have = ("1 coupling is", "it has") if len(unclear) == 1 else (f"{len(unclear)} couplings are", "they have")
    edges = ", and no pair of such columns is called an edge but two that repeat each other alone" if decided else ""
    return [
        f"{what} not identified, since the rows can't tell to which of the columns that repeat each other an edge "
        f"belongs: {have} no interval{edges}: {listed_pairs(unclear, names)}"
    ]


def seldom_warnings(data: Observations, couplings: Array, names: Sequence[str]) -> list[str]:
    """A warning about fields of columns of which a pair was left out that the rows can't judge: by chance alone fewer
    than five rows are expected in one of the cells of its 2 × 2 table."""
    weights = np.ones(len(data.spins)) if data.weights is None else data.weights
    least = np.minimum(weights @ (data.spins > 0), weights @ (data.spins < 0))
    few = np.outer(least, least) / weights.sum() < FEWEST_EXPECTED
    few &= (couplings == 0) & (least > 0) & (least > 0)[:, None] & ~np.eye(len(couplings), dtype=bool)
    seldom = np.flatnonzero(few.any(1)).tolist()
    if not seldom:
        return []
    return [
        "intervals of the fields of columns that are seldom up, or seldom down, are too narrow: too few rows tell "
        "whether these interact with each other, and a coupling that was left out would change their fields by as "
        f"much: {listed([names[k] for k in seldom])}"
    ]
