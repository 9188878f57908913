"""Compiled loops over spins that are packed with 64 rows in a word: patterns of neighbours, slopes, and counts.

Indices in hot loops are unsigned, so that numba does not check them for negative values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from discrete_ed.runtime.compiling import njit

Words = NDArray[np.uint64]
Reals = NDArray[np.float64]

_BIT = np.uint64(1)
_ALL = np.uint64(2**64 - 1)
ROWS = 64
"""number of rows in a word"""


@intrinsic
def _ones(typing: Any, word: Any) -> Any:
    """The number of ones in a word, a single instruction."""
    del typing

    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del context, signature
        return builder.ctpop(arguments[0])

    return types.uint64(word), generated


@njit(nogil=True)
def unpacked(words: Words, start: int, out: NDArray[np.float32]) -> None:
    """Spins −1 and +1 of the rows from word `start` on, `(D, R)` with a multiple of 64 rows."""
    for i in range(np.uint64(len(words))):
        row = out[i]
        for w in range(np.uint64(out.shape[1] // ROWS)):
            word = words[i, np.uint64(start) + w]
            for b in range(np.uint64(ROWS)):
                row[w * np.uint64(ROWS) + b] = np.float32(2.0) * np.float32((word >> b) & _BIT) - np.float32(1.0)


@njit(nogil=True)
def thinned(words: Words, step: int, rows: int, out: Words) -> None:
    """Every `step`-th row."""
    for i in range(len(words)):
        for n in range(rows):
            source = n * step
            bit = (words[i, source // ROWS] >> np.uint64(source % ROWS)) & _BIT
            out[i, n // ROWS] |= bit << np.uint64(n % ROWS)


@njit(nogil=True)
def row_codes(words: Words, neighbours: NDArray[np.int64], rows: int, out: Words) -> None:
    """The pattern of the neighbours in each row as bits, `(N, L)`, where `L` words hold up to `64 L` neighbours."""
    for k in range(len(neighbours)):
        column, word, bit = words[neighbours[k]], k // ROWS, np.uint64(k % ROWS)
        for n in range(rows):
            out[n, word] |= ((column[n // ROWS] >> np.uint64(n % ROWS)) & _BIT) << bit


@njit(nogil=True)
def pattern_counts(words: Words, site: int, neighbours: NDArray[np.int64], rows: int, weights: Reals) -> Reals:
    """For each pattern of up to 20 neighbours the sums of the weights of rows with the spin down and up, `(2^K, 2)`.

    Args:
        weights: `(N,)`, or none if all rows count once.
    """
    counts = np.zeros((1 << len(neighbours), 2))
    codes = np.empty(ROWS, np.uint64)
    weighted = len(weights) > 0
    for w in range(np.uint64(words.shape[1])):
        codes[:] = 0
        for k in range(np.uint64(len(neighbours))):
            word = words[neighbours[k], w]
            for b in range(np.uint64(ROWS)):
                codes[b] |= ((word >> b) & _BIT) << k
        own, first = words[site, w], w * np.uint64(ROWS)
        for b in range(min(np.uint64(ROWS), np.uint64(rows) - first)):
            weight = weights[first + b] if weighted else 1.0
            counts[codes[b], (own >> b) & _BIT] += weight
    return counts


@njit(nogil=True)
def site_terms(codes: Words, counts: Reals, local: Reals, with_field: bool) -> tuple[float, Reals, Reals, Reals]:
    """Loss of one spin given its neighbours, summed over rows, with its first and second derivatives.

    Args:
        codes: the patterns of the neighbours that occur, `(U, L)`.
        counts: how often each occurs with the spin down and up, `(U, 2)`.
        local: the couplings to the neighbours and, with fields, the field, `(K,)`.

    Returns:
        The loss; its gradient, `(K,)`; its curvature, `(K, K)`; and `Σ_n w_n g_n g_nᵀ` over rows, `(K, K)`, where `g`
        is the gradient of a row.
    """
    size = len(local)
    neighbours = size - 1 if with_field else size
    loss, gradient = 0.0, np.zeros(size)
    curvature, outer = np.zeros((size, size)), np.zeros((size, size))
    x = np.ones(size)
    for u in range(len(codes)):
        theta = local[neighbours] if with_field else 0.0
        for k in range(neighbours):
            x[k] = 2.0 * np.float64((codes[u, k // ROWS] >> np.uint64(k % ROWS)) & _BIT) - 1.0
            theta += local[k] * x[k]
        down, up = counts[u]
        size_of = math.exp(-2.0 * abs(theta))
        mean = math.copysign((1.0 - size_of) / (1.0 + size_of), theta)
        tail = math.log1p(size_of)
        loss += up * (tail + 2.0 * max(-theta, 0.0)) + down * (tail + 2.0 * max(theta, 0.0))
        slope = up * (mean - 1.0) + down * (mean + 1.0)
        second = (up + down) * (1.0 - mean * mean)
        square = up * (mean - 1.0) ** 2 + down * (mean + 1.0) ** 2
        for a in range(size):
            gradient[a] += slope * x[a]
            for b in range(a + 1):
                curvature[a, b] += second * x[a] * x[b]
                outer[a, b] += square * x[a] * x[b]
    for a in range(size):
        for b in range(a):
            curvature[b, a] = curvature[a, b]
            outer[b, a] = outer[a, b]
    return loss, gradient, curvature, outer


@njit(nogil=True)
def signs(codes: Words, neighbours: int, with_field: bool) -> Reals:
    """The spins of the neighbours in each pattern and, with fields, a row of ones, `(K, U)`."""
    found = np.ones((neighbours + 1 if with_field else neighbours, len(codes)))
    for u in range(len(codes)):
        for k in range(neighbours):
            found[k, u] = 2.0 * np.float64((codes[u, k // ROWS] >> np.uint64(k % ROWS)) & _BIT) - 1.0
    return found


@njit(nogil=True)
def seconds(codes: Words, local: Reals, with_field: bool) -> Reals:
    """The second derivative of a row's loss in `θ`, `1 − tanh² θ`, for each pattern, `(U,)`."""
    neighbours = len(local) - 1 if with_field else len(local)
    found = np.empty(len(codes))
    for u in range(len(codes)):
        theta = local[neighbours] if with_field else 0.0
        for k in range(neighbours):
            bit = (codes[u, k // ROWS] >> np.uint64(k % ROWS)) & _BIT
            theta += local[k] if bit else -local[k]
        found[u] = 1.0 - math.tanh(theta) ** 2
    return found


@njit(nogil=True)
def slopes(
    words: Words,
    start: int,
    rows: int,
    weights: Reals,
    bounds: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    couplings: Reals,
    fields: Reals,
    first: int,
    last: int,
    out: NDArray[np.float32],
) -> None:
    """The derivative of the loss in `θ_i`, `tanh θ_i − s_i`, of the spins `first` to `last`, times the weight of each
    row; from word `start` on, `(D, R)`, zero beyond the last row.

    Args:
        bounds: where the neighbours of each spin start in `neighbours` and `couplings`, `(D + 1,)`.
    """
    theta = np.empty(ROWS)
    weighted = len(weights) > 0
    for i in range(first, last):
        begin, degree = bounds[i], bounds[i + 1] - bounds[i]
        tabled = degree <= 10
        table = np.empty(1 << degree if tabled else 1)
        if tabled:
            for code in range(len(table)):
                value = fields[i]
                for k in range(degree):
                    value += couplings[begin + k] if (code >> k) & 1 else -couplings[begin + k]
                table[code] = math.tanh(value)
        for w in range(out.shape[1] // ROWS):
            place = np.uint64(start + w)
            own = words[i, place]
            if tabled:
                codes = np.zeros(ROWS, np.uint64)
                for k in range(np.uint64(degree)):
                    word = words[neighbours[np.uint64(begin) + k], place]
                    for b in range(np.uint64(ROWS)):
                        codes[b] |= ((word >> b) & _BIT) << k
                for b in range(np.uint64(ROWS)):
                    theta[b] = table[codes[b]]
            else:
                theta[:] = fields[i]
                for k in range(begin, begin + degree):
                    word, coupling = words[neighbours[k], place], couplings[k]
                    for b in range(np.uint64(ROWS)):
                        theta[b] += coupling * (2.0 * np.float64((word >> b) & _BIT) - 1.0)
                for b in range(ROWS):
                    theta[b] = math.tanh(theta[b])
            left = rows - (start + w) * ROWS
            for b in range(ROWS):
                slope = theta[b] - (2.0 * np.float64((own >> np.uint64(b)) & _BIT) - 1.0)
                if b >= left:
                    slope = 0.0
                elif weighted:
                    slope *= weights[(start + w) * ROWS + b]
                out[i, w * ROWS + b] = slope


@njit(nogil=True)
def pattern_masks(words: Words, neighbours: NDArray[np.int64], rows: int) -> Words:
    """For each pattern of the neighbours the rows in which it occurs, `(2^K, W)`."""
    width = words.shape[1]
    masks = np.empty((1 << len(neighbours), width), np.uint64)
    masks[0, :] = _ALL
    if rows % ROWS:
        masks[0, width - 1] = (_BIT << np.uint64(rows % ROWS)) - _BIT
    for k in range(len(neighbours)):
        half, column = 1 << k, words[neighbours[k]]
        for c in range(half):
            for w in range(width):
                masks[half + c, w] = masks[c, w] & column[w]
                masks[c, w] &= ~column[w]
    return masks


@njit(nogil=True)
def masked_counts(masks: Words, column: Words) -> NDArray[np.int64]:
    """How often the spin is up in the rows of each mask, `(M,)`."""
    found = np.zeros(len(masks), np.int64)
    for c in range(len(masks)):
        mask, total = masks[c], np.uint64(0)
        for w in range(np.uint64(len(column))):
            total += _ones(mask[w] & column[w])  # type: ignore[call-arg]
        found[c] = total
    return found


@njit(nogil=True)
def parities(words: Words, sets: NDArray[np.int64]) -> NDArray[np.int64]:
    """In how many rows an odd number of the spins of each set is up, `(P,)`, from sets of columns `(P, K)`."""
    found = np.zeros(len(sets), np.int64)
    for p in range(len(sets)):
        both, total = words[sets[p, 0]].copy(), np.uint64(0)
        for k in range(1, sets.shape[1]):
            column = words[sets[p, k]]
            for w in range(np.uint64(len(both))):
                both[w] ^= column[w]
        for w in range(np.uint64(len(both))):
            total += _ones(both[w])  # type: ignore[call-arg]
        found[p] = total
    return found


@njit(nogil=True)
def differing(words: Words, first: int, last: int, counts: NDArray[np.int64]) -> None:
    """Write in how many rows each of the columns `first` to `last` and each later one differ; `(D, D)`."""
    for i in range(first, last):
        a = words[i]
        for j in range(i + 1, len(words)):
            b, total = words[j], np.uint64(0)
            for w in range(np.uint64(len(a))):
                total += _ones(a[w] ^ b[w])  # type: ignore[call-arg]
            counts[i, j] = total
