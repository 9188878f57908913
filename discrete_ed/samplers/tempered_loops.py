"""Compiled parallel tempering of Ising models that measures as it runs. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import STEP, Bits, Places, Reals, Words, mix, unit
from discrete_ed.samplers.measured_loops import describe, overlap_of


@njit(nogil=True)
def tempered_sweeps(
    x: Bits,
    order: Places,
    neighbours: tuple[Places, ...],
    row: Places,
    threshold: Words,
    pull: Reals,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    field: Reals,
    betas: Reals,
    energy: Reals,
    heading: Places,
    clock: int,
    exchanging: bool,
    sizes: Places,
    sublattice: Places,
    plan: Places,
    overlaps: bool,
    out: Reals,
    accepted: Reals,
    trips: Places,
    counter: np.uint64,
) -> np.uint64:
    """Two ladders of replicas, `(R, 2, D)`: after each sweep, and a cluster exchanged between the two replicas of each
    rung if `exchanging`, neighbouring rungs of each ladder swap replicas, the even and the odd pairs in turn.

    `threshold`, `(R, K)`, and `pull`, `(K,)`, are the tables of `measured_sweeps`; if they are empty, the fields come
    from the couplings. Each sweep gives measurements, `(draw, R, 2, K)`. `accepted`, `(R − 1,)`, collects the
    probabilities of swaps; `trips`, `(2,)`, the round trips of replicas from the first rung to the last and back, by
    `heading`, `(R, 2)`: 1 for a replica that was last on the first rung, −1 for one that has since been on the last.
    """
    rungs, _, bits = x.shape
    place = np.empty((rungs, 2), np.int64)
    for r in range(rungs):
        place[r] = r
    towards = heading.copy()
    stack, seen = np.empty(bits, np.int64), np.zeros(bits, np.uint8)
    for draw in range(out.shape[0]):
        for r in range(rungs):
            for b in range(2):
                y = x[place[r, b], b]
                if len(pull):
                    counter, change = _sweep(y, order, neighbours, row, threshold[r], pull, counter)
                else:
                    counter, change = _sweep_by_fields(y, order, start, neighbour, coupling, field, betas[r], counter)
                energy[r, b] += change
            if exchanging:
                one, other = x[place[r, 0], 0], x[place[r, 1], 1]
                counter += STEP
                site = int(unit(mix(counter)) * bits)
                change = exchange_cluster(one, other, site, start, neighbour, coupling, field, stack, seen)
                energy[r, 0] += change
                energy[r, 1] -= change
        for b in range(2):
            for r in range((clock + draw) % 2, rungs - 1, 2):
                ratio = math.exp(min(0.0, (betas[r] - betas[r + 1]) * (energy[r, b] - energy[r + 1, b])))
                accepted[r] += ratio
                counter += STEP
                if unit(mix(counter)) < ratio:
                    place[r, b], place[r + 1, b] = place[r + 1, b], place[r, b]
                    energy[r, b], energy[r + 1, b] = energy[r + 1, b], energy[r, b]
            first, last = place[0, b], place[rungs - 1, b]
            if towards[first, b] == -1:
                trips[b] += 1
            towards[first, b] = 1
            if towards[last, b] == 1:
                towards[last, b] = -1
            for r in range(rungs):
                out[draw, r, b, 0] = energy[r, b]
                describe(x[place[r, b], b], sizes, sublattice, plan, out[draw, r, b])
        if overlaps:
            for r in range(rungs):
                q, link = overlap_of(x[place[r, 0], 0], x[place[r, 1], 1], start, neighbour)
                for b in range(2):
                    out[draw, r, b, -2], out[draw, r, b, -1] = q, link
    sorted_bits = np.empty_like(x)
    for r in range(rungs):
        for b in range(2):
            sorted_bits[r, b] = x[place[r, b], b]
            heading[r, b] = towards[place[r, b], b]
    x[:] = sorted_bits
    return counter


@njit(nogil=True)
def _sweep(
    y: Bits,
    order: Places,
    neighbours: tuple[Places, ...],
    row: Places,
    threshold: Words,
    pull: Reals,
    counter: np.uint64,
) -> tuple[np.uint64, float]:
    change = 0.0
    for t in range(np.uint64(len(order))):
        place, k = np.uint64(row[t]), np.uint64(0)
        for each in neighbours:
            place += np.uint64(y[each[t]]) << k
            k += np.uint64(1)
        counter += STEP
        new = np.uint8(mix(counter) < threshold[place])
        change += (np.float64(y[order[t]]) - np.float64(new)) * 2 * pull[place]
        y[order[t]] = new
    return counter, change


@njit(nogil=True)
def _sweep_by_fields(
    y: Bits,
    order: Places,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    field: Reals,
    beta: float,
    counter: np.uint64,
) -> tuple[np.uint64, float]:
    change = 0.0
    for t in range(len(order)):
        i = order[t]
        pull = field[i]
        for e in range(start[i], start[i + 1]):
            pull += coupling[e] * (2.0 * y[neighbour[e]] - 1)
        counter += STEP
        new = np.uint8(unit(mix(counter)) * (1 + math.exp(-2 * beta * pull)) < 1)
        change += (np.float64(y[i]) - np.float64(new)) * 2 * pull
        y[i] = new
    return counter, change


@njit(nogil=True)
def exchange_cluster(
    y: Bits,
    z: Bits,
    site: int,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    field: Reals,
    stack: Places,
    seen: Bits,
) -> float:
    """Houdayer: exchange the bits of replicas `y` and `z` on the cluster of `site`, the sites at which they differ and
    that are connected by couplings; nothing if they agree there. Returns the change of the energy of `y`, which is
    minus that of `z`. `stack` and `seen`, of zeros, are places to work, `(D,)`.
    """
    if y[site] == z[site]:
        return 0.0
    stack[0], size, done = site, 1, 0
    seen[site] = 1
    while done < size:
        i = stack[done]
        done += 1
        for e in range(start[i], start[i + 1]):
            j = neighbour[e]
            if y[j] != z[j] and not seen[j]:
                seen[j] = 1
                stack[size] = j
                size += 1
    change = 0.0
    for k in range(size):
        i = stack[k]
        pull = field[i]
        for e in range(start[i], start[i + 1]):
            j = neighbour[e]
            if not seen[j]:
                pull += coupling[e] * (2.0 * y[j] - 1)
        change += 2 * (2.0 * y[i] - 1) * pull
    for k in range(size):
        i = stack[k]
        y[i], z[i] = z[i], y[i]
        seen[i] = 0
    return change
