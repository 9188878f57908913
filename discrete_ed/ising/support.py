"""Which pairs interact: pseudo-likelihood restricted to a set of pairs, and the search for that set.

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
ROUNDS = 60
MANY = 10_000  # samples beyond which the search begins with every fourth
FEW = 64  # pairs that are looked at one by one
LARGE = 4e6  # spins × samples beyond which it does, too


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
    fit = _at(sample, pairs, np.zeros(count) if start is None else start)
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
            there = _at(sample, pairs, fit.values - size * step, fit)
            if _penalised(there) <= before - 1e-4 * size * (gradient @ step) or size < 1e-6:
                break
            size /= 2
        fit = there
        if before - _penalised(fit) < 1e-7 * max(1.0, before):
            break
    return fit


def _at(sample: Sample, pairs: Array, values: Array, like: Fit | None = None) -> Fit:
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


def select(sample: Sample, price: float, start: Fit | None = None) -> Fit:
    """Search for the pairs that minimise `loss + price · (number of pairs)`, forwards and backwards.

    Pairs whose score exceeds the price come in, each spin taking part in one of them at a time; pairs whose Wald
    statistic has fallen below it go out. At a standstill all pairs above a third of the price are let in and pruned
    again, which undoes detours; the search ends when that gains nothing. Of more than 10,000 samples, or four million
    spins in all, every fourth sample is searched first.

    Args:
        price: what a pair must gain in the (summed) loss to stay.
        start: a fit to search on from.
    """
    if start is not None:
        fit = start
    elif sample.spins.shape[1] > MANY or sample.spins.size > LARGE:
        part = select(Sample(np.ascontiguousarray(sample.spins[:, ::4]), sample.fields), price)
        fit = refit(sample, part.pairs, part.values)
    else:
        fit = refit(sample, np.zeros((0, 2), dtype=int))
    best = fit = _prune(fit, price)
    for _ in range(ROUNDS):
        gain = fit.scores()
        entering = _matching(gain, price)
        if len(entering):
            fit = _prune(_with(fit, entering), price, thoroughly=False)
        if len(entering) and _cost(fit, price) < _cost(best, price) - 1e-6:
            best = fit
            continue
        best = _prune(best, price)
        gain = best.scores()
        loose = np.argwhere(gain > price / 3)
        loose = loose[np.argsort(-gain[tuple(loose.T)])[: 2 * len(sample.spins)]]
        fit = _prune(_with(best, loose), price)
        if _cost(fit, price) >= _cost(best, price) - 1e-6:
            return best
        best = fit
    return best


def _cost(fit: Fit, price: float) -> float:
    return fit.loss + price * len(fit.pairs)


def _with(fit: Fit, entering: Array) -> Fit:
    """The fit with more pairs; those already there stay single."""
    present = {tuple(pair) for pair in fit.pairs.tolist()}
    entering = np.array([pair for pair in entering.tolist() if tuple(pair) not in present], dtype=int).reshape(-1, 2)
    p = len(fit.pairs)
    values = np.concatenate([fit.values[:p], np.zeros(len(entering)), fit.values[p:]])
    return refit(fit.sample, np.vstack([fit.pairs, entering]), values)


def _prune(fit: Fit, price: float, *, thoroughly: bool = True) -> Fit:
    """Leave out pairs that cost more than they gain, the worst half of those at a time.

    A step that raises the cost is taken back and tried with half as many pairs, less those that a look at them alone
    shows to be worth their price. For the Wald statistic of a very strong coupling is small, since the data hardly
    tell how strong it is (Hauck and Donner 1977).

    Args:
        thoroughly: to the end; else one step is tried.
    """
    kept: set[tuple[int, int]] = set()
    most = len(fit.pairs)
    while len(fit.pairs):
        z2 = fit.wald()
        bad = np.array([k for k in np.flatnonzero(z2 < price) if tuple(fit.pairs[k]) not in kept], dtype=int)
        if not len(bad):
            break
        out = bad[np.argsort(z2[bad])[: max(1, min(most, len(bad) // 2))]]
        keep = np.ones(len(fit.values), dtype=bool)
        keep[out] = False
        fewer = refit(fit.sample, fit.pairs[keep[: len(fit.pairs)]], fit.values[keep], iterations=2)
        if _cost(fewer, price) <= _cost(fit, price):
            fit, most = fewer, 2 * len(out)
        elif len(out) > 1:
            most = len(out) // 2
            if len(out) <= FEW:
                kept |= {tuple(fit.pairs[k]) for k in out if _loss_without(fit, k) > price}
        else:
            kept.add(tuple(fit.pairs[out[0]]))
        if not thoroughly:
            break
    return refit(fit.sample, fit.pairs, fit.values)


def _loss_without(fit: Fit, k: int) -> float:
    """What leaving out pair `k` adds to the loss if only the other couplings of its two spins are refitted."""
    p, fields = len(fit.pairs), fit.sample.fields
    touching = np.flatnonzero(np.isin(fit.pairs, fit.pairs[k]).any(1))
    sites, places = np.unique(fit.pairs[touching], return_inverse=True)
    places = places.reshape(-1, 2)
    values = np.concatenate([fit.values[touching], fit.values[p + sites] if fields else []])
    near = Sample(fit.sample.spins[sites], fields)
    near = Sample(near.spins, fields, fit.theta[sites] - _at(near, places, values).theta)
    others = np.concatenate([touching != k, np.ones(len(values) - len(touching), dtype=bool)])
    without = refit(near, places[others[: len(touching)]], values[others], iterations=3)
    return without.loss - _at(near, places, values).loss


def _matching(gain: Array, price: float) -> Array:
    """Pairs above the price, the best first, no spin twice, none much worse than the best of its spins; `(P, 2)`."""
    best = np.maximum(gain.max(1), gain.max(0))
    candidates = np.argwhere(gain > np.maximum(price, 0.5 * np.maximum(best[:, None], best[None])))
    candidates = candidates[np.argsort(-gain[tuple(candidates.T)], kind="stable")]
    used = np.zeros(len(gain), dtype=bool)
    chosen = []
    for i, j in candidates.tolist():
        if not (used[i] or used[j]):
            used[[i, j]] = True
            chosen.append((i, j))
    return np.array(chosen, dtype=int).reshape(-1, 2)
