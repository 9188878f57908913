"""Data sets by name and by path, their splits, and how files that don't fit are refused."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from discrete_ed import InputError, load_table_data
from discrete_ed.data import datasets, digits, read_images


def save(path, rows, columns=3, seed=0, header=""):
    values = np.random.default_rng(seed).integers(2, size=(rows, columns))
    values[:2] = [[0] * columns, [1] * columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, values, fmt="%d", delimiter=",", header=header, comments="")
    return values


@pytest.mark.thorough
def test_toys_are_sampled_in_three_independent_parts():
    data, again, other = (load_table_data("moons", seed=seed) for seed in (0, 0, 1))
    assert (len(data.train), len(data.valid), len(data.test)) == (400_000, 10_000, 40_000)
    assert data.toy is not None
    assert len(data.names) == len(set(data.names)) == 32
    assert np.array_equal(data.test, again.test)
    assert not np.array_equal(data.valid, data.train[:10_000])
    assert not np.array_equal(data.test, other.test)


@pytest.mark.parametrize("name", ["2spirals", "digits", "mnist", "omniglot"])
def test_named_data_has_its_own_splits_and_stands_in_the_error_for_unknown_names(name, tmp_path):
    assert name in datasets.NAMED
    with pytest.raises(InputError, match=f"valid, test: expected none with {name}"):
        load_table_data(name, tmp_path, test=tmp_path / "x.csv")
    with pytest.raises(InputError, match=rf"data: expected one of .*\b{name}\b"):
        load_table_data("nonsense", tmp_path)


@pytest.mark.parametrize("folder", [".", "small"])
def test_triples_are_found_by_name(tmp_path, folder):
    parts = {
        split: save(tmp_path / folder / f"small.{split}.data", rows, seed=rows)
        for split, rows in (("train", 30), ("valid", 8), ("test", 9))
    }
    data = load_table_data("small", tmp_path)
    for split, values in parts.items():
        assert np.array_equal(getattr(data, split), values)
    beside = load_table_data(tmp_path / folder / "small.train.data")
    assert np.array_equal(beside.test, parts["test"])
    assert (data.name, beside.name) == ("small", "small")


def test_a_table_alone_is_split_at_random_without_loss(tmp_path):
    values = save(tmp_path / "mine.csv", 100, columns=9, header=",".join("abcdefghi"))
    data = load_table_data(tmp_path / "mine.csv")
    assert (len(data.train), len(data.valid), len(data.test)) == (72, 8, 20)
    everything = np.concatenate([data.train, data.valid, data.test])
    assert sorted(map(tuple, everything)) == sorted(map(tuple, values))
    assert data.names == tuple("abcdefghi")
    assert not np.array_equal(data.test, load_table_data(tmp_path / "mine.csv", seed=1).test)


def test_a_test_table_of_the_users_is_kept(tmp_path):
    save(tmp_path / "mine.csv", 50)
    values = save(tmp_path / "theirs.csv", 7, seed=3)
    data = load_table_data(tmp_path / "mine.csv", test=tmp_path / "theirs.csv")
    assert np.array_equal(data.test, values)
    assert (len(data.train), len(data.valid)) == (45, 5)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (lambda p: save(p / "t.csv", 50, columns=4), {"test": "t.csv"}, "t.csv: expected 3 columns as in .*got 4"),
        (lambda p: save(p / "t.csv", 50, header="a,b,d"), {"test": "t.csv"}, "columns of .*got 'a' instead of 'x1'"),
        (lambda p: (p / "t.csv").write_text("1,0,2\n1,1,1\n"), {"valid": "t.csv"}, "row 1, column 'x3'"),
        (lambda p: (p / "mine.csv").write_text("1,0,0\n" * 20), {}, "columns that vary, got 3 constant"),
        (lambda p: save(p / "mine.csv", 9), {}, "at least 10 rows to split, got 9"),
        (lambda p: (p / "mine.csv").unlink(), {}, "data: expected one of 2spirals.*or the path of a table"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(tmp_path, make, arguments, message):
    save(tmp_path / "mine.csv", 50)
    make(tmp_path)
    arguments = {name: tmp_path / file for name, file in arguments.items()}
    with pytest.raises(InputError, match=message):
        load_table_data(tmp_path / "mine.csv", **arguments)


def test_named_sets_have_splits_of_their_own():
    with pytest.raises(InputError, match="valid, test: expected none with moons"):
        load_table_data("moons", test="other.csv")


def test_digits_are_images():
    pytest.importorskip("sklearn")
    data = load_table_data("digits")
    assert data.shape == (8, 8)
    assert len(data.train) + len(data.valid) + len(data.test) == 1797
    assert digits(17.0).max() == 0


def test_digits_without_scikit_learn_say_what_is_missing(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="pip install scikit-learn"):
        digits()


def test_binarised_mnist_is_read_as_published(tmp_path):
    values = {}
    for split, rows in (("train", 12), ("valid", 5), ("test", 6)):
        values[split] = np.random.default_rng(rows).integers(2, size=(rows, 784))
        np.savetxt(tmp_path / f"binarized_mnist_{split}.amat", values[split], fmt="%d", delimiter=" ")
    data = load_table_data("mnist", tmp_path)
    assert data.shape == (28, 28)
    assert np.array_equal(data.test, values["test"])
    np.savetxt(tmp_path / "binarized_mnist_valid.amat", np.eye(9), fmt="%d")
    with pytest.raises(InputError, match=r"mnist_valid.amat: expected images of 28 × 28 pixels, .* got 3 × 3"):
        load_table_data("mnist", tmp_path)
    with pytest.raises(InputError, match=r"binarized_mnist_train.amat in .*--root"):
        load_table_data("mnist", tmp_path / "nowhere")


def test_omniglot_is_read_column_by_column(tmp_path):
    from scipy.io import savemat

    images = np.random.default_rng(0).random((20, 28, 28))
    columns = images.swapaxes(1, 2).reshape(20, 784).T  # MATLAB stores a picture column by column
    savemat(tmp_path / "chardata.mat", {"data": columns, "testdata": columns[:, :4]})
    data = load_table_data("omniglot", tmp_path)
    assert np.array_equal(data.test, (images[:4] >= 0.5).reshape(4, -1))
    assert len(data.train) + len(data.valid) == 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"other": np.zeros((4, 3))}, "a matrix called 'data'"),
        ({"data": np.zeros((5, 3))}, "square images, got 5 pixels"),
        (None, "expected a MATLAB file"),
    ],
)
def test_other_images_are_refused(tmp_path, content, message):
    from scipy.io import savemat

    path = tmp_path / "chardata.mat"
    path.write_bytes(b"nonsense") if content is None else savemat(path, content)
    with pytest.raises(InputError, match=message):
        read_images(path)
    np.save(tmp_path / "odd.npy", np.eye(5))
    with pytest.raises(InputError, match="square images, got 5 pixels"):
        read_images(tmp_path / "odd.npy")


def test_constant_columns_are_known(tmp_path):
    (tmp_path / "mine.csv").write_text("1,0,0\n" * 20 + "1,1,0\n" * 30)
    assert load_table_data(tmp_path / "mine.csv").constant == ("x1", "x3")


def test_published_tables_are_found(data_root):
    data = load_table_data("plants", data_root)
    assert (data.train.shape, data.valid.shape, data.test.shape) == ((17412, 69), (2321, 69), (3482, 69))
    assert data.constant == ("x1",)


def test_an_index_is_not_a_column_and_the_user_is_warned(tmp_path):
    (tmp_path / "mine.csv").write_text(",sun,rain\n" + "".join(f"{k},{k % 2},{k // 2 % 2}\n" for k in range(60)))
    with pytest.warns(UserWarning, match="the first column names the rows"):
        assert load_table_data(tmp_path / "mine.csv").names == ("sun", "rain")
