"""Tables of any kind from text files: what is read, and what is refused with its reading."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from discrete_ed.errors import InputError
from discrete_ed.tables import read_frame
from discrete_ed.tables.reading import lines_of_rows

N = 60
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "word": pd.Series(RNG.choice(["b", "a", "c"], N), dtype="str"),
        "nullable": RNG.permutation(np.arange(N) % 7) * 10,
        "price": RNG.normal(1000, 100, N).round(2),
        "real": RNG.normal(size=N),
    }
)


def write(tmp_path, text, name="mine.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_frame_is_read_as_it_was_written(tmp_path):
    frame = FRAME.copy()
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


def test_words_on_two_lines_and_blank_lines_are_read(tmp_path):
    path = write(tmp_path, 'a,b\n1,"New\nYork"\n2,x\n\n3,y\n4,"New\nYork"\n')
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # groups of rows mean nothing here
        assert read_frame(path)["b"].tolist() == ["New\nYork", "x", "y", "New\nYork"]
    assert lines_of_rows(path) == [3, 4, 6, 8]
    plain = "a,b\n1,x\n2,é\n"
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        path.write_bytes(plain.encode(encoding))
        assert read_frame(path)["b"].tolist() == ["x", "é"]


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
