"""Grey images as points: scikit-learn's digits, or a file that the user names."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from discrete_ed.errors import InputError


def digits() -> Tensor:
    """scikit-learn's 1,797 digits of 8 × 8 pixels in [0, 1], `(1797, 8, 8)`; comes with that package, no download.

    Raises:
        InputError: scikit-learn is not installed.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.

    >>> import pytest; _ = pytest.importorskip("sklearn")
    >>> digits().shape
    torch.Size([1797, 8, 8])
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise InputError(
            "images: the digits come with scikit-learn, which is not installed: pip install scikit-learn, "
            "or name a file of images"
        ) from None
    return torch.from_numpy(load_digits().images).float() / 16


def read_images(path: str | Path) -> Tensor:
    """Grey images `(N, H, W)` in [0, 1] from a file: MNIST's idx format (`.gz` or not), `.npy`, or `.npz`.

    Bytes are divided by 255; floats must lie in [0, 1]. Of an `.npz` archive the array `x_train` is read, or its only
    one. Nothing is unpickled.

    Raises:
        InputError: the file can't be read, or holds anything else.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".npy") as file:
    ...     np.save(file.name, np.full((2, 3, 3), 255, dtype=np.uint8))
    ...     read_images(file.name).mean().item()
    1.0
    """
    path = Path(path)
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                name = "x_train" if "x_train" in arrays else arrays.files[0]
                if name != "x_train" and len(arrays.files) > 1:
                    raise InputError(
                        f"{path}: expected an array x_train or a single one, got {', '.join(arrays.files)}"
                    )
                values = arrays[name]
        else:
            content = path.read_bytes()
            values = _idx(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except InputError:
        raise
    except (OSError, ValueError, IndexError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: expected images as idx, .npy or .npz: {error}") from None
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(f"{path}: expected images of shape (N, H, W), got {values.shape}")
    if values.dtype == np.uint8:
        return torch.from_numpy(values.astype(np.float32) / 255)
    if values.dtype.kind != "f" or not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"{path}: expected bytes, or floats in [0, 1], got {values.dtype}")
    return torch.from_numpy(values.astype(np.float32))


def _idx(content: bytes) -> np.ndarray:
    """Three big-endian sizes after the magic number 0x00000803 (bytes, three axes), then the pixels."""
    if content[:4] != b"\x00\x00\x08\x03":
        raise ValueError("not an idx file of bytes with three axes")
    shape = np.frombuffer(content, ">i4", count=3, offset=4)
    return np.frombuffer(content, np.uint8, offset=16).reshape(shape)
