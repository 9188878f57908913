"""Selection of the pairs that interact, by pseudo-likelihood with a price for each pair."""

from __future__ import annotations

import numpy as np

from discrete_ed.ising.parameters import Array, Support
from discrete_ed.ising.site_fits import Columns, Fit, SiteFit, refit, without

ROUNDS = 60
"""largest number of rounds of adding and leaving out pairs"""
FEW = 64
"""largest number of pairs that are refitted one by one"""


def search_edges(columns: Columns[Fit], with_fields: bool, price: float, start: Fit | None = None) -> Fit:
    """Search for the pairs that minimise `loss + price · (number of pairs)`, forwards and backwards.

    In each round pairs whose score exceeds the price are added, at most one for each spin, and pairs whose Wald
    statistic has fallen below it are removed. When nothing changes any more, all pairs above a third of the price are
    added and pruned again, which corrects wrong turns; the search ends when this gains nothing. With more than 10,000
    samples, or more than four million spins in total, the search begins with every fourth sample.

    Args:
        with_fields: whether the fields are free.
        price: the decrease of the (summed) loss that a pair must achieve to be kept.
        start: a fit to the same data from which the search continues.
    """
    if start is not None:
        fit = start
    elif columns.is_large:
        part = search_edges(columns.thinned(4), with_fields, price)
        fit = refit(columns, part.support, part.values)
    else:
        fit = refit(columns, Support.no_pairs(with_fields))
    best = fit = _prune(fit, price)
    for _ in range(ROUNDS):
        gain = fit.scores(price)
        entering = _matching(gain, price)
        if len(entering):
            fit = _prune(_extended(fit, entering), price, to_the_end=False)
        if len(entering) and _cost(fit, price) < _cost(best, price) - 1e-6:
            best = fit
            continue
        best = _prune(best, price)
        gain = best.scores(2 * price / 3)
        loose = np.argwhere(gain > price / 3)
        loose = loose[np.argsort(-gain[tuple(loose.T)])[: 2 * columns.count]]
        fit = _prune(_extended(best, loose), price)
        if _cost(fit, price) >= _cost(best, price) - 1e-6:
            return best
        best = fit
    return best


def _cost(fit: SiteFit, price: float) -> float:
    return fit.loss + price * float(fit.factors(fit.support.pairs).sum())


def _extended(fit: Fit, entering: Array) -> Fit:
    """The fit with additional pairs; pairs that it already has are not added twice."""
    pairs = fit.support.pairs
    present = {tuple(pair) for pair in pairs.tolist()}
    entering = np.array([pair for pair in entering.tolist() if tuple(pair) not in present], dtype=int).reshape(-1, 2)
    p = len(pairs)
    values = np.concatenate([fit.values[:p], np.zeros(len(entering)), fit.values[p:]])
    columns: Columns[Fit] = fit.columns
    return refit(columns, Support(np.vstack([pairs, entering]), fit.support.with_fields), values)


def _prune(fit: Fit, price: float, *, to_the_end: bool = True) -> Fit:
    """Remove pairs that cost more than they gain, the worst half of those at a time.

    A step that raises the cost is undone and repeated with half as many pairs, without those that turn out to be worth
    their price when they are refitted one by one. Such pairs exist because the Wald statistic of a very strong coupling
    is small: the data hardly determine how strong it is (Hauck and Donner 1977).

    Args:
        to_the_end: whether to continue until no pair is removed; otherwise a single step is tried.
    """
    kept: set[tuple[int, int]] = set()
    most = len(fit.support.pairs)
    while len(fit.support.pairs):
        pairs, z2 = fit.support.pairs, fit.wald()
        bad = np.array([k for k in np.flatnonzero(z2 < price) if tuple(pairs[k]) not in kept], dtype=int)
        if not len(bad):
            break
        out = bad[np.argsort(z2[bad])[: max(1, min(most, len(bad) // 2))]]
        fewer = refit(fit.columns, *without(fit, out), iterations=2)
        if _cost(fewer, price) <= _cost(fit, price):
            fit, most = fewer, 2 * len(out)
        elif len(out) > 1:
            most = len(out) // 2
            if len(out) <= FEW:
                worth = price * fit.factors(pairs)
                kept |= {tuple(pairs[k]) for k in out if fit.loss_without(k) > worth[k]}
        else:
            kept.add(tuple(pairs[out[0]]))
        if not to_the_end:
            break
    return refit(fit.columns, fit.support, fit.values)


def _matching(gain: Array, price: float) -> Array:
    """Pairs above the price, best first, each spin at most once, none much worse than the best of its spins; `(P,
    2)`."""
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
