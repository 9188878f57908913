"""Observations: rows of spins, how much each row counts, and which rows belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from discrete_ed.ising.parameters import Array


@dataclass(frozen=True, eq=False)
class Observations:
    """Rows of spins with weights and blocks.

    Rows of one block may depend on each other; blocks are independent. With weights and without blocks a row of weight
    `w` stands for `w` equal, independent rows, whether or not `w` is whole; no row is ever repeated in memory.

    Args:
        spins: `s`, `(N, D)`, −1 and +1.
        weights: how much each row counts, `(N,)`; by default all rows count once.
        blocks: the number of each row's block, from 0, `(N,)`; by default each row is independent of all others.
        copies: how many independent copies of its block each row stands for, `(N,)`, equal in a block; by default one.
            The weight of a row counts all copies.
        price_factors: how many times the usual price a pair must be worth to be selected, `(D, D)`; by default once.
        source: for rows that complete a row with missing cells, the number of that row, `(N,)`; see `completion`.
    """

    spins: Array
    weights: Array | None = None
    blocks: Array | None = None
    copies: Array | None = None
    price_factors: Array | None = None
    source: Array | None = None

    @property
    def depends(self) -> bool:
        """Whether rows of one block may depend on each other, beyond completions of the same row."""
        return self.blocks is not None and self.blocks is not self.source

    @cached_property
    def size(self) -> float:
        """The number of rows in effect, `Σ w`."""
        return len(self.spins) if self.weights is None else float(self.weights.sum())

    @cached_property
    def block_count(self) -> int:
        """The number of independent blocks."""
        return len(self.spins) if self.blocks is None else len(np.unique(self.blocks))

    def mean(self, values: Array) -> Array:
        """The mean over the rows, along the first axis."""
        return values.mean(0) if self.weights is None else np.tensordot(self.weights, values, 1) / self.size

    def error_of_mean(self, values: Array) -> float:
        """The standard error of the mean of one value for each row, `(N,)`; from whole blocks where there are any."""
        if self.weights is None and self.blocks is None:
            return float(values.std() / np.sqrt(len(values)))
        return float(np.sqrt(self.covariance_of_sum(values[None] - self.mean(values))[0, 0])) / self.size

    def covariance_of_sum(self, scores: Array) -> Array:
        """The covariance of `Σ_n w_n v_n` for independent blocks, `(K, K)`.

        `Σ_b m_b v_b v_bᵀ` with the sum `v_b` over the rows of a block, each centred, and its number of copies `m_b`.

        Args:
            scores: `v`, `(K, N)`.
        """
        weights = np.ones(len(self.spins)) if self.weights is None else self.weights
        centred = scores - (scores @ weights / self.size)[:, None]
        if self.blocks is None:
            return (centred * weights) @ centred.T
        sums, copies = self.block_sums(centred)
        return (sums * copies) @ sums.T

    def block_sums(self, values: Array) -> tuple[Array, Array]:
        """The sum of `w v / m` over the rows of each block, `(K, B)`, and the number of copies `m` of each, `(B,)`."""
        order, starts = self._by_block
        weights = np.ones(len(self.spins)) if self.weights is None else self.weights
        copies = np.ones(len(self.spins)) if self.copies is None else self.copies
        sums = np.add.reduceat((values * (weights / copies))[:, order], starts, axis=1)
        return sums, copies[order][starts]

    @cached_property
    def _by_block(self) -> tuple[Array, Array]:
        assert self.blocks is not None
        order = np.argsort(self.blocks, kind="stable")
        sorted_blocks = self.blocks[order]
        return order, np.flatnonzero(np.append(True, sorted_blocks[1:] != sorted_blocks[:-1]))

    def rows(self, chosen: Array) -> Observations:
        """The observations of these rows, by number or by mask."""
        weights, blocks, copies, source = (
            None if part is None else part[chosen] for part in (self.weights, self.blocks, self.copies, self.source)
        )
        blocks = blocks if self.depends else source
        return Observations(self.spins[chosen], weights, blocks, copies, self.price_factors, source)

    def divided(self, parts: int, rng: np.random.Generator) -> tuple[Observations, Observations]:
        """A random part of the observations, one of `parts` equal ones, and the rest.

        Whole blocks stay together; of a row with a weight and without a block each part gets a binomial number.
        """
        if self.blocks is not None and self.copies is not None and not self.depends:
            found, place = np.unique(self.blocks, return_inverse=True)
            copies = np.zeros(len(found))
            copies[place] = self.copies
            taken = rng.binomial(_whole(copies, rng), 1 / parts)[place]
            return self._copied(taken), self._copied(self.copies - taken)
        if self.blocks is not None:
            found, place = np.unique(self.blocks, return_inverse=True)
            order = rng.permutation(len(found))
            heavy = np.bincount(place, self.weights)[order]
            before = np.cumsum(heavy) - heavy / 2
            cut = min(max(int((before < self.size / parts).sum()), 1), len(found) - 1)
            chosen = np.isin(place, order[:cut])
            return self.rows(chosen), self.rows(~chosen)
        if self.weights is None:
            order, cut = rng.permutation(len(self.spins)), len(self.spins) // parts
            return self.rows(order[:cut]), self.rows(order[cut:])
        whole = _whole(self.weights, rng)
        taken = rng.binomial(whole, 1 / parts)
        return self._counted(taken), self._counted(whole - taken)

    def _counted(self, counts: Array) -> Observations:
        there = counts > 0
        return replace(self.rows(there), weights=counts[there].astype(float))

    def _copied(self, copies: Array) -> Observations:
        assert self.weights is not None
        assert self.copies is not None
        there = copies > 0
        share = self.weights / self.copies
        return replace(self.rows(there), weights=(share * copies)[there], copies=copies[there].astype(float))


def _whole(counts: Array, rng: np.random.Generator) -> Array:
    """Counts rounded at random to whole numbers."""
    whole = np.floor(counts).astype(np.int64)
    return whole + (rng.random(len(whole)) < counts - whole)
