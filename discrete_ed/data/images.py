"""Binary images as states, a row of pixels after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.tables import Bits, read_table
from discrete_ed.errors import InputError


def digits(threshold: float = 8.0) -> Bits:
    """The 1,797 handwritten digits of 8 × 8 pixels that ship with scikit-learn, black where at least `threshold` of 16.

    Raises:
        InputError: scikit-learn isn't installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError("digits: they ship with scikit-learn (pip install scikit-learn)") from None
    return _threshold(load_digits().data, threshold)


def read_images(path: str | Path, *, variable: str = "data", threshold: float = 0.5) -> tuple[Bits, tuple[int, int]]:
    """Square images of a file and their shape: `(N, D)` uint8, `(rows, columns)`.

    `.mat` (MATLAB, such as Omniglot's `chardata.mat`) holds `variable` with an image in each *column*, stored column
    by column; anything else is read as a binary table with an image in each row (such as binarised MNIST's `.amat`).

    Args:
        threshold: gray values of a `.mat` file are black where they are at least that.

    Raises:
        InputError: the file can't be read, or images aren't square.
    """
    path = Path(path)
    if path.suffix.lower() == ".mat":
        values = _threshold(_read_mat(path, variable), threshold)
    else:
        values = read_table(path).values
    side = round(values.shape[1] ** 0.5)
    if side * side != values.shape[1]:
        raise InputError(f"{path}: expected square images, got {values.shape[1]} pixels")
    return values, (side, side)


def _read_mat(path: Path, variable: str) -> np.ndarray[Any, Any]:
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=[variable])
    except Exception as error:  # its readers raise many kinds on what is no such file
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected a MATLAB file up to version 7, but {reason}") from None
    if variable not in found or not np.issubdtype(found[variable].dtype, np.number) or found[variable].ndim != 2:
        raise InputError(f"{path}: expected a matrix called {variable!r} with an image in each column")
    columns = found[variable]
    side = round(len(columns) ** 0.5)
    if side * side != len(columns):
        raise InputError(f"{path}: expected square images, got {len(columns)} pixels")
    return columns.T.reshape(-1, side, side).swapaxes(1, 2).reshape(-1, side * side)


def _threshold(values: np.ndarray[Any, Any], threshold: float) -> Bits:
    return (values >= threshold).astype(np.uint8)
