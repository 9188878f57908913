"""Grey images with pixels in [0, 1]: the digits of scikit-learn, or images from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.arrays import read_array, unpacked
from discrete_ed.errors import InputError

Grey = np.ndarray[Any, np.dtype[np.float32]]


def grey_digits() -> Grey:
    """scikit-learn's 1,797 digits, `(1797, 8, 8)`; they are part of that package and need no download.

    Raises:
        InputError: scikit-learn is not installed.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.

    >>> import pytest; _ = pytest.importorskip("sklearn")
    >>> grey_digits().shape
    (1797, 8, 8)
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise InputError(
            "digits: expected scikit-learn, which brings them, to be installed (pip install scikit-learn)"
        ) from None
    return (load_digits().images / 16).astype(np.float32)


def read_grey(path: str | Path) -> Grey:
    """Grey images `(N, H, W)` from a file: MNIST's idx format (`.gz` or not), `.npy`, or `.npz`.

    Bytes are divided by 255; floats must lie in [0, 1]. From an `.npz` archive the array `x_train`, or the only one, is
    read. Nothing is unpickled.

    Raises:
        InputError: the file can't be read, or contains anything but such images.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".npy") as file:
    ...     np.save(file.name, np.full((2, 3, 3), 255, dtype=np.uint8))
    ...     float(read_grey(file.name).mean())
    1.0
    """
    path = Path(path)
    values = read_array(path, ("x_train",)) if path.suffix.lower() in (".npy", ".npz") else _read_idx(path)
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(f"{path}: expected images of shape (N, H, W), got {values.shape}")
    if values.dtype == np.uint8:
        return (values / np.float32(255)).astype(np.float32)
    if values.dtype.kind != "f" or not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"{path}: expected bytes, or floats in [0, 1], got {values.dtype}")
    return values.astype(np.float32)


def _read_idx(path: Path) -> np.ndarray[Any, Any]:
    """Three big-endian sizes after the magic number 0x00000803 (bytes, three axes), then the pixels."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = unpacked(content, len(content), path, gzip=True)
        if content[:4] != b"\x00\x00\x08\x03":
            raise ValueError("it is not an idx file of bytes with three axes")
        shape = np.frombuffer(content, ">u4", count=3, offset=4)
        return np.frombuffer(content, np.uint8, offset=16).reshape(shape)
    except InputError:
        raise
    except Exception as error:  # a file that can't be read or unpacked, or sizes that don't fit
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected images as idx, .npy or .npz, but {reason!s:.200}") from None
