"""Compiled loops over clusters of spins. Importing this needs numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from discrete_ed.samplers.loops import STEP, Bits, Places, Words, mix, unit


@njit(cache=True, nogil=True)
def clusters(
    x: Bits,
    first: Places,
    second: Places,
    unlike: Bits,
    join: Words,
    held: Places,
    up: Bits,
    hold: Words,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Swendsen–Wang on bits `(B, D)`: join pairs at random, then flip each cluster with probability ½.

    A pair `(first, second)` whose coupling is satisfied (bits that differ where `unlike` is 1, and else agree) is
    joined with probability `join` · 2^-64. A bit of `held` that agrees with its field, `up`, is joined to the ghost
    with probability `hold` · 2^-64; the cluster of the ghost never flips. Returns for each chain whether its last step
    flipped a bit.
    """
    chains, bits = x.shape
    root = np.empty(bits + 1, np.uint32)  # unsigned, so that numba does not look for negative indices
    flips = np.empty(bits + 1, np.uint8)
    moved = np.zeros(chains, np.bool_)
    for b in range(chains):
        y = x[b]
        for _ in range(steps):
            root[:] = np.arange(bits + 1)
            for e in range(np.uint64(len(first))):
                counter += STEP
                if (y[first[e]] ^ y[second[e]] == unlike[e]) & (mix(counter) < join[e]):
                    _unite(root, first[e], second[e])
            for e in range(len(held)):
                if y[held[e]] == up[e]:
                    counter += STEP
                    if mix(counter) < hold[e]:
                        _unite(root, held[e], bits)
            flips[bits] = 0
            moved[b] = False
            changed = np.uint8(0)
            for back in range(np.uint64(bits)):  # downwards, so that a root is visited before those that point to it
                k = np.uint64(np.uint64(bits) - np.uint64(1) - back)
                parent = root[k]
                if parent == k:
                    counter += STEP
                    flips[k] = mix(counter) & np.uint64(1)
                else:
                    flips[k] = flips[parent]
                y[k] ^= flips[k]
                changed |= flips[k]
            moved[b] = changed == 1
    return moved, counter


@njit(cache=True)
def _unite(root: Places, i: int, j: int) -> None:
    """Join two trees; the larger of their roots stays one, so the ghost, which is the last, does."""
    one, other = _find(root, np.uint32(i)), _find(root, np.uint32(j))
    root[min(one, other)] = max(one, other)


@njit(cache=True)
def _find(root: Places, k: np.uint32) -> np.uint32:
    """The root of the tree of bit `k`, with path halving, which makes later searches shorter."""
    parent = root[k]
    while parent != k:
        above = root[parent]
        root[k] = above
        k = above
        parent = root[k]
    return k


@njit(cache=True, nogil=True)
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
        y = x[b]
        for _ in range(steps):
            counter += STEP
            stack[0] = int(unit(mix(counter)) * bits)
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
            moved[b] = free
            flipped[b] += size if free else 0
    return moved, flipped, counter
