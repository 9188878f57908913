"""Numbers of a table to bits, and warnings where the numbers suggest that something else was meant."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError

Cells = NDArray[np.floating[Any]]

SHOWN = 5
"""largest number of columns that a warning lists"""


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


def check_same_code(values: Cells) -> None:
    """Raise `InputError` unless the numbers are zeros and ones, as in the table that was fitted."""
    wrong = values[~((values == 0) | (values == 1) | np.isnan(values))]
    if len(wrong):
        raise InputError(f"X: expected zeros and ones, as in the rows that were fitted, got {wrong[0]:g}")


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=5)
