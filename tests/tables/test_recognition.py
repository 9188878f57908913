"""Kinds of columns: what is recognised, what the user says, and what is refused with the way on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from discrete_ed.errors import InputError
from discrete_ed.tables import parse_types, read_frame, recognise_columns
from discrete_ed.tables.reading import lines_of_rows

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


def write(tmp_path, text, name="mine.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_frame_is_read_as_it_was_written(tmp_path):
    frame = FRAME[["word", "nullable", "price", "real"]].astype({"word": "str", "nullable": "int64"})
    frame.loc[3, "word"] = None
    frame.loc[4, "price"] = None
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_frame(path), frame, check_exact=True, check_column_type=False)
    frame.to_csv(path)
    with pytest.warns(UserWarning, match="numbers the rows"):
        assert read_frame(path).columns.tolist() == frame.columns.tolist()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("39,State-gov,77516\n50,Private,83311\n38,Private,215646\n", "names of columns .* number 39; add a row"),
        ("p,x,s,x\ne,x,s,y\np,x,y,y\n", "'x' twice"),
        ("s,x\ne,x\np,y\n", "got 'x', which is a cell"),
        ("a,,b\n1,x,2\n2,y,3\n", "got none for column 2"),
        ("a,b\n1,2\n", "at least two rows, got 1"),
        ("a,b\n1,2\n3\n", "row 3: expected 2 cells"),
        ("a,b\n1,x\n2,y\nthree,x\n", "row 4, column 'a': expected a number .* got 'three'; leave .* a=category"),
        ("a,b\nx,x\n2,y\ny,x\nz,x\n", "row 3, column 'a': expected a word .* got '2'"),
        ("", "at least two rows"),
    ],
)
def test_text_that_is_no_such_table_is_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read_frame(write(tmp_path, text))


def test_codes_that_look_like_numbers_are_read_as_words_where_the_user_says_so(tmp_path):
    path = write(tmp_path, "code;size\n1;2\n1a;3\n2;3\n")
    assert read_frame(path, words=["code", "size"]).to_dict("list") == {"code": ["1", "1a", "2"], "size": [2, 3, 3]}
    with pytest.raises(InputError, match="text table"):
        read_frame(path.with_suffix(".xlsx"))
    with pytest.raises(InputError, match="No such file"):
        read_frame(path.with_name("none.csv"))


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (("0,5", "1,25", "3"), [0.5, 1.25, 3.0]),
        (("007", "7", "08"), ["007", "7", "08"]),
        (("01000", "?", "01002"), ["01000", None, "01002"]),
        (("1,000", "2,5", "3"), [1.0, 2.5, 3.0]),
        (("1.000", "2.5", "3"), [1.0, 2.5, 3.0]),
        (("1.000", "2.555", "0.100"), [1.0, 2.555, 0.1]),
        (("−1", "2", "−3.5"), [-1.0, 2.0, -3.5]),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_decimal_commas_and_leading_zeros_are_read(tmp_path, cells, read):
    path = tmp_path / "mine.csv"
    path.write_text("a;b\n" + "".join(f"{cell};{word}\n" for cell, word in zip(cells, "xyx", strict=True)))
    found = read_frame(path)["a"]
    assert [None if pd.isna(cell) else cell for cell in found] == read


@pytest.mark.parametrize(
    ("cells", "mark", "reading"),
    [
        (("1,000", "2,100", "3,200"), ",", "1000 or 1.000"),
        (("1,000", "2,100", "3,200"), ";", "1000 or 1.000"),
        (("0,5", "1,5", "2"), ",", "0.5"),
        (("1.234,50", "2", "3"), ";", "1234.50"),
        (("$0.5", "$1", "$2"), ",", "0.5"),
        (("0%", "5 %", "2"), ",", "0 per cent"),
        (("(1.5)", "5", "2"), ",", "-1.5"),
    ],
)
def test_other_spellings_of_numbers_are_refused_with_their_reading(tmp_path, cells, mark, reading):
    path = tmp_path / "mine.csv"
    path.write_text(f"a{mark}b\n" + "".join(f'"{c}"{mark}{w}\n' for c, w in zip(cells, "xyx", strict=True)))
    with pytest.raises(InputError, match=rf"row 2, column 'a': .* may be read as {reading}; .*a=category"):
        read_frame(path)
    assert read_frame(path, words=["a"])["a"].tolist() == list(cells)


def test_points_that_may_separate_thousands_are_said(tmp_path):
    with pytest.warns(UserWarning, match="1.000 is read as a decimal point; if it separates thousands, write 1000"):
        assert read_frame(write(tmp_path, "a;b\n1.000;x\n12.500;y\n"))["a"].tolist() == [1.0, 12.5]
    for text in ("a;b\n1.000;x\n950;y\n", "a\tb\n1.000\tx\n950\ty\n"):
        with pytest.raises(InputError, match=r"row 2, column 'a': .* may be read as 1000 or 1\.000; write the numbers"):
            read_frame(write(tmp_path, text))
    path = write(tmp_path, "a;b\n1.000;0,5\n12.500;1,5\n")  # another column has decimal commas
    with pytest.warns(UserWarning, match="comma"), pytest.raises(InputError, match=r"row 2, .* 1000 or 1\.000"):
        read_frame(path)


def test_rows_without_any_cell_are_left_out(tmp_path):
    path = write(tmp_path, "a,b\n1,x\n,\n2,y\n,\n")
    with pytest.warns(UserWarning, match="2 rows without any cell, such as row 3"):
        assert read_frame(path)["a"].tolist() == [1, 2]
    assert lines_of_rows(path) == [2, 4]


def test_what_is_written_in_missing_cells_is_said_and_columns_are_read_alike(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n007,None\n7,?\n7,1\n8,\n9,2\n")
    with pytest.warns(UserWarning, match=r"column 'b': 2 cells \(None, \?\) are taken as missing") as said:
        first = read_frame(path)
    assert len(said) == 1
    path.write_text("a,b\n7,3\n8,1\n")
    assert read_frame(path, like=first)["a"].tolist() == ["7", "8"]


ADULT = """age, workclass, fnlwgt, education, education-num, capital-gain, hours-per-week, salary
39, State-gov, 77516, Bachelors, 13, 2174, 40, <=50K
50, Self-emp-not-inc, 83311, Bachelors, 13, 0, 13, <=50K
38, ?, 215646, HS-grad, 9, 0, 40, <=50K
31, Private, 45781, Masters, 14, 14084, 50, >50K
42, Private, 159449, Bachelors, 13, 5178, 40, >50K
"""


def test_a_table_in_the_layout_of_adult_is_read(tmp_path):
    """Blanks after commas, ? for a missing cell; and without a row of names it is refused."""
    with pytest.warns(UserWarning, match=r"'workclass': 1 cells \(\?\) are taken as missing"):
        frame = read_frame(write(tmp_path, ADULT))
    assert frame.columns.tolist() == ADULT.splitlines()[0].split(", ")
    assert frame["workclass"].isna().tolist() == [False, False, True, False, False]
    assert frame["salary"].unique().tolist() == ["<=50K", ">50K"]
    assert frame["capital-gain"].tolist() == [2174, 0, 0, 14084, 5178]
    with pytest.raises(InputError, match="names of columns in the first row, got the number 39"):
        read_frame(write(tmp_path, ADULT.split("\n", 1)[1]))


def test_one_row_is_enough_beside_a_table_that_was_read(tmp_path):
    frame = read_frame(write(tmp_path, "a,b\nx,1\ny,2\n"))
    path = write(tmp_path, "a,b\nx,1\n")
    assert read_frame(path, like=frame).to_dict("list") == {"a": ["x"], "b": [1]}
    with pytest.raises(InputError, match="at least two rows, got 1"):
        read_frame(path)


def test_names_of_rows_stay_exact_where_they_are_said_to_be_categories(tmp_path):
    path = write(tmp_path, f"key,b\n{2**60 + 1},1\n{2**60},2\n")
    assert read_frame(path, words=["key"])["key"].tolist() == [str(2**60 + 1), str(2**60)]
