"""Compiled loops that measure as they run: nothing of a state is kept but a few numbers. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import STEP, Bits, Places, Reals, Words, mix


@njit(nogil=True)
def measured_sweeps(
    x: Bits,
    order: Places,
    neighbours: tuple[Places, ...],
    row: Places,
    threshold: Words,
    pull: Reals,
    energy: Reals,
    sizes: Places,
    sublattice: Places,
    plan: Places,
    between: int,
    out: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`sweep_each` with measurements: after every `between` sweeps of chain `b` a row of `out`, `(draw, B, K)`.

    `pull[place]` is the field on the bit of each entry of the table, in units of energy. `energy`, `(B,)`, is that of
    the states at the start and is updated. A row holds the energy and what `describe` adds.
    """
    chains, bits = x.shape
    for b in range(chains):
        y = x[b]
        e = energy[b]
        for draw in range(out.shape[0]):
            for _ in range(between):
                for t in range(np.uint64(bits)):
                    place, k = np.uint64(row[t]), np.uint64(0)
                    for neighbour in neighbours:
                        place += np.uint64(y[neighbour[t]]) << k
                        k += np.uint64(1)
                    counter += STEP
                    new = np.uint8(mix(counter) < threshold[place])
                    e += (np.float64(y[order[t]]) - np.float64(new)) * 2 * pull[place]
                    y[order[t]] = new
            out[draw, b, 0] = e
            describe(y, sizes, sublattice, plan, out[draw, b])
        energy[b] = e
    return counter


@njit()
def colours(start: Places, neighbour: Places) -> Places:
    """A colour for each bit that its neighbours don't have, the smallest one, in the order of a search breadth first;
    two colours where two suffice."""
    bits = len(start) - 1
    colour = np.full(bits, -1, np.int32)
    taken_by = np.full(bits + 1, -1, np.int32)  # for each colour the last bit that found it among its neighbours
    queue = np.empty(bits, np.int32)
    seen = np.zeros(bits, np.bool_)
    for first in range(bits):
        if seen[first]:
            continue
        queue[0], size, done, seen[first] = first, 1, 0, True
        while done < size:
            i = queue[done]
            done += 1
            for e in range(start[i], start[i + 1]):
                if colour[neighbour[e]] >= 0:
                    taken_by[colour[neighbour[e]]] = i
            free = 0
            while taken_by[free] == i:
                free += 1
            colour[i] = free
            for e in range(start[i], start[i + 1]):
                if not seen[neighbour[e]]:
                    seen[neighbour[e]] = True
                    queue[size] = neighbour[e]
                    size += 1
    return colour


@njit(nogil=True)
def describe_all(x: Bits, sizes: Places, sublattice: Places, plan: Places, out: Reals) -> None:
    """`describe` of all chains, `(B, D)`: rows of `out`, `(B, K)`."""
    for b in range(len(x)):
        describe(x[b], sizes, sublattice, plan, out[b])


@njit(nogil=True)
def describe(y: Bits, sizes: Places, sublattice: Places, plan: Places, out: Reals) -> None:
    """What is measured of a state: from `out[1]` on the number of ones, the waves, the ones of each sublattice, and the
    correlations. `plan` holds the numbers of the last three."""
    first, second, third = 2 + plan[0], 2 + plan[0] + plan[1], 2 + plan[0] + plan[1] + plan[2]
    structure(y, sizes, out[:first])
    if second > first:
        out[first:second] = 0
        for i in range(len(y)):
            out[first + sublattice[i]] += y[i]
    if third > second:
        correlate(y, sizes, out[second:third])


@njit(nogil=True)
def structure(y: Bits, sizes: Places, out: Reals) -> None:
    """The number of ones, `out[1]`, and for each direction `a` the squared amplitude of the magnetisation's smallest
    wave, `out[2 + a] = |Σ_i s_i exp(2πi c_a / L_a)|²`, where `c_a` is the cell of bit `i` in that direction.

    `sizes` are the sizes of the directions and, at the end, the number of bits of a cell. The bits are visited row by
    row.
    """
    d = len(sizes) - 1
    width = sizes[d - 1] * sizes[d]
    rows = len(y) // width
    column = np.zeros(width, np.int32)
    ones = np.empty(rows, np.int32)
    total = 0
    for r in range(rows):
        line = y[r * width : (r + 1) * width]
        count = 0
        for c in range(width):
            count += line[c]
            column[c] += line[c]
        ones[r] = count
        total += count
    out[1] = total
    if len(out) == 2:
        return
    stride = 1
    for a in range(d - 2, -1, -1):  # the rows are numbered by the other directions
        real, imaginary = 0.0, 0.0
        for r in range(rows):
            angle = 2 * math.pi * ((r // stride) % sizes[a]) / sizes[a]
            spins = 2.0 * ones[r] - width
            real += spins * math.cos(angle)
            imaginary += spins * math.sin(angle)
        out[2 + a] = real * real + imaginary * imaginary
        stride *= sizes[a]
    real, imaginary = 0.0, 0.0
    for c in range(width):
        angle = 2 * math.pi * (c // sizes[d]) / sizes[d - 1]
        spins = 2.0 * column[c] - rows
        real += spins * math.cos(angle)
        imaginary += spins * math.sin(angle)
    out[1 + d] = real * real + imaginary * imaginary


@njit(nogil=True)
def correlate(y: Bits, sizes: Places, out: Reals) -> None:
    """`out[r − 1]`: the mean of `s_i s_j` over all sites `i` and the sites `j`, `r` cells away along a direction, over
    all directions of at least `2r` cells."""
    out[:] = 0
    inner = sizes[-1]
    for a in range(len(sizes) - 2, -1, -1):
        width = inner * sizes[a]
        for r in range(1, sizes[a] // 2 + 1):
            shift, unlike = r * inner, 0
            for first in range(0, len(y), width):
                line = y[first : first + width]
                unlike += differing(line[: width - shift], line[shift:]) + differing(
                    line[width - shift :], line[:shift]
                )
            out[r - 1] += 1 - 2 * unlike / len(y)
        inner = width
    for r in range(1, len(out) + 1):
        out[r - 1] /= (sizes[:-1] >= 2 * r).sum()


@njit(nogil=True)
def differing(y: Bits, z: Bits) -> int:
    """The number of places at which two rows of bits differ."""
    count = 0
    for i in range(len(y)):
        count += y[i] ^ z[i]
    return count


@njit(nogil=True)
def overlaps(x: Bits, start: Places, neighbour: Places, out: Reals) -> None:
    """Of each pair of chains `b`, `b + B/2` the overlap and the link overlap, in the last two columns of the rows of
    both."""
    half = len(x) // 2
    for b in range(half):
        out[b, -2], out[b, -1] = overlap_of(x[b], x[b + half], start, neighbour)
        out[b + half, -2:] = out[b, -2:]


@njit(nogil=True)
def overlap_of(y: Bits, z: Bits, start: Places, neighbour: Places) -> tuple[float, float]:
    """`Σ_i q_i / N` and the mean of `q_i q_j` over the edges, with `q_i = s_i s'_i`."""
    bits, unlike = len(y), 0
    for i in range(bits):
        q = y[i] ^ z[i]
        for e in range(start[i], start[i + 1]):
            unlike += q ^ y[neighbour[e]] ^ z[neighbour[e]]
    return 1 - 2 * differing(y, z) / bits, 1 - 2 * unlike / max(1, start[bits])
