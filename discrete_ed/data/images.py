"""Binary images as states, whose pixels are stored row by row."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from discrete_ed.data.arrays import unpacked
from discrete_ed.data.grey import grey_digits
from discrete_ed.data.tables import Bits, read_table
from discrete_ed.errors import InputError

MATRIX, COMPRESSED = 14, 15  # of MATLAB's level 5 format (MathWorks, "MAT-File Format")
# numpy types by their codes in that format
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def digits(threshold: float = 8.0) -> Bits:
    """The 1,797 handwritten digits of 8 × 8 pixels that come with scikit-learn.

    A pixel is one where its grey value, 0 to 16, is at least `threshold`.

    Raises:
        InputError: scikit-learn isn't installed.
    """
    return _threshold(16 * grey_digits().reshape(-1, 64), threshold)


def read_images(path: str | Path, *, variable: str = "data", threshold: float = 0.5) -> tuple[Bits, tuple[int, int]]:
    """Square images of a file and their shape: `(N, D)` uint8, `(rows, columns)`.

    `.mat` (MATLAB, such as Omniglot's `chardata.mat`) contains `variable` with an image in each *column*, stored
    column by column; any other file is read as a binary table with an image in each row (such as binarised MNIST's
    `.amat`).

    Args:
        path: the file.
        variable: name of the matrix in a `.mat` file.
        threshold: pixels of a `.mat` file whose grey value is at least this are ones.

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
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            columns = _find_matrix(file, variable, size, path)
    except (InputError, OSError):
        raise
    except Exception as error:  # a damaged file can raise anything
        reason = str(error) or type(error).__name__
        raise InputError(f"{path}: expected a MATLAB file of version 5 to 7, but {reason:.200}") from None
    if columns is None:
        raise InputError(f"{path}: expected a matrix called {variable!r} with an image in each column")
    side = round(len(columns) ** 0.5)
    if side * side != len(columns):
        raise InputError(f"{path}: expected square images, got {len(columns)} pixels")
    return columns.T.reshape(-1, side, side).swapaxes(1, 2).reshape(-1, side * side)


def _find_matrix(file: IO[bytes], variable: str, size: int, path: Path) -> np.ndarray[Any, Any] | None:
    """The real matrix of that name, which is 2-D, in a MATLAB level 5 file; None if there is none.

    A damaged file can crash scipy's reader, so the few kinds of elements that are needed are read here.
    """
    order = {b"IM": "<", b"MI": ">"}.get(file.read(128)[126:])
    if order is None:
        raise ValueError("its header is not that of such a file")
    while len(tag := file.read(8)) == 8:
        kind, length = struct.unpack(f"{order}II", tag)
        content = file.read(length)
        if kind == COMPRESSED:
            content = unpacked(content, size, path)
            kind, length = struct.unpack(f"{order}II", content[:8])
            content = content[8:]
        if kind == MATRIX:
            elements = _elements(content, order)
            flags, shape, name = (next(elements) for _ in range(3))
            if bytes(name).rstrip(b"\0") == variable.encode() and flags[0] & 0x800 == 0 and len(shape) == 2:
                return next(elements).reshape(shape.tolist(), order="F")
    return None


def _elements(content: bytes, order: str) -> Iterator[np.ndarray[Any, Any]]:
    """The arrays inside a matrix element: flags, shape, name, numbers."""
    place = 0
    while place + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, place)
        start, following = place + 8, place + 8 + length + -length % 8
        if kind >> 16:  # a small element: length and kind share a word, and up to four bytes follow
            kind, length, start, following = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        if start + length > len(content):
            raise ValueError("an element is cut short")
        dtype = np.dtype(order + NUMBERS[kind])
        yield np.frombuffer(content, dtype, length // dtype.itemsize, start)
        place = following


def _threshold(values: np.ndarray[Any, Any], threshold: float) -> Bits:
    return (values >= threshold).astype(np.uint8)
