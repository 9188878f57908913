"""Numbers that are no measurements, lines that are no rows, and files of other kinds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from discrete_ed import InputError, read_table
from discrete_ed.data import Reading
from discrete_ed.data.doubtful_numbers import check_measurements

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(1.5, (14, 3)).astype(float)
NAMES = ("oak", "elm", "ash", "other")


def with_column(column):
    return np.column_stack([COUNTS, column])


def with_cells(value, *rows):
    cells = COUNTS.copy()
    cells[list(rows), 1] = value
    return cells


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (with_column(np.arange(14)), "'other', which numbers the rows or rises"),
        (with_column(RNG.permutation(14) + 501), "'other', which numbers the rows"),
        (with_column(1980 + 0.04 * np.arange(14)), "'other', which numbers the rows or rises in every row: use drop"),
        (with_column(-np.sqrt(np.arange(14))), "'other', which numbers the rows or rises"),
        (with_column(COUNTS.sum(1)), "'other', which is the sum of all others"),
        (np.vstack([COUNTS, COUNTS.sum(0)]), "row 16: expected an observation, got the sum of all other rows"),
        (with_cells(-9, 3), "row 5, column 'elm': expected a measurement, got -9, .* use recode -9=NA"),
        (with_cells(999, 2, 7), "row 4, column 'elm': .*got 999, which looks like a code for a missing cell"),
        (with_cells(-1, 6), "row 8, column 'elm': .*got -1"),
    ],
)
def test_what_is_no_measurement_is_refused(table, message):
    rows = range(2, len(table) + 2)
    with pytest.raises(InputError, match=message):
        check_measurements(list(table.T), NAMES[: table.shape[1]], rows, "t.csv", named=False)


def test_answers_with_a_code_for_none_are_doubted(tmp_path):
    answers = RNG.permutation(np.repeat(np.arange(1.0, 6.0), 8))
    answers[[3, 17]] = 9
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{a:g},{b:g}\n" for a, b in zip(answers, np.roll(answers, 5), strict=True)))
    with pytest.warns(UserWarning, match="9 in 'a', 9 in 'b'.; if it means no answer, use recode 9=NA") as caught:
        read_table(path, Reading(binarise=3.0))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_table(path, Reading(binarise=3.0, recode={"9": None}, missing=True))
    assert table.missing is not None
    assert table.missing.sum() == 4


@pytest.mark.parametrize(
    "table",
    [
        COUNTS,
        with_column(np.sort(RNG.poisson(3, 14))),  # sorted by a variable
        with_column(RNG.choice([-1.0, 1.0], 14)),
        with_column(RNG.choice([-1.0, 0.0, 1.0], 14)),
        with_column(RNG.normal(size=14)),
        with_column(99 - 5 * RNG.permutation(14)),
        with_column(RNG.choice([1.0, 99.0], 14)),
        with_cells(np.nan, 4),
        with_column(np.arange(14))[:9],  # few rows may rise by chance
    ],
)
def test_measurements_pass(table):
    rows = range(2, len(table) + 2)
    check_measurements(list(table.T), NAMES[: table.shape[1]], rows, "t.csv", named=False)


def test_columns_that_are_named_may_rise(tmp_path):
    path = tmp_path / "t.csv"
    np.savetxt(path, with_column(np.arange(14)), delimiter=",", header="oak,elm,ash,year", comments="", fmt="%g")
    with pytest.raises(InputError, match="'year', which numbers the rows"):
        read_table(path, Reading(binarise="median"))
    assert read_table(path, Reading(binarise="median", drop=("year",))).names == ("oak", "elm", "ash")
    assert (
        read_table(path, Reading(binarise="median", columns=("oak", "year"))).values[:, 1].tolist() == [0] * 7 + [1] * 7
    )


def test_a_code_that_recode_explains_is_no_measurement(tmp_path):
    path = tmp_path / "t.csv"
    np.savetxt(path, with_cells(-9, 3), delimiter=",", fmt="%g")
    table = read_table(path, Reading(binarise=0, recode={"-9": None}, missing=True))
    assert np.argwhere(table.missing).tolist() == [[3, 1]]


def test_a_row_of_totals_has_no_weight(tmp_path):
    patterns = [f"{k >> 3 & 1},{k >> 2 & 1},{k >> 1 & 1},{k & 1}" for k in range(12)]
    text = "a,b,c,d,n\n" + "".join(f"{pattern},{5 * k + 3}\n" for k, pattern in enumerate(patterns))
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert read_table(path, Reading(weights="n")).weights.sum() == 366
    path.write_text(f"{text}1,1,1,1,366\n")
    with pytest.raises(InputError, match=r"row 14, column 'n': .*got the sum of all others: remove that row"):
        read_table(path, Reading(weights="n"))


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("a,b\n1,0\n0,1\n\n1,1\n0,0\n", 2),
        ("a,b\n\n1,0\n0,1\n\n1,1\n0,0\n\n\n1,0\n0,1\n", 3),
        ("1 0\n0 1\n\n1 1\n0 0\n\n", 2),
        ("a,b\n\n1,0\n0,1\n\n", 0),
        ("a,b\n\n1,0\n\n0,1\n\n1,1\n", 0),
        ("1,0\n0,1\n", 0),
    ],
)
@pytest.mark.parametrize("reading", [Reading(), Reading(drop=("1",))])
def test_groups_of_rows_between_blank_lines_are_pointed_out(tmp_path, text, groups, reading):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_table(path, reading)
    said = [str(warning.message) for warning in caught]
    assert [f"divide the rows into {groups} groups" in words for words in said] == [True] * (groups > 0)


def test_a_line_that_names_the_delimiter_is_no_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("sep=;\na;b\n1;0\n0;1\n")
    assert read_table(path).names == ("a", "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(20), "a spreadsheet or an archive: save its sheet as CSV"),
        (b"\x1f\x8b\x08" + bytes(20), "a compressed file: unpack it"),
        (b"a,b\n1,\xff\n", "row 2: .*its text is not in UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_to_do(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(path)
