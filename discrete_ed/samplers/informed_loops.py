"""The compiled loop of Gibbs-with-gradients. Importing this needs numba."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import STEP, Places, Reals, mix, unit


@njit()
def balanced(delta: float, balance: int) -> float:
    """`g(exp(−Δ))` of the balancing functions sqrt, barker, min, max, numbered in this order."""
    if balance == 0:
        return math.exp(-delta / 2)
    if balance == 1:
        return 1 / (1 + math.exp(delta))
    if balance == 2:
        return math.exp(-delta) if delta > 0 else 1.0
    return math.exp(-delta) if delta < 0 else 1.0


@njit()
def informed(
    s: Reals,
    field: Reals,
    start: Places,
    neighbour: Places,
    coupling: Reals,
    balance: int,
    steps: int,
    counter: np.uint64,
) -> tuple[NDArray[np.bool_], np.uint64]:
    """Gibbs-with-gradients: bit `i` is proposed in proportion to its weight `w_i = g(exp(−Δ_i))`, from a sum tree.

    As `g(t) = t g(1/t)`, the acceptance ratio `exp(−Δ_i) (w_i' / W') / (w_i / W)` is `W / W'` with `W` the sum of the
    weights, and a flip changes only the weights of the spin and its neighbours. Every node of the tree is recomputed as
    the sum of its children, so rounding errors don't accumulate. Returns for each chain whether its last proposal was
    accepted.
    """
    chains, bits = s.shape
    leaves = 1
    while leaves < bits:
        leaves *= 2
    tree = np.zeros(2 * leaves)
    weight = np.empty(bits)
    accepted = np.zeros(chains, np.bool_)
    for b in range(chains):
        for i in range(bits):
            tree[leaves + i] = balanced(2 * s[b, i] * field[b, i], balance)
        for node in range(leaves - 1, 0, -1):
            tree[node] = tree[2 * node] + tree[2 * node + 1]
        for _ in range(steps):
            counter += STEP
            rest = unit(mix(counter)) * tree[1]
            node = 1
            while node < leaves:
                node *= 2
                if rest >= tree[node] and tree[node + 1] > 0:  # a rounding error must not lead to a leaf of weight zero
                    rest -= tree[node]
                    node += 1
            i = node - leaves
            spin = s[b, i]
            own = balanced(-2 * spin * field[b, i], balance)
            change = own - tree[node]
            for e in range(start[i], start[i + 1]):
                j = neighbour[e]
                weight[j] = balanced(2 * s[b, j] * (field[b, j] - 2 * coupling[e] * spin), balance)
                change += weight[j] - tree[leaves + j]
            counter += STEP
            accepted[b] = unit(mix(counter)) * (tree[1] + change) < tree[1]
            if accepted[b]:
                s[b, i] = -spin
                tree[node] = own
                rise(tree, node)
                for e in range(start[i], start[i + 1]):
                    j = neighbour[e]
                    field[b, j] -= 2 * coupling[e] * spin
                    tree[leaves + j] = weight[j]
                    rise(tree, leaves + j)
    return accepted, counter


@njit()
def rise(tree: Reals, node: int) -> None:
    """Recompute the sums on the way from a leaf to the root."""
    while node > 1:
        node //= 2
        tree[node] = tree[2 * node] + tree[2 * node + 1]
