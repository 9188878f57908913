"""Maximum mean discrepancy between two sets of states, with a kernel of their Hamming distance."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.metrics.two_sample import PERMUTATIONS, Floats, TwoSampleTest, two_sample_test, u_statistic
from discrete_ed.states import check_states

ROWS = 1024  # number of rows of the kernel matrix that are computed at once
PUBLISHED_SIZE = 4000
"""number of states in each set that the published protocol compares"""


class Repeats(NamedTuple):
    """The values of a statistic for several independent sets, with their mean and standard deviation."""

    mean: float
    sd: float
    """standard deviation of one repeat"""
    values: tuple[float, ...]

    @property
    def error(self) -> float:
        """Standard error of the mean, provided that the repeats are independent."""
        return self.sd / len(self.values) ** 0.5


def hamming_mmd(x: Tensor, y: Tensor, *, rate: float = 0.1) -> float:
    """`MMD² = mean k(x, x') + mean k(y, y') − 2 mean k(x, y)` with `k = exp(−rate · Hamming)`; no square root.

    This is the unbiased estimate, the U-statistic: it leaves out the pairs of a state with itself. If the two laws are
    equal, it is zero on average and often negative.

    Args:
        x: states `(m, D)`, at least two.
        y: states `(n, D)`, at least two.
        rate: how fast the kernel decays with each differing bit.

    Raises:
        InputError: fewer than two states, entries other than zeros and ones, different numbers of bits, or a rate that
            is not positive.

    Source: Gretton et al. 2012, JMLR 13, 723–773, eq. 3; this kernel as in Dai et al. 2020, arXiv 2011.05363.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    >>> round(hamming_mmd(x, x), 4)  # e^−.2 − 1: negative, since equal sets are more alike than two samples
    -0.1813
    """
    _check(x, y, rate)
    m, n = len(x), len(y)
    return u_statistic(_total(x, x, rate), _total(x, y, rate), _total(y, y, rate), m, n)


def hamming_mmd_repeats(x: Tensor, y: Tensor, size: int = PUBLISHED_SIZE, *, rate: float = 0.1) -> Repeats:
    """`hamming_mmd` of consecutive sets of `size` states, `x` against `y`, for as many sets as both have rows.

    The published protocol takes the mean of 10 repeats of 4,000 against 4,000. Two independent samples of the true law
    give the noise floor, which is what a perfect model would score.

    Raises:
        InputError: `size` below 2, fewer rows than two repeats need, or states that `hamming_mmd` refuses.

    >>> g = torch.Generator().manual_seed(0)
    >>> truth = torch.rand(2, 1000, 8, generator=g).round()
    >>> floor = hamming_mmd_repeats(*truth, size=100)
    >>> len(floor.values), abs(floor.mean) < 4 * floor.error
    (10, True)
    """
    if size < 2:
        raise InputError(f"size: expected at least 2 states in a set, got {size}")
    repeats = min(len(x), len(y)) // size
    if repeats < 2:
        raise InputError(f"size: expected at least two repeats of {size} states, got {len(x)} and {len(y)} rows")
    sets = zip(x[: repeats * size].split(size), y[: repeats * size].split(size), strict=True)
    values = torch.tensor([hamming_mmd(a, b, rate=rate) for a, b in sets], dtype=torch.float64)
    return Repeats(values.mean().item(), values.std().item(), tuple(values.tolist()))


def hamming_test(
    x: Tensor, y: Tensor, *, rate: float = 0.1, permutations: int = PERMUTATIONS, seed: int = 0
) -> TwoSampleTest:
    """`hamming_mmd` with its permutation test (`p_value`) and its bootstrap `interval`, see `two_sample_test`.

    Use it for sets that are too small for `hamming_mmd_repeats`, whose standard deviation estimates the error only with
    many repeats. Both the test and the interval assume that the states of a set are independent.

    Args:
        x: states `(m, D)`, at least two.
        y: states `(n, D)`, at least two.
        rate: how fast the kernel decays with each differing bit.
        permutations: the number of permutations, and of resamples.
        seed: seed of both.

    Source: Gretton et al. 2012, JMLR 13, 723–773; this kernel as in Dai et al. 2020, arXiv 2011.05363.

    >>> x, y = torch.eye(6).repeat(9, 1), torch.eye(6).repeat(9, 1)
    >>> y[:40] = 1
    >>> hamming_test(x, x).p_value, hamming_test(x, y).p_value
    (1.0, 0.001)
    """
    _check(x, y, rate)

    def kernel(a: Floats, b: Floats) -> Floats:
        distance = np.round(a.sum(1)[:, None] + b.sum(1) - 2 * a @ b.T)
        return np.exp(-rate * distance)

    first, second = (states.double().cpu().numpy() for states in (x, y))
    return two_sample_test(first, second, kernel, unbiased=True, permutations=permutations, seed=seed)


def _check(x: Tensor, y: Tensor, rate: float) -> None:
    for name, states in (("x", x), ("y", y)):
        check_states(states, name=name)
        if states.ndim != 2 or len(states) < 2:
            raise InputError(f"{name}: expected at least two states (n, D), got shape {tuple(states.shape)}")
    if x.shape[1] != y.shape[1]:
        raise InputError(f"y: expected {x.shape[1]} bits as in x, got {y.shape[1]}")
    if not rate > 0:
        raise InputError(f"rate: expected a positive number, got {rate}")


def _total(x: Tensor, y: Tensor, rate: float) -> float:
    """The sum of the kernel over all pairs, from the number of pairs at each distance."""
    table = torch.tensor([exp(-rate * k) for k in range(x.shape[1] + 1)], dtype=torch.float64)
    counts = torch.zeros(x.shape[1] + 1, dtype=torch.long)
    weight = y.sum(1)
    for rows in x.split(ROWS):
        distance = rows.sum(1, keepdim=True) + weight - 2 * rows @ y.T
        counts += distance.round().long().flatten().bincount(minlength=len(counts)).cpu()
    return (counts * table).sum().item()
