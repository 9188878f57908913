"""Arrays from untrusted files: nothing is unpickled, and the memory is bounded by the size of the file."""

from __future__ import annotations

import re
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from discrete_ed.errors import InputError

SMALL, RATIO = 2**26, 100
"""number of bytes that every file may unpack to, and the largest expansion factor beyond that"""


def read_array(path: Path, names: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """The array of an `.npy` file, or the only array of an `.npz` archive, or its array with one of these names.

    Raises:
        InputError: the file can't be read, or contains anything but such an array, for instance objects.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if path.suffix.lower() == ".npy":
                return read_npy(file, size)
            with zipfile.ZipFile(file) as archive:
                return _read_member(archive, names, size, path)
    except InputError:
        raise
    except Exception as error:  # the parsers of numpy and zipfile raise several kinds on malformed files
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: expected an array of numbers or truth values, but {reason:.200}") from None


def _read_member(archive: zipfile.ZipFile, names: tuple[str, ...], size: int, path: Path) -> np.ndarray[Any, Any]:
    wanted = [f"{name}.npy" for name in names]
    named = [info for info in archive.infolist() if info.filename in wanted] or archive.infolist()
    if len(named) != 1:
        found = ", ".join(info.filename.removesuffix(".npy") for info in named)
        raise InputError(f"{path}: expected one array, or one called {' or '.join(names)}, got {found:.200}")
    (info,) = named
    if not re.fullmatch(r"[\w.-]+\.npy", info.filename):
        raise InputError(f"{path}: expected an array with a plain name, got {info.filename[:60]!r}")
    check_expansion(info.file_size, size, path)
    with archive.open(info) as file:
        return read_npy(file, info.file_size)


def read_npy(file: IO[bytes], size: int) -> np.ndarray[Any, Any]:
    """The array of an `.npy` file of `size` bytes; no more memory than that is allocated, whatever its header claims.

    Raises:
        ValueError: the file holds anything else; numpy raises further kinds on malformed headers.
    """
    form = np.lib.format
    read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    version = form.read_magic(file)
    if version not in read:
        raise ValueError(f"its format is {version} instead of 1.0 or 2.0")
    shape, in_columns, dtype = read[version](file)
    if dtype.hasobject:
        raise ValueError("it holds objects, which are pickled and can run code")
    wanted, there = prod(shape) * dtype.itemsize, size - file.tell()
    if wanted != there or min(shape, default=0) < 0:
        raise ValueError(f"its header announces {wanted} bytes, and the file holds {there}")
    return np.frombuffer(file.read(there), dtype).reshape(shape, order="F" if in_columns else "C")


def unpacked(content: bytes, size: int, path: Path, *, gzip: bool = False) -> bytes:
    """Unpack zlib or gzip content, from a file of `size` bytes.

    Raises:
        InputError: the content unpacks to far more than the file.
        ValueError: the content is cut short.
        zlib.error: the content is not in this format.
    """
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16 * gzip)
    found = unpack.decompress(content, SMALL + RATIO * size)
    if not unpack.eof:
        check_expansion(len(found) + len(unpack.unconsumed_tail), size, path)
        raise ValueError("the compressed data is cut short or unpacks to far more than the file")
    return found


def check_expansion(unpacked: int, packed: int, path: Path) -> None:
    """Refuse content that unpacks to more than `SMALL` bytes and to more than `RATIO` times the size of its file."""
    if unpacked > SMALL + RATIO * packed:
        raise InputError(
            f"{path}: expected a file that unpacks to at most {RATIO} times its size, got {unpacked} bytes"
        )
