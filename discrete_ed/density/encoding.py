"""Numbers of a table to bits, and warnings where the numbers suggest that something else was meant."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.groups.one_hot import one_hot_columns

Cells = NDArray[np.floating[Any]]

SHOWN = 5
"""largest number of columns that a warning lists"""
SAME = 1e-6
"""relative difference of two numbers that rounding to single precision explains"""
UNLIKELY = 0.01
"""probability of a table of the same kind below which a table is suspected to be coded otherwise"""
FAR = 10.0
"""distance from the range of the fitted numbers, in widths of this range, from which on a number is suspicious"""


def encode(values: Cells, threshold: float | None) -> Cells:
    """The bits `value > threshold` of a table `(N, D)`, float; missing cells (NaN) stay missing.

    Raises:
        InputError: without a threshold, a number other than 0 and 1.
    """
    missing = np.isnan(values)
    if threshold is None:
        if not ((values == 0) | (values == 1) | missing).all():
            raise InputError("X: expected zeros and ones; set binarize to a threshold for other numbers")
        return values
    bits: Cells = np.where(missing, np.nan, values > threshold)
    return bits


def refuse_words(table: Any, error: Exception) -> None:
    """Raise an error that says what to do with words in a table that can't be read as numbers; nothing without words.

    Args:
        error: why it can't be read.
    """
    try:
        cells = np.asarray(table, dtype=object)
    except ValueError:
        return
    word = next((cell for cell in cells.ravel() if isinstance(cell, str) and not _is_number(cell)), None)
    if word is not None:
        raise InputError(
            f"X: expected numbers, got the word {word[:40]!r}; write 0 and 1 instead, as with X == 'yes', or take "
            "TableEstimator, which fits tables of words and numbers"
        ) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def check_encoding(values: Cells, threshold: float | None) -> None:
    """Look for signs that a threshold isn't the one that was meant for a table, and for columns that don't vary.

    Raises:
        InputError: the table has two different numbers, such as 1 and 2, and both are on one side of the threshold.

    Warns:
        UserWarning: all numbers are on one side of the threshold; the threshold is zero and the numbers are counts or
            grey values; a column is constant, so that the table doesn't tell how probable the other value is.
    """
    numbers = np.unique(values[~np.isnan(values)])
    low, high = (float(numbers[0]), float(numbers[-1])) if len(numbers) else (0.0, 1.0)
    if threshold is not None and not np.isin(numbers, (0, 1)).all():
        one_sided = len(np.unique(numbers > threshold)) == 1
        if one_sided and len(numbers) == 2:
            raise InputError(
                f"X: expected numbers on both sides of binarize={threshold:g}, got only {low:g} and {high:g}; recode "
                f"them as 0 and 1, or set binarize={(low + high) / 2:g}"
            )
        if one_sided:
            _warn(
                f"X: all numbers, from {low:g} to {high:g}, are on one side of binarize={threshold:g}, so all cells "
                f"become {int(high > threshold)}"
            )
            return
        if threshold == 0 and low >= 0 and len(numbers) > 2:
            _warn(
                f"X: numbers from {low:g} to {high:g} are cut at binarize=0, so that all positive ones become 1; for "
                f"grey values set binarize, such as {(low + high) / 2:g}"
            )
    bits = encode(values, threshold)
    constant = np.flatnonzero(~((bits == 0).any(0) & (bits == 1).any(0)))
    if len(constant):
        shown = ", ".join(map(str, constant[:SHOWN])) + (", …" if len(constant) > SHOWN else "")
        _warn(
            f"X: {len(constant)} of {bits.shape[1]} columns are constant ({shown}); the rows don't tell how probable "
            "their other value is"
        )


def warn_of_one_hot(values: Cells) -> None:
    """Warn if columns look like one-hot codes that weren't declared."""
    groups = one_hot_columns(values)
    if groups:
        shown = ", ".join(f"{g[0]} to {g[-1]}" for g in groups[:SHOWN]) + (", …" if len(groups) > SHOWN else "")
        whole = [len(g) for g in groups] if sum(map(len, groups)) == values.shape[1] else None
        way = f"categories={whole}" if whole and len(whole) <= 2 * SHOWN else "categories=Groups(members, bits)"
        _warn(
            f"X: columns {shown} hold exactly one 1 in every row, as one-hot codes do; if they are the values of one "
            f"variable, pass {way}: otherwise rows that can't be are possible for the model, and chains hardly move"
        )


@dataclass(frozen=True)
class Code:
    """How the numbers of a table stood for bits, by which a second table is recognised as coded otherwise."""

    numbers: tuple[float, ...]
    """the different numbers of the table if there are at most two, otherwise the lowest and the highest one"""
    two_valued: bool
    """whether these two are the only ones, or all are zeros and ones"""
    whole: bool
    """whether all numbers are whole"""
    rare: tuple[float, float]
    """upper bounds on the share of rows that are all zeros, and all ones: the least share of either in a column"""

    @classmethod
    def of(cls, values: Cells, threshold: float | None) -> Code:
        """The code of a table `(N, D)`, whose missing cells are NaN."""
        numbers = np.unique(values[~np.isnan(values)])
        if np.isin(numbers, (0, 1)).all():
            return cls((0.0, 1.0), two_valued=True, whole=True, rare=(1.0, 1.0))
        bits = encode(values, threshold)
        ones = np.nansum(bits, axis=0) / np.maximum(1, (~np.isnan(bits)).sum(axis=0))  # a column may lack all cells
        return cls(
            (float(numbers[0]), float(numbers[-1])),
            two_valued=len(numbers) == 2,
            whole=bool((numbers == numbers.round()).all()),
            rare=(float((1 - ones).min()), float(ones.min())),
        )

    def check(self, values: Cells, threshold: float) -> None:
        """Compare a second table `(N, D)` with this code.

        Raises:
            InputError: the first table had two different numbers, and this one has others; or the first one had whole
                numbers, and this one has fractions, all on one side of the threshold.

        Warns:
            UserWarning: all numbers are on one side of the threshold, which fewer than one in a hundred such
                tables would be; or numbers lie far outside the range of the first table.
        """
        numbers = np.unique(values[~np.isnan(values)])
        if not len(numbers):
            return
        low, high = self.numbers
        if self.two_valued:
            wrong = numbers[
                ~(np.isclose(numbers, low, rtol=SAME, atol=0) | np.isclose(numbers, high, rtol=SAME, atol=0))
            ]
            if len(wrong):
                known = "zeros and ones" if self.numbers == (0, 1) else f"{low:g} and {high:g}"
                raise InputError(f"X: expected {known}, as in the rows that were fitted, got {wrong[0]:g}")
            return
        found = f"from {numbers[0]:g} to {numbers[-1]:g}"
        fitted = f"the rows that were fitted, from {low:g} to {high:g}"
        if len(np.unique(numbers > threshold)) == 1:
            side = int(numbers[0] > threshold)
            if self.whole and not (numbers == numbers.round()).all():
                raise InputError(
                    f"X: expected whole numbers on both sides of binarize={threshold:g}, as in {fitted}, got fractions "
                    f"{found}, all on one side; scale them as those were"
                )
            if self.rare[side] ** len(values) < UNLIKELY:
                _warn(
                    f"X: all numbers, {found}, are on one side of binarize={threshold:g}, so all cells become {side}; "
                    f"{fitted}, were on both sides: are these in the same code?"
                )
        span = high - low
        if numbers[0] < low - FAR * span or numbers[-1] > high + FAR * span:
            _warn(f"X: numbers {found} lie far outside those of {fitted}: are these in the same code?")


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=5)
