"""Couplings of Ising models from matrices, dense or sparse, and from lists of edges, checked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.runtime.memory import check_fits

SPARSE = "a sparse model (IsingEnergy.from_edges, or from a sparse matrix) takes memory in proportion to its edges"
MOST_SPINS = 2**31 - 1  # ends of pairs are stored as int32


class Pairs(NamedTuple):
    """The coupled pairs of a sparse Ising model, each once: `i < j`, in the order of `(i, j)`."""

    spins: int
    """the number of spins `D`"""
    ends: Tensor
    """`i` and `j` of each pair, `(2, E)`, int32"""
    couplings: Tensor
    """`J_ij`, `(E,)`"""


def check_dense(spins: int, dtype: torch.dtype | None = None) -> None:
    """Raise `InputError` if a dense matrix `(D, D)` of couplings would not fit into memory, with another one beside it,
    which nearly all that is done with it needs."""
    size = 2 * spins * spins * (dtype or torch.get_default_dtype()).itemsize
    check_fits(size, "couplings", f"a dense matrix of {spins:,} × {spins:,} numbers and a copy", SPARSE)


def dense_couplings(couplings: Any) -> Tensor:
    """A dense matrix of couplings, `(D, D)`, after its checks.

    Raises:
        InputError: the matrix isn't square, symmetric and finite, with a diagonal of zeros.
    """
    if isinstance(couplings, np.ndarray):
        couplings = as_floats(couplings, "couplings")
    if not isinstance(couplings, Tensor) or not couplings.is_floating_point():
        got = couplings.dtype if isinstance(couplings, Tensor) else type(couplings).__name__
        raise InputError(f"couplings: expected a float tensor (D, D) or a number of spins, got {got}")
    if couplings.ndim != 2 or couplings.shape[0] != couplings.shape[1]:
        raise InputError(f"couplings: expected shape (D, D), got {tuple(couplings.shape)}")
    check_finite(couplings, "couplings")
    if not torch.equal(couplings, couplings.T) or couplings.diagonal().any():
        raise InputError("couplings: expected a symmetric matrix with zero diagonal")
    return couplings


def is_sparse(couplings: Any) -> bool:
    """Whether it is a sparse matrix of torch or scipy."""
    if isinstance(couplings, Tensor):
        return couplings.layout != torch.strided
    from scipy.sparse import issparse

    return bool(issparse(couplings))


def sparse_couplings(matrix: Any) -> Pairs:
    """The pairs of a sparse matrix of torch or scipy, `(D, D)`; stored zeros are kept, since they may be learned.

    Raises:
        InputError: the matrix isn't square, symmetric and finite, with a diagonal of zeros, or has an entry twice.
    """
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"couplings: expected shape (D, D), got {tuple(matrix.shape)}")
    spins = int(matrix.shape[0])
    dtype = None
    if isinstance(matrix, Tensor):
        if not matrix.is_floating_point():
            raise InputError(f"couplings: expected a float tensor (D, D) or a number of spins, got {matrix.dtype}")
        coo = matrix.detach().cpu().to_sparse_coo()
        index, value, dtype = coo._indices().numpy(), coo._values().numpy(), coo.dtype
    else:
        from scipy.sparse import coo_array

        coo = coo_array(matrix)
        index, value = np.stack([coo.row, coo.col]), coo.data
    row, column = index.astype(np.int64)
    if (row == column).any() and value[row == column].any():
        raise InputError("couplings: expected a symmetric matrix with zero diagonal")
    upper, lower = row < column, row > column
    above = _sorted_pairs(spins, row[upper], column[upper], value[upper])
    below = _sorted_pairs(spins, column[lower], row[lower], value[lower])
    if not all(np.array_equal(a, b) for a, b in zip(above, below, strict=True)):
        raise InputError(
            "couplings: expected a symmetric matrix with zero diagonal, got one that differs from its transpose (of a "
            "triangular matrix A take A + A.T)"
        )
    i, j, coupling = above
    return _pairs(spins, i, j, coupling, dtype)


def edge_couplings(edges: ArrayLike, couplings: ArrayLike, spins: int | None) -> Pairs:
    """The pairs of a list of edges, `(E, 2)`, with one coupling or one for each edge, `(E,)`.

    Raises:
        InputError: edges that aren't pairs of different spins from 0 to `spins − 1`, an edge twice (in either
            direction), couplings of another number or that aren't finite.
    """
    ends = np.asarray(edges.cpu() if isinstance(edges, Tensor) else edges)
    if ends.size == 0:
        ends = ends.reshape(0, 2).astype(np.int64)
    if ends.ndim != 2 or ends.shape[1] != 2 or ends.dtype.kind not in "iu":
        raise InputError(f"edges: expected pairs of spin numbers (E, 2), got shape {ends.shape}, {ends.dtype}")
    least = int(ends.max(initial=-1)) + 1
    spins = least if spins is None else spins
    if not 0 <= spins <= MOST_SPINS:
        raise InputError(f"spins: expected 0 to {MOST_SPINS:,}, got {spins}")
    if least > spins or ends.min(initial=0) < 0:
        wrong = ends[((ends >= spins) | (ends < 0)).any(1)][0]
        raise InputError(f"edges: expected spins from 0 to {spins - 1}, got the edge {tuple(wrong.tolist())}")
    i, j = ends.T
    if (i == j).any():
        raise InputError(f"edges: expected no edge from a spin to itself, got one at spin {i[i == j][0]}")
    value = as_floats(couplings, "couplings")
    if value.ndim == 0:
        value = value.expand(len(ends))
    if value.shape != (len(ends),):
        raise InputError(
            f"couplings: expected one number or one for each of {len(ends)} edges, got {tuple(value.shape)}"
        )
    swapped = i > j
    low, high = (np.where(swapped, j, i), np.where(swapped, i, j)) if swapped.any() else (i, j)
    i, j, coupling = _sorted_pairs(spins, low, high, value.numpy())
    return _pairs(spins, i, j, coupling, value.dtype)


def as_floats(value: ArrayLike, name: str) -> Tensor:
    """Numbers from outside torch in the default precision; a float tensor keeps its own.

    Raises:
        InputError: values that aren't real numbers, or aren't finite.
    """
    if isinstance(value, Tensor) and value.is_floating_point():
        found = value.detach().cpu()
    else:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise InputError(f"{name}: expected real numbers, got {array.dtype}")
        found = torch.from_numpy(np.asarray(array, np.float64 if array.dtype.kind != "f" else None).copy())
        found = found.to(torch.get_default_dtype())
    check_finite(found, name)
    return found


def check_finite(value: Tensor, name: str) -> None:
    """Raise `InputError` unless all numbers are finite."""
    if value.device.type != "meta" and not value.isfinite().all():
        raise InputError(f"{name}: expected finite numbers, got {value[~value.isfinite()].flatten()[0].item()}")


def check_pairs(spins: int, ends: Tensor) -> None:
    """Raise `InputError` unless the ends are pairs `i < j` of spins, each once, in order: a file may hold anything."""
    low, high = ends.long()
    inside = bool((low >= 0).all() and (low < high).all() and (high < spins).all())
    key = low * spins + high
    if ends.dtype != torch.int32 or not inside or not (key[1:] > key[:-1]).all():
        raise InputError(f"ends: expected pairs i < j of spins from 0 to {spins - 1}, each once and in order")


def _sorted_pairs(spins: int, i: NDArray[Any], j: NDArray[Any], value: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """The pairs in the order of `(i, j)`; refuses a pair that is there twice."""
    key = i.astype(np.int64) * spins + j
    if not (key[1:] > key[:-1]).all():
        order = np.argsort(key, kind="stable")
        key, i, j, value = key[order], i[order], j[order], value[order]
        twice = np.flatnonzero(key[1:] == key[:-1])
        if len(twice):
            pair = int(i[twice[0]]), int(j[twice[0]])
            raise InputError(f"couplings: expected every edge once, got the edge {pair} twice; add its couplings up")
    return i, j, value


def _pairs(
    spins: int, i: NDArray[Any], j: NDArray[Any], value: NDArray[Any], dtype: torch.dtype | None = None
) -> Pairs:
    if dtype is not None:
        coupling = torch.from_numpy(np.ascontiguousarray(value)).to(dtype)
        check_finite(coupling, "couplings")
    else:
        coupling = as_floats(value, "couplings")
    ends = np.empty((2, len(i)), np.int32)
    ends[0], ends[1] = i, j
    return Pairs(spins, torch.from_numpy(ends), coupling)
