"""How a table is read: which of its columns, and what their cells mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Reading:
    """How the cells of a table become bits, and which of its columns are read.

    >>> Reading(recode={"male": 0, "female": 1, "-9": None}).is_plain, Reading(missing=True).is_plain
    (False, True)
    """

    recode: dict[str, int | None] | None = None
    """what cells mean: 0, 1, or None for missing. Other cells are refused, or compared with the threshold"""
    binarise: float | Literal["median"] | None = None
    """a cell that is a number above this threshold is 1, and another number is 0; `median`: the median of its column,
    where columns that are binary already stay as they are"""
    columns: tuple[str, ...] = ()
    """names of the columns that are read, or their numbers from 1; by default all"""
    drop: tuple[str, ...] = ()
    """the same of columns that are left out"""
    transpose: bool = False
    """whether the rows of the file are the variables, and its columns the observations"""
    weights: str | None = None
    """the column that says how much each row counts"""
    blocks: str | None = None
    """the column whose values say which rows belong together"""
    missing: bool = False
    """whether cells may be missing"""

    @property
    def is_plain(self) -> bool:
        """Whether all columns are read and all cells are binary already."""
        return self == Reading(missing=self.missing)
