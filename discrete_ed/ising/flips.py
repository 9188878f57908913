"""Compiled loops of energy discrepancy with copies and with blocks: which spins flip, and what that costs."""

from __future__ import annotations

import numpy as np
from numba import njit

from discrete_ed.samplers.loops import mix, unit


@njit(cache=True)
def draw_flips(
    samples: int, spins: int, copies: int, law: np.ndarray, seed: np.uint64
) -> tuple[np.ndarray, np.ndarray]:
    """Flips `ξ ⊕ ξ'` of every copy: `ξ` shared by the copies of a sample, `ξ'` their own.

    Each is a binomial number of sites, all different, so that what is drawn is flips, not every spin's coin.

    Args:
        law: cumulated probabilities of 0, 1, … `spins` flips.
        seed: of the counter that random words are mixed from.

    Returns:
        Where each copy's flips begin, `(N M + 1,)`; the flipped sites, one copy after another.
    """
    golden, counter = np.uint64(0x9E3779B97F4A7C15), seed
    starts = np.zeros(samples * copies + 1, np.uint64)  # unsigned indices need no check for a minus sign
    sites = np.empty(2 * spins, np.uint32)
    shared, own = np.empty(spins, np.uint32), np.empty(spins, np.uint32)
    is_shared, is_own = np.zeros(spins, np.int64), np.zeros(spins, np.int64)  # the last copy that a site was drawn for
    count, many = 0, 0
    for copy in range(samples * copies):
        for turn in range(1 if copy % copies else 2):  # first ξ, for a sample's first copy, then ξ'
            first = turn == 0 and copy % copies == 0
            chosen, marks = (shared, is_shared) if first else (own, is_own)
            counter += golden
            u, number = unit(mix(counter)), 0
            while law[number] <= u:
                number += 1
            k = 0
            while k < number:
                counter += golden
                site = np.uint32(((mix(counter) >> np.uint64(32)) * np.uint64(spins)) >> np.uint64(32))
                if marks[site] != copy + 1:
                    marks[site] = copy + 1
                    chosen[k] = site
                    k += 1
            if first:
                many, sample_mark = number, copy + 1
        if count + many + number > len(sites):
            longer = np.empty(2 * (count + many + number), np.uint32)
            longer[:count] = sites[:count]
            sites = longer
        for k in range(number):
            if is_shared[own[k]] != sample_mark:
                sites[count] = own[k]
                count += 1
        for k in range(many):
            if is_own[shared[k]] != copy + 1:
                sites[count] = shared[k]
                count += 1
        starts[copy + 1] = count
    return starts, sites[:count].copy()


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})  # infinities keep their meaning
def bernoulli_slope(
    spins: np.ndarray,
    margins: np.ndarray,
    couplings: np.ndarray,
    starts: np.ndarray,
    sites: np.ndarray,
    copies: int,
    w: float,
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum over samples of the loss, and what its gradient is made of.

    Returns:
        The sum; `(N, D)`, the summed weight of the copies that flip a spin; `(D, D)`, each pair once, `4 s_i s_j`
        summed by weight over the copies that flip both: such a pair's coupling changes no energy.
    """
    n, d = spins.shape
    weight = np.zeros((n, d))
    inside = np.zeros((d, d))
    gaps = np.empty(copies)
    total = 0.0
    for i in range(n):
        top = -np.inf
        s, m, mine = spins[i], margins[i], weight[i]
        for c in range(copies):
            first, last = starts[i * copies + c], starts[i * copies + c + 1]
            gap = 0.0
            for a in range(first, last):
                u = sites[a]
                row = couplings[u]
                pair = 0.0
                for b in range(first, a):
                    pair += row[sites[b]] * s[sites[b]]
                gap += 2 * m[u] - 4 * s[u] * pair
            gaps[c] = -gap
            top = max(top, -gap)
        if w > 0:
            top = max(top, 0.0)
        mass = w * np.exp(-top) if w > 0 else 0.0
        for c in range(copies):
            gaps[c] = np.exp(gaps[c] - top)
            mass += gaps[c]
        total += top + np.log(mass / copies)
        for c in range(copies):
            share = gaps[c] / mass
            if share < 1e-12:
                continue
            first, last = starts[i * copies + c], starts[i * copies + c + 1]
            for a in range(first, last):
                u = sites[a]
                mine[u] += share
                row, factor = inside[u], 4 * share * s[u]
                for b in range(first, a):
                    row[sites[b]] += factor * s[sites[b]]
    return total, weight, inside


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def block_slope(
    spins: np.ndarray, margins: np.ndarray, couplings: np.ndarray, blocks: np.ndarray, epsilon: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum over samples and their blocks of the loss, and what its gradient is made of, as `bernoulli_slope`.

    A set of flipped spins is a number whose bits are the block's places. The sums over all sets run bit by bit.

    Args:
        blocks: `(N, B, k)`, sites.
    """
    n, d = spins.shape
    k = blocks.shape[2]
    states = 1 << k
    weight = np.zeros((n, d))
    inside = np.zeros((d, d))
    noise = np.ones(states)  # q(y | no flips)
    for a in range(k):
        for y in range(states):
            noise[y] *= epsilon if (y >> a) & 1 else 1 - epsilon
    gaps, row, boltzmann = np.empty(states), np.empty(states), np.empty(states)
    reach, posterior = np.empty(states), np.empty(states)
    total = 0.0
    for i in range(n):
        s, m = spins[i], margins[i]
        for block in blocks[i]:
            gaps[0] = row[0] = 0.0
            for a in range(k):  # the sets whose last place is a
                u = block[a]
                for b in range(a):
                    pair = 4 * couplings[u, block[b]] * s[u] * s[block[b]]
                    for f in range(1 << b):
                        row[f + (1 << b)] = row[f] + pair
                for f in range(1 << a):
                    gaps[f + (1 << a)] = gaps[f] + 2 * m[u] - row[f]
            least = gaps.min()
            for f in range(states):
                boltzmann[f] = reach[f] = np.exp(least - gaps[f])
            _flip(reach, k, epsilon)
            for y in range(states):
                total += noise[y] * np.log(reach[y])
                posterior[y] = noise[y] / reach[y]
            total -= least
            _flip(posterior, k, epsilon)
            for f in range(states):
                posterior[f] *= boltzmann[f]
            for a in range(k):  # of all sets that include the set
                for f in range(states):
                    if not (f >> a) & 1:
                        posterior[f] += posterior[f + (1 << a)]
            for a in range(k):
                u = block[a]
                weight[i, u] += posterior[1 << a]
                for b in range(a):
                    inside[u, block[b]] += 4 * posterior[(1 << a) + (1 << b)] * s[u] * s[block[b]]
    return total, weight, inside


@njit(cache=True)
def _flip(law: np.ndarray, k: int, epsilon: float) -> None:
    """Convolve, in place, with `k` bits that are flipped with probability ε."""
    for a in range(k):
        step = 1 << a
        for start in range(0, len(law), 2 * step):
            for f in range(start, start + step):
                here, there = law[f], law[f + step]
                law[f] = (1 - epsilon) * here + epsilon * there
                law[f + step] = epsilon * here + (1 - epsilon) * there
