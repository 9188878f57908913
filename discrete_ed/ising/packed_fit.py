"""Pseudo-likelihood of large tables: derivatives from the patterns of neighbours, scores of all pairs by products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from discrete_ed.ising import packed_loops
from discrete_ed.ising.packed_columns import TABLED, PackedColumns, Patterns
from discrete_ed.ising.packed_loops import ROWS
from discrete_ed.ising.parameters import PRIOR_SD, Array, Support
from discrete_ed.ising.site_fits import SiteFit
from discrete_ed.runtime.threads import in_threads

FEW = 6
"""largest number of neighbours whose patterns are masks of rows"""


@dataclass(frozen=True, eq=False)
class PackedFit(SiteFit):
    """Parameters of a support, with the pseudo-likelihood of a large table there; see `PseudoLikelihoodFit`.

    A spin of `K` neighbours has at most `2^K` terms, one for each pattern of them that occurs, whatever the number of
    rows. Only the scores of absent pairs need the rows.
    """

    columns: PackedColumns = field(repr=False)
    support: Support
    values: Array

    @cached_property
    def sites(self) -> list[tuple[Array, Array]]:
        """For each spin the positions of its parameters, and its neighbours."""
        return self.support.neighbourhoods(self.columns.count)

    @cached_property
    def patterns(self) -> list[Patterns]:
        """For each spin the patterns of its neighbours."""
        return self.columns.patterns([neighbours for _, neighbours in self.sites])

    @cached_property
    def terms(self) -> list[tuple[float, Array, Array, Array]]:
        """For each spin what `packed_loops.site_terms` gives."""
        return [
            packed_loops.site_terms(*patterns, self.values[places], self.support.with_fields)
            for (places, _), patterns in zip(self.sites, self.patterns, strict=True)
        ]

    @cached_property
    def loss(self) -> float:
        """`Σ_n Σ_i −log p(s_i | the others)`, a sum over the samples."""
        return sum(term[0] for term in self.terms)

    @property
    def places(self) -> list[Array]:
        """For each spin the positions of its parameters in the vector of all free ones."""
        return [places for places, _ in self.sites]

    @property
    def gradients(self) -> list[Array]:
        """For each spin the first derivatives of its term of the loss in its parameters, `(K,)`."""
        return [term[1] for term in self.terms]

    @property
    def curvatures(self) -> list[Array]:
        """For each spin the second derivatives of its term of the loss in its parameters, `(K, K)`."""
        return [term[2] for term in self.terms]

    def slopes(self) -> Iterator[tuple[int, Array, Array]]:
        """Some rows after the other: the number of the first, their spins, and the derivatives of the loss in `θ_i`,
        times the weight of the row; `(D, R)` each.

        In single precision; derivatives are zero beyond the last row. Each array is overwritten by the next one.
        """
        columns, p = self.columns, len(self.support.pairs)
        bounds = np.append(0, np.cumsum([len(neighbours) for _, neighbours in self.sites]))
        neighbours = np.concatenate([others for _, others in self.sites])
        couplings = np.concatenate([self.values[places[places < p]] for places in self.places])
        fields = self.values[p:] if self.support.with_fields else np.zeros(columns.count)
        model = (bounds, neighbours, couplings, fields)
        slope = np.empty((0, 0), np.float32)
        for start, spins in columns.chunks():
            if slope.shape != spins.shape:
                slope = np.empty(spins.shape, np.float32)

            def write(first: int, last: int, start: int = start, slope: Array = slope) -> None:
                rows, weights = columns.rows, columns.row_weights
                packed_loops.slopes(columns.words, start, rows, weights, *model, first, last, slope)

            in_threads(write, columns.count)
            yield start * ROWS, spins, slope

    def gradient(self) -> Array:
        """The derivative of the loss in the coupling of every pair, `(D, D)`, from sums in single precision."""
        total = np.zeros((self.columns.count,) * 2)
        for _, spins, slope in self.slopes():
            total += slope @ spins.T
        return total + total.T

    def scores(self, least: float = 0.0) -> Array:
        """`z²`: the decrease of the loss with each absent pair added, to second order; `(D, D)`, upper triangle.

        The curvature of a pair is at most that without its spins' neighbours; the score from that one is a lower limit,
        and the exact score is computed where it exceeds half of `least`.
        """
        gradient = self.gradient()
        gradient[tuple(self.support.pairs.T)] = 0
        whole = np.array([float(second @ patterns.counts.sum(1)) for second, patterns in self._seconds])
        gain = np.triu(gradient**2, 1)
        gain /= 2 * (whole[:, None] + whole + 1 / PRIOR_SD**2)
        near = np.argwhere(gain > least / 2)
        reduction = self._explained(near)
        i, j = near.T
        total = whole[i] + whole[j] - reduction + 1 / PRIOR_SD**2
        gain[i, j] = np.where(total > 1e-9, gradient[i, j] ** 2 / np.maximum(total, 1e-9) / 2, 0.0)
        if self.columns.price_factors is not None:
            gain /= self.columns.price_factors
        return gain

    @cached_property
    def _seconds(self) -> list[tuple[Array, Patterns]]:
        """For each spin the second derivative in `θ` for each pattern of its neighbours, `(U,)`, and the patterns."""
        with_fields = self.support.with_fields
        return [
            (packed_loops.seconds(patterns.codes, self.values[places], with_fields), patterns)
            for (places, _), patterns in zip(self.sites, self.patterns, strict=True)
        ]

    def _explained(self, pairs: Array) -> Array:
        """By how much the neighbours of both spins reduce the curvature of each absent pair, `(P,)`."""
        ends, others = pairs.ravel(), pairs[:, ::-1].ravel()
        order = np.argsort(ends, kind="stable")
        bounds = np.searchsorted(ends[order], np.arange(self.columns.count + 1))
        found = np.zeros(len(ends))

        def reduce(first: int, last: int) -> None:
            for i in range(first, last):
                mine = order[bounds[i] : bounds[i + 1]]
                if len(mine) and len(self.terms[i][1]):
                    found[mine] = self._explained_of(i, others[mine])

        in_threads(reduce, self.columns.count)
        return found.reshape(-1, 2).sum(1)

    def _explained_of(self, site: int, others: Array) -> Array:
        """The same for the regression of one spin, and other spins that are not its neighbours."""
        columns, (_, neighbours) = self.columns, self.sites[site]
        second, patterns = self._seconds[site]
        curvature = self.terms[site][2] + np.eye(len(self.terms[site][1])) / PRIOR_SD**2
        if len(neighbours) > TABLED:
            rows = columns.spins_of(neighbours)
            if self.support.with_fields:
                rows = np.vstack([rows, np.ones((1, columns.rows))])
            weights = 1 - np.tanh(self.values[self.sites[site][0]] @ rows) ** 2
            heavy = weights if columns.weights is None else weights * columns.weights
            crosses = [(rows * heavy) @ columns.spins_of(other) for other in others.tolist()]
        else:
            regressors = packed_loops.signs(patterns.codes, len(neighbours), self.support.with_fields)
            there = patterns.codes[:, 0].astype(np.int64)
            masks = None
            if len(neighbours) <= FEW and columns.weights is None:
                masks = packed_loops.pattern_masks(columns.words, neighbours, columns.rows)[there]
            crosses = []
            for other in others.tolist():
                if masks is not None:
                    sums = 2 * packed_loops.masked_counts(masks, columns.words[other]) - patterns.counts.sum(1)
                else:
                    weights = columns.row_weights
                    counts = packed_loops.pattern_counts(columns.words, other, neighbours, columns.rows, weights)[there]
                    sums = counts[:, 1] - counts[:, 0]
                crosses.append(regressors @ (second * sums))
        cross = np.array(crosses).T
        explained: Array = (cross * np.linalg.solve(curvature, cross)).sum(0)
        return explained

    def loss_without(self, k: int) -> float:
        """The increase of the loss without pair `k` if only the other parameters of its two spins are refitted."""
        pairs, p = self.support.pairs, len(self.support.pairs)
        touching = np.flatnonzero(np.isin(pairs, pairs[k]).any(1))
        sites = np.unique(pairs[touching])
        free = np.concatenate([touching[touching != k], p + sites if self.support.with_fields else []]).astype(int)
        values = self.values.copy()
        values[k] = 0.0

        def terms(values: Array) -> tuple[float, Array, Array]:
            loss, gradient, curvature = 0.0, np.zeros(len(values)), np.zeros((len(free), len(free)))
            for site in sites.tolist():
                places = self.places[site]
                codes, counts = self.patterns[site]
                term = packed_loops.site_terms(codes, counts, values[places], self.support.with_fields)
                loss += term[0]
                gradient[places] += term[1]
                there, at = np.nonzero(places[:, None] == free)
                curvature[np.ix_(at, at)] += term[2][np.ix_(there, there)]
            return loss, gradient[free], curvature

        loss, gradient, curvature = terms(values)
        for _ in range(3):
            prior = values[free] / PRIOR_SD**2
            step = np.linalg.solve(curvature + np.eye(len(free)) / PRIOR_SD**2, gradient + prior) if len(free) else 0.0
            size, before = 1.0, loss
            while size > 1e-3:
                moved = values.copy()
                moved[free] -= size * step
                loss, gradient, curvature = terms(moved)
                if loss <= before + 1e-9 * abs(before):
                    values = moved
                    break
                size /= 2
        return loss - sum(self.terms[site][0] for site in sites.tolist())


def fields_alone(columns: PackedColumns, couplings: Array) -> tuple[Array, Array]:
    """The fields that fit best for given couplings, and their standard errors, `(D,)` each."""
    neighbours = [np.flatnonzero(row) for row in couplings]
    fields, errors = np.zeros(columns.count), np.zeros(columns.count)
    for i, patterns in enumerate(columns.patterns(neighbours)):
        local = np.append(couplings[i, neighbours[i]], 0.0)
        for _ in range(50):
            _, gradient, curvature, _ = packed_loops.site_terms(*patterns, local, True)
            slope = curvature[-1, -1] + 1 / PRIOR_SD**2
            step = (gradient[-1] + local[-1] / PRIOR_SD**2) / slope
            local[-1] -= np.clip(step, -1, 1)
            if abs(step) < 1e-10:
                break
        fields[i], errors[i] = local[-1], 1 / np.sqrt(slope)
    return fields, errors
