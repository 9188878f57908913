"""Pseudo-likelihood restricted to a set of pairs.

With `θ_i = h_i + Σ_j J_ij s_j`, pseudo-likelihood is one logistic regression of each spin on its neighbours, tied by
`J_ij = J_ji`. Everything second-order here is computed spin by spin, from matrices as small as the neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import cg
from scipy.special import expit

from discrete_ed.ising.objectives import Array

PRIOR_SD = 3.0
"""Standard deviation of the normal prior on couplings and fields that keeps separable data finite."""
NEAREST = 64  # candidates of each spin whose score is computed in full
DENSE = 2500  # parameters up to which the Newton step is solved densely


@dataclass(frozen=True)
class Sample:
    """Spins to learn from, and whether fields are learned with the couplings.

    Args:
        spins: `(D, N)`, −1 and +1: a row for each spin.
        fields: whether `h` is free; zero where not.
        fixed: a part of `θ` that isn't learned, `(D, N)`.
    """

    spins: Array
    fields: bool
    fixed: Array | float = 0.0

    def design(self, neighbours: Array) -> Array:
        """What spin `i` is regressed on: its neighbours and, with fields, a one; `(K, N)`."""
        rows = self.spins[neighbours]
        return np.vstack([rows, np.ones((1, rows.shape[1]))]) if self.fields else rows


@dataclass(frozen=True)
class Fit:
    """Pseudo-likelihood minimised over the couplings of some pairs, and the fields.

    Args:
        pairs: `(P, 2)`, `i < j`.
        values: couplings of the pairs, then the fields where they are free.
        theta: `θ_i`, `(D, N)`.
    """

    sample: Sample = field(repr=False)
    pairs: Array
    values: Array
    theta: Array = field(repr=False)

    @cached_property
    def wrong(self) -> Array:
        """`p(−s_i | the others)`, `(D, N)`."""
        return expit(-2 * self.sample.spins * self.theta)

    @cached_property
    def loss(self) -> float:
        """`Σ_n Σ_i −log p(s_i | the others)`, a sum over the samples."""
        return -float(np.log1p(-np.minimum(self.wrong, 1 - 1e-15)).sum())

    @cached_property
    def weights(self) -> Array:
        """Curvature of each term of the loss in `θ_i`, `(D, N)`."""
        return 4 * self.wrong * (1 - self.wrong)

    @cached_property
    def neighbourhoods(self) -> list[tuple[Array, Array]]:
        """For each spin the numbers of its parameters, and what it is regressed on, `(K, N)`."""
        d, p = len(self.sample.spins), len(self.pairs)
        ends = self.pairs.ravel()
        order = np.argsort(ends, kind="stable")
        bounds = np.searchsorted(ends[order], np.arange(d + 1))
        others = self.pairs[:, ::-1].ravel()
        found = []
        for i in range(d):
            mine = order[bounds[i] : bounds[i + 1]]
            parameters = np.append(mine // 2, p + i) if self.sample.fields else mine // 2
            found.append((parameters, self.sample.design(others[mine])))
        return found

    @cached_property
    def curvatures(self) -> list[Array]:
        """For each spin the second derivatives of its term of the loss in its parameters, `(K, K)`."""
        return [(design * w) @ design.T for (_, design), w in zip(self.neighbourhoods, self.weights, strict=True)]

    @property
    def couplings(self) -> Array:
        """`J`, `(D, D)`."""
        d = len(self.sample.spins)
        full = np.zeros((d, d))
        i, j = self.pairs.T
        full[i, j] = full[j, i] = self.values[: len(self.pairs)]
        return full

    @property
    def fields(self) -> Array:
        """`h`, `(D,)`."""
        return self.values[len(self.pairs) :] if self.sample.fields else np.zeros(len(self.sample.spins))

    def information(self) -> Array:
        """For each pair the curvature of the loss in its coupling, all else of its two spins refitted; `(P,)`."""
        found = np.zeros(len(self.pairs))
        for (parameters, _), curvature in zip(self.neighbourhoods, self.curvatures, strict=True):
            edges = parameters < len(found)
            block = curvature + np.eye(len(parameters)) / PRIOR_SD**2
            found[parameters[edges]] += 1 / np.linalg.inv(block).diagonal()[edges]
        return found

    def wald(self) -> Array:
        """`z²`: what leaving out each pair would cost, to second order, in units of the loss; `(P,)`.

        Both spins of a pair tell of its coupling, the same thing twice when couplings are weak; hence no factor ½.
        """
        return self.values[: len(self.pairs)] ** 2 * self.information() / 2

    def scores(self) -> Array:
        """`z²`: what taking in each absent pair would gain, to second order, in units of the loss; `(D, D)` upper."""
        spins, d = self.sample.spins, len(self.sample.spins)
        gradient = (-2 * self.wrong * spins) @ spins.T
        gradient += gradient.T
        absent = np.ones((d, d), dtype=bool)
        absent[tuple(self.pairs.T)] = absent[tuple(self.pairs.T[::-1])] = False
        np.fill_diagonal(absent, False)
        near = np.argpartition(-np.abs(gradient * absent), min(NEAREST, d) - 1, axis=1)[:, :NEAREST]
        curvature = np.zeros((d, d))
        for i, (_, design) in enumerate(self.neighbourhoods):
            w = self.weights[i]
            curvature[i, near[i]] = w.sum()
            if len(design):
                block = self.curvatures[i] + np.eye(len(design)) / PRIOR_SD**2
                cross = (design * w) @ spins[near[i]].T
                curvature[i, near[i]] -= (cross * np.linalg.solve(block, cross)).sum(0)
        both = (curvature > 1e-9) & (curvature.T > 1e-9) & absent
        gain = np.zeros((d, d))
        total = curvature + curvature.T + 1 / PRIOR_SD**2
        gain[both] = gradient[both] ** 2 / total[both] / 2
        return np.triu(gain, 1)


def refit(sample: Sample, pairs: Array, start: Array | None = None, *, iterations: int = 50) -> Fit:
    """Minimise pseudo-likelihood over the couplings of `pairs` (and the fields) by Newton's method.

    A normal prior of standard deviation 3 on every parameter keeps the answer finite where the data would not. The
    prior counts once, whatever the number of samples.

    Args:
        start: values to start from, pairs first.
    """
    d = len(sample.spins)
    count = len(pairs) + (d if sample.fields else 0)
    fit = fit_at(sample, pairs, np.zeros(count) if start is None else start)
    for _ in range(iterations):
        gradient, rows, columns = fit.values / PRIOR_SD**2, [], []
        slope = -2 * fit.wrong * sample.spins
        for i, (parameters, design) in enumerate(fit.neighbourhoods):
            gradient[parameters] += design @ slope[i]
            rows.append(np.repeat(parameters, len(parameters)))
            columns.append(np.tile(parameters, len(parameters)))
        if count == 0:
            break
        place = (np.concatenate(rows), np.concatenate(columns))
        entries = np.concatenate([curvature.ravel() for curvature in fit.curvatures])
        hessian = sp.csr_array((entries, place), shape=(count, count)) + sp.eye_array(count) / PRIOR_SD**2
        step = _solve(hessian, gradient)
        size, before = 1.0, _penalised(fit)
        while True:
            there = fit_at(sample, pairs, fit.values - size * step, fit)
            if _penalised(there) <= before - 1e-4 * size * (gradient @ step) or size < 1e-6:
                break
            size /= 2
        fit = there
        if before - _penalised(fit) < 1e-7 * max(1.0, before):
            break
    return fit


def fit_at(sample: Sample, pairs: Array, values: Array, like: Fit | None = None) -> Fit:
    """The fit at these values; what depends on the pairs only is taken over from a fit of the same pairs."""
    d = len(sample.spins)
    i, j = pairs.T
    tied = sp.csr_array((values[: len(pairs)], (i, j)), shape=(d, d))
    theta = (tied + tied.T) @ sample.spins + sample.fixed
    if sample.fields:
        theta += values[len(pairs) :, None]
    fit = Fit(sample, pairs, values, theta)
    if like is not None:
        fit.__dict__["neighbourhoods"] = like.neighbourhoods
    return fit


def _penalised(fit: Fit) -> float:
    return fit.loss + float(fit.values @ fit.values) / (2 * PRIOR_SD**2)


def _solve(hessian: sp.csr_array, gradient: Array) -> Array:
    if len(gradient) <= 600 or (len(gradient) <= DENSE and hessian.nnz > 0.05 * len(gradient) ** 2):
        return np.linalg.solve(hessian.toarray(), gradient)
    scale = sp.diags_array(1 / hessian.diagonal())
    step, _ = cg(hessian, gradient, rtol=1e-8, maxiter=500, M=scale)
    return step
