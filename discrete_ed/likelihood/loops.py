"""Compiled loops over the states of Ising models. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import STEP, Places, Reals, mix, unit


@njit()
def anneal(
    s: Reals,
    field: Reals,
    slope: Reals,
    log_w: Reals,
    sums: Reals,
    ups: int,
    base: Reals,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    order: Places,
    betas: Reals,
    updates: int,
    counter: np.uint64,
) -> np.uint64:
    """Annealed runs of spins `(B, D)`, the first `ups` of them up the schedule, the others down.

    At each inverse temperature the log weight gains the slope of the log density times the width of the step; then some
    spins are resampled in turn given their fields `β field + (1 − β) base`. `field`, `(B, D)`, is that of the energy;
    it, the spins, the slopes and the log weights `(B,)` are updated. `sums`, `(2, 2, T)`, takes the sums of the slopes
    and of their squares, of runs up and down.
    """
    chains, bits = s.shape
    steps = len(betas) - 1
    for b in range(chains):
        down = 0 if b < ups else 1
        place = 0
        for t in range(steps):
            low = t if down == 0 else steps - 1 - t
            width = betas[low + 1] - betas[low]
            log_w[b] += slope[b] * (width if down == 0 else -width)
            sums[0, down, low] += slope[b]
            sums[1, down, low] += slope[b] ** 2
            if t == steps - 1:
                break
            beta = betas[low + 1] if down == 0 else betas[low]
            for _ in range(updates):
                i = order[place]
                place = place + 1 if place + 1 < bits else 0
                local = beta * field[b, i] + (1 - beta) * base[i]
                counter += STEP
                new = 1.0 if unit(mix(counter)) * (1 + math.exp(-2 * local)) < 1 else -1.0
                if new != s[b, i]:
                    slope[b] += 2 * new * (field[b, i] - base[i])
                    s[b, i] = new
                    for e in range(start[i], start[i + 1]):
                        field[b, neighbour[e]] += 2 * coupling[e] * new
    return counter


@njit()
def gray(couplings: Reals, fields: Reals, high: int, inner: int) -> float:
    """The logarithm of the sum of `exp(½ sᵀJs + hᵀs)` over the first `inner` spins, with the others as `high` says.

    Consecutive states differ in one spin, so the local fields `(D,)` follow with one row of `J`. The sum is kept as a
    maximum and a sum relative to it.
    """
    bits = len(fields)
    s = np.empty(bits)
    for i in range(bits):
        s[i] = 1.0 if i >= inner and (high >> (i - inner)) & 1 else -1.0
    field = fields + couplings @ s
    value = ((field + fields) * s).sum() / 2
    top, total = value, 1.0
    for n in range(1, 1 << inner):
        i = 0
        while not (n >> i) & 1:
            i += 1
        value -= 2 * s[i] * field[i]
        s[i] = -s[i]
        for j in range(bits):
            field[j] += 2 * couplings[i, j] * s[i]
        if value > top:
            total = total * math.exp(top - value) + 1
            top = value
        else:
            total += math.exp(value - top)
    return top + math.log(total)
