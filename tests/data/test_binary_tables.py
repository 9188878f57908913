"""Binary tables: what is read, and how what can't be is refused."""

from __future__ import annotations

import codecs
import re
import sys
import warnings

import numpy as np
import pytest
from scipy.io import savemat

from discrete_ed import InputError, read_table
from discrete_ed.data import read_images, text_tables
from discrete_ed.data.reading import Reading
from discrete_ed.data.text_tables import ZERO, Spellings

BITS = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0]], np.uint8)
NEARLY = ["1.00000000000000000000000001", "1e-999", "1e99999999999999999999", "1e1", "1_0", "0x1", "1.0.0", "--1"]


def written(folder, text, name="table.csv"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "1,0,1\n0,0,1\n1,1,0\n",
        "1;0;1\r\n0;0;1\r\n1;1;0",
        "1\t0\t1\n0\t0\t1\n1\t1\t0\n\n",
        "1 0 1\n0  0 1\n 1 1 0\n",
        "1, 0, 1\n0 ,0,1\n1,1,0\n",
        '"1","0","1"\n"0","0","1"\n"1","1","0"\n',
        "1,-1,1\n-1,-1,1\n1,1,-1\n",
        "True,false,TRUE\nfalse,False,true\ntrue,true,FALSE\n",
        "1.0,0.0,+1\n0,0,1\n1,1,0\n",
        "1.000000,0.000000,1.000000\n0.000e+00,-0.0,1.\n10e-1,0.1000E+01,.0\n",
        "1.000,-1.0000,1.000\n-1.0e0,-1e+00,1\n1,1,-10.0e-1\n",
        "\n   \n1,0,1\n\n0,0,1\n \t\n1,1,0\n   \n\n",
        "\n1 0 1\n  \n0 0 1\n\n1 1 0\n \n",
        "1,0,1,\n0,0,1, \n\n1,1,0,\n",
        "1\t0\t1\t\n0\t0\t1\t\n1\t1\t0\t\n",
        codecs.BOM_UTF16_LE + "1,0,1\r\n0,0,1\r\n1,1,0".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "1\t0\t1\n0\t0\t1\n1\t1\t0\n".encode("utf-16-be"),
    ],
)
def test_text_is_read_whatever_its_delimiter_and_kind(tmp_path, text):
    table = read_table(written(tmp_path, text))
    assert table.values.dtype == np.uint8
    assert np.array_equal(table.values, BITS)
    assert table.names == ("x1", "x2", "x3")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,b,c", ("a", "b", "c")),
        ('"has, comma",b, c', ("has, comma", "b", "c")),
        ("\ufeffä,b,c", ("ä", "b", "c")),
        ("0,1,2", ("0", "1", "2")),
        ("1,2,3", ("1", "2", "3")),
        ("id,b,", ("id", "b", "x3")),
        ('"",b,c', ("x1", "b", "c")),
        ("a,,c", ("a", "x2", "c")),
        ("a,None,c", ("a", "None", "c")),
        ("NA,b,nan", ("NA", "b", "nan")),
        ("1,b,c", ("1", "b", "c")),
        ("a,2.5,c", ("a", "2.5", "c")),
        ("\n\na,b,c\n", ("a", "b", "c")),
    ],
)
def test_a_first_row_of_names_is_taken_as_such(tmp_path, header, names):
    table = read_table(written(tmp_path, header + "\n1,0,1\n0,0,1\n1,1,0\n"))
    assert table.names == names
    assert np.array_equal(table.values, BITS)


@pytest.mark.parametrize(
    ("header", "labels", "reading"),
    [
        ("2015,2016,2017", False, Reading()),
        ("0.1,0.5,2", False, Reading()),
        ("2015,2016,2017", False, Reading(binarise=0.0)),
        ("site,2015,2016,2017", True, Reading(binarise=0.0)),
        (",12,7,31", True, Reading(recode={"0": 0, "1": 1})),
    ],
)
def test_numbers_that_name_the_columns_are_taken_as_such_with_a_warning(tmp_path, header, labels, reading):
    rows = [f"{'s' * (k + 1) + ',' if labels else ''}{k % 2},1,{k // 2 % 2}" for k in range(24)]
    rows = [row.replace("1", "9") for row in rows] if reading.binarise is not None else rows
    rows = [row.replace(",9,", ",0,", 1) if k % 5 == 0 else row for k, row in enumerate(rows)]
    said = rf"the first row \({header.replace(',', ', ')}\) is read as names of the columns"
    with pytest.warns(UserWarning, match=said) as caught:
        table = read_table(written(tmp_path, "\n".join([header, *rows])), reading)
    assert caught[0].filename == __file__
    assert table.names == tuple(header.split(",")[labels:])
    assert len(table.values) == 24


@pytest.mark.parametrize("header", ["0,1,2", "1,2,3", "# 7,5,9", "id,1,2,3"])
@pytest.mark.parametrize("reading", [Reading(binarise=0.5), Reading(recode={"0": 0, "1": 1}), Reading(transpose=True)])
def test_names_are_recognised_whatever_the_options(tmp_path, header, reading):
    label = header.startswith("id")
    rows = [f"{'s' * (k + 1) + ',' if label else ''}{k % 2},{k // 2 % 2},{k // 4 % 2}" for k in range(8)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = read_table(written(tmp_path, "\n".join([header, *rows])), reading)
    assert table.values.shape == ((3, 8) if reading.transpose else (8, 3))


def test_a_row_of_observations_is_no_row_of_names(tmp_path):
    rows = [f"{k % 3},{k % 5},{k % 7}" for k in range(1, 30)]
    assert len(read_table(written(tmp_path, "\n".join(rows)), Reading(binarise=0.0)).values) == 29
    with pytest.raises(InputError, match=r"row 1, column 'x3': .* got 2"):
        read_table(written(tmp_path, "1,0,2\n1,0,1\n0,1,1\n"))


def test_a_last_row_of_means_is_refused(tmp_path):
    rows = [f"site{k},{k % 2},{k // 2 % 2}" for k in range(8)]
    with pytest.raises(InputError, match="row 10: expected an observation, got a row called 'Mean': remove it"):
        read_table(written(tmp_path, "\n".join(["id,a,b", *rows, "Mean,0.5,0.5"])), Reading(binarise=0.2))


def test_two_columns_that_may_be_numbered_are_read_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"table.csv: the first row, 0 and 1, is read as data") as caught:
        table = read_table(written(tmp_path, "0,1\n1,1\n0,0\n"))
    assert caught[0].filename == __file__
    assert table.values.tolist() == [[0, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id,a,b,c\nsite0,1,0,1\nsite1,0,0,1\nsite2,1,1,0\n", ("a", "b", "c")),
        (",a,b,c\n0,1,0,1\n1,0,0,1\n2,1,1,0\n", ("a", "b", "c")),
        ('"","a","","c"\n"17",1,0,1\n"1",0,0,1\n"0",1,1,0\n', ("a", "x2", "c")),
        (",0,1,2\n0,1,0,1\n1,0,0,1\n2,1,1,0\n", ("0", "1", "2")),
        ("site,1,2,3\n0,1,0,1\n1,0,0,1\n2,1,1,0\n", ("1", "2", "3")),
        ("u 1 0 1\nv 0 0 1\nw 1 1 0\n", ("x1", "x2", "x3")),
        ("id\ta\tb\tc\n u\t1.0\t0.0\t1.0\nv\t0\t0\t1\n\nw\t1\t1\t0\n", ("a", "b", "c")),
    ],
)
def test_a_first_column_of_names_is_left_out_with_a_warning(tmp_path, text, names):
    with pytest.warns(UserWarning, match=r"table.csv: the first column names the rows, and is left out") as caught:
        table = read_table(written(tmp_path, text))
    assert caught[0].filename == __file__
    assert table.names == names
    assert np.array_equal(table.values, BITS)


@pytest.mark.parametrize("text", ['"a","b"\n"1",1,0\n"2",0,0\n"3",1,1\n', '"a" "b"\n"u" 1 0\n"v"  0 0\n"w" 1 1\n'])
def test_names_of_all_columns_but_the_first_are_read_as_r_writes_them(tmp_path, text):
    with pytest.warns(UserWarning, match="the first column names the rows, and is left out"):
        table = read_table(written(tmp_path, text))
    assert table.names == ("a", "b")
    assert table.values.tolist() == [[1, 0], [0, 0], [1, 1]]


def test_bars_separate_cells(tmp_path):
    assert read_table(written(tmp_path, "a|b\n1|0\n0|1\n")).values.tolist() == [[1, 0], [0, 1]]


def test_a_first_column_of_two_bits_is_no_index(tmp_path):
    table = read_table(written(tmp_path, ",a\n0,1\n1,1\n"))
    assert table.names == ("x1", "a")
    assert table.values.tolist() == [[0, 1], [1, 1]]


def test_what_numpy_writes_of_itself_is_read(tmp_path):
    np.savetxt(tmp_path / "table.txt", 2.0 * BITS - 1)
    assert np.array_equal(read_table(tmp_path / "table.txt").values, BITS)


def test_minus_ones_and_constants_keep_their_meaning(tmp_path):
    assert read_table(written(tmp_path, "-1,-1\n-1,-1\n")).values.tolist() == [[0, 0], [0, 0]]
    assert read_table(written(tmp_path, "1,1\n1,1\n")).values.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("array", [BITS, BITS.astype(bool), BITS * 2.0 - 1, BITS.astype(str), BITS.astype(np.int64)])
def test_numpy_files_are_read(tmp_path, array):
    np.save(tmp_path / "one.npy", array)
    np.savez(tmp_path / "named.npz", data=array, other=np.zeros(3))
    np.savez_compressed(tmp_path / "single.npz", anything=array)
    for name in ("one.npy", "named.npz", "single.npz"):
        assert np.array_equal(read_table(tmp_path / name).values, BITS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,0\n0,3\n", r"table.csv, row 3, column 'b': expected 0 or 1.*got 3"),
        ("1,0\n0.5,1\n", r"row 2, column 'x1': .*got 0.5"),
        ("a,b\n1,yes\n0,1\n", r"row 2, column 'b': .*got yes"),
        ("1,2\n0,1\n1,1\n", r"row 1, column 'x2': .*got 2"),
        ("a,b\n1,0\n0,\n", r"row 3, column 'b': .*missing value \(''\)"),
        ("a,b\n1,NaN\n0,1\n", r"row 2, column 'b': .*missing value \('NaN'\)"),
        ("1,NA\n0,1\n", r"row 1, column 'x2': .*missing"),
        ("a,b\n1,0\n0,-1\n", r"row 3, column 'b': expected 0 or 1, as in other cells.*got -1"),
        ("1,-1\n1,0\n", r"row 2, column 'x2': expected -1 or \+1.*got 0"),
        ("true,0\nfalse,1\n", r"row 1, column 'x2': expected true or false.*got 0"),
        ("1,0\n1,0,1\n", r"row 2: expected 2 cells as in the first row, got 3; begin lines that are no rows"),
        ("Forest\na,b,c\n1,0,1\n", r"row 2: expected one cell as in the first row, got a,b,c; begin lines"),
        ("s,s,t\na,b,c\n1,0,1\n", r"row 2: expected values, got words in all cells, such as 'c'; only one row"),
        ("a,b,c\nY,N,N\nN,N,Y\n", r"row 2, column 'b': .*use recode N=1.*got N"),
        ("a;b\n1,0;0,0\n0,0;1,0\n", r"row 2, column 'b': .*a decimal point and no separators of thousands.*got 0,0"),
        ("a,b\n0,1,\n1,0,\n", r"row 2: expected 2 cells as in the first row, got 3"),
        ("a,b\n0,1,1\n1,0,1\n0,1,1\n", r"row 2: expected 2 cells as in the first row, got 3"),
        ("a,b\n1,0\n".encode("utf-16-le"), "row 1: .*not in UTF-8; save it as UTF-8"),
        ("1,0\n\n1,0,1\n", r"row 3: expected 2 cells as in the first row, got 3"),
        ("\na,b\n1,0\n\n0,3\n", r"row 5, column 'b': .*got 3"),
        ("\n1,0\n\n0,-1\n", r"row 4, column 'x2': expected 0 or 1, as in other cells.*got -1"),
        ("1\t0\n\t\n0\t1\n", r"row 2, column 'x1': .*missing value"),
        ("1,0,\n0,1,1\n", r"row 1, column 'x3': .*missing value"),
        ("a,b,c\n1,0,\n0,1,\n", r"row 2, column 'c': .*missing value"),
        ('1,0,"x,\n"0,\n', r"row 2, column 'x3': .*got x"),
        *((f"1,0\n{cell},1\n", f"row 2, column 'x1': .*got {re.escape(cell)}") for cell in NEARLY),
        ("1,0,x\n0,1,1\n1,1,0\n", r"row 1, column 'x3': .*got x"),
        ("1,x\n0,1\n1,0\n", r"row 1, column 'x2': .*got x"),
        ("x,0,1\n0,1,1\n1,1,0\n", r"row 1, column 'x1': .*got x"),
        ("1,0,1,2\n0,1,1,1\n1,1,0,0\n", r"row 1, column 'x4': .*got 2"),
        ("true,false,x\ntrue,true,true\n", r"row 1, column 'x3': .*got x"),
        ("NA,None\n0,1\n1,0\n", r"row 1, column 'x1': .*missing"),
        ("id,a\nu,1\nv,0\nu,1\n", r"row 2, column 'id': .*got u"),
        ("id,a\nu,1\n,0\nw,1\n", r"row 2, column 'id': .*got u"),
        ("id,a\nu,1\nv,2\nw,1\n", r"row 3, column 'a': .*got 2"),
        ("a,b\n1,0\n2,1\n", r"row 3, column 'a': .*got 2"),
        ("a,b\n1,0\n0,1\nx,1\n", r"row 4, column 'a': .*got x"),
        ("a,b\n0.5,0\n1.5,1\n2.5,1\n", r"row 2, column 'a': .*got 0.5"),
        ("a,b\n0.5,0.2\n0.7,0.1\n", r"row 2, column 'a': .*got 0.5"),
        ("u\nv\nw\n", r"row 2, column 'u': .*got v"),
        ("b\u00e4r,b\n1,0\n".encode("latin-1"), "row 1: .*not in UTF-8; save it as UTF-8"),
        (b"a,b\n1,0\n0,\xe9\n", "row 3: .*not in UTF-8; save it as UTF-8"),
        ("a,b\n1,0\n", "at least two rows and one column, got 1 rows"),
        ("a,b\n", "got 0 rows"),
        ("", "got 0 rows"),
        ("a,a\n1,0\n0,1\n", "different names of columns, got 'a' twice"),
        (b"\xff\xfe\x00", "expected a readable table"),
        ('"1\n0,1\n', "row|cells"),
    ],
)
def test_what_is_no_binary_table_is_refused_with_the_place_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_table(written(tmp_path, text))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[0.0, 1.0], [1.0, np.nan]]), r"row 2, column 'x2': .*missing value \('nan'\)"),
        (np.array([[0.0, 0.3], [1.0, 1.0]]), r"row 1, column 'x2': .*got 0.3"),
        (np.array([[0, 1], [7, 1]]), r"row 2, column 'x1': .*got 7"),
        (np.array([[0, 1], [-1, 1]]), r"row 2, column 'x1': expected 0 or 1"),
        (np.zeros(4), r"2-D array \(rows, columns\), got shape \(4,\)"),
        (np.zeros((0, 3)), "at least two rows"),
        (np.array([["0", "1"], ["1", "x"]]), r"row 2, column 'x2': .*got x"),
        (np.array([[0, None], [1, 1]], dtype=object), "expected an array of numbers or truth values"),
    ],
)
def test_arrays_that_are_no_table_are_refused(tmp_path, array, message):
    np.save(tmp_path / "bad.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "bad.npy")


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "two.npz", a=BITS, b=BITS)
    for path, message in (
        (tmp_path / "two.npz", "one array, or one called data or x, got a, b"),
        (written(tmp_path, "nonsense", "cut.npz"), "expected"),
        (written(tmp_path, b"PK\x03\x04cut", "zip.npz"), "expected an array"),
        (written(tmp_path, "x", "data.pkl"), "pickle, which can run code"),
        (tmp_path / "absent.csv", "No such file"),
        (tmp_path, "expected a readable table"),
    ):
        with pytest.raises(InputError, match=message):
            read_table(path)


def test_parquet_without_pyarrow_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="needs pyarrow"):
        read_table(written(tmp_path, b"PAR1", "table.parquet"))


def test_parquet_is_read_where_pandas_is_there(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"sun": [True, False], "rain": [False, False]})
    frame.to_parquet(tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet")
    assert table.names == ("sun", "rain")
    assert table.values.tolist() == [[1, 0], [0, 0]]
    pandas.DataFrame({"a": [1, None], "b": [0, 1]}).to_parquet(tmp_path / "gap.parquet")
    with pytest.raises(InputError, match=r"row 2, column 'a': .*missing"):
        read_table(tmp_path / "gap.parquet")
    with pytest.raises(InputError, match="expected a Parquet table"):
        read_table(written(tmp_path, b"PAR1", "broken.parquet"))


LONG = 100_000


@pytest.mark.parametrize(
    ("content", "cells", "message"),
    [
        (b"0,1\n" + b"1" * LONG + b"x,1\n", 4, "row 2, column 'x1': .*got 1{40}"),
        (b"1" * 10 * LONG + b"x\n1\n", 2, "at least two rows and one column, got 1 rows"),
        (b"1." + b"0" * 20 * LONG + b"x\n1\n", 2, "at least two rows and one column, got 1 rows"),
        (b",".join(b"c%d" % k for k in range(LONG)) + b",c99999\n" + b",".join([b"1"] * (LONG + 1)), 2 * LONG + 2,
         "different names of columns, got 'c99999' twice"),
    ],
)  # fmt: skip
def test_long_cells_and_rows_are_looked_at_once_and_not_repeated(tmp_path, monkeypatch, content, cells, message):
    """Nothing may grow with the square of their length: of the longest the test would not end."""
    looked, code = [], text_tables._code

    def counted(cell):
        looked.append(len(cell))
        assert len(looked) <= 2 * cells  # as a name, and as a cell
        return code(cell)

    monkeypatch.setattr(text_tables, "_code", counted)
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=f"{message}$") as caught:
        read_table(path)
    assert looked
    assert len(str(caught.value)) < len(str(path)) + 200


def test_few_of_many_spellings_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("discrete_ed.data.text_tables.MAX_SPELLINGS", 12)
    zeros = [f"0e{k}" for k in range(30)]
    spellings = Spellings()
    assert {spellings[cell] for cell in zeros} == {ZERO}
    assert len(spellings) == 12
    path = written(tmp_path, "".join(f"{cell},1\n" for cell in zeros))
    assert read_table(path).values.tolist() == [[0, 1]] * 30


def test_published_triples_are_read(data_root):
    shapes = {"train": (16181, 16), "valid": (2157, 16), "test": (3236, 16)}
    for split, shape in shapes.items():
        assert read_table(data_root / "nltcs" / f"nltcs.{split}.data").values.shape == shape


def test_text_with_invalid_characters_is_refused(tmp_path):
    np.save(tmp_path / "table.npy", np.array([["true", "false"]] * 2))
    content = (tmp_path / "table.npy").read_bytes()
    assert read_table(tmp_path / "table.npy").values.tolist() == [[1, 0], [1, 0]]
    (tmp_path / "table.npy").write_bytes(content[:-1] + b"\x7f")
    with pytest.raises(InputError, match="text with invalid characters"):
        read_table(tmp_path / "table.npy")


@pytest.mark.parametrize("kind", [float, np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("compressed", [False, True])
def test_images_of_matlab_files_are_those_that_scipy_wrote(tmp_path, kind, compressed):
    columns = (3 * np.random.default_rng(0).random((9, 7))).astype(kind)
    other = {"other": np.eye(3), "text": "c", "complex": np.array([1j])}
    savemat(tmp_path / "a.mat", {**other, "testdata": columns, "deep": np.zeros((2, 2, 2))}, do_compression=compressed)
    images, shape = read_images(tmp_path / "a.mat", variable="testdata")
    assert shape == (3, 3)
    assert np.array_equal(images.reshape(-1, 3, 3), columns.T.reshape(-1, 3, 3).swapaxes(1, 2) >= 0.5)
    for variable in ("missing", "complex", "deep"):
        with pytest.raises(InputError, match="expected a matrix called"):
            read_images(tmp_path / "a.mat", variable=variable)
    with pytest.raises(InputError, match="expected square images, got 3 pixels"):
        read_images(tmp_path / "a.mat", variable="other")
