"""States are bit vectors: enumeration, spins, and graphs as bits.

A graph over at most `N` nodes is the upper triangle of its adjacency matrix *with the diagonal*,
`D = N (N + 1) / 2` bits in row-major order. Bit `(i, j)`, `i < j`, says that the edge exists; bit `(i, i)` says
that node `i` exists. So graphs of different sizes are states of one space.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import isqrt

import torch
from torch import Tensor

from discrete_ed.errors import InputError

MAX_TABLE_BITS = 24  # a table of 2^24 states takes 1.6 gigabytes of float32
CHUNK_STATES = 2**14  # number of states that are evaluated at once wherever there are many, which bounds the memory


def enumerate_states(d: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    """All `2^d` states, shape `(2^d, d)`; row `k` is the binary expansion of `k`, first bit most significant.

    >>> enumerate_states(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    if not 0 <= d <= MAX_TABLE_BITS:
        raise InputError(f"d: expected 0 to {MAX_TABLE_BITS} bits to enumerate, got {d}")
    return _states(0, 2**d, d, dtype, device)


def state_chunks(
    d: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", size: int | None = None
) -> Iterator[Tensor]:
    """All `2^d` states in the order of `enumerate_states`, `size` of them at a time (2^14 by default).

    >>> [x.shape for x in state_chunks(3, size=6)]
    [torch.Size([6, 3]), torch.Size([2, 3])]
    """
    size = size or CHUNK_STATES
    for start in range(0, 2**d, size):
        yield _states(start, min(start + size, 2**d), d, dtype, device)


def _states(start: int, stop: int, d: int, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    powers = torch.arange(d - 1, -1, -1, device=device)
    return ((torch.arange(start, stop, device=device).unsqueeze(-1) >> powers) & 1).to(dtype)


def to_spins(x: Tensor) -> Tensor:
    """Bits {0, 1} to spins {-1, +1}, `s = 2x - 1`, any shape.

    >>> to_spins(torch.tensor([0.0, 1.0]))
    tensor([-1.,  1.])
    """
    return 2 * x - 1


def check_states(x: Tensor, *, bits: int | None = None, name: str = "x") -> None:
    """Raise `InputError` unless `x` is a float tensor `(..., D)` of zeros and ones (with `D = bits`, if `bits` is
    given)."""
    if not isinstance(x, Tensor):
        raise InputError(f"{name}: expected a torch tensor, got {type(x).__name__}")
    if not x.is_floating_point():
        raise InputError(f"{name}: expected a float tensor of zeros and ones, got dtype {x.dtype} (call .float())")
    if x.element_size() < 4:  # in half precision, differences of energies would be rounding errors
        raise InputError(f"{name}: expected single or double precision, got dtype {x.dtype}")
    if x.ndim < 1 or (bits is not None and x.shape[-1] != bits):
        expected = "(..., D)" if bits is None else f"(..., {bits})"
        raise InputError(f"{name}: expected shape {expected}, got {tuple(x.shape)}")
    if not ((x == 0) | (x == 1)).all():
        bad = x[(x != 0) & (x != 1)][0].item()
        hint = " (spins s are states as (s + 1) / 2)" if bad == -1 else ""
        raise InputError(f"{name}: expected only zeros and ones, got {bad:g}{hint}")


def triangle_size(nodes: int) -> int:
    """The number of bits `D = N (N + 1) / 2` of a graph state over at most `nodes` nodes."""
    return nodes * (nodes + 1) // 2


def triangle_nodes(bits: int) -> int:
    """The inverse of `triangle_size`.

    >>> triangle_nodes(triangle_size(18))
    18
    """
    nodes = (isqrt(8 * bits + 1) - 1) // 2
    if triangle_size(nodes) != bits:
        raise InputError(f"bits: expected N (N + 1) / 2 bits of a graph state, got {bits}")
    return nodes


@lru_cache(maxsize=64)
def triangle_index(nodes: int, device: torch.device | str = "cpu") -> Tensor:
    """For each cell `(i, j)` of an `N × N` matrix the position of its bit in the state; shape `(N, N)`, symmetric."""
    with torch.inference_mode(False), torch.device("cpu"):  # the cached tensor must serve callers in every mode
        rows, columns = torch.triu_indices(nodes, nodes)
        index = torch.zeros(nodes, nodes, dtype=torch.long)
        index[rows, columns] = torch.arange(len(rows))
        index[columns, rows] = torch.arange(len(rows))
        return index.to(device)


def to_matrix(x: Tensor) -> Tensor:
    """Graph states `(..., D)` to symmetric matrices `(..., N, N)`: edges off the diagonal, node bits on it."""
    nodes = triangle_nodes(x.shape[-1])
    index = triangle_index(nodes, x.device)
    return x.index_select(-1, index.flatten()).unflatten(-1, (nodes, nodes))


def from_matrix(matrix: Tensor) -> Tensor:
    """The inverse of `to_matrix`: `(..., N, N)` to `(..., D)`; reads the upper triangle with the diagonal.

    >>> x = enumerate_states(6)
    >>> torch.equal(from_matrix(to_matrix(x)), x)
    True
    """
    rows, columns = torch.triu_indices(matrix.shape[-1], matrix.shape[-1], device=matrix.device)
    return matrix[..., rows, columns]
