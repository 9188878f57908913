"""Numbers in text, and first rows of numbers that name the columns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
FEWEST, SHOWN = 20, 5
"""number of rows from which on numbers may name the columns, and largest number of names that a message shows"""


def names_columns(cells: Sequence[str]) -> bool:
    """Whether a first row numbers the columns, at least three: 0, 1, 2, … or 1, 2, 3, …, perhaps after an empty cell or
    a word; or begins with #, as names do that numpy writes."""
    if not cells:
        return False
    found = [cell.strip() for cell in _after_names(cells)]
    whole = len(found) > 2 and any(found == [str(k + start) for k in range(len(found))] for start in (0, 1))
    return whole or cells[0].lstrip().startswith("#")


def _after_names(cells: Sequence[str]) -> Sequence[str]:
    """The cells without the first one if it is empty or a word, as of a column that names the rows."""
    return cells if not cells or NUMBER.fullmatch(cells[0].strip()) else cells[1:]


def named_by_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the numbers of the first row are all different, or rise in equal steps, and those of no other row do, as
    where years or the numbers of sites name at least three columns.

    Of `N` rows of one law the first is the only row of a kind with a probability of at most `1 / N`. With few rows
    there must be many columns.
    """
    if len(rows) < 2 or max(len(rows), len(rows[0])) < FEWEST:
        return False
    return any(alone(rows[0]) and not any(map(alone, rows[1:])) for alone in (all_differ, _rise_evenly))


def all_differ(cells: Sequence[str]) -> bool:
    """Whether cells are numbers that all differ, but for a first one that may be a word."""
    found = _after_names(cells)
    return len(set(found)) == len(found) > 2 and all(map(NUMBER.fullmatch, map(str.strip, found)))


def _rise_evenly(cells: Sequence[str]) -> bool:
    """Whether cells are four or more whole numbers that rise in equal steps, but for a first one that may be a word."""
    found = [cell.strip() for cell in _after_names(cells)]
    if len(found) < 4 or not all(cell.isdecimal() for cell in found):
        return False
    steps = {int(high) - int(low) for low, high in pairwise(found)}
    return len(steps) == 1 and min(steps) > 0


def warn_of_numbers(path: Path, head: Sequence[str], why: str, *, stacklevel: int) -> None:
    """Warn that a first row of numbers is taken for names."""
    shown = ", ".join(head[:SHOWN]) + (", …" if len(head) > SHOWN else "")
    warnings.warn(
        f"{path}: the first row ({shown}) is read as names of the columns, {why}; if it is an observation, write names "
        "above it",
        stacklevel=stacklevel,
    )
