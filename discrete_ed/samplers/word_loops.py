"""Compiled sweeps over 64 spins in a word: of one chain, whose lattice is folded, or of 64 chains. Importing this needs
numba.

The words of a class aren't neighbours of each other, and lie in a row, so that they are resampled together, `CHUNK` at
a time, in loops that the compiler turns into vector instructions.
"""

from __future__ import annotations

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import STEP, Bits, Places, Words, mix

CHUNK = 512  # words that are resampled together
ROUNDS = 10  # highest bits of the uniforms, which all spins compare; the one in a thousand that ties goes on by itself
ADDED = 6  # rows for neighbours that are added up bit by bit
_ROW, _TWO, _THREE, _FOUR, _FIVE, _ADDED = (np.uint64(n) for n in (CHUNK, 2, 3, 4, 5, ADDED))
_NONE, _UNIT, _ALL = np.uint64(0), np.uint64(1), np.uint64(2**64 - 1)


@njit(nogil=True)
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
    coupling is negative, in `negative[k, w]`; both are `(degree, 0)` where nothing turns or flips. `threshold[n]` is
    p(bit = 1) · 2^64 where `n` neighbours favour spin up. The highest bits of the uniforms are compared with it from
    the first one down, 64 spins by one random word. A spin whose uniform has the bits of its threshold so far compares
    the others by a random word of its own.
    """
    degree = len(neighbour)
    # rows of CHUNK words, in one array so that the compiler knows how far apart they are: first the neighbours
    work = np.empty((ADDED + degree + 3) * CHUNK, np.uint64)
    up = work.reshape(-1, CHUNK)
    count = up[ADDED:]  # [n]: spins of which n neighbours favour up; the last two are none, and some that were joined
    below, undecided = np.empty(CHUNK, np.uint64), np.empty(CHUNK, np.uint64)
    tied = np.empty(CHUNK, np.int64)
    rows, opposite = rounds(threshold)
    _fill(count[degree + 1], _NONE, np.uint64(CHUNK))
    for _ in range(sweeps):
        for c in range(len(classes) - 1):
            for first in range(classes[c], classes[c + 1], CHUNK):
                size = np.uint64(min(CHUNK, classes[c + 1] - first))
                if degree == 4 or degree == ADDED:
                    for k in range(degree):
                        gather(x, neighbour[k], turn[k], turns, negative[k], first, up[k], size)
                    if degree == 4:
                        add_four(work, size)
                    else:
                        add_six(work, size)
                else:
                    _fill(count[0], _ALL, size)
                    for k in range(degree):
                        gather(x, neighbour[k], turn[k], turns, negative[k], first, up[0], size)
                        _count_last(count[k + 1], count[k], up[0], size)
                        for n in range(k, 0, -1):
                            _count_up(count[n], count[n - 1], up[0], size)
                        _count_none(count[0], up[0], size)
                _fill(below, _NONE, size)
                _fill(undecided, _ALL, size)
                for r in range(ROUNDS):
                    one, two, three = rows[r]
                    if one == degree + 2:
                        _join_all(count, threshold, opposite[r], np.uint64(63 - r), size)
                    if three == degree + 1:
                        _compare(below, undecided, count[one], count[two], opposite[r], counter, size)
                    else:
                        _compare_three(
                            below, undecided, count[one], count[two], count[three], opposite[r], counter, size
                        )
                    counter += size * STEP
                counter = decide(below, undecided, tied, count, threshold, counter, size)
                for t in range(size):
                    x[np.uint64(first) + t] = below[t]
    return counter


@njit(nogil=True)
def turned(word: np.uint64, steps: Words) -> np.uint64:
    """The word with its bits moved: for each step `(right, left, mask)` the bits of the mask come from that many places
    above, and the others from that many below."""
    for s in range(len(steps)):
        word = ((word >> steps[s, 0]) & steps[s, 2]) | ((word << steps[s, 1]) & ~steps[s, 2])
    return word


@njit(nogil=True)
def gather(
    x: Words, neighbour: Places, turn: Bits, turns: Words, negative: Words, first: int, up: Words, size: np.uint64
) -> None:
    """The neighbours, of the words from `first` on, turned, and flipped where couplings are negative."""
    start, turning = np.uint64(first), np.uint8(0)
    for t in range(size):
        up[t] = x[np.uint64(neighbour[start + t])]
    if len(turn):
        for t in range(size):
            turning |= turn[start + t]
    if turning:
        for t in range(size):
            if turn[start + t]:
                up[t] = turned(up[t], turns[np.uint64(turn[start + t])])
    if len(negative):
        for t in range(size):
            up[t] ^= negative[start + t]


@njit(nogil=True)
def _fill(words: Words, value: np.uint64, size: np.uint64) -> None:
    for t in range(size):
        words[t] = value


@njit(nogil=True)
def _count_up(same: Words, fewer: Words, up: Words, size: np.uint64) -> None:
    """Spins that keep their count, and those that rise to it."""
    for t in range(size):
        same[t] = (same[t] & ~up[t]) | (fewer[t] & up[t])


@njit(nogil=True)
def _count_last(highest: Words, fewer: Words, up: Words, size: np.uint64) -> None:
    for t in range(size):
        highest[t] = fewer[t] & up[t]


@njit(nogil=True)
def _count_none(lowest: Words, up: Words, size: np.uint64) -> None:
    for t in range(size):
        lowest[t] &= ~up[t]


@njit(nogil=True)
def add_four(work: Words, size: np.uint64) -> None:
    """The counts of four neighbours, from their sums bit by bit: `work` has rows of neighbours, then of counts."""
    for t in range(size):
        a, b, c, d = work[t], work[t + _ROW], work[t + _ROW * _TWO], work[t + _ROW * _THREE]
        left, right, both, other = a ^ b, c ^ d, a & b, c & d
        one, two = left ^ right, both ^ other ^ (left & right)
        place = t + _ROW * _ADDED
        work[place] = ~(one | two | (both & other))
        work[place + _ROW] = one & ~two
        work[place + _ROW * _TWO] = two & ~one
        work[place + _ROW * _THREE] = one & two
        work[place + _ROW * _FOUR] = both & other


@njit(nogil=True)
def add_six(work: Words, size: np.uint64) -> None:
    """The counts of six neighbours, as above."""
    for t in range(size):
        a, b, c = work[t], work[t + _ROW], work[t + _ROW * _TWO]
        d, e, f = work[t + _ROW * _THREE], work[t + _ROW * _FOUR], work[t + _ROW * _FIVE]
        left, right = a ^ b ^ c, d ^ e ^ f
        x, y, z = (a & b) | (c & (a | b)), (d & e) | (f & (d | e)), left & right
        one, two, four = left ^ right, x ^ y ^ z, (x & y) | (z & (x | y))
        place = t + _ROW * _ADDED
        work[place] = ~(one | two | four)
        work[place + _ROW] = one & ~(two | four)
        work[place + _ROW * _TWO] = two & ~(one | four)
        work[place + _ROW * _THREE] = one & two
        work[place + _ROW * _FOUR] = four & ~(one | two)
        work[place + _ROW * _FIVE] = one & four
        work[place + _ROW * _ADDED] = two & four


@njit(nogil=True)
def rounds(threshold: Words) -> tuple[Places, Words]:
    """For each round the rows of `count` of which it takes the union, and whether it takes the others, all bits set.

    These are the counts whose threshold has a bit of 1, or of 0 if they are fewer: at most two for a degree of four,
    three for one of six, and the row of those that are joined if there are more.
    """
    counts = len(threshold)
    rows, opposite = np.full((ROUNDS, 3), counts, np.int64), np.empty(ROUNDS, np.uint64)
    for r in range(ROUNDS):
        place, having = np.uint64(63 - r), 0
        for n in range(counts):
            having += int((threshold[n] >> place) & _UNIT)
        opposite[r] = _ALL if 2 * having > counts else _NONE
        wanted, found = _UNIT ^ (opposite[r] & _UNIT), 0
        for n in range(counts):
            if (threshold[n] >> place) & _UNIT == wanted:
                if found < 3:
                    rows[r, found] = n
                found += 1
        if found > 3:
            rows[r, 0], rows[r, 1:] = counts + 1, counts
    return rows, opposite


@njit(nogil=True)
def _join_all(count: Words, threshold: Words, opposite: np.uint64, place: np.uint64, size: np.uint64) -> None:
    """The union of the rows of a round, see `rounds`, in the last row."""
    counts, wanted = len(threshold), _UNIT ^ (opposite & _UNIT)
    joined = count[counts + 1]
    _fill(joined, _NONE, size)
    for n in range(counts):
        if (threshold[n] >> place) & _UNIT == wanted:
            row = count[n]
            for t in range(size):
                joined[t] |= row[t]


@njit(nogil=True)
def _compare(
    below: Words,
    undecided: Words,
    row: Words,
    next_row: Words,
    opposite: np.uint64,
    counter: np.uint64,
    size: np.uint64,
) -> None:
    """Compare one bit of the uniforms with one bit of the thresholds."""
    for t in range(size):
        uniform = mix(counter + (t + _UNIT) * STEP)
        limit = (row[t] | next_row[t]) ^ opposite
        rest = undecided[t]
        below[t] |= rest & limit & ~uniform
        undecided[t] = rest & ~(limit ^ uniform)


@njit(nogil=True)
def _compare_three(
    below: Words,
    undecided: Words,
    row: Words,
    second: Words,
    third: Words,
    opposite: np.uint64,
    counter: np.uint64,
    size: np.uint64,
) -> None:
    """The same for three rows."""
    for t in range(size):
        uniform = mix(counter + (t + _UNIT) * STEP)
        limit = (row[t] | second[t] | third[t]) ^ opposite
        rest = undecided[t]
        below[t] |= rest & limit & ~uniform
        undecided[t] = rest & ~(limit ^ uniform)


@njit(nogil=True)
def decide(
    below: Words,
    undecided: Words,
    tied: Places,
    count: Words,
    threshold: Words,
    counter: np.uint64,
    size: np.uint64,
) -> np.uint64:
    """Compare the other bits of the uniforms that have the highest bits of their thresholds."""
    found = np.uint64(0)
    for t in range(size):  # their words are listed first, since branches that can't be foreseen take long
        tied[found] = t
        found += np.uint64(undecided[t] != _NONE)
    for q in range(found):
        w = np.uint64(tied[q])
        rest = undecided[w]
        while rest:
            bit = rest & (~rest + _UNIT)  # the lowest one
            rest ^= bit
            n = 0
            for each in range(1, len(threshold)):
                n += each * int(count[each, w] & bit != _NONE)
            counter += STEP
            if mix(counter) < threshold[n] << np.uint64(ROUNDS):
                below[w] |= bit
    return counter
