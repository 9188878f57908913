"""Spellings of numbers beyond digits and a decimal point: which are read, and which may mean several numbers."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.text_tables import MISSING_CELLS, NUMBER

LEADING_ZERO = re.compile(r"[+-]?0\d")
"""how codes such as 007 begin, whose zeros a number would lose"""
DECIMAL_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""spellings that have three digits behind a comma, which may be thousands"""
FORMATTED = re.compile(r"[+-]?[$€£¥]?\s*([+-]?(?:\d{1,3}(?:[.,'’\s]\d{3})+|\d+)(?:[.,]\d*)?|[.,]\d+)\s*[$€£¥%]?")


def decimal_points(path: Path, name: str, cells: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The cells with decimal points for decimal commas, if all of them are numbers so and not thousands.

    Warns:
        UserWarning: commas were read.
    """
    present = [cell for cell in cells if cell.lower() not in MISSING_CELLS]
    commas = [cell for cell in present if "," in cell]
    read = commas and all(DECIMAL_COMMA.fullmatch(cell) for cell in present)
    if not read or all(GROUPED.fullmatch(cell) for cell in commas):
        return cells
    warnings.warn(
        f"{path}, column {name!r}: the comma in cells such as {commas[0]} is read as a decimal point",
        UserWarning,
        stacklevel=3,
    )
    return np.array([cell.replace(",", ".") for cell in cells], dtype=object)


def reading_of(cell: str) -> str | None:
    """What a spelling may mean as a number, in words; None if it looks like a word.

    >>> reading_of("1,000"), reading_of("1.234,50"), reading_of("$0.5"), reading_of("5%"), reading_of("1.2.3")
    ('1000 or 1.000', '1234.50', '0.5', '5 per cent', None)
    """
    found = FORMATTED.fullmatch(cell)
    if found is None or NUMBER.fullmatch(cell):
        return None
    digits = re.sub(r"['’\s]", "", found[1])
    unit = " per cent" if cell.endswith("%") else ""
    marks = [mark for mark in digits if mark in ".,"]
    if not marks:
        return digits + unit
    plain = re.sub("[.,]", "", digits)
    whole, _, decimals = digits.rpartition(marks[-1])
    with_point = re.sub("[.,]", "", whole) + "." + decimals
    if len(set(marks)) == 1 and len(marks) > 1:
        return plain + unit
    if len(marks) == 1 and marks == [","] and len(decimals) == 3 and not whole.startswith("0"):
        return f"{plain} or {with_point}{unit}"
    return with_point + unit
