"""Large tables of spins: 64 rows in a word, and patterns of neighbours with their counts instead of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from discrete_ed.ising import packed_loops
from discrete_ed.ising.packed_loops import ROWS, Words
from discrete_ed.ising.parameters import Array, Support
from discrete_ed.ising.site_fits import LARGE, MANY
from discrete_ed.runtime.threads import in_threads

if TYPE_CHECKING:
    from discrete_ed.ising.packed_fit import PackedFit

CHUNK = 64
"""number of words of rows that are spread out as numbers at a time"""
TABLED = 12
"""largest number of neighbours whose patterns are counted in a table of all of them"""
KEPT = 3
"""number of sets of neighbours of a spin whose counts are kept for a later fit"""


class Patterns(NamedTuple):
    """The patterns of a spin's neighbours that occur, and how often."""

    codes: Words
    """the spins of the neighbours as bits, `(U, L)`"""
    counts: Array
    """sums of the weights of rows with the spin down and up, `(U, 2)`"""


@dataclass(frozen=True, eq=False)
class PackedColumns:
    """Observed spins as bits, a row of words for each spin.

    Args:
        words: `(D, W)` uint64; row `n` of the table is bit `n mod 64` of word `n // 64`; bits beyond the last row are
            zero.
        rows: the number of rows `N`.
        weights: how much each row counts, `(N,)`; by default all count once.
        price_factors: see `Observations`.
    """

    words: Words = field(repr=False)
    rows: int
    weights: Array | None = None
    price_factors: Array | None = None
    known: list[dict[bytes, Patterns]] = field(default_factory=list, repr=False)
    """for each spin the patterns that were counted last, by its neighbours"""

    @classmethod
    def of(cls, spins: Array, weights: Array | None = None) -> PackedColumns:
        """From spins −1 and +1, `(N, D)`."""
        n, d = spins.shape
        width = -(-n // ROWS)
        packed = np.zeros((d, width * 8), np.uint8)
        step = 8 * max(1, 2**22 // max(d, 1))
        for start in range(0, n, step):
            part = np.packbits(spins[start : start + step] > 0, axis=0, bitorder="little")
            packed[:, start // 8 : start // 8 + len(part)] = part.T
        return cls(packed.view("<u8").astype(np.uint64, copy=False), n, weights)

    @property
    def count(self) -> int:
        """The number of spins, `D`."""
        return len(self.words)

    @property
    def is_large(self) -> bool:
        """Whether a search for edges begins with every fourth sample."""
        return self.weights is None and (self.rows > MANY or self.rows * self.count > LARGE)

    def thinned(self, step: int) -> PackedColumns:
        """Every `step`-th sample."""
        rows = -(-self.rows // step)
        words = np.zeros((self.count, -(-rows // ROWS)), np.uint64)
        packed_loops.thinned(self.words, step, rows, words)
        return PackedColumns(words, rows)

    def fit_at(self, support: Support, values: Array, same_support: PackedFit | None = None) -> PackedFit:
        """The fit at these values of the free parameters, not minimised.

        Args:
            same_support: a fit of the same data and support, whose counts of patterns are reused.
        """
        from discrete_ed.ising.packed_fit import PackedFit

        fit = PackedFit(self, support, values)
        if same_support is not None:
            fit.__dict__.update(
                {name: same_support.__dict__[name] for name in ("sites", "patterns") if name in same_support.__dict__}
            )
        return fit

    @property
    def row_weights(self) -> Array:
        """The weights, `(N,)`, or none if all rows count once, as the loops take them."""
        return np.zeros(0) if self.weights is None else self.weights

    def patterns(self, neighbours: list[Array]) -> list[Patterns]:
        """The patterns of the neighbours of each spin."""
        if not self.known:
            self.known.extend({} for _ in range(self.count))
        keys = [others.tobytes() for others in neighbours]
        new = [i for i, key in enumerate(keys) if key not in self.known[i]]

        def count(first: int, last: int) -> None:
            for i in new[first:last]:
                known = self.known[i]
                if len(known) >= KEPT:
                    del known[next(iter(known))]
                known[keys[i]] = self._patterns_of(i, neighbours[i])

        in_threads(count, len(new))
        return [known[key] for known, key in zip(self.known, keys, strict=True)]

    def _patterns_of(self, site: int, neighbours: Array) -> Patterns:
        if len(neighbours) <= TABLED:
            counts = packed_loops.pattern_counts(self.words, site, neighbours, self.rows, self.row_weights)
            there = counts.any(1)
            return Patterns(np.flatnonzero(there).astype(np.uint64)[:, None], counts[there])
        codes = np.zeros((self.rows, -(-len(neighbours) // ROWS)), np.uint64)
        packed_loops.row_codes(self.words, neighbours, self.rows, codes)
        found, place = np.unique(codes, axis=0 if codes.shape[1] > 1 else None, return_inverse=True)
        up = self.spins_of(site) > 0
        heavy = np.ones(self.rows) if self.weights is None else self.weights
        sides = [np.bincount(place.ravel(), heavy * side, len(found)) for side in (~up, up)]
        return Patterns(found.reshape(-1, codes.shape[1]), np.stack(sides, 1))

    def spins_of(self, sites: int | Array) -> Array:
        """The spins −1 and +1 of one or several columns, `(…, N)`."""
        bits = np.unpackbits(self.words[sites].view(np.uint8), axis=-1, count=self.rows, bitorder="little")
        return 2.0 * bits - 1

    def chunks(self) -> Iterator[tuple[int, Array]]:
        """Rows in turn: the number of the first word, and the spins as single-precision numbers, `(D, R)`.

        Each is overwritten by the next one; `R` is a multiple of 64, with −1 beyond the last row.
        """
        width = self.words.shape[1]
        spins = np.empty((self.count, min(CHUNK, width) * ROWS), np.float32)
        for start in range(0, width, CHUNK):
            here = spins[:, : min(CHUNK, width - start) * ROWS]
            if here.shape[1] < spins.shape[1]:
                here = np.ascontiguousarray(here)
            packed_loops.unpacked(self.words, start, here)
            yield start, here

    def means(self, sets: Array) -> Array:
        """The mean product of the spins of each set of columns, `(P,)`, from `(P, K)`; all rows count once."""
        odd = packed_loops.parities(self.words, np.ascontiguousarray(sets, dtype=np.int64))
        sign = 1 if sets.shape[1] % 2 else -1
        return np.asarray(sign * (2 * odd / self.rows - 1))

    def second_moments(self) -> Array:
        """The mean product of each two columns, `(D, D)`; all rows count once."""
        d = self.count
        found = np.zeros((d, d), np.int64)
        parts = np.rint(d * (1 - np.sqrt(1 - np.arange(65) / 64))).astype(int)  # as much work in each

        def count(first: int, last: int) -> None:
            for part in range(first, last):
                packed_loops.differing(self.words, parts[part], parts[part + 1], found)

        in_threads(count, 64)
        return np.asarray(1 - 2 * (found + found.T) / self.rows)
