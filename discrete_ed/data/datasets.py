"""Data sets by name, each split into training, validation and test states as in its literature.

| name | what | needs |
|---|---|---|
| `2spirals`, … (see `toys`) | densities in the plane, 32 bits | nothing |
| `digits` | 8 × 8 images, binarised | scikit-learn |
| `mnist` | 28 × 28 images, in the published binarisation | `binarized_mnist_{train,valid,test}.amat` |
| `omniglot` | 28 × 28 characters, thresholded | `chardata.mat` |
| `NAME` | a binary table, such as `nltcs`, `plants` | `NAME.train.data`, `.valid.data`, `.test.data` |

Files are searched in the root folder and in its subfolder of that name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.images import digits, read_images
from discrete_ed.data.reading import Reading
from discrete_ed.data.tables import Bits, Table, read_table
from discrete_ed.data.toys import TOYS, Toy
from discrete_ed.errors import InputError

TOY_SIZES = {"train": 400_000, "valid": 10_000, "test": 40_000}  # numbers of samples of a density in the plane
SPLITS = ("train", "valid", "test")  # in the names of files


@dataclass(frozen=True)
class TableData:
    """A data set of states, split into training, validation and test states."""

    name: str
    description: str
    train: Bits
    valid: Bits
    test: Bits
    names: tuple[str, ...]
    """names of the columns"""
    shape: tuple[int, int] | None = None
    """rows and columns of pixels, if the states are images"""
    toy: Toy | None = None
    """the true law, if it is known"""
    files: tuple[Path, ...] = ()
    """the files from which the data set was read"""
    missing: tuple[np.ndarray[Any, Any], ...] | None = None
    """which cells are missing in the training, validation and test states, bool; None if none are. The states have
    zeros there"""
    test_rows: np.ndarray[Any, Any] | None = None
    """which rows of the table the test states are, from 1 on; None if they have a table of their own"""

    @property
    def constant(self) -> tuple[str, ...]:
        """Columns that are constant in the training rows, about which nothing can be learned."""
        return tuple(np.array(self.names)[(self.train == self.train[0]).all(0)].tolist())


def load_table_data(
    data: str | Path,
    root: str | Path = "datasets",
    *,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    missing: bool = False,
    seed: int = 0,
) -> TableData:
    """A data set by name, or a table from a file, split into training, validation and test states.

    Args:
        data: a name in this module's table, or the path of a table (see `read_table`). For `x.train.data` (with
            any ending) the files `x.valid.data` and `x.test.data` in the same folder are the other splits.
        root: the folder in which the files of named data sets are searched.
        valid: the path of a validation table; by default a random tenth of the training rows.
        test: the path of a test table; by default a random fifth of the rows.
        missing: whether cells of tables may be missing (see `read_table`).
        seed: seed of random splits, and of the samples of densities in the plane.

    Raises:
        InputError: no such data set or file, a malformed one, splits whose columns differ, or too few rows.

    >>> data = load_table_data("moons")
    >>> data.train.shape, data.test.shape
    ((400000, 32), (40000, 32))
    """
    name = str(data)
    if name not in NAMED:
        return _tables(name, Path(root), valid, test, missing, seed)
    if missing:
        raise InputError(f"missing: expected only with a table, got {name}, which has no missing cells")
    if valid or test:
        raise InputError(f"valid, test: expected none with {name}, which has its own")
    return NAMED[name](Path(root), seed)


def _toy(toy: Toy, seed: int) -> TableData:
    train, valid, test = (toy.states(n, seed=3 * seed + k) for k, n in enumerate(TOY_SIZES.values()))
    names = tuple(f"{axis}{bit}" for axis in "xy" for bit in ("-", *range(14, -1, -1)))
    description = "a density in the plane, two coordinates of 16 bits, Gray code"
    return TableData(toy.name, description, train, valid, test, names, toy=toy)


def _digits(seed: int) -> TableData:
    return _split("digits", "handwritten digits, binarised", digits(), None, None, _pixels((8, 8)), seed, (8, 8))


def _pixels(shape: tuple[int, int]) -> tuple[str, ...]:
    return tuple(f"{row},{column}" for row in range(shape[0]) for column in range(shape[1]))


def _mnist(root: Path) -> TableData:
    files = [_find(root, f"binarized_mnist_{split}.amat", "mnist") for split in SPLITS]
    (train, shape), *others = (read_images(file) for file in files)
    for file, (_, other) in zip(files[1:], others, strict=True):
        _expect_shape(file, other, shape)
    valid, test = (images for images, _ in others)
    description = "handwritten digits, binarised"
    return TableData("mnist", description, train, valid, test, _pixels(shape), shape, files=tuple(files))


def _omniglot(root: Path, seed: int) -> TableData:
    file = _find(root, "chardata.mat", "omniglot")
    (train, shape), (test, other) = read_images(file), read_images(file, variable="testdata")
    _expect_shape(file, other, shape)
    return _split("omniglot", "characters, thresholded", train, None, test, _pixels(shape), seed, shape, (file,))


def _expect_shape(file: Path, size: tuple[int, int], shape: tuple[int, int]) -> None:
    if size != shape:
        expected, got = ("{} × {}".format(*each) for each in (shape, size))
        raise InputError(f"{file}: expected images of {expected} pixels, like the training images, got {got}")


def _find(root: Path, file: str, data: str) -> Path:
    for folder in (root, root / data):
        if (folder / file).is_file():
            return folder / file
    raise InputError(f"root: expected {data}'s {file} in {root} or {root / data}; name its folder with --root")


def _tables(
    name: str, root: Path, valid: str | Path | None, test: str | Path | None, missing: bool, seed: int
) -> TableData:
    path = Path(name)
    if not path.exists():
        triples = [folder / f"{name}.train.data" for folder in (root, root / name)]
        path = next((triple for triple in triples if triple.is_file()), path)
    if not path.is_file():
        raise InputError(
            f"data: expected one of {', '.join(NAMED)}, a table with {name}.train.data in {root}, or the path of a "
            f"table, got {name!r}"
        )
    given = {split: None if file is None else Path(file) for split, file in (("valid", valid), ("test", test))}
    for split in given:
        beside = path.with_name(path.name.replace(".train.", f".{split}."))
        if given[split] is None and ".train." in path.name and beside.is_file():
            given[split] = beside
    reading = Reading(missing=missing)
    table = _read(path, reading)
    valid_rows, test_rows = (
        None if other is None else _with_mask(_read_like(table, path, other, reading)) for other in given.values()
    )
    if (table.values == table.values[0]).all():
        raise InputError(f"{path}: expected columns that vary, got {len(table.names)} constant in all rows")
    label = path.name.split(".")[0]
    files = (path, *(other for other in given.values() if other is not None))
    found = _split(
        label, f"rows of {path.name}", _with_mask(table), valid_rows, test_rows, table.names, seed, None, files
    )
    bits, parts = len(table.names), (found.train, found.valid, found.test)
    train, valid_bits, test_bits = (rows[:, :bits] for rows in parts)
    masks = tuple(rows[:, bits:] == 1 for rows in parts)
    any_missing = masks if any(mask.any() for mask in masks) else None
    return replace(found, train=train, valid=valid_bits, test=test_bits, missing=any_missing)


def _read(path: Path, reading: Reading) -> Table:
    """A table; the error for a missing cell says how such tables are read."""
    try:
        return read_table(path, reading)
    except InputError as error:
        if reading.missing or "got a missing value" not in str(error):
            raise
        raise InputError(f"{error}; --missing (missing=True) allows missing cells") from None


def _with_mask(table: Table) -> Bits:
    """Values and, beside them, which cells are missing, so that both are split in the same way: `(N, 2 D)`."""
    missing = np.zeros_like(table.values) if table.missing is None else table.missing.astype(np.uint8)
    return np.hstack([table.values, missing])


def _read_like(table: Table, path: Path, other: Path, reading: Reading) -> Table:
    """Another table, which must have the columns of this one."""
    found = _read(other, reading)
    if len(found.names) != len(table.names):
        raise InputError(f"{other}: expected {len(table.names)} columns as in {path}, got {len(found.names)}")
    if found.names != table.names:
        first = next(k for k, names in enumerate(zip(found.names, table.names, strict=True)) if names[0] != names[1])
        raise InputError(
            f"{other}: expected the columns of {path}, got {found.names[first]!r} instead of {table.names[first]!r}"
        )
    return found


def _split(
    name: str,
    description: str,
    train: Bits,
    valid: Bits | None,
    test: Bits | None,
    names: tuple[str, ...],
    seed: int,
    shape: tuple[int, int] | None,
    files: tuple[Path, ...] = (),
) -> TableData:
    """The data set, with validation and test rows chosen from the training rows if none are given."""
    rng = np.random.default_rng(seed)
    test_rows = None
    if test is None:
        kept, held = _split_off(len(train), 5, rng, name)
        train, test, test_rows = train[kept], train[held], held + 1
    if valid is None:
        kept, held = _split_off(len(train), 10, rng, name)
        train, valid = train[kept], train[held]
    return TableData(name, description, train, valid, test, names, shape, files=files, test_rows=test_rows)


def _split_off(
    rows: int, fraction: int, rng: np.random.Generator, name: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Which rows are left without a random `1 / fraction` of them, and those; both in their order."""
    if rows < 2 * fraction:
        raise InputError(f"{name}: expected at least {2 * fraction} rows to split, got {rows}")
    order = rng.permutation(rows)
    few = rows // fraction
    return np.sort(order[few:]), np.sort(order[:few])


NAMED: dict[str, Callable[[Path, int], TableData]] = {
    **{name: lambda _, seed, toy=toy: _toy(toy, seed) for name, toy in TOYS.items()},  # type: ignore[misc]
    "digits": lambda _, seed: _digits(seed),
    "mnist": lambda root, _: _mnist(root),
    "omniglot": _omniglot,
}
"""for each name that needs no path, the function that loads the data set from a root folder with a seed"""
