"""Bins of a number with equal shares of rows: a number becomes an ordinal, and is sampled again within its bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.tables.columns import Cells

MOST_BINS = 20
ROWS_IN_BIN = 15
"""the number of rows for each bin, if the user doesn't say how many bins there are; and the least in a bin beside
values that are as frequent as a bin"""
FEWEST_BINS = 4
KNOTS = 33
"""largest number of quantiles of the rows in a bin that are kept"""
FEWEST_STRATIFIED = 10
"""least number of numbers in a bin that are stratified; of fewer, their order tells too little of their places"""


@dataclass(frozen=True)
class Bins:
    """Intervals of a number, with the quantiles of the cells that were in each.

    >>> bins = Bins.of(np.array([0.0] * 50 + [*range(1, 51)]), 4)
    >>> len(bins.knots), bins.places(np.array([0.0, 3.0, 80.0])).tolist()
    (4, [0.0, 1.0, 3.0])
    """

    cuts: tuple[float, ...]
    """the ends between `K` bins, `K − 1` of them, in the middle between two cells"""
    knots: tuple[tuple[float, ...], ...]
    """for each bin, equally spaced quantiles of its cells, the lowest and the highest among them"""

    @classmethod
    def of(cls, numbers: Cells, count: int) -> Bins:
        """About `count` bins of numbers, NaN where missing, with equal shares of them.

        A value that is as frequent as a whole bin, such as the many zeros of a gain, has a bin of its own. The other
        numbers share as many bins as if they were the whole column, with at least 15 rows in each: else the few gains
        would be a single bin, though people differ by them most. There are fewer bins where there are fewer different
        values.

        Raises:
            InputError: fewer than two bins, or fewer than two different numbers.
        """
        if count < 2:
            raise InputError(f"bins: expected at least 2, got {count}")
        present = numbers[~np.isnan(numbers)]
        values, counts = np.unique(present, return_counts=True)
        if len(values) < 2:
            raise InputError(f"numbers: expected at least two different ones, got {len(values)}")
        share = len(present) / count
        others = counts[counts < share].sum() / count
        starts = _starts(counts, min(share, max(others, ROWS_IN_BIN)))
        parts = np.split(np.repeat(values, counts), np.cumsum(counts)[starts[1:] - 1])
        cuts = (values[starts[1:] - 1] + values[starts[1:]]) / 2
        knots = [np.quantile(part, np.linspace(0, 1, min(KNOTS, len(part))) if part[0] < part[-1] else [0, 1])
                 for part in parts]  # fmt: skip
        return cls(tuple(cuts.tolist()), tuple(tuple(each.tolist()) for each in knots))

    @property
    def centres(self) -> Cells:
        """The median of the cells in each bin, `(K,)`."""
        return np.array([np.median(knots) for knots in self.knots])

    def places(self, numbers: Cells) -> Cells:
        """The bin of each number, NaN where it is missing; numbers below or above all cells are in the outer bins."""
        return np.where(np.isnan(numbers), np.nan, np.searchsorted(self.cuts, numbers, side="right"))

    def inside(self, numbers: Cells) -> Cells:
        """The place of each number in its bin, between 0 and 1, as a quantile of the cells that were in it.

        A number that is several quantiles at once is in the middle of them, and one beyond all cells is at the end.

        >>> Bins.of(np.arange(8.0), 2).inside(np.array([0.0, 1.5, 3.0, np.nan])).tolist()
        [0.0, 0.5, 1.0, nan]
        """
        places, found = self.places(numbers), np.full(len(numbers), np.nan)
        for place, knots in enumerate(self.knots):
            chosen, shares = places == place, np.linspace(0, 1, len(knots))
            # where knots are equal, numpy takes the last; from the other side, it is the first
            upper = np.interp(numbers[chosen], knots, shares)
            lower = -np.interp(-numbers[chosen], -np.array(knots[::-1]), -shares[::-1])
            found[chosen] = (upper + lower) / 2
        return found

    def sample(self, places: Cells, inside: Cells, rng: np.random.Generator, *, stratified: bool = True) -> Cells:
        """A number in each of these bins: a quantile of the cells that were in it, between two of its knots.

        Args:
            places: the bins, NaN where a number is missing.
            inside: the place of each number in its bin, between 0 and 1.
            rng: the source of randomness.
            stratified: whether, in bins with many numbers, their places in it are made even: of as many equal parts of
                (0, 1) as there are numbers each has one, in the order of `inside`.
        """
        found = np.full(len(places), np.nan)
        for place, knots in enumerate(self.knots):
            chosen = places == place
            u, count = inside[chosen], int(chosen.sum())
            if stratified and count >= FEWEST_STRATIFIED:
                u = (u.argsort().argsort() + rng.random(count)) / count
            found[chosen] = np.interp(u, np.linspace(0, 1, len(knots)), knots)
        return found


def usual_bins(rows: int) -> int:
    """The number of bins for so many rows: one for each 15, from 4 to 20.

    >>> usual_bins(30), usual_bins(120), usual_bins(5000)
    (4, 8, 20)
    """
    return int(np.clip(rows // ROWS_IN_BIN, FEWEST_BINS, MOST_BINS))


def _starts(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """The position of the first value of each bin: a bin ends when it has its share, and around frequent values."""
    starts, held = [0], 0
    for k, count in enumerate(counts):
        full = held >= share or (held and count >= share) or held + count / 2 > share
        if k and held and full:
            starts.append(k)
            held = 0
        held += count
    if len(starts) > 1 and held < share / 2 and counts[starts[-2] : starts[-1]].sum() < 2 * share:
        starts.pop()  # too few are left for a bin
    return np.array(starts if len(starts) > 1 else [0, 1])
