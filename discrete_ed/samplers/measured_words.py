"""Sweeps of chains in words, 64 spins of one chain in each, that measure as they run. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import Bits, Places, Reals, Words
from discrete_ed.samplers.measured_loops import describe
from discrete_ed.samplers.word_loops import CHUNK, gather, sweep_words

_NONE, _UNIT = np.uint64(0), np.uint64(1)
_M1, _M2, _M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
_BYTES = np.uint64(0x0101010101010101)


@njit(nogil=True)
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
                spread(x[b], site, y)
                describe(y, sizes, sublattice, plan, out[draw, b])
            else:
                profiles(x[b], inner, masks, sizes, count)
                _waves(count, sizes, bits, out[draw, b])
            stop = classes[1] if len(classes) == 3 else classes[-1]  # of two classes, the first has an end of each bond
            unlike = _unlike(x[b], stop, neighbour, turn, turns, negative) / (1 if len(classes) == 3 else 2)
            bonds = bits * len(neighbour) / 2
            out[draw, b, 0] = -coupling * (bonds - 2 * unlike) - field * (2 * out[draw, b, 1] - bits)
    return counter


@njit(nogil=True)
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


@njit(nogil=True)
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


@njit(nogil=True)
def ones(word: np.uint64) -> np.uint64:
    """The number of ones of a word."""
    word -= (word >> _UNIT) & _M1
    word = (word & _M2) + ((word >> np.uint64(2)) & _M2)
    word = (word + (word >> np.uint64(4))) & _M4
    return (word * _BYTES) >> np.uint64(56)


@njit(nogil=True)
def collect(bits: Bits, site: Places, x: Words) -> None:
    """Bits `(B, D)`, each into its word, `(B, W)`."""
    for b in range(len(bits)):
        for w in range(np.uint64(len(site))):
            word = _NONE
            for k in range(np.uint64(64)):
                word |= np.uint64(bits[b, np.uint64(site[w, k])]) << k
            x[b, w] = word


@njit(nogil=True)
def spread(x: Words, site: Places, y: Bits) -> None:
    """The bits of words, each at its site."""
    for w in range(np.uint64(len(x))):
        word = x[w]
        for k in range(np.uint64(64)):
            y[np.uint64(site[w, k])] = (word >> k) & _UNIT


@njit(nogil=True)
def _unlike(x: Words, stop: int, neighbour: Places, turn: Bits, turns: Words, negative: Words) -> int:
    """The number of bonds that aren't satisfied, of the words before `stop`."""
    total = _NONE
    up = np.empty(CHUNK, np.uint64)
    for first in range(0, stop, CHUNK):
        size = np.uint64(min(CHUNK, stop - first))
        for k in range(len(neighbour)):
            gather(x, neighbour[k], turn[k], turns, negative[k], first, up, size)
            for t in range(size):
                total += ones(up[t] ^ x[np.uint64(first) + t])
    return int(total)
