"""Features of symmetric pairs: both halves of a matrix, or the triangle of pairs `i ≤ j`, with quick gradients."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from discrete_ed.states import triangle_index


class TrianglePlaces(NamedTuple):
    """Where the `T = n (n + 1) / 2` pairs `i ≤ j` of `n` nodes lie in a matrix, in row-major order.

    >>> triangle_places(2).cells.tolist(), triangle_places(2).share.tolist()
    ([[0, 1], [1, 2]], [0.5, 1.0, 0.5])
    """

    cells: Tensor
    """the number of the pair of each cell, `(n, n)`"""
    upper: Tensor
    """the place of each pair in the flat matrix, `i n + j`: `(T,)`"""
    lower: Tensor
    """its other place, `j n + i`: `(T,)`"""
    share: Tensor
    """half of the number of its cells, ½ on the diagonal and 1 elsewhere: `(T,)`"""


@lru_cache(maxsize=64)
def triangle_places(nodes: int, device: torch.device | str = "cpu") -> TrianglePlaces:
    """The places of all pairs of `nodes` nodes."""
    with torch.inference_mode(False), torch.device("cpu"):  # the cached tensors must serve callers in every mode
        rows, columns = torch.triu_indices(nodes, nodes)
        share = torch.where(rows == columns, 0.5, 1.0)
        parts = triangle_index(nodes), rows * nodes + columns, columns * nodes + rows, share
        return TrianglePlaces(*(part.to(device) for part in parts))


def to_triangle(matrix: Tensor) -> Tensor:
    """Features `(B, n, n, C)` of cells, symmetric, to those of pairs `(B, T, C)`.

    Its gradient is a gather, where that of an index would add cell by cell.
    """
    result: Tensor = _ToTriangle.apply(matrix)
    return result


def to_square(pairs: Tensor, nodes: int) -> Tensor:
    """Features `(B, T, C)` of pairs to those of all cells, `(B, n, n, C)`; its gradient gathers as well."""
    result: Tensor = _ToSquare.apply(pairs, nodes)
    return result


class _ToTriangle(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        ctx.nodes = matrix.shape[1]
        return matrix.flatten(1, 2).index_select(1, triangle_places(ctx.nodes, matrix.device).upper)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # a half to each of a pair's two cells: it stays symmetric
        places = triangle_places(ctx.nodes, gradient.device)
        halves = gradient * (0.5 / places.share.to(gradient.dtype))[:, None]
        return halves.index_select(1, places.cells.flatten()).unflatten(1, (ctx.nodes, ctx.nodes))


class _ToSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pairs: Tensor, nodes: int) -> Tensor:
        ctx.nodes = nodes
        cells = triangle_places(nodes, pairs.device).cells.flatten()
        return pairs.index_select(1, cells).unflatten(1, (nodes, nodes))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        places, cells = triangle_places(ctx.nodes, gradient.device), gradient.flatten(1, 2)
        both = cells.index_select(1, places.upper) + cells.index_select(1, places.lower)
        return both * places.share.to(gradient.dtype)[:, None], None
