"""Maximum mean discrepancy between sets of states, with a kernel of the Hamming distance."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.metrics.two_sample import PERMUTATIONS, Floats, TwoSampleTest, two_sample_test
from discrete_ed.states import check_states

ROWS = 1024  # rows of a kernel matrix at once


class Repeats(NamedTuple):
    """A statistic, repeated."""

    mean: float
    sd: float
    """Standard deviation of one repeat."""
    values: tuple[float, ...]

    @property
    def error(self) -> float:
        """Standard error of the mean, if the repeats are independent."""
        return self.sd / len(self.values) ** 0.5


def hamming_mmd(x: Tensor, y: Tensor, *, rate: float = 0.1) -> float:
    """`MMD² = mean k(x, x') + mean k(y, y') − 2 mean k(x, y)` with `k = exp(−0.1 · Hamming)`; no square root.

    The unbiased estimate: pairs of a state with itself are left out, so it is zero on average where the laws are
    equal, and may be negative.

    Args:
        x: states `(m, D)`, at least two.
        y: states `(n, D)`, likewise.
        rate: the kernel's decay for each differing bit.

    Source: Gretton et al. 2012, JMLR 13, 723–773, eq. 3; this kernel as in Dai et al. 2020, arXiv 2011.05363.

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    >>> round(hamming_mmd(x, x), 4)  # e^−.2 − 1: below zero, for these sets are more alike than two draws
    -0.1813
    """
    _check(x, y, rate)
    m, n = len(x), len(y)
    xx, yy, xy = _total(x, x, rate) - m, _total(y, y, rate) - n, _total(x, y, rate)
    return xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)


def hamming_mmd_repeats(x: Tensor, y: Tensor, size: int = 4000, *, rate: float = 0.1) -> Repeats:
    """`hamming_mmd` of consecutive sets of `size` states each, `x` against `y`, as often as both have rows for.

    The published protocol takes the mean of 10 repeats of 4,000 against 4,000. With rows of two independent draws of
    the truth it gives the noise floor: what a perfect model would score.

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


def hamming_test(x: Tensor, y: Tensor, *, rate: float = 0.1, draws: int = PERMUTATIONS, seed: int = 0) -> TwoSampleTest:
    """`hamming_mmd` with its permutation test (`p_value`) and its bootstrap `interval`, see `two_sample_test`.

    For sets that are too small for repeats, whose scatter tells the error only if they are many. Both suppose that the
    states of a set are independent.

    Args:
        draws: permutations, and resamples.
        seed: of both.

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
    return two_sample_test(first, second, kernel, unbiased=True, draws=draws, seed=seed)


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
    """The sum of the kernel over all pairs; a table holds its value at each distance."""
    table = torch.tensor([exp(-rate * k) for k in range(x.shape[1] + 1)], dtype=torch.float64)
    counts = torch.zeros(x.shape[1] + 1, dtype=torch.long)
    weight = y.sum(1)
    for rows in x.split(ROWS):
        distance = rows.sum(1, keepdim=True) + weight - 2 * rows @ y.T
        counts += distance.round().long().flatten().bincount(minlength=len(counts)).cpu()
    return (counts * table).sum().item()
