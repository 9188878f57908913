"""Compiled loops of energy discrepancy with noisy copies and with blocks: the flips and their energies."""

from __future__ import annotations

import numpy as np

from discrete_ed.runtime.compiling import njit
from discrete_ed.samplers.loops import mix, unit


@njit()
def sample_flips(
    spins: np.ndarray, copies: int, law: np.ndarray, seed: np.uint64
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Perturbed spins `y = s + ξ`, and the flips `ξ'` that make the copies of each, `s' = y + ξ'`.

    Each is a binomial number of different sites; sampling only these is faster than a random number for every spin.

    Args:
        law: cumulated probabilities of 0, 1, … `D` flips.
        seed: start of the counter from which random words are mixed.

    Returns:
        `y`, `(N, D)`; the start of each set of flips of `y`, `(N (M + 1) + 1,)`; the flipped sites: for each sample
        those that lead back to `s`, then those of each copy.
    """
    golden, counter = np.uint64(0x9E3779B97F4A7C15), seed
    samples, d = spins.shape
    perturbed = spins.copy()
    starts = np.zeros(samples * (copies + 1) + 1, np.uint64)  # unsigned: numba skips checks for negative indices
    sites = np.empty(2 * d, np.uint32)
    marks = np.zeros(d, np.int64)  # the last set of flips that contains each site
    count = 0
    for number_of_set in range(1, len(starts)):
        counter += golden
        u, number = unit(mix(counter)), 0
        while law[number] <= u:
            number += 1
        if count + number > len(sites):
            longer = np.empty(2 * (count + number), np.uint32)
            longer[:count] = sites[:count]
            sites = longer
        end = count + number
        while count < end:
            counter += golden
            site = np.uint32(((mix(counter) >> np.uint64(32)) * np.uint64(d)) >> np.uint64(32))
            if marks[site] != number_of_set:
                marks[site] = number_of_set
                sites[count] = site
                count += 1
        starts[number_of_set] = count
        if (number_of_set - 1) % (copies + 1) == 0:
            for k in range(count - number, count):
                perturbed[(number_of_set - 1) // (copies + 1), sites[k]] *= -1
    return perturbed, starts, sites[:count].copy()


@njit(fastmath={"contract", "reassoc", "nsz", "arcp"})  # without the flags that assume finite numbers
def bernoulli_slope(
    perturbed: np.ndarray,
    margins: np.ndarray,
    couplings: np.ndarray,
    starts: np.ndarray,
    sites: np.ndarray,
    copies: int,
    w: float,
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum over samples of the loss, and the sums from which its gradient follows.

    The sample itself is one of the states that flips of `y` lead to; its weight is minus the sum of the weights of all
    copies.

    Args:
        margins: margins of `y`, `(N, D)`.

    Returns:
        The sum; `(N, D)`, the summed weight of the states that flip a spin of `y`; `(D, D)`, each pair once,
        `4 y_i y_j` summed by weight over the states that flip both: such a pair's coupling changes no energy.
    """
    n, d = perturbed.shape
    weight = np.zeros((n, d))
    inside = np.zeros((d, d))
    gaps, shares = np.empty(copies + 1), np.empty(copies + 1)
    total = 0.0
    for i in range(n):
        y, m, mine = perturbed[i], margins[i], weight[i]
        place = i * (copies + 1)
        for c in range(copies + 1):
            first, last = starts[place + c], starts[place + c + 1]
            gap = 0.0
            for a in range(first, last):
                u = sites[a]
                row = couplings[u]
                pair = 0.0
                for b in range(first, a):
                    pair += row[sites[b]] * y[sites[b]]
                gap += 2 * m[u] - 4 * y[u] * pair
            gaps[c] = gap
        top = gaps[0] - gaps[1:].min()
        if w > 0:
            top = max(top, 0.0)
        every = w * np.exp(-top) if w > 0 else 0.0
        for c in range(1, copies + 1):
            shares[c] = np.exp(gaps[0] - gaps[c] - top)
            every += shares[c]
        total += top + np.log(every / copies)
        shares /= every
        shares[0] = -shares[1:].sum()
        for c in range(copies + 1):
            if abs(shares[c]) < 1e-12:
                continue
            first, last = starts[place + c], starts[place + c + 1]
            for a in range(first, last):
                u = sites[a]
                mine[u] += shares[c]
                row, factor = inside[u], 4 * shares[c] * y[u]
                for b in range(first, a):
                    row[sites[b]] += factor * y[sites[b]]
    return total, weight, inside


@njit(fastmath={"contract", "reassoc", "nsz", "arcp"})
def block_slope(
    spins: np.ndarray, margins: np.ndarray, couplings: np.ndarray, blocks: np.ndarray, epsilon: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum over samples and their blocks of the loss, and the sums for its gradient, as in `bernoulli_slope`.

    A set of flipped spins is a number with one bit for each spin of the block. The sums over all sets run bit by bit.

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
            for a in range(k):  # the sets whose last spin is a
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
            for a in range(k):  # sums over all sets that include the set
                for f in range(states):
                    if not (f >> a) & 1:
                        posterior[f] += posterior[f + (1 << a)]
            for a in range(k):
                u = block[a]
                weight[i, u] += posterior[1 << a]
                for b in range(a):
                    inside[u, block[b]] += 4 * posterior[(1 << a) + (1 << b)] * s[u] * s[block[b]]
    return total, weight, inside


@njit()
def _flip(law: np.ndarray, k: int, epsilon: float) -> None:
    """Convolve, in place, with `k` bits that are flipped with probability ε."""
    for a in range(k):
        step = 1 << a
        for start in range(0, len(law), 2 * step):
            for f in range(start, start + step):
                kept, flipped = law[f], law[f + step]
                law[f] = (1 - epsilon) * kept + epsilon * flipped
                law[f + step] = epsilon * kept + (1 - epsilon) * flipped


@njit()
def gibbs_completions(
    spins: np.ndarray,
    couplings: np.ndarray,
    fields: np.ndarray,
    samples: int,
    burn: int,
    between: int,
    seed: np.uint64,
) -> np.ndarray:
    """Samples of the missing spins of each row given the observed ones, by sweeps from random spins; `(N samples, D)`.

    Args:
        spins: `(N, D)`; 0 where a spin is missing.
        burn: number of sweeps before the first sample.
        between: number of sweeps from one sample to the next.
        seed: start of the counter from which random words are mixed; the same words are used for every model.
    """
    n, d = spins.shape
    found = np.empty((n * samples, d))
    state = np.empty(d)
    golden, counter = np.uint64(0x9E3779B97F4A7C15), seed
    for row in range(n):
        for i in range(d):
            state[i] = spins[row, i]
            if state[i] == 0:
                counter += golden
                state[i] = 1.0 if unit(mix(counter)) < 0.5 else -1.0
        for sample in range(samples):
            for _ in range(burn if sample == 0 else between):
                for i in range(d):
                    if spins[row, i] == 0:
                        field = fields[i]
                        for j in range(d):
                            field += couplings[i, j] * state[j]
                        counter += golden
                        state[i] = 1.0 if unit(mix(counter)) < 1 / (1 + np.exp(-2 * field)) else -1.0
            found[row * samples + sample] = state
    return found
