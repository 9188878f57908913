"""Which pairs interact: the search for the set whose restricted pseudo-likelihood is worth its size."""

from __future__ import annotations

import numpy as np

from discrete_ed.ising.objectives import Array
from discrete_ed.ising.restricted import Fit, Sample, fit_at, refit

ROUNDS = 60
MANY = 10_000  # samples beyond which the search begins with every fourth
LARGE = 4e6  # spins × samples beyond which it does, too
FEW = 64  # pairs that are looked at one by one


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
    near = Sample(near.spins, fields, fit.theta[sites] - fit_at(near, places, values).theta)
    others = np.concatenate([touching != k, np.ones(len(values) - len(touching), dtype=bool)])
    without = refit(near, places[others[: len(touching)]], values[others], iterations=3)
    return without.loss - fit_at(near, places, values).loss


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
