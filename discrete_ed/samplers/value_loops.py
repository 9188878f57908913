"""Compiled loops over the chains of a Potts model. Importing this needs numba.

Values are int64, `(B, V)`. The local fields of bits, `(B, D + 1)`, are kept up to date; the last one, always zero, is
that of the bit that stands for a free bit that is off.
"""

from __future__ import annotations

import math

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.informed_loops import balanced, rise
from discrete_ed.samplers.loops import STEP, Places, Reals, mix, unit


@njit()
def change(
    value: Places, field: Reals, bits: Places, start: Places, neighbour: Places, coupling: Reals, v: int, new: int
) -> None:
    """Give variable `v` of one chain another value, with what this does to the local fields of its neighbours."""
    off, on = bits[v, value[v]], bits[v, new]
    for e in range(start[off], start[off + 1]):
        field[neighbour[e]] -= coupling[e]
    for e in range(start[on], start[on + 1]):
        field[neighbour[e]] += coupling[e]
    value[v] = new


@njit(nogil=True)
def resample_values(
    value: Places,
    field: Reals,
    bits: Places,
    sizes: Places,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    order: Places,
    steps: int,
    counter: np.uint64,
) -> np.uint64:
    """Resample one variable after the other, `p(value) ∝ exp(field of its bit)`; `value` and `field` are updated.

    The variables are visited in the given order, again and again; if it is empty, each step chooses a random one.
    """
    chains, variables = value.shape
    share = np.empty(bits.shape[1])
    for b in range(chains):
        for t in range(steps):
            if len(order):
                v = order[t % len(order)]
            else:
                counter += STEP
                v = int(unit(mix(counter)) * variables)
            most = field[b, bits[v, 0]]
            for k in range(1, sizes[v]):
                most = max(most, field[b, bits[v, k]])
            total = 0.0
            for k in range(sizes[v]):
                total += math.exp(field[b, bits[v, k]] - most)
                share[k] = total
            counter += STEP
            u, new = unit(mix(counter)) * total, 0
            while new < sizes[v] - 1 and u >= share[new]:
                new += 1
            if new != value[b, v]:
                change(value[b], field[b], bits, start, neighbour, coupling, v, new)
    return counter


@njit()
def weight(value: Places, field: Reals, bits: Places, sizes: Places, v: int, balance: int) -> float:
    """The sum of `g(exp(−Δ))` over the moves of variable `v` of one chain."""
    own, total = field[bits[v, value[v]]], 0.0
    for k in range(sizes[v]):
        if k != value[v]:
            total += balanced(own - field[bits[v, k]], balance)
    return total


@njit(nogil=True)
def informed_moves(
    value: Places,
    field: Reals,
    bits: Places,
    sizes: Places,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    near_start: Places,
    near: Places,
    balance: int,
    steps: int,
    counter: np.uint64,
) -> np.uint64:
    """Gibbs-with-gradients over moves, each proposed in proportion to its weight; see `informed_loops.informed`.

    The leaves of the tree are the variables, each with the sum over its moves; a move changes the weights of its own
    variable and of those that are coupled to it, `near`. They are found by making the move, which is undone if it is
    not accepted.
    """
    chains, variables = value.shape
    leaves = 1
    while leaves < variables:
        leaves *= 2
    tree = np.zeros(2 * leaves)
    found = np.empty(variables)
    for b in range(chains):
        x, f = value[b], field[b]
        for v in range(variables):
            tree[leaves + v] = weight(x, f, bits, sizes, v, balance)
        for node in range(leaves - 1, 0, -1):
            tree[node] = tree[2 * node] + tree[2 * node + 1]
        for _ in range(steps):
            counter += STEP
            rest = unit(mix(counter)) * tree[1]
            node = 1
            while node < leaves:
                node *= 2
                if rest >= tree[node] and tree[node + 1] > 0:
                    rest -= tree[node]
                    node += 1
            v = node - leaves
            old, new = x[v], x[v]
            own = f[bits[v, old]]
            for k in range(sizes[v]):
                if k != old and (new == old or rest >= 0):
                    part = balanced(own - f[bits[v, k]], balance)
                    if part > 0:  # a rounding error must not lead to a move of weight zero
                        new = k
                        rest -= part
            change(x, f, bits, start, neighbour, coupling, v, new)
            found[v] = weight(x, f, bits, sizes, v, balance)
            after = tree[1] + found[v] - tree[node]
            for e in range(near_start[v], near_start[v + 1]):
                j = near[e]
                found[j] = weight(x, f, bits, sizes, j, balance)
                after += found[j] - tree[leaves + j]
            counter += STEP
            if unit(mix(counter)) * after < tree[1]:
                tree[node] = found[v]
                rise(tree, node)
                for e in range(near_start[v], near_start[v + 1]):
                    tree[leaves + near[e]] = found[near[e]]
                    rise(tree, leaves + near[e])
            else:
                change(x, f, bits, start, neighbour, coupling, v, old)
    return counter
