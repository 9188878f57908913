"""Kinds of columns: what is recognised, what the user says, and what is refused with the way on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from discrete_ed.errors import InputError
from discrete_ed.tables import parse_types, recognise_columns

N = 60
RNG = np.random.default_rng(0)
WORDS = RNG.choice(["b", "a", "c"], N)
COUNTS = RNG.permutation(np.arange(N) % 7)


def kinds(**columns):
    return [(column.kind, column.values) for column in recognise_columns(pd.DataFrame(columns)).columns]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (WORDS, "category", ("a", "b", "c")),
        (pd.Categorical(WORDS, ["c", "b", "a", "never"]), "category", ("c", "b", "a")),
        (pd.Categorical(WORDS, ["c", "b", "a"], ordered=True), "ordinal", ("c", "b", "a")),
        (WORDS == "a", "category", (False, True)),
        (np.where(WORDS == "a", 7, 3), "category", (3, 7)),
        (pd.array(np.where(WORDS == "a", 1, None), dtype="Int64").fillna(2), "category", (1, 2)),
        (RNG.permutation(np.arange(N) * 3), "number", ()),
        (RNG.normal(size=N), "number", ()),
        (COUNTS / 2, "number", ()),
        (np.where(np.arange(N) < 8, 1000 * np.arange(N) ** 2, 0), "number", ()),  # gains of a few rows are no levels
        ([["x", None][k % 2] if k % 3 else "y" for k in range(N)], "category", ("x", "y")),
    ],
)
def test_kinds_are_recognised(cells, kind, values):
    assert kinds(column=cells) == [(kind, values)]


def test_whole_numbers_of_few_values_are_ordinals_with_a_warning():
    frame = pd.DataFrame({"count": COUNTS.astype(float), "age": RNG.permutation(N) * 2})
    with pytest.warns(UserWarning, match=r"'count'; if .* types, such as count=category"):
        count, age = recognise_columns(frame.where(frame["count"] > 0)).columns
    assert (count.kind, count.values, age.kind) == ("ordinal", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), "number")
    (column, _) = recognise_columns(frame, {"count": "number"}).columns
    assert (column.kind, column.decimals) == ("number", 0)


@pytest.mark.parametrize(
    ("cells", "types", "reason"),
    [
        (np.zeros(N), {}, "at least two different values, got only 0.0; drop the column"),
        ([None] * N, {}, "at least one cell, got 60 missing"),
        ([1.5, "x"] * (N // 2), {}, r"words such as 'x' \(row 1\)|numbers such as 1.5 \(row 0\)"),
        ([True, "x"] * (N // 2), {}, "one type"),
        ([True, 2] * (N // 2), {}, "one type"),
        (pd.date_range("2020-01-01", periods=N), {}, "dates or times; make numbers"),
        (pd.date_range("2020-01-01", periods=N).astype(str), {}, "looks like dates .*days since a day"),
        ([f"{k % 28 + 1}.{k % 12 + 1}.2021" for k in range(N)], {}, "looks like dates"),
        ([f"words of row {k}" for k in range(N)], {}, "free text .*; drop it, or say .* column=category"),
        (range(N), {}, "from 0 to 59, in order, which numbers the rows"),
        (RNG.permutation(N) + 1000.0, {}, "from 1000 to 1059, each once, which numbers the rows"),
        (np.where(WORDS == "a", 20240131, 20231201 + COUNTS), {}, r"looks like dates \(20"),
        (["3 Jan 2020", "4 Feb 2021", "?"] * (N // 3), {}, "looks like dates"),
        (["08:30", "9:00:15", "10:15 pm"] * (N // 3), {}, "dates or times"),
        (["Tue, 28 January 2020", "1er mai 2021", "3. März 2022"] * (N // 3), {}, "looks like dates"),
        (["2020-Q1", "Q2 2021", "2020W12", "2020年1月3日"] * (N // 4), {}, "looks like dates"),
        ([f"{k},5" for k in range(N)], {}, "got numbers as words such as '0,5'; write them with digits and a point"),
        ([f"${k}.50" for k in range(N)], {}, "got numbers as words .*to_numeric"),
        (pd.cut(RNG.normal(size=N), 4), {}, r"got Interval; make words of them with .cat.rename_categories\(str\)"),
        (WORDS, ["a"], r"types: expected a kind for each of some names of columns, got \['a'\]"),
        (WORDS, {"column": int}, "types: expected one of category, ordinal, number, or values in order, for 'column'"),
        ([f"{k + 0.5} kg" for k in range(N)], {}, "a unit such as '0.5 kg'; write the numbers without it"),
        (np.where(WORDS == "a", np.inf, 1), {}, "finite"),
        (np.where(WORDS == "a", np.inf, 1).astype(object), {}, "finite"),
        (RNG.normal(size=N).astype(str), {}, "got numbers as words .*to_numeric"),
        (pd.Categorical(["x", 1] * (N // 2)), {}, "numbers such as 1 and words such as 'x'; mark"),
        (2**60 + COUNTS, {}, r"below 2⁵³, .* ordinal values; make words of them with astype\(str\)"),
        (2**60 + COUNTS, {"column": "category"}, "below 2⁵³, .* make words"),
        ([(1, 2), (3, 4)] * (N // 2), {}, "expected words or numbers, got tuple"),
        ([1j, 2] * (N // 2), {}, "complex"),
        (WORDS, {"column": "number"}, "to_numeric"),
        (WORDS, {"column": "ordinal"}, "column=low<high"),
        (WORDS, {"column": ["a", "b"]}, "all values .* got no 'c'"),
        (WORDS, {"column": ["a", "b", "c", "b"]}, "twice"),
        (WORDS, {"column": "text"}, "category, ordinal, number"),
        (WORDS, {"colour": "category"}, "types: expected names among 'column', got 'colour'"),
        (2**53 + 7 * RNG.permutation(N), {"column": "number"}, "names of rows"),
    ],
)
def test_what_is_no_column_is_refused_with_the_way_on(cells, types, reason):
    with pytest.raises(InputError, match=reason):
        recognise_columns(pd.DataFrame({"column": cells}), types)


@pytest.mark.parametrize(
    ("name", "cells", "doubt"),
    [
        ("x", np.where(WORDS == "a", -999.0, RNG.normal(size=N)), r"hold -999 in \d+ rows, .* leave these cells empty"),
        ("x", np.where(WORDS == "a", -1, COUNTS * 10), "hold -1 in"),
        ("x", np.where(WORDS == "a", 99, COUNTS), "hold 99 in"),
        ("x", np.where(WORDS == "a", -9, COUNTS), "hold -9 in"),
        ("x", np.arange(N) * 3, "grow or fall from row to row .* say x=number"),
        ("customer_id", RNG.permutation(5 * N)[:N], "differ in nearly all rows and may only name the rows"),
        ("x", np.where(WORDS == "a", "Yes", np.where(WORDS == "b", "yes ", "no")), "'Yes', 'yes '.* write them alike"),
        ("x", np.where(WORDS == "a", "-", WORDS), "hold '-', which is taken for a category"),
        ("x", np.where(WORDS == "a", "", WORDS), "hold '', which is taken for a category; .* make None of them"),
        ("x", np.where(WORDS == "a", "nan", WORDS), "hold 'nan', which is taken for a category"),
        ("x", COUNTS.astype(str), "are words that spell numbers, such as '0', .*to_numeric, or say x=category"),
        ("x", [f"{k}%" for k in COUNTS], "are words that spell numbers, such as '0%'"),
        ("x", np.where(WORDS == "a", "é", np.where(WORDS == "b", "e\u0301", "x")), "are spelled .* write them alike"),
        ("x", np.where(WORDS == "a", "a\u200b", WORDS[::-1]), "are spelled 'a', 'a"),
    ],
)
@pytest.mark.filterwarnings("ignore:table. whole numbers")
def test_cells_that_may_mean_something_else_are_said(name, cells, doubt):
    with pytest.warns(UserWarning, match=f"table: cells of column .*{doubt}"):
        recognise_columns(pd.DataFrame({name: cells}))


@pytest.mark.filterwarnings("ignore:table. whole numbers")
@pytest.mark.filterwarnings("error:table. cells")
def test_plain_columns_raise_no_doubt():
    ages = RNG.permutation(np.r_[20:100, 20:100])  # with a 99 that is an age
    recognise_columns(pd.DataFrame({"age": ages, "sign": RNG.choice([-1, 0, 1], 160), "paid": RNG.normal(size=160)}))
    recognise_columns(pd.DataFrame({"id": np.arange(N) * 3}), {"id": "number"})
    recognise_columns(pd.DataFrame({"code": ["007", "7", "08"] * 9, "two": ["1", "2", "1"] * 9}))
    recognise_columns(pd.DataFrame({"level": ["1", "2", "3"] * 9}), {"level": "category"})
    for words in (["market 22", "decile 10", "Set 12"], ["Jan", "Feb", "may"], ["18-25", "26-35", "5 mg"]):
        recognise_columns(pd.DataFrame({"x": words * 9}))


def test_tables_that_are_no_frames_are_refused():
    with pytest.raises(InputError, match="pandas data frame, got ndarray"):
        recognise_columns(np.zeros((3, 3)))
    with pytest.raises(InputError, match="'a' twice"):
        recognise_columns(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]))
    with pytest.raises(InputError, match=r"shape \(0, 1\)"):
        recognise_columns(pd.DataFrame({"a": []}))


@pytest.mark.parametrize("specification", ["a", "a=text", "=category", "a=low<", "a=number,a=category"])
def test_types_of_the_command_line_that_say_nothing_are_refused(specification):
    with pytest.raises(InputError, match="types: expected"):
        parse_types([specification])


def test_an_order_may_be_spelled():
    frame = pd.DataFrame({"level=": [3, 1, 2] * 5})
    types = parse_types(["level==3<1<2"])
    assert recognise_columns(frame, types)["level="].values == (3, 1, 2)


FRAME = pd.DataFrame(
    {
        "word": WORDS,
        "truth": WORDS == "b",
        "cut": pd.Categorical(WORDS, ["c", "b", "a", "never"], ordered=True),
        7: COUNTS,
        "nullable": pd.array(COUNTS * 10, dtype="Int64"),
        "price": RNG.normal(1000, 100, N).round(2),
        "real": RNG.normal(size=N),
        "small": RNG.normal(size=N).astype(np.float32),
        "many": RNG.permutation(2 * N)[:N].astype(np.uint8),
    }
)


@pytest.mark.filterwarnings("ignore:table. whole numbers")
def test_codes_go_back_to_the_same_frame():
    schema = recognise_columns(FRAME)
    codes = schema.codes(FRAME[FRAME.columns[::-1]])  # columns are matched by name
    pd.testing.assert_frame_equal(schema.frame(codes), FRAME)
    assert [column.decimals for column in schema.columns[5:8]] == [2, None, None]


@pytest.mark.filterwarnings("ignore:table. whole numbers")
def test_missing_cells_stay_missing():
    whole = ["truth", 7, "many"]  # numpy has no missing truth values and integers
    frame = FRAME.astype({"truth": object, 7: float, "many": float})
    frame = frame.mask(np.random.default_rng(1).random(FRAME.shape) < 0.2)
    schema = recognise_columns(frame)
    again = schema.frame(schema.codes(frame))
    assert (again.isna() == frame.isna()).all(axis=None)
    assert (again.drop(columns=whole).dtypes == frame.drop(columns=whole).dtypes).all()
    pd.testing.assert_frame_equal(again.dropna(), frame.dropna())
    known = recognise_columns(FRAME)  # fitted without gaps
    assert (known.frame(known.codes(frame)).isna() == frame.isna()).all(axis=None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"word": "d"}, "column 'word': .*'a', 'b', 'c'.* got 'd' in 60 of 60 rows; replace them"),
        ({"price": "dear"}, "column 'price': expected numbers, got 'dear'"),
        ({"price": np.inf}, "finite"),
        ({"truth": "b"}, "column 'truth'"),
        ({"nullable": 1.5}, "column 'nullable'"),
    ],
)
@pytest.mark.filterwarnings("ignore:table. whole numbers")
def test_cells_that_a_column_cannot_have_are_named(change, reason):
    schema = recognise_columns(FRAME)
    with pytest.raises(InputError, match=reason):
        schema.codes(FRAME.assign(**change))
    with pytest.raises(InputError, match="got none called 'word'"):
        schema.codes(FRAME.drop(columns="word"))
