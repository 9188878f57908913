"""Numbers that a threshold would make bits of, though they hardly are measurements."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.errors import InputError

Cells = np.ndarray[Any, Any]
FEWEST = 10
"""number of rows from which on chance hardly explains what is looked for"""
SHOWN = 3
"""largest number of columns that a warning shows"""
FAR = 2.0
"""how many times the next largest number 99, 999 and so on are where they hardly are measurements"""


def check_measurements(
    columns: Sequence[Cells], names: Sequence[str], rows: Sequence[int], path: Path, *, named: bool
) -> None:
    """Refuse columns and cells that hardly are measurements, before a threshold makes bits of them.

    These are columns that number the rows or rise in every row, such as times; a column or a row that is the sum of all
    others; codes for missing cells, such as -9 or 999.

    Args:
        columns: the numbers of each column that is compared with a threshold, NaN for any other cell.
        named: whether the user named the columns to read, so that they may rise or be a sum.

    Raises:
        InputError: such a column or cell, with what to do.
    """
    if len(rows) < FEWEST:
        return
    for name, numbers in zip(names, columns, strict=True):
        if not named and _numbers_rows(numbers):
            raise InputError(
                f"binarise: expected columns of measurements, got {name!r}, which numbers the rows or rises in every "
                "row: use drop, or columns to name those that are variables"
            )
        code = _missing_code(numbers)
        if code is not None:
            row = int(np.flatnonzero(numbers == code)[0])
            raise InputError(
                f"{path}, row {rows[row]}, column {name!r}: expected a measurement, got {code:g}, which looks like a "
                f"code for a missing cell: use recode {code:g}=NA, or recode {code:g}=0 or {code:g}=1 if it is a number"
            )
    doubtful = {name: code for name, numbers in zip(names, columns, strict=True) if (code := _no_answer(numbers))}
    if doubtful:
        shown = ", ".join(f"{code:g} in {name!r}" for name, code in list(doubtful.items())[:SHOWN])
        rest = f" and {len(doubtful) - SHOWN} more columns" if len(doubtful) > SHOWN else ""
        code = next(iter(doubtful.values()))
        warnings.warn(
            f"{path}: a number that stands apart from answers in sequence is compared with the threshold "
            f"({shown}{rest}); if it means no answer, use recode {code:g}=NA",
            stacklevel=6,
        )
    if len(columns) > 2:
        table = np.array(columns)
        total = table.sum(0)
        for name, numbers in zip(names, columns, strict=True):
            if not named and numbers.any() and np.allclose(2 * numbers, total, rtol=1e-9):
                raise InputError(
                    f"binarise: expected columns of measurements, got {name!r}, which is the sum of all others: use "
                    "drop, or columns to name those that are variables"
                )
        if table[:, -1].any() and np.allclose(2 * table[:, -1], table.sum(1), rtol=1e-9):
            raise InputError(
                f"{path}, row {rows[-1]}: expected an observation, got the sum of all other rows: remove it"
            )


def _numbers_rows(numbers: Cells) -> bool:
    """Whether a column rises or falls in every row, or holds each of as many whole numbers in sequence as rows once."""
    if np.isnan(numbers).any():
        return False
    steps = np.diff(numbers)
    return bool((steps > 0).all() or (steps < 0).all() or (np.diff(np.sort(numbers)) == 1).all())


def _missing_code(numbers: Cells) -> float | None:
    """The number of a column that looks like a code for missing cells, if any.

    A negative whole number where all others are zero or above, unless the column holds only -1, 0 and 1; or 99, 999 and
    so on where all others are less than half as large.
    """
    found = np.unique(numbers[~np.isnan(numbers)])
    if len(found) < 3:
        return None
    low, high = float(found[0]), float(found[-1])
    if low < 0 <= found[1] and low == round(low) and (found[-1] > 1 or low < -1):
        return low
    return high if high in (99, 999, 9999, 99999) and high > FAR * found[-2] else None


def _no_answer(numbers: Cells) -> float | None:
    """The number of a column that may stand for no answer, if any: 8, 9, 88 or 98 after a gap above all whole numbers
    from 0 or 1 to another one. Counts may be so as well."""
    found = np.unique(numbers[~np.isnan(numbers)])
    if len(found) < 4 or found[0] not in (0, 1) or found[-1] not in (8, 9, 88, 98):
        return None
    steps = np.diff(found)
    return float(found[-1]) if (steps[:-1] == 1).all() and steps[-1] > 1 else None
