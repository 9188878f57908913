"""Compiled loops over the chains of an Ising model; `compiled` chooses among them. Importing this needs numba.

Bits are uint8, `(B, D)`, or packed with 64 chains in a word, `(D, W)`. Indices in hot loops are unsigned, so that numba
does not check them for negative values. Random words come from SplitMix64, a counter and a mixing function (Steele, Lea
and Flood 2014, OOPSLA), which is fast; each loop takes the counter and returns its last value.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from discrete_ed.runtime.compiling import njit

Bits = NDArray[np.uint8]
Words = NDArray[np.uint64]
Places = NDArray[np.integer]
Reals = NDArray[np.float64]

STEP = np.uint64(0x9E3779B97F4A7C15)  # increment of the counter of SplitMix64
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S12, _S27, _S30, _S31 = np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)
_NONE, _ONE, _ALL = np.uint64(0), np.uint64(1), np.uint64(2**64 - 1)


@njit()
def mix(counter: np.uint64) -> np.uint64:
    """A random word from each value of the counter."""
    z = (counter ^ (counter >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@njit()
def unit(word: np.uint64) -> float:
    """A uniform inside (0, 1), a multiple of 2^-52 plus a half, from a random word."""
    return (np.float64(word >> _S12) + 0.5) * 2.0**-52


@njit(nogil=True)
def sweep_each(
    x: Bits,
    order: Places,
    neighbours: tuple[Places, ...],
    row: Places,
    threshold: Words,
    sweeps: int,
    counter: np.uint64,
) -> np.uint64:
    """Gibbs sweeps, one chain after the other.

    `neighbours[k][t]` is the k-th neighbour of the bit that is resampled at time `t`. `threshold` holds p(bit = 1) ·
    2^64 at the index `row[t]` plus the binary number formed by the neighbours' bits. The compiler unrolls the
    neighbours.
    """
    chains, bits = x.shape
    for b in range(chains):
        y = x[b]
        for _ in range(sweeps):
            for t in range(np.uint64(bits)):
                place, k = np.uint64(row[t]), _NONE
                for neighbour in neighbours:
                    place += np.uint64(y[neighbour[t]]) << k
                    k += _ONE
                counter += STEP
                y[order[t]] = mix(counter) < threshold[place]
    return counter


@njit(nogil=True)
def sweep_packed(
    x: Words,
    order: Places,
    start: Places,
    neighbour: Places,
    negative: Words,
    row: Places,
    threshold: Words,
    sweeps: int,
    counter: np.uint64,
) -> np.uint64:
    """Gibbs sweeps of 64 chains in a word, `(D, W)`, for couplings that all have the same magnitude.

    `threshold[row[i], n]` is p(bit i = 1) · 2^64 if `n` of its neighbours favour spin up; `negative` has all bits set
    for a negative coupling. Each chain compares its own 64-bit uniform with its threshold, from the highest bit down: a
    random word holds one bit of each chain's uniform, and after a few words every comparison is decided.
    """
    bits, words = x.shape
    count = np.empty(threshold.shape[1], np.uint64)
    for _ in range(sweeps):
        for t in range(bits):
            i = order[t]
            first = start[i]
            degree = start[i + 1] - first
            table = threshold[row[i]]
            for w in range(words):
                count[0] = _ALL  # count[n]: the chains in which n neighbours favour spin up
                for k in range(degree):
                    up = x[neighbour[first + k], w] ^ negative[first + k]
                    count[k + 1] = count[k] & up
                    for n in range(k, 0, -1):
                        count[n] = (count[n] & ~up) | (count[n - 1] & up)
                    count[0] &= ~up
                below, undecided = _NONE, _ALL
                for place in range(63, -1, -1):
                    counter += STEP
                    uniform = mix(counter)
                    limit = _NONE
                    for n in range(degree + 1):
                        limit |= count[n] & (_NONE - ((table[n] >> np.uint64(place)) & _ONE))
                    below |= undecided & limit & ~uniform
                    undecided &= ~(limit ^ uniform)
                    if undecided == _NONE:
                        break
                x[i, w] = below
    return counter


@njit(nogil=True)
def resample_spins(
    s: Reals,
    field: Reals,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    order: Places,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Resample one spin after the other given its field `β (h_i + Σ_j J_ij s_j)`; `s` and `field` are updated.

    Both are `(B, D)`. The spins are visited in the given order, again and again; if the order is empty, each step
    chooses a random spin. Returns for each chain whether its last step changed a spin.
    """
    chains, bits = s.shape
    changed = np.zeros(chains, np.bool_)
    for b in range(chains):
        t = 0
        for _ in range(steps):
            if len(order):
                i = order[t]
                t = t + 1 if t + 1 < bits else 0
            else:
                counter += STEP
                i = int(unit(mix(counter)) * bits)
            counter += STEP
            new = 1.0 if unit(mix(counter)) * (1 + math.exp(-2 * field[b, i])) < 1 else -1.0
            changed[b] = new != s[b, i]
            if changed[b]:
                s[b, i] = new
                for e in range(start[i], start[i + 1]):
                    field[b, neighbour[e]] += 2 * coupling[e] * new
    return changed, counter


@njit()
def metropolis(
    s: Reals,
    field: Reals,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Flip a random spin with probability `min(1, exp(−Δ))`, as `resample_spins` does with another probability."""
    chains, bits = s.shape
    moved = np.zeros(chains, np.bool_)
    for b in range(chains):
        for _ in range(steps):
            counter += STEP
            i = int(unit(mix(counter)) * bits)
            counter += STEP
            delta = 2 * s[b, i] * field[b, i]
            moved[b] = delta <= 0 or unit(mix(counter)) < math.exp(-delta)
            if moved[b]:
                s[b, i] = -s[b, i]
                for e in range(start[i], start[i + 1]):
                    field[b, neighbour[e]] += 2 * coupling[e] * s[b, i]
    return moved, counter


@njit()
def exchanges(
    s: Reals,
    field: Reals,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    first: Places,
    second: Places,
    between: Reals,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Kawasaki: exchange the spins of a random pair `(first, second)`, coupled by `between`, with probability `min(1,
    exp(−Δ))`."""
    moved = np.zeros(len(s), np.bool_)
    for b in range(len(s)):
        for _ in range(steps):
            counter += STEP
            k = int(unit(mix(counter)) * len(first))
            i, j = first[k], second[k]
            counter += STEP
            moved[b] = False
            if s[b, i] != s[b, j]:  # flipping both does not change their own term, which both differences contain
                delta = 2 * s[b, i] * field[b, i] + 2 * s[b, j] * field[b, j] + 4 * between[k]
                moved[b] = delta <= 0 or unit(mix(counter)) < math.exp(-delta)
            if moved[b]:
                for site in (i, j):
                    s[b, site] = -s[b, site]
                    for e in range(start[site], start[site + 1]):
                        field[b, neighbour[e]] += 2 * coupling[e] * s[b, site]
    return moved, counter


@njit()
def couple(
    order: Places,
    neighbours: tuple[Places, ...],
    row: Places,
    threshold: Words,
    most: int,
    counter: np.uint64,
) -> tuple[Bits, bool]:
    """Coupling from the past: one sample `(D,)`, and whether the lowest and the highest chain met within `most` sweeps.

    The arguments of `sweep_each`; thresholds must increase with the neighbours. The random words of a sweep depend
    only on its position in the counter, so that the same words are used again when the chains start earlier.
    """
    bits = len(order)
    length = 1
    while True:
        low, high = np.zeros(bits, np.uint8), np.ones(bits, np.uint8)
        for ago in range(length, 0, -1):
            word = counter + np.uint64(ago * bits) * STEP
            for t in range(np.uint64(bits)):
                below, above, k = np.uint64(row[t]), np.uint64(row[t]), _NONE
                for neighbour in neighbours:
                    below += np.uint64(low[neighbour[t]]) << k
                    above += np.uint64(high[neighbour[t]]) << k
                    k += _ONE
                uniform = mix(word + t * STEP)
                low[order[t]] = uniform < threshold[below]
                high[order[t]] = uniform < threshold[above]
        met = bool((low == high).all())
        if met or 2 * length > most:
            return low, met
        length *= 2
