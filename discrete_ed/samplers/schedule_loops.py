"""Compiled loops through inverse temperatures, and energies. Importing this needs numba."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import Bits, Places, Reals, Words, sweep_each, sweep_packed
from discrete_ed.samplers.word_loops import sweep_words

_ALL = np.uint64(2**64 - 1)
_ONCE = cast("int", np.int64(1))  # a literal 1 would have a type of its own, for which the sweeps were compiled anew


@njit()
def threshold_of(field: float) -> np.uint64:
    """`p(bit = 1) = σ(2 field)` in units of 2^-64."""
    p = 1 / (1 + math.exp(-2 * field))
    return _ALL if p >= 1 - 2.0**-53 else np.uint64(p * 2.0**64)


@njit()
def anneal_each(
    x: Bits,
    order: Places,
    neighbours: tuple[Places, ...],
    row: Places,
    field: Reals,
    which: Places,
    betas: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`sweep_each`, one sweep at each inverse temperature; entry `k` of its table has the field `field[which[k]]`."""
    value = np.empty(len(field), np.uint64)
    threshold = np.empty(len(which), np.uint64)
    for beta in betas:
        for k in range(len(field)):
            value[k] = threshold_of(beta * field[k])
        for k in range(len(which)):
            threshold[k] = value[which[k]]
        counter = sweep_each(x, order, neighbours, row, threshold, _ONCE, counter)
    return counter


@njit()
def anneal_packed(
    x: Words,
    order: Places,
    start: Places,
    neighbour: Places,
    negative: Words,
    row: Places,
    field: Reals,
    which: Places,
    betas: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`sweep_packed`, one sweep at each inverse temperature; entry `(r, n)` of its table has the field `field[which[r,
    n]]`."""
    threshold = np.empty(which.shape, np.uint64)
    for beta in betas:
        for r in range(which.shape[0]):
            for n in range(which.shape[1]):
                threshold[r, n] = threshold_of(beta * field[which[r, n]])
        counter = sweep_packed(x, order, start, neighbour, negative, row, threshold, _ONCE, counter)
    return counter


@njit()
def anneal_words(
    x: Words,
    classes: Places,
    neighbour: Places,
    turn: Bits,
    turns: Words,
    negative: Words,
    field: Reals,
    betas: Reals,
    counter: np.uint64,
) -> np.uint64:
    """`sweep_words`, one sweep at each inverse temperature; `field[n]` where `n` neighbours favour spin up."""
    threshold = np.empty(len(field), np.uint64)
    for beta in betas:
        for n in range(len(field)):
            threshold[n] = threshold_of(beta * field[n])
        counter = sweep_words(x, classes, neighbour, turn, turns, negative, threshold, _ONCE, counter)
    return counter


@njit(nogil=True)
def energies(x: Bits, start: Places, neighbour: Places, coupling: Reals, field: Reals) -> Reals:
    """`−½ Σ_ij J_ij s_i s_j − Σ_i h_i s_i` of each chain, `(B,)`; `coupling` may hold one number for all pairs."""
    chains, bits = x.shape
    energy, stride = np.empty(chains), int(len(coupling) > 1)
    for b in range(chains):
        y, total = x[b], 0.0
        for i in range(bits):  # without branches on random bits, which cost more than all else
            whole = up = 0.0
            for e in range(start[i], start[i + 1]):
                whole += coupling[e * stride]
                up += coupling[e * stride] * y[neighbour[e]]
            total -= (2.0 * y[i] - 1) * (field[i] + up - whole / 2)
        energy[b] = total
    return energy
