"""Clusters of spins that measure as they flip. Importing this needs numba."""

from __future__ import annotations

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.cluster_loops import flip_clusters, flip_one, scratch
from discrete_ed.samplers.loops import Bits, Places, Reals, Words
from discrete_ed.samplers.measured_loops import describe

_UNIT = np.uint64(1)


@njit(nogil=True)
def measured_clusters(
    x: Bits,
    start: Places,
    before: Places,
    unlike: Bits,
    join: Words,
    held: Places,
    up: Bits,
    hold: Words,
    coupling: Reals,
    field: Reals,
    sizes: Places,
    sublattice: Places,
    plan: Places,
    between: int,
    out: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`clusters` with measurements: after every `between` steps of chain `b` a row of `out`, `(draw, B, K)`, as
    `measured_sweeps` writes them; `coupling` and `field` are those of the pairs and of the bits of `held`."""
    root, flips, fixed, lucky = scratch(x.shape[1], len(before))
    for b in range(len(x)):
        for draw in range(out.shape[0]):
            for _ in range(between):
                _, counter = flip_clusters(
                    x[b], root, flips, fixed, lucky, start, before, unlike, join, held, up, hold, counter
                )
            out[draw, b, 0] = energy_of(x[b], start, before, coupling, held, field)
            describe(x[b], sizes, sublattice, plan, out[draw, b])
    return counter


@njit(nogil=True)
def measured_wolff(
    x: Bits,
    start: Places,
    neighbour: Places,
    unlike: Bits,
    join: Words,
    up: Bits,
    hold: Words,
    coupling: Reals,
    held: Places,
    field: Reals,
    sizes: Places,
    sublattice: Places,
    plan: Places,
    between: int,
    out: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`wolff` with measurements, as above; each pair is there twice, and `coupling` has half of it."""
    stack = np.empty(x.shape[1], np.int32)
    for b in range(len(x)):
        for draw in range(out.shape[0]):
            for _ in range(between):
                _, counter = flip_one(x[b], stack, start, neighbour, unlike, join, up, hold, counter)
            out[draw, b, 0] = energy_of(x[b], start, neighbour, coupling, held, field)
            describe(x[b], sizes, sublattice, plan, out[draw, b])
    return counter


@njit(nogil=True)
def energy_of(y: Bits, start: Places, other: Places, coupling: Reals, held: Places, field: Reals) -> float:
    """`−Σ J_ij s_i s_j − Σ_k h_k s_held[k]` over the pairs of `i` and `other[start[i]:start[i + 1]]`; `coupling` may
    hold one number for all pairs."""
    total, e = 0.0, np.uint64(0)
    if len(coupling) == 1:
        unlike = np.uint64(0)
        for i in range(np.uint64(len(y))):
            stop = np.uint64(start[i + _UNIT])
            while e < stop:
                unlike += np.uint64(y[i] ^ y[other[e]])
                e += _UNIT
        total = coupling[0] * (2.0 * unlike - len(other))
    else:
        for i in range(np.uint64(len(y))):
            stop = np.uint64(start[i + _UNIT])
            while e < stop:
                total += coupling[e] * (2.0 * (y[i] ^ y[other[e]]) - 1)
                e += _UNIT
    for k in range(len(held)):
        total -= field[k] * (2.0 * y[held[k]] - 1)
    return total
