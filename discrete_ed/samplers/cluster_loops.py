"""Compiled loops over clusters of spins. Importing this needs numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import STEP, Bits, Places, Words, mix, unit

_UNIT, PIECE = np.uint64(1), np.uint64(2048)


@njit(nogil=True)
def clusters(
    x: Bits,
    start: Places,
    before: Places,
    unlike: Bits,
    join: Words,
    held: Places,
    up: Bits,
    hold: Words,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Swendsen–Wang on bits `(B, D)`: join pairs at random, then flip each cluster with probability ½.

    Bit `i` is coupled to the bits `before[start[i]:start[i + 1]]`, all of lower number. A pair whose coupling is
    satisfied (bits that differ where `unlike` is 1, and else agree) is joined with probability `join` · 2^-64; both may
    hold one number for all pairs. A bit of `held` that agrees with its field, `up`, is joined to the ghost with
    probability `hold` · 2^-64; the cluster of the ghost never flips. Returns for each chain whether its last step
    flipped a bit.
    """
    chains, bits = x.shape
    root, flips, fixed, lucky = scratch(bits, len(before))
    moved = np.zeros(chains, np.bool_)
    for b in range(chains):
        for _ in range(steps):
            moved[b], counter = flip_clusters(
                x[b], root, flips, fixed, lucky, start, before, unlike, join, held, up, hold, counter
            )
    return moved, counter


@njit(nogil=True)
def scratch(bits: int, pairs: int) -> tuple[Places, Bits, Bits, Bits]:
    """What `flip_clusters` writes to; the roots are unsigned, so that numba does not look for negative indices."""
    return np.empty(bits, np.uint32), np.empty(bits, np.uint8), np.zeros(bits, np.uint8), np.empty(pairs, np.uint8)


@njit(nogil=True)
def flip_clusters(
    y: Bits,
    root: Places,
    flips: Bits,
    fixed: Bits,
    lucky: Bits,
    start: Places,
    before: Places,
    unlike: Bits,
    join: Words,
    held: Places,
    up: Bits,
    hold: Words,
    counter: np.uint64,
) -> tuple[bool, np.uint64]:
    """One step of `clusters` of one chain, and whether it flipped a bit."""
    bits, stride = np.uint64(len(y)), np.uint64(len(unlike) > 1)
    counter = _toss(lucky, join, counter)
    e = np.uint64(0)
    for i in range(bits):
        top = np.uint32(i)  # the smallest bit of the cluster of bit i so far, the root of its tree
        stop = np.uint64(start[i + _UNIT])
        while e < stop:
            if lucky[e] & (y[i] ^ y[before[e]] == unlike[e * stride]):
                other = _find(root, np.uint32(before[e]))
                if other < top:
                    if top != i:
                        root[top] = other
                    top = other
                elif other > top:
                    root[other] = top
            e += _UNIT
        root[i] = top
    for k in range(len(held)):
        if y[held[k]] == up[k]:
            counter += STEP
            if mix(counter) < hold[k]:
                fixed[_find(root, np.uint32(held[k]))] = 1
    changed = np.uint8(0)
    for i in range(bits):  # a root is visited before the bits that point to it
        parent = root[i]
        if parent == i:
            counter += STEP
            flips[i] = (mix(counter) & _UNIT) & (_UNIT - fixed[i])
        else:
            flips[i] = flips[parent]
        y[i] ^= flips[i]
        changed |= flips[i]
    if len(held):
        fixed[:] = 0
    return changed == 1, counter


@njit(nogil=True)
def _toss(lucky: Bits, join: Words, counter: np.uint64) -> np.uint64:
    """Which pairs would be joined if they were satisfied; pieces of a fixed length become vector instructions."""
    pairs = np.uint64(len(lucky))
    for first in range(np.uint64(0), pairs, PIECE):
        size = min(PIECE, pairs - first)
        if len(join) == 1:
            _toss_equal(lucky[first : first + size], join[0], counter, size)
        else:
            for e in range(size):
                lucky[first + e] = mix(counter + (e + _UNIT) * STEP) < join[first + e]
        counter += size * STEP
    return counter


@njit(nogil=True)
def _toss_equal(lucky: Bits, join: np.uint64, counter: np.uint64, size: np.uint64) -> None:
    for e in range(size):
        lucky[e] = mix(counter + (e + _UNIT) * STEP) < join


@njit()
def _find(root: Places, k: np.uint32) -> np.uint32:
    """The root of the tree of bit `k`, with path halving, which makes later searches shorter."""
    parent = root[k]
    while parent != k:
        above = root[parent]
        root[k] = above
        k = above
        parent = root[k]
    return k


@njit(nogil=True)
def wolff(
    x: Bits,
    start: Places,
    neighbour: Places,
    unlike: Bits,
    join: Words,
    up: Bits,
    hold: Words,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], NDArray[np.int64], np.uint64]:
    """Wolff: the cluster of a random bit, joined as in `clusters`, is flipped unless it holds the ghost.

    The bits of a cluster are flipped as they join it. Returns for each chain whether its last step flipped bits, and
    the number of bits that all its steps flipped.
    """
    chains, bits = x.shape
    stack = np.empty(bits, np.int32)
    moved = np.zeros(chains, np.bool_)
    flipped = np.zeros(chains, np.int64)
    for b in range(chains):
        for _ in range(steps):
            size, counter = flip_one(x[b], stack, start, neighbour, unlike, join, up, hold, counter)
            moved[b] = size > 0
            flipped[b] += size
    return moved, flipped, counter


@njit(nogil=True)
def flip_one(
    y: Bits,
    stack: Places,
    start: Places,
    neighbour: Places,
    unlike: Bits,
    join: Words,
    up: Bits,
    hold: Words,
    counter: np.uint64,
) -> tuple[int, np.uint64]:
    """One step of `wolff` of one chain, and the number of bits that it flipped."""
    counter += STEP
    stack[0] = int(unit(mix(counter)) * len(y))
    y[stack[0]] ^= 1
    size, done, free = 1, 0, True
    while done < size and free:
        i = stack[done]
        done += 1
        if hold[i] and 1 - y[i] == up[i]:
            counter += STEP
            free = not mix(counter) < hold[i]
        for e in range(start[i], start[i + 1]):
            j = neighbour[e]
            if (1 - y[i]) ^ y[j] == unlike[e]:  # y[i] has been flipped already
                counter += STEP
                if mix(counter) < join[e]:
                    y[j] ^= 1
                    stack[size] = j
                    size += 1
    if not free:
        for k in range(size):
            y[stack[k]] ^= 1
        size = 0
    return size, counter
