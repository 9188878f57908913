"""Compiled eigenvectors by which blocks are split. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from discrete_ed.graphs.statistics import Counts, Floats
from discrete_ed.runtime.compiling import njit

ROUNDING = 1e-9  # entries of eigenvectors that differ by less count as equal
RESIDUAL = 1e-12  # of an eigenvector
FIRST_LOOK = 32  # steps before it is seen whether an eigenvector has been found; then after half as many again


@njit()
def communities(starts: Counts, neighbours: Counts, members: Counts) -> NDArray[np.bool_]:
    """Which nodes of a block have positive entries in the second eigenvector of its normalised adjacency, `(n,)`.

    An entry of the matrix is `a_ij / √(d_i d_j)` with degrees within the block. Its largest eigenvalue is 1, with the
    entries `√d_i`. Lanczos' method finds the next one among the vectors that the matrix doesn't send to zero, so that
    nodes without neighbours in the block have no entry.

    Args:
        starts, neighbours: as in `block_loops.descend`.
        members: the nodes of the block, at least one.
    """
    size = len(members)
    pointers, ends = neighbours_within(starts, neighbours, members)
    basis, rows = np.zeros((size + 1, size)), np.zeros((4, size))
    scale, scattered, main, beside = rows[0], rows[1], rows[2], rows[3]
    for i in range(size):
        degree = pointers[i + 1] - pointers[i]
        if degree:
            scale[i] = 1 / math.sqrt(degree)
            basis[0, i] = math.sqrt(degree / pointers[size])
        scattered[i] = 0.618033988749895 * i % 1 - 0.5  # no eigenvector is orthogonal to this
    apply(pointers, ends, scale, scattered, basis[1])
    norm, look = orthogonalise(basis, 1), FIRST_LOOK
    positive = np.zeros(size, np.bool_)
    for step in range(1, size):
        if norm < ROUNDING:  # the matrix sends everything else to zero
            break
        for i in range(size):
            basis[step, i] /= norm
        apply(pointers, ends, scale, basis[step], basis[step + 1])
        main[step - 1] = dot(basis[step], basis[step + 1])
        beside[step - 1] = norm = orthogonalise(basis, step + 1)
        last = norm < ROUNDING or step == size - 1
        if last or step == look:
            look = 3 * look // 2
            weights = last_eigenvector(main, beside, step)
            if last or norm * weights[step - 1] < RESIDUAL:
                for i in range(size):
                    entry = 0.0
                    for j in range(step):
                        entry += weights[j] * basis[j + 1, i]
                    positive[i] = entry > ROUNDING
                break
    return positive


@njit()
def neighbours_within(starts: Counts, neighbours: Counts, members: Counts) -> tuple[Counts, Counts]:
    """Where the neighbours that each node of a block has within it start, `(n + 1,)`, and these, by place in it."""
    place = np.full(len(starts) - 1, -1)
    for i in range(len(members)):
        place[members[i]] = i
    pointers, ends, count = np.zeros(len(members) + 1, np.int64), np.empty(len(neighbours), np.int64), 0
    for i in range(len(members)):
        for at in range(starts[members[i]], starts[members[i] + 1]):
            if place[neighbours[at]] >= 0:
                ends[count] = place[neighbours[at]]
                count += 1
        pointers[i + 1] = count
    return pointers, ends


@njit()
def apply(pointers: Counts, ends: Counts, scale: Floats, vector: Floats, result: Floats) -> None:
    """Write the product of the normalised adjacency matrix and a vector into `result`, `(n,)`."""
    scaled = scale * vector
    for i in range(len(scale)):
        total = 0.0
        for at in range(pointers[i], pointers[i + 1]):
            total += scaled[ends[at]]
        result[i] = total * scale[i]


@njit(fastmath=True)
def dot(first: Floats, second: Floats) -> float:
    """The scalar product, summed in any order."""
    total = 0.0
    for i in range(len(first)):
        total += first[i] * second[i]
    return total


@njit(fastmath=True)
def orthogonalise(basis: Floats, last: int) -> float:
    """Make row `last` orthogonal to those before it; its norm then."""
    vector = basis[last]
    for j in range(last - 1, -1, -1):
        other, along = basis[j], dot(vector, basis[j])
        for i in range(len(vector)):
            vector[i] -= along * other[i]
    return math.sqrt(dot(vector, vector))


@njit()
def last_eigenvector(main: Floats, beside: Floats, size: int) -> Floats:
    """The eigenvector of the largest eigenvalue of a symmetric tridiagonal matrix with eigenvalues within ±1, `(m,)`.

    The eigenvalue is found by bisection: above it, all pivots of `value − matrix` are positive. There inverse iteration
    needs no exchange of rows.

    Args:
        main, beside: the diagonal, and the positive entries beside it, of which the first m and m − 1 are used.
        size: m.
    """
    low, high = -1.0 - ROUNDING, 1.0 + ROUNDING
    middle = (low + high) / 2
    while low < middle < high:
        pivot, k = middle - main[0], 1
        while pivot > 0 and k < size:
            pivot = middle - main[k] - beside[k - 1] ** 2 / pivot
            k += 1
        if pivot > 0:
            high = middle
        else:
            low = middle
        middle = (low + high) / 2
    pivots, vector = np.empty(size), np.ones(size)
    pivots[0] = high - main[0]
    for k in range(1, size):
        pivots[k] = high - main[k] - beside[k - 1] ** 2 / pivots[k - 1]
    for _ in range(3):
        for k in range(1, size):
            vector[k] += beside[k - 1] / pivots[k - 1] * vector[k - 1]
        vector[size - 1] /= pivots[size - 1]
        for k in range(size - 2, -1, -1):
            vector[k] = (vector[k] + beside[k] * vector[k + 1]) / pivots[k]
        norm = math.sqrt(dot(vector, vector))
        for k in range(size):
            vector[k] /= norm
    return vector
