"""Cells that are read as they stand and may mean something else: codes for missing cells, names of rows, spellings."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from discrete_ed.data.numbers import NUMBER
from discrete_ed.data.text_tables import MISSING_CELLS
from discrete_ed.tables.columns import Cells, Column, holds_numbers, listed
from discrete_ed.tables.spelling import LEADING_ZERO, reading_of

if TYPE_CHECKING:
    from pandas import DataFrame, Series

DOUBTED = "table: cells of column"
"""how each of these warnings begins"""
LOW_CODES = (-1.0, -9.0, -99.0, -999.0, -9999.0)
HIGH_CODES = (99.0, 999.0, 9999.0, 99999.0)
FAR = 3.0
"""a high code is suspicious if it is at least so many times the next number"""
LEAST_OTHERS = 3
"""smallest number of other values beside which a number can be a code"""
NAMES_ROWS = re.compile(r"(?:.*[_ .-])?(?:id|ids|zip|zipcode|postcode|plz|phone)|.*[a-z]I[Dd]s?", re.ASCII)
ALL_DIFFERENT = 0.95
"""share of different cells from which a column with such a name is suspicious"""
MARK = re.compile(r"[-–—.*?#/]+")
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad"  # characters without a width
FEWEST_SPELLED = 3
"""least number of values that all spell numbers from which on a column of words is suspicious; two are a choice"""


def warn_of_doubts(frame: DataFrame, columns: tuple[Column, ...], said: frozenset[Hashable]) -> None:
    """Warn of cells that may mean something else than what is read.

    Args:
        frame: the table.
        columns: its columns.
        said: the names of columns whose kind the user has said.
    """
    for column in columns:
        present = frame[column.name].dropna()
        of_words = not holds_numbers(present)
        for doubt in _of_words(column, said) if of_words else _of_numbers(column, present, said):
            warnings.warn(f"{DOUBTED} {column.name!r} {doubt}", UserWarning, stacklevel=3)


def _of_numbers(column: Column, present: Series, said: frozenset[Hashable]) -> list[str]:
    cells = present.to_numpy(float)
    doubts = [
        f"hold {code:g} in {int((cells == code).sum())} rows, which often means that a cell is missing; leave these "
        "cells empty if it does"
        for code in suspicious_codes(cells)
    ]
    if column.name in said or column.kind != "number" or column.decimals != 0:
        return doubts
    different = len(np.unique(cells))
    steps = np.diff(cells)
    in_order = different == len(cells) and bool((steps > 0).all() or (steps < 0).all())
    named = NAMES_ROWS.fullmatch(str(column.name)) or NAMES_ROWS.fullmatch(str(column.name).lower())
    if len(cells) > 2 and (in_order or (named and different >= ALL_DIFFERENT * len(cells))):
        why = "grow or fall from row to row" if in_order else "differ in nearly all rows"
        doubts.append(
            f"{why} and may only name the rows; drop the column if they do, or say {column.name}=number with types"
        )
    return doubts


def suspicious_codes(cells: Cells) -> list[float]:
    """Numbers among the cells that often mean that a cell is missing.

    −1, −9, −99, −999 and −9999 where no other number is negative, or far below all others; 99, 999, … far above them.

    >>> suspicious_codes(np.array([1.0, 2, 3, 4, -9])), suspicious_codes(np.array([97.0, 98, 96, 99]))
    ([-9.0], [])
    """
    values = np.unique(cells)
    found = []
    for code in (*LOW_CODES, *HIGH_CODES):
        others = values[~np.isin(values, LOW_CODES)] if code < 0 else values[values != code]
        if code not in values or len(others) < LEAST_OTHERS:
            continue
        far = abs(code) >= FAR * np.abs(others).max()
        if (code < 0 and (far or others.min() >= 0)) or (code > 0 and far):
            found.append(code)
    return found


def _of_words(column: Column, said: frozenset[Hashable]) -> list[str]:
    doubts = []
    words = [value for value in column.values if isinstance(value, str)]
    marks = [word for word in words if MARK.fullmatch(word.strip()) or word.strip().lower() in MISSING_CELLS]
    if marks and len(marks) < len(words) and column.kind == "category":
        doubts.append(
            f"hold {listed(marks)}, which is taken for a category; leave these cells empty if they are missing (in a "
            "data frame, make None of them)"
        )
    spelled = [word for word in words if word not in marks]
    if column.name not in said and len(spelled) >= FEWEST_SPELLED and all(_spells_number(word) for word in spelled):
        doubts.append(
            f"are words that spell numbers, such as {spelled[0]!r}, and taken for categories; make numbers of them "
            f"with pandas.to_numeric, or say {column.name}=category with types"
        )
    alike: dict[str, list[Any]] = {}
    for word in words:
        alike.setdefault(_plain(word), []).append(word)
    twice = next((each for each in alike.values() if len(each) > 1), None)
    if twice is not None:
        doubts.append(
            f"are spelled {listed(twice)}, which are taken for different values; write them alike if they are the same"
        )
    return doubts


def _spells_number(word: str) -> bool:
    """Whether a word is a number in digits, and no code with leading zeros."""
    plain = word.strip()
    return not LEADING_ZERO.match(plain) and (NUMBER.fullmatch(plain) is not None or reading_of(plain) is not None)


def _plain(word: str) -> str:
    """A word as it is compared: no capitals, no characters without a width, single blanks, one form of each letter."""
    seen = "".join(character for character in unicodedata.normalize("NFKC", word) if character not in UNSEEN)
    return " ".join(seen.casefold().split())
