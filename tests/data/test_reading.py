"""Tables whose cells are not binary as they stand: recoded, binarised, chosen columns, transposed, with weights."""

from __future__ import annotations

import numpy as np
import pytest

from discrete_ed import InputError, read_table
from discrete_ed.data import Reading

BITS = [[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]]


def written(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "reading", "names"),
    [
        ("2,1,2\n1,1,2\n2,2,1\n1,2,1\n", Reading(recode={"1": 0, "2": 1}), ("x1", "x2", "x3")),
        ("a,b,c\n2,1.0,2\n1,1,2\n2,2,1\n1,2,1\n", Reading(recode={"1": 0, "2": 1}), ("a", "b", "c")),
        ("a;b;c\nf;m;f\nm;m;f\nf;f;m\nm;f;m\n", Reading(recode={"m": 0, "f": 1}), ("a", "b", "c")),
        ("Yes,no,yes\nno,No,YES\nyes,yes,NO\nno,yes,no\n", Reading(), ("x1", "x2", "x3")),
        ("a,b,c\n7,0,3\n0,0,1\n2,1,0\n0,9,0\n", Reading(binarise=0), ("a", "b", "c")),
        ("a,b,c\n7,0,3\n2,0,4\n9,1,2\n-1,9,0\n", Reading(binarise="median"), ("a", "b", "c")),
        ("a,b,c\n1,-3,1\n0,-3,1\n1,2,0\n0,1e5,0\n", Reading(binarise="median"), ("a", "b", "c")),
        (
            "# made in 2021\n# a note, with a comma\na,b,c\n1,0,1\n0,0,1\n# gap\n1,1,0\n0,1,0\n",
            Reading(),
            ("a", "b", "c"),
        ),
        ("# a,b,c\n1,0,1\n0,0,1\n1,1,0\n0,1,0\n", Reading(), ("a", "b", "c")),
        ("1,0,1,0\n0,0,1,1\n1,1,0,0\n", Reading(transpose=True), ("x1", "x2", "x3")),
        (",r1,r2,r3,r4\na,1,0,1,0\nb,0,0,1,1\nc,1,1,0,0\n", Reading(transpose=True), ("a", "b", "c")),
        (",0,1,2,3\na,1,0,1,0\nb,0,0,1,1\nc,1,1,0,0\n", Reading(transpose=True), ("a", "b", "c")),  # df.T.to_csv
        (",1,2,3,4\na,1,0,1,0\nb,0,0,1,1\nc,1,1,0,0\n", Reading(transpose=True), ("a", "b", "c")),
        ("a,b,z,c\n1,0,9,1\n0,0,8,1\n1,1,7,0\n0,1,6,0\n", Reading(drop=("z",)), ("a", "b", "c")),
        ("z,a,b,c\n1,1,0,1\n0,0,0,1\n0,1,1,0\n0,0,1,0\n", Reading(columns=("a", "3", "c")), ("a", "b", "c")),
    ],
)
def test_a_table_is_read_as_told(tmp_path, text, reading, names):
    table = read_table(written(tmp_path, text), reading)
    assert table.values.tolist() == BITS
    assert table.names == names
    assert table.missing is None


@pytest.mark.parametrize("name", ["table.csv", "table.npy"])
def test_weights_and_blocks_are_columns_of_their_own(tmp_path, name):
    array = np.column_stack([[3, 20, 1e7, 0], 2 * np.array(BITS) - 1, [5, 5, 2, 2]])
    path = tmp_path / name
    if name == "table.npy":
        np.save(path, array)
    else:
        np.savetxt(path, array, delimiter=",", fmt="%d")
    table = read_table(path, Reading(weights="x1", blocks="5"))
    assert table.values.tolist() == BITS
    assert table.names == ("x2", "x3", "x4")
    assert table.weights.tolist() == [3, 20, 1e7, 0]
    assert table.blocks.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("text", ["a,b\n1,NA\n,0\n0,1\n", "# note\n1 ?\nnan 0\n0 1\n", "yes,null\nNone,no\nno,yes\n"])
@pytest.mark.parametrize("reading", [Reading(missing=True), Reading(missing=True, binarise="median")])
def test_missing_cells_are_marked(tmp_path, text, reading):
    if text.startswith("yes") and reading.binarise:
        return
    table = read_table(written(tmp_path, text), reading)
    assert table.missing.tolist() == [[False, True], [True, False], [False, False]]
    assert table.values.tolist() == [[1, 0], [0, 0], [0, 1]]


def test_a_code_may_mean_missing(tmp_path):
    path = written(tmp_path, "a,b\n1,0\n9,1\n0,9\n")
    table = read_table(path, Reading(recode={"9": None}, missing=True))
    assert table.values.tolist() == [[1, 0], [0, 1], [0, 0]]
    assert table.missing.sum() == 2


def test_an_empty_cell_may_mean_zero(tmp_path):
    table = read_table(written(tmp_path, "a,b\nx,\n,x\nx,x\n"), Reading(recode={"x": 1, "": 0}, missing=True))
    assert table.values.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert table.missing is None


def test_parquet_columns_of_any_kind_are_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"n": [4, 2, 1], "sex": ["f", "m", None], "sun": [0.5, 3.0, 9.0]})
    frame.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(InputError, match=r"row 1, column 'n': .*got 4"):
        read_table(tmp_path / "table.parquet")
    table = read_table(
        tmp_path / "table.parquet", Reading(weights="n", recode={"m": 0, "f": 1}, binarise=1.0, missing=True)
    )
    assert table.names == ("sex", "sun")
    assert table.values.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert table.missing.tolist() == [[False, False], [False, False], [True, False]]


@pytest.mark.filterwarnings("ignore:.*index of the data frame names the rows")
def test_columns_of_a_data_frame_that_are_no_variables_may_be_of_any_kind(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "table.parquet"
    frame = pandas.DataFrame(BITS, columns=list("abc"))
    days = pandas.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01", "2020-01-02"])
    frame.assign(day=days, pets=[[1], [], [2, 3], []]).to_parquet(path)
    table = read_table(path, Reading(drop=("pets",), blocks="day"))
    assert (table.values.tolist(), table.blocks.tolist()) == (BITS, [0, 1, 0, 1])
    with pytest.raises(InputError, match=r"column 'pets': .*\(otherwise use drop\), got list"):
        read_table(path, Reading(drop=("day",)))
    frame.replace({0: "no", 1: "yes"}).astype("category").set_index(days).to_parquet(path)
    assert read_table(path).values.tolist() == BITS  # the index is no column
    frame.set_index(pandas.Index([7, 7, 2, 2], name="subject")).to_parquet(path)
    assert read_table(path, Reading(blocks="subject")).blocks.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("text", "reading", "message"),
    [
        ("a,b\n1,2\n2,3\n", Reading(recode={"1": 0, "2": 1}), "row 3, column 'b': expected 1, 2 .*, got 3"),
        ("a,b\n1,2\n2,99\n", Reading(recode={"1": 0, "2": 1}), r"add 99=0, 99=1 or 99=NA to recode\), got 99"),
        ("a,b\n1,2\n2,x\n", Reading(binarise=1.5), "row 3, column 'b': expected a number, got x"),
        ("a,b\n1,2\n2,\n", Reading(binarise=1.5), "row 3, column 'b': .*missing value"),
        ("a,b\n1,2\n2,3\n", Reading(binarise=2), "binarise: expected a threshold .* constant: a$"),
        ("a,b\n1,0\n0,1\n", Reading(columns=("c",)), r"columns: expected a column of .* \(a, b\), .* got 'c'"),
        ("a,b\n1,0\n0,1\n", Reading(drop=("3",)), "drop: expected a column"),
        ("a,b\n1,0\n0,1\n", Reading(weights="w"), "weights: expected a column"),
        ("w,b\n-1,0\n2,1\n", Reading(weights="w"), "row 2, column 'w': expected a weight of at least 0, got -1"),
        ("w,b\n1,0\n,1\n", Reading(weights="w"), "row 3, column 'w': expected a weight .* got an empty cell"),
        ("w,b\n1,0\n1e300,1\n", Reading(weights="w"), "column 'w': expected weights that add up to at most 2⁵³"),
        ("a,1,0\nb,0,1\n", Reading(drop=("a",), transpose=True), "as it is before it is transposed, or its number"),
        ("w,b\n0,0\n0,1\n", Reading(weights="w"), "column 'w': expected weights that are not all zero"),
        ("w;b\n1,000;0\n2;1\n", Reading(weights="w"), "with a decimal point and without separators .* got 1,000"),
        ("a;b\n0,25;1\n2;1\n", Reading(binarise=0.5), "a number with a decimal point and without .* got 0,25"),
        ("w,b\nu,0\nu,1\n", Reading(blocks="w"), "column 'w': expected at least two blocks, got only u"),
        ("w,b\nu,0\n,1\n", Reading(blocks="w"), "row 3, column 'w': expected the name of a block"),
        ("w,b\n1,0\n2,1\n", Reading(weights="w", transpose=True), "transpose: expected no column of weights"),
        ("a,b\n1,0\n-999,1\n", Reading(), r"if it means that the cell is missing, use recode -999=NA; otherwise use"),
        ("a,b\n1,0\n-,1\n", Reading(), r"use recode -=NA; otherwise use recode, binarise, weights or drop\), got -"),
        ("a,b\n1,0\n.,1\n", Reading(), r"use recode .=NA; otherwise use"),
        ("20,1\n3,0\n", Reading(), r"column 'x1': .*\(otherwise use recode, binarise, weights or drop\), got 20"),
    ],
)
def test_what_a_reading_does_not_fit_is_refused_with_the_column_named(tmp_path, text, reading, message):
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, text), reading)


def test_counts_that_look_like_names_of_rows_are_pointed_out(tmp_path):
    with pytest.warns(UserWarning, match="if it counts equal rows, name it as weights"):
        read_table(written(tmp_path, "n,a,b\n17,1,0\n4,0,0\n250,1,1\n"))
