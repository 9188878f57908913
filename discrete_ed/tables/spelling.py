"""Spellings of numbers beyond digits and a decimal point: which are read, and which may mean several numbers."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.numbers import NUMBER
from discrete_ed.data.text_tables import MISSING_CELLS
from discrete_ed.errors import InputError

LEADING_ZERO = re.compile(r"[+-]?0\d")
"""how codes such as 007 begin, whose zeros a number would lose"""
DECIMAL_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""spellings that have three digits behind a comma, which may be thousands"""
POINT_AND_THREE = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
"""spellings that have three digits behind a point, which may be thousands where commas are decimal"""
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


def check_points(path: Path, name: str, cells: np.ndarray[Any, Any], lines: list[int], *, decimal_commas: bool) -> None:
    """Refuse points, in a file whose cells are separated by semicolons or tabs, that seem to separate thousands.

    Args:
        decimal_commas: whether another column of the file has decimal commas.

    Raises:
        InputError: all points of the column stand before three digits, and another column has decimal commas, or other
            cells of the column have no point.

    Warns:
        UserWarning: all cells have a point before three digits, which is read as decimal.
    """
    present = [cell for cell in cells if cell.lower() not in MISSING_CELLS]
    points = [cell for cell in present if "." in cell]
    if not points or not all(NUMBER.fullmatch(cell) and _may_be_thousands(cell) for cell in present):
        return
    plain = re.sub("[.]", "", points[0])
    meaning = f"{plain} or {points[0]}"
    if decimal_commas or len(points) < len(present):
        raise InputError(
            f"{path}, row {lines[list(cells).index(points[0])]}, column {name!r}: expected numbers as digits and a "
            f"decimal point or comma, got {points[0]!r}, which may be read as {meaning}; write the numbers plainly"
        )
    warnings.warn(
        f"{path}, column {name!r}: the point in cells such as {points[0]} is read as a decimal point; if it separates "
        f"thousands, write {plain}",
        UserWarning,
        stacklevel=3,
    )


def _may_be_thousands(cell: str) -> bool:
    return "." not in cell or POINT_AND_THREE.fullmatch(cell) is not None


def reading_of(cell: str) -> str | None:
    """What a spelling may mean as a number, in words; None if it looks like a word.

    >>> reading_of("1,000"), reading_of("1.234,50"), reading_of("$0.5"), reading_of("5%"), reading_of("1.2.3")
    ('1000 or 1.000', '1234.50', '0.5', '5 per cent', None)
    """
    if cell.startswith("(") and cell.endswith(")"):  # as accountants write negative numbers
        inner = cell[1:-1] if NUMBER.fullmatch(cell[1:-1]) else reading_of(cell[1:-1])
        return None if inner is None else f"-{inner}"
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
