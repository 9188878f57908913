"""What kind of column each column of a data frame is, recognised from its cells or said by the user."""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from discrete_ed.data.numbers import NUMBER
from discrete_ed.errors import InputError
from discrete_ed.names import ColumnKindName
from discrete_ed.tables.columns import Column, TableSchema, holds_numbers, is_number, listed
from discrete_ed.tables.dates import is_date, is_date_in_digits
from discrete_ed.tables.doubts import warn_of_doubts
from discrete_ed.tables.optional import expect_frame, pandas
from discrete_ed.tables.spelling import reading_of

if TYPE_CHECKING:
    from pandas import DataFrame, Series

LEVELS = 20
"""largest number of different whole numbers that are taken for levels of an ordinal"""
MOST_WORDS = 100
"""largest number of different words that are taken for categories"""
SMALL = 20
"""number of rows up to which a column of words may differ in every row"""
MOST_DECIMALS = 6
LARGEST_WHOLE = 2**53  # above, whole numbers are not exact as floats
WITH_UNIT = re.compile(r"[+-]?\d+([.,]\d+)? ?[a-zA-Zµ°/²³]+")
FEWEST_DATES = 3  # whole numbers such as 20240131, all of which are dates
GUESSED = "table: whole numbers with few values are taken for levels in an order"
OVERRIDE = "say what it is with types, such as {name}=category"

Types = Mapping[Any, ColumnKindName | Sequence[Any]]
"""for some columns, by name, the kind that they are, or the values of an ordinal in their order"""


def recognise_columns(frame: DataFrame, types: Types | None = None) -> TableSchema:
    """What kind of column each column of a data frame is: category, ordinal or number.

    - Truth values, words, and the values of an unordered pandas categorical are categories; so are whole numbers of two
      values.
    - The values of an ordered categorical are an ordinal; so are, with a warning, whole numbers of 3 to 20 values, most
      of which occur more than once.
    - All other numbers are numbers.
    - Missing cells (NaN, None, NA) are no value: which one it would be is unknown.

    Args:
        frame: at least two rows, with a name for each column.
        types: for some columns, by name, the kind that they are, or the values of an ordinal in their order.

    Raises:
        InputError: a name that is no column or stands for two; a column that is constant, that mixes words and numbers,
            or that holds dates, free text, a number for each row in order, or objects of other types; a column that
            can't be what `types` says.

    Warns:
        UserWarning: whole numbers of few values are taken for ordinals; cells that may mean something else, such as
            −999, numbers that may only name the rows, and words that differ in capitals or blanks only.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sex": ["f", "m", "f"], "age": [31.5, 44.0, 27.0], "size": ["S", "L", "S"]})
    >>> [(c.kind, c.values) for c in recognise_columns(frame, {"size": ["S", "L"]}).columns]
    [('category', ('f', 'm')), ('number', ()), ('ordinal', ('S', 'L'))]
    """
    expect_frame(frame)
    if frame.columns.has_duplicates:
        raise InputError(
            f"table: expected different names of columns, got {frame.columns[frame.columns.duplicated()][0]!r} twice"
        )
    types = _checked_types(types or {}, frame)
    columns, guessed = [], []
    for name in frame.columns:
        cells = frame[name]
        present = cells.dropna()
        _check_cells(name, cells, present)
        kind = types.get(name)
        if kind is None:
            kind = _kind(name, present)
            if kind == "ordinal" and not _is_ordered(cells):
                guessed.append(name)
        columns.append(_column(name, kind, cells, present))
    if guessed:
        warnings.warn(
            f"{GUESSED} in {listed(guessed)}; if they are numbers or codes, {OVERRIDE.format(name=guessed[0])}",
            UserWarning,
            stacklevel=2,
        )
    schema = TableSchema(tuple(columns))
    warn_of_doubts(frame, schema.columns, frozenset(types))
    return schema


def parse_types(specifications: Iterable[str]) -> dict[str, ColumnKindName | list[str]]:
    """The types of columns as the command line writes them: `age=number,sex=category` or `size=small<medium<large`.

    Raises:
        InputError: a specification that names no column, or no kind.

    >>> parse_types(["age=number,sex=category", "size=small<large"])
    {'age': 'number', 'sex': 'category', 'size': ['small', 'large']}
    """
    kinds = get_args(ColumnKindName)
    types: dict[str, Any] = {}
    for each in (part.strip() for specification in specifications for part in specification.split(",")):
        name, _, kind = (part.strip() for part in each.rpartition("="))
        values = [value.strip() for value in kind.split("<")]
        if not name or (kind not in kinds and (len(values) < 2 or not all(values))):
            raise InputError(
                f"types: expected NAME=KIND with one of {', '.join(kinds)}, or the values of an ordinal in order as in "
                f"NAME=low<high, got {each!r}"
            )
        if name in types:
            raise InputError(f"types: expected each column once, got {name!r} twice")
        types[name] = kind if kind in kinds else values
    return types


def _checked_types(types: Any, frame: DataFrame) -> dict[Hashable, Any]:
    kinds = ", ".join(get_args(ColumnKindName))
    if not isinstance(types, Mapping):
        raise InputError(f"types: expected a kind for each of some names of columns, got {types!r:.60}")
    absent = [name for name in types if name not in frame.columns]
    if absent:
        raise InputError(f"types: expected names among {listed(list(frame.columns))}, got {absent[0]!r}")
    for name, kind in types.items():
        is_kind = kind in get_args(ColumnKindName) if isinstance(kind, str) else isinstance(kind, Iterable)
        if not is_kind:
            raise InputError(f"types: expected one of {kinds}, or values in order, for {name!r}, got {kind!r:.60}")
    return dict(types)


def _check_cells(name: Hashable, cells: Series, present: Series) -> None:
    """Refuse what no kind of column may hold."""
    types = pandas().api.types
    if not len(present):
        raise InputError(f"column {name!r}: expected at least one cell, got {len(cells)} missing ones; drop it")
    if types.is_datetime64_any_dtype(cells.dtype) or types.is_timedelta64_dtype(cells.dtype):
        raise InputError(
            f"column {name!r}: expected categories or numbers, got dates or times; make numbers of them, such as days "
            "since a day, or drop the column"
        )
    if types.is_complex_dtype(cells.dtype) or isinstance(cells.dtype, pandas().PeriodDtype | pandas().IntervalDtype):
        raise InputError(f"column {name!r}: expected categories or numbers, got {cells.dtype}; make numbers of them")
    if not holds_numbers(cells):
        _check_objects(name, present)
    if is_number(present.iloc[0]) and np.isinf(present.to_numpy(float)).any():
        raise InputError(f"column {name!r}: expected finite numbers, got an infinite one; mark it as missing")
    if present.nunique() < 2:
        raise InputError(
            f"column {name!r}: expected at least two different values, got only {listed(present.unique())}; drop the "
            "column, since there is nothing to learn about it"
        )


def _check_objects(name: Hashable, present: Series) -> None:
    """Cells of a column of objects must be words, or numbers, or truth values, not several of these."""
    levels = isinstance(present.dtype, pandas().CategoricalDtype)
    if levels:
        present = present.cat.categories.to_series()
    kinds = {"words": str, "truth values": bool | np.bool_}
    first: dict[str, tuple[Any, Any]] = {}
    for row, cell in present.items():
        kind = next((word for word, kind in kinds.items() if isinstance(cell, kind)), None)
        kind = kind or ("numbers" if is_number(cell) else None)
        if kind is None:
            way_on = "make words or numbers of them, or drop the column"
            if levels:  # such as the intervals of pandas.cut
                way_on = "make words of them with .cat.rename_categories(str), or drop the column"
            raise InputError(f"column {name!r}: expected words or numbers, got {type(cell).__name__}; {way_on}")
        first.setdefault(kind, (row, cell))
    if len(first) > 1:
        places = {kind: "" if levels else f" (row {row})" for kind, (row, _) in first.items()}
        found = " and ".join(f"{kind} such as {cell!r}{places[kind]}" for kind, (_, cell) in first.items())
        raise InputError(
            f"column {name!r}: expected cells of one type, got {found}; mark missing cells as missing, or make words "
            "of all cells"
        )


def _is_ordered(cells: Series) -> bool:
    return isinstance(cells.dtype, pandas().CategoricalDtype) and bool(cells.dtype.ordered)


def _kind(name: Hashable, present: Series) -> ColumnKindName:
    """What a column seems to be."""
    if isinstance(present.dtype, pandas().CategoricalDtype):
        return "ordinal" if _is_ordered(present) else "category"
    first = present.iloc[0]
    if isinstance(first, bool | np.bool_):
        return "category"
    count = present.nunique()
    if isinstance(first, str):
        way_on = f"drop it, or {OVERRIDE.format(name=name)}"
        dates = [word for word in present.unique() if is_date(word)]
        if 2 * len(dates) > count:
            raise InputError(
                f"column {name!r}: expected categories or numbers, got what looks like dates or times ({dates[0]!r}); "
                f"make numbers of them, such as days since a day, {way_on}"
            )
        if count > MOST_WORDS or (len(present) > SMALL and 2 * count > len(present)):
            units = [word for word in present.unique() if WITH_UNIT.fullmatch(word.strip())]
            if 2 * len(units) > count:
                raise InputError(
                    f"column {name!r}: expected numbers or words that repeat, got numbers with a unit such as "
                    f"{units[0]!r}; write the numbers without it, {way_on}"
                )
            if all(NUMBER.fullmatch(word.strip()) or reading_of(word.strip()) for word in present.unique()):
                raise InputError(
                    f"column {name!r}: expected numbers or words that repeat, got numbers as words such as {first!r}; "
                    f"write them with digits and a point only and make numbers of them with pandas.to_numeric, {way_on}"
                )
            raise InputError(
                f"column {name!r}: expected words that repeat, got {count} different ones in {len(present)} rows such "
                f"as {first[:40]!r}, which looks like free text or names of rows; {way_on}"
            )
        return "category"
    numbers = present.to_numpy(float)
    if (numbers != numbers.round()).any():
        return "number"
    says_number = f"drop it, or {OVERRIDE.format(name=name).replace('category', 'number')}"
    if len(numbers) > SMALL and count == len(numbers) == np.ptp(numbers) + 1:
        in_order = ", in order" if (np.diff(numbers) == 1).all() else ", each once"
        raise InputError(
            f"column {name!r}: expected an observation, got the numbers from {numbers.min():g} to {numbers.max():g}"
            f"{in_order}, which numbers the rows; {says_number}"
        )
    if count >= FEWEST_DATES and all(is_date_in_digits(number) for number in np.unique(numbers)):
        raise InputError(
            f"column {name!r}: expected categories or numbers, got what looks like dates ({first:.0f}), whose "
            f"differences are no numbers of days; make numbers of them, such as days since a day, {says_number}"
        )
    if count == 2:
        return "category"
    alone = (present.value_counts() == 1).sum()  # levels occur again and again
    return "ordinal" if count <= LEVELS and (2 * alone <= count or len(numbers) <= SMALL) else "number"


def _column(name: Hashable, kind: Any, cells: Series, present: Series) -> Column:
    """The column, if its cells can be of that kind."""
    categorical = isinstance(cells.dtype, pandas().CategoricalDtype)
    numeric = holds_numbers(cells) or is_number(present.iloc[0])
    if kind == "number":
        if not numeric or categorical:
            raise InputError(
                f"column {name!r}: expected numbers, as types says, got {present.iloc[0]!r}; make numbers of the cells "
                "with pandas.to_numeric"
            )
        return Column(name, "number", cells.dtype, decimals=_decimals(name, present.to_numpy(float)))
    largest = max(present.unique().tolist(), key=abs) if numeric else 0
    if abs(largest) >= LARGEST_WHOLE:
        raise InputError(
            f"column {name!r}: expected numbers below 2⁵³, which are exact, got {largest:g} in a column of "
            f"{kind if isinstance(kind, str) else 'ordinal'} values; make words of them with astype(str)"
        )
    if not isinstance(kind, str):
        values = _in_order(name, list(kind), present)
        return Column(name, "ordinal", cells.dtype, values)
    if kind == "ordinal" and not numeric and not _is_ordered(cells):
        raise InputError(
            f"column {name!r}: expected the order of its values, since words have none; give them from low to high, as "
            f"in {name}=low<high"
        )
    ordering: ColumnKindName = "ordinal" if kind == "ordinal" else "category"
    if categorical:
        present_values = set(present.unique())
        return Column(name, ordering, cells.dtype, tuple(v for v in cells.cat.categories if v in present_values))
    return Column(name, ordering, cells.dtype, tuple(sorted(present.unique().tolist())))


def _in_order(name: Hashable, values: list[Any], present: Series) -> tuple[Any, ...]:
    """The values of an ordinal in the order that types gives, which may spell numbers as words."""
    found = list(present.unique())
    spelled = {str(value): value for value in found}
    if isinstance(present.dtype, pandas().CategoricalDtype):
        spelled |= {str(value): value for value in present.cat.categories}
    values = [value if value in found else spelled.get(str(value), value) for value in values]
    left_out = [value for value in found if value not in values]
    if left_out or len(set(values)) < len(values):
        got = f"no {left_out[0]!r}" if left_out else "one of them twice"
        raise InputError(f"types: expected all values of column {name!r} in order ({listed(found)}), got {got}")
    return tuple(values)


def _decimals(name: Hashable, numbers: np.ndarray[Any, Any]) -> int | None:
    """The decimal places that all numbers have at most; None if there are more than six."""
    if np.abs(numbers).max() >= LARGEST_WHOLE:
        raise InputError(
            f"column {name!r}: expected numbers below 2⁵³, which are exact, got {np.abs(numbers).max():g}; divide "
            "them, or drop the column if they are names of rows"
        )
    for places in range(MOST_DECIMALS + 1):
        if (numbers.round(places) == numbers).all():
            return places
    return None
