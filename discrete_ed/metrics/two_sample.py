"""Two sets of rows and a kernel: MMD², its U-statistic, a permutation test and a bootstrap interval.

Equal rows of both sets are merged, and a set becomes a vector of counts `c` over the `U` distinct rows. Every estimate,
of the sets as they are, permuted or resampled, is then made of quadratic forms `c K c'`, and the kernel matrix `K` is
computed once, a block of rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError, check_seed
from discrete_ed.runtime.distributed import share, summed

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
KernelFunction = Callable[[Floats, Floats], Floats]
"""Rows `(m, K)` and `(n, K)` to `(m, n)`; 1 for equal rows."""

T = TypeVar("T", float, Floats)

CELLS = 2**23  # of the kernel matrix at once, 64 MB
PERMUTATIONS = 999  # permutations, and resamples
COVERAGE = 0.95
TIES = 1e-12  # rounding must not tell equal estimates apart


def merge(x: Floats, y: Floats) -> tuple[Floats, Counts]:
    """The distinct rows `(U, K)` of two sets `(m, K)` and `(n, K')`, and the place among them of each row `(m + n,)`.

    The shorter rows are padded with zeros on the right.
    """
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(rows, ((0, 0), (0, width - rows.shape[1]))) for rows in (x, y))
    both = np.concatenate([x, y])
    found: dict[bytes, int] = {}  # sorting all rows would take longer than all the rest where many are equal
    seen = np.array([found.setdefault(row.tobytes(), len(found)) for row in both])
    rows, place = np.unique(both[np.unique(seen, return_index=True)[1]], axis=0, return_inverse=True)
    return rows, place.ravel()[seen]


def mmd2(x: Floats, y: Floats, kernel: KernelFunction, *, unbiased: bool = False) -> float:
    """MMD² between two sets of feature rows `(m, K)` and `(n, K')`, the shorter padded with zeros on the right.

    The V-statistic is `mean k(x, x') + mean k(y, y') − 2 mean k(x, y)` over all pairs. The U-statistic
    (`unbiased=True`) leaves the pairs of an item with itself out of the first two means: it expects the true MMD²,
    hence zero under equality, where it is often negative (Gretton et al. 2012, JMLR 13, eq. 3 and 5).

    Raises:
        InputError: the U-statistic of a set with fewer than two rows.
    """
    if unbiased and min(len(x), len(y)) < 2:
        raise InputError(f"graphs: expected at least two in each set for a U-statistic, got {len(x)} and {len(y)}")
    rows, place = merge(x, y)
    first, second = (_counts(places, len(rows)) for places in (place[: len(x)], place[len(x) :]))
    weight = first / len(x) - second / len(y)
    if not unbiased:
        return float(summed(np.array(sum(weight[some] @ block @ weight for some, block in _blocks(rows, kernel)))))
    pairs = ((first, first), (first, second), (second, second))
    forms = np.zeros(3)
    for some, block in _blocks(rows, kernel):
        forms += [left[some] @ block @ right for left, right in pairs]
    xx, xy, yy = summed(forms).tolist()
    return u_statistic(xx, xy, yy, len(x), len(y))


@dataclass(frozen=True)
class TwoSampleTest:
    """An estimate of MMD² beside what it is when items change sets, and when the sets are drawn anew."""

    observed: float
    permuted: Floats
    """the estimate with all `m + n` items dealt anew into sets of `m` and `n`, `(P,)`"""
    resampled: Floats
    """the estimate for sets drawn with replacement from each set, `(P,)`; empty where a set has one item"""

    @property
    def p_value(self) -> float:
        """`(1 + #{permuted ≥ observed}) / (1 + P)`; under equality of the laws at most `α` in a share `α` of cases."""
        return float((1 + np.sum(self.permuted >= self.observed - TIES)) / (1 + len(self.permuted)))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The central 95% of the resampled estimates, which vary about the observed one as it varies about its mean.

        None where a set has one item.
        """
        if len(self.resampled) == 0:
            return None
        low, high = np.quantile(self.resampled, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
        return float(low), float(high)

    @staticmethod
    def any(draws: Sequence[TwoSampleTest]) -> float:
        """The p-value of several statistics at once, with draws of one seed: the smallest of theirs, put right.

        Each deal of the items has the p-value that it would have had as the observation; how small the smallest of an
        observation's p-values is, is judged by those of the deals. Powerful if some statistic tells the sets apart.

        Source: Tippett 1931, The Methods of Statistics; Westfall and Young 1993, Resampling-Based Multiple Testing.
        """
        estimates = np.stack([np.append(one.observed, one.permuted) for one in draws])
        ordered = np.sort(estimates, axis=1)
        below = [np.searchsorted(row, values - TIES) for row, values in zip(ordered, estimates, strict=True)]
        smallest = estimates.shape[1] - np.max(below, axis=0)  # times the number of deals
        return float(np.mean(smallest <= smallest[0]))

    @staticmethod
    def mean(draws: list[TwoSampleTest]) -> TwoSampleTest:
        """The mean of several statistics whose draws were made with one seed, and so dealt the same items."""
        return TwoSampleTest(
            float(np.mean([one.observed for one in draws])),
            np.mean([one.permuted for one in draws], axis=0),
            np.mean([one.resampled for one in draws], axis=0),
        )


class _Resamples(NamedTuple):
    counts: Floats
    """of the rows, `(P, U)`"""
    squares: Floats
    """the sums of the items' squared multiplicities, `(P,)`"""


def two_sample_test(
    x: Floats, y: Floats, kernel: KernelFunction, *, unbiased: bool = False, draws: int = PERMUTATIONS, seed: int = 0
) -> TwoSampleTest:
    """Permute and resample two sets of feature rows `(m, K)` and `(n, K')`.

    The permutation test is exact for any kernel, definite or not. The bootstrap draws each set anew from its own items.
    With `w` the weights of the rows, `1/m` for an item of `x` and `−1/n` for one of `y`, and `d` how the weights of a
    resample differ from them, a resampled estimate is

        observed + a L + Q,    L = 2 d K w,    Q = Σ_{i ≠ j} d_i d_j (K_ij − K̄),

    with sums over items, and `K̄` the mean of the kernel over pairs of different items of a set, within that set, and 0
    between the sets. That leaves a pair of an item with itself out: else every resample would score worse than the sets
    themselves. `Q` varies as the estimate does where the laws are equal. `L` varies too much even if it shouldn't vary
    at all, because the items that it is a sum over also stand in `w`: its variance is too large by twice that of `Q`,
    to first order in `1/m` and `1/n`, which `a² = max(0, 1 − 2 var Q / var L)` puts right. Over repeated draws of ego
    graphs, 40 against 200, the resamples' standard deviation was .93 to 1.5 times that of the estimate, and the
    interval held the true value in 90 to 100%: the least where the laws differ, the most where they are equal.

    The same seed and numbers of items deal the same items, whatever the features. Memory: some `5 P U` numbers and one
    block of the kernel matrix.

    Source: Arcones and Giné 1992, Annals of Statistics 20, 655–674 (why `L` and `Q` need different treatment); `a` is
    derived here from the variance of a two-sample U-statistic.
    """
    m, n = len(x), len(y)
    rows, place = merge(x, y)
    rng = np.random.default_rng(check_seed(seed))
    deals = (rng.permutation(m + n)[:m] for _ in range(draws))
    dealt = _stack([place[:m], *(place[deal] for deal in deals)], len(rows))
    first, total = dealt[0], _counts(place, len(rows))
    again = draws if min(m, n) > 1 else 0
    from_x, from_y = (_resamples(places, len(rows), again, rng) for places in (place[:m], place[m:]))
    weight = first / m - (total - first) / n
    change = from_x.counts / m - from_y.counts / n - weight

    xx, xt = np.zeros(1 + draws), np.zeros(1 + draws)
    tt = 0.0
    linear, quadratic = np.zeros(again), np.zeros(again)
    for some, block in _blocks(rows, kernel):
        to_total = block @ total
        xx += np.einsum("pu,pu->p", dealt @ block.T, dealt[:, some])
        xt += dealt[:, some] @ to_total
        tt += float(total[some] @ to_total)
        linear += 2 * change[:, some] @ (block @ weight)
        quadratic += np.einsum("pu,pu->p", change @ block.T, change[:, some])
    xx, xt, tt = summed(xx), summed(xt), float(summed(np.array(tt)))
    linear, quadratic = summed(linear), summed(quadratic)

    def estimate(xx: Floats, xy: Floats, yy: Floats) -> Floats:
        return u_statistic(xx, xy, yy, m, n) if unbiased else _biased(xx, xy, yy, m, n)

    yy = tt - 2 * xt + xx
    permuted = estimate(xx, xt - xx, yy)
    if again:
        for form, resamples, size in ((xx[0], from_x, m), (yy[0], from_y, n)):
            mean = (form - size) / (size * (size - 1))  # of the kernel over pairs of different items
            quadratic -= (1 - mean) * (resamples.squares - size) / size**2
        spread = float(linear.var())
        shrink = max(0.0, 1 - 2 * float(quadratic.var()) / spread) ** 0.5 if spread > 0 else 0.0
        return TwoSampleTest(float(permuted[0]), permuted[1:], permuted[0] + shrink * linear + quadratic)
    return TwoSampleTest(float(permuted[0]), permuted[1:], np.zeros(0))


def _biased(xx: T, xy: T, yy: T, m: int, n: int) -> T:
    """The V-statistic from sums of the kernel over pairs within and between the sets."""
    return xx / m**2 + yy / n**2 - 2 * xy / (m * n)


def u_statistic(xx: T, xy: T, yy: T, m: int, n: int) -> T:
    """The unbiased estimate of MMD², `(xx − m) / m(m − 1) + (yy − n) / n(n − 1) − 2 xy / (m n)`.

    Source: Gretton et al. 2012, JMLR 13, 723–773, eq. 3.

    >>> u_statistic(4.0, 4.0, 4.0, 2, 2)
    0.0
    """
    return (xx - m) / (m * (m - 1)) + (yy - n) / (n * (n - 1)) - 2 * xy / (m * n)


def _blocks(rows: Floats, kernel: KernelFunction) -> Iterator[tuple[slice, Floats]]:
    """The kernel matrix over all rows, some of its rows at a time; of several processes each gets its share of them."""
    step = max(1, CELLS // max(1, len(rows)))
    mine = share(len(rows))
    for start in range(mine.start, mine.stop, step):
        some = slice(start, min(start + step, mine.stop))
        yield some, kernel(rows[some], rows)


def _counts(places: Counts, rows: int) -> Floats:
    return np.bincount(places, minlength=rows).astype(float)


def _stack(draws: list[Counts], rows: int) -> Floats:
    return np.stack([_counts(places, rows) for places in draws])


def _resamples(places: Counts, rows: int, draws: int, rng: np.random.Generator) -> _Resamples:
    """Sets drawn with replacement."""
    found = _Resamples(np.zeros((draws, rows)), np.zeros(draws))
    for k in range(draws):
        drawn = rng.integers(len(places), size=len(places))
        found.counts[k] = np.bincount(places[drawn], minlength=rows)
        found.squares[k] = np.sum(np.bincount(drawn) ** 2)
    return found
