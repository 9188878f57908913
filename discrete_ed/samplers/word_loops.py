"""Compiled sweeps over 64 spins in a word: of one chain, whose lattice is folded, or of 64 chains. Importing this needs
numba.

The words of a class aren't neighbours of each other, and lie in a row, so that they are resampled together, `CHUNK` at
a time, in loops that the compiler turns into vector instructions.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from discrete_ed.samplers.loops import STEP, Bits, Places, Reals, Words, mix
from discrete_ed.samplers.measured_loops import describe

CHUNK = 64  # words that are resampled together
_NONE, _UNIT, _ALL = np.uint64(0), np.uint64(1), np.uint64(2**64 - 1)
_M1, _M2, _M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x0101010101010101)


@njit(cache=True, nogil=True)
def sweep_words(
    x: Words,
    classes: Places,
    neighbour: Places,
    turn: Bits,
    turns: Words,
    negative: Words,
    threshold: Words,
    sweeps: int,
    counter: np.uint64,
) -> np.uint64:
    """Gibbs sweeps of 64 spins in a word, `(W,)`, for couplings of one strength and the same field on every spin.

    Class `c` has the words from `classes[c]` to `classes[c + 1]`. The spins of word `w` have neighbours in the words
    `neighbour[k, w]`, whose bits are moved by the turn number `turn[k, w]` (see `turned`), and flipped where the
    coupling is negative, in `negative[k, w]`. `threshold[n]` is p(bit = 1) · 2^64 where `n` neighbours favour spin up;
    uniforms are compared with it from the highest bit down, as in `sweep_packed`.
    """
    degree = len(neighbour)
    count = np.empty((degree + 1, CHUNK), np.uint64)  # count[n]: the spins of which n neighbours favour up
    up, limit = np.empty(CHUNK, np.uint64), np.empty(CHUNK, np.uint64)
    below, undecided = np.empty(CHUNK, np.uint64), np.empty(CHUNK, np.uint64)
    for _ in range(sweeps):
        for c in range(len(classes) - 1):
            for first in range(classes[c], classes[c + 1], CHUNK):
                size = np.uint64(min(CHUNK, classes[c + 1] - first))
                for n in range(degree + 1):
                    _fill(count[n], _ALL if n == 0 else _NONE, size)
                for k in range(degree):
                    _gather(x, neighbour[k], turn[k], turns, negative[k], first, up, size)
                    for n in range(k + 1, 0, -1):
                        _count_up(count[n], count[n - 1], up, size)
                    _count_up(count[0], _no_words(limit, size), up, size)
                _fill(below, _NONE, size)
                _fill(undecided, _ALL, size)
                for place in range(63, -1, -1):
                    _fill(limit, _NONE, size)
                    for n in range(degree + 1):
                        if (threshold[n] >> np.uint64(place)) & _UNIT:
                            _join(limit, count[n], size)
                    left = _compare(below, undecided, limit, counter, size)
                    counter += size * STEP
                    if left == _NONE:
                        break
                for t in range(size):
                    x[np.uint64(first) + t] = below[t]
    return counter


@njit(cache=True, nogil=True)
def measured_words(
    x: Words,
    site: Places,
    inner: Places,
    masks: Words,
    bits: int,
    classes: Places,
    neighbour: Places,
    turn: Bits,
    turns: Words,
    negative: Words,
    threshold: Words,
    coupling: float,
    field: float,
    sizes: Places,
    sublattice: Places,
    plan: Places,
    between: int,
    out: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`sweep_words` of chains `(B, W)` with measurements, `(draw, B, K)`, as `measured_sweeps` makes them; `coupling`
    is the size of the couplings, `site[w, k]` the site of bit `k` of word `w`, and `inner` and `masks` are those of
    `profiles`."""
    y = np.empty(bits, np.uint8)
    count = np.empty(sizes[:-1].sum(), np.int64)
    for b in range(len(x)):
        for draw in range(out.shape[0]):
            counter = sweep_words(x[b], classes, neighbour, turn, turns, negative, threshold, between, counter)
            if plan[1] or plan[2]:
                _spread(x[b], site, y)
                describe(y, sizes, sublattice, plan, out[draw, b])
            else:
                profiles(x[b], inner, masks, sizes, count)
                _waves(count, sizes, bits, out[draw, b])
            stop = classes[1] if len(classes) == 3 else classes[-1]  # of two classes, the first has an end of each bond
            unlike = _unlike(x[b], stop, neighbour, turn, turns, negative) / (1 if len(classes) == 3 else 2)
            bonds = bits * len(neighbour) / 2
            out[draw, b, 0] = -coupling * (bonds - 2 * unlike) - field * (2 * out[draw, b, 1] - bits)
    return counter


@njit(cache=True, nogil=True)
def profiles(x: Words, inner: Places, masks: Words, sizes: Places, count: Places) -> None:
    """The number of ones at each coordinate of each direction, one direction after the other, in `count`.

    `inner[a, w]` is the coordinate in direction `a` of word `w` within a block, and `masks[a, k]` has the bits of the
    blocks with number `k` in that direction.
    """
    count[:] = 0
    first = 0
    for a in range(len(inner)):
        blocks = 0
        while blocks < masks.shape[1] and masks[a, blocks]:
            blocks += 1
        width = sizes[a] // blocks
        for w in range(np.uint64(len(x))):
            place = np.uint64(first + inner[a, w])
            for k in range(np.uint64(blocks)):
                count[place] += np.int64(ones(x[w] & masks[a, k]))
                place += np.uint64(width)
        first += sizes[a]


@njit(cache=True, nogil=True)
def _waves(count: Places, sizes: Places, bits: int, out: Reals) -> None:
    """The number of ones, and the amplitude of the smallest wave in each direction, as `structure` gives them."""
    first = 0
    for a in range(len(sizes) - 1):
        real, imaginary, total = 0.0, 0.0, 0
        for c in range(sizes[a]):
            spins = 2.0 * count[first + c] - bits // sizes[a]
            angle = 2 * math.pi * c / sizes[a]
            real += spins * math.cos(angle)
            imaginary += spins * math.sin(angle)
            total += count[first + c]
        out[1], out[2 + a] = total, real * real + imaginary * imaginary
        first += sizes[a]


@njit(cache=True, nogil=True)
def ones(word: np.uint64) -> np.uint64:
    """The number of ones of a word."""
    word -= (word >> _UNIT) & _M1
    word = (word & _M2) + ((word >> np.uint64(2)) & _M2)
    word = (word + (word >> np.uint64(4))) & _M4
    return (word * _BYTES) >> np.uint64(56)


@njit(cache=True, nogil=True)
def _spread(x: Words, site: Places, y: Bits) -> None:
    """The bits of words, each at its site."""
    for w in range(np.uint64(len(x))):
        word = x[w]
        for k in range(np.uint64(64)):
            y[np.uint64(site[w, k])] = (word >> k) & _UNIT


@njit(cache=True, nogil=True)
def _unlike(x: Words, stop: int, neighbour: Places, turn: Bits, turns: Words, negative: Words) -> int:
    """The number of bonds that aren't satisfied, of the words before `stop`."""
    total = _NONE
    up = np.empty(CHUNK, np.uint64)
    for first in range(0, stop, CHUNK):
        size = np.uint64(min(CHUNK, stop - first))
        for k in range(len(neighbour)):
            _gather(x, neighbour[k], turn[k], turns, negative[k], first, up, size)
            for t in range(size):
                total += ones(up[t] ^ x[np.uint64(first) + t])
    return int(total)


@njit(cache=True, nogil=True)
def turned(word: np.uint64, steps: Words) -> np.uint64:
    """The word with its bits moved: for each step `(right, left, mask)` the bits of the mask come from that many places
    above, and the others from that many below."""
    for s in range(len(steps)):
        word = ((word >> steps[s, 0]) & steps[s, 2]) | ((word << steps[s, 1]) & ~steps[s, 2])
    return word


@njit(cache=True, nogil=True)
def _gather(
    x: Words, neighbour: Places, turn: Bits, turns: Words, negative: Words, first: int, up: Words, size: np.uint64
) -> None:
    start = np.uint64(first)
    for t in range(size):
        up[t] = x[np.uint64(neighbour[start + t])]
    for t in range(size):
        if turn[start + t]:
            up[t] = turned(up[t], turns[np.uint64(turn[start + t])])
    for t in range(size):
        up[t] ^= negative[start + t]


@njit(cache=True, nogil=True)
def _fill(words: Words, value: np.uint64, size: np.uint64) -> None:
    for t in range(size):
        words[t] = value


@njit(cache=True, nogil=True)
def _no_words(words: Words, size: np.uint64) -> Words:
    _fill(words, _NONE, size)
    return words


@njit(cache=True, nogil=True)
def _count_up(same: Words, fewer: Words, up: Words, size: np.uint64) -> None:
    """Spins that keep their count, and those that rise to it."""
    for t in range(size):
        same[t] = (same[t] & ~up[t]) | (fewer[t] & up[t])


@njit(cache=True, nogil=True)
def _join(limit: Words, words: Words, size: np.uint64) -> None:
    for t in range(size):
        limit[t] |= words[t]


@njit(cache=True, nogil=True)
def _compare(below: Words, undecided: Words, limit: Words, counter: np.uint64, size: np.uint64) -> np.uint64:
    """Compare one bit of the uniforms with one bit of the thresholds; the spins that are still undecided, joined."""
    left = _NONE
    for t in range(size):
        uniform = mix(counter + (t + _UNIT) * STEP)
        rest = undecided[t]
        below[t] |= rest & limit[t] & ~uniform
        rest &= ~(limit[t] ^ uniform)
        undecided[t] = rest
        left |= rest
    return left
