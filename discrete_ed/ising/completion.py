"""Missing cells: each row completed in every way, or by Gibbs samples, as a model of the observed cells expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import softmax

from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Array, Parameters
from discrete_ed.states import enumerate_states

FEW, MANY = 4, 10
"""smallest and largest number of missing cells of a row up to which all its completions are enumerated"""
COMPLETIONS = 200_000
"""number of completions above which fewer missing cells are enumerated"""
SAMPLES = 16
"""number of Gibbs samples of a row with more missing cells"""
BURN, BETWEEN = 10, 2
"""sweeps over the missing cells of a row before the first sample, and between two samples"""


def completed(data: Observations, parameters: Parameters, seed: int) -> Observations:
    """Rows with missing cells (spin 0) as several complete rows, whose weights add up to that of the row.

    The weight of a completion is `p(missing given observed)` of the model, from all `2^m` completions of a row with few
    missing cells, and from 16 Gibbs samples otherwise, which are the same for the same model and seed. Complete rows
    stay as they are. With no blocks of their own, the completions of a row are one block.

    Estimates whose derivatives have mean zero on complete rows, such as pseudo-likelihood, have mean zero here at the
    true model, if cells are missing at random (Rubin 1976, Biometrika 63, 581–592).
    """
    spins = data.spins
    gaps = spins == 0
    counts = gaps.sum(1)
    if not counts.any():
        return data
    most = _enumerated(counts)
    effect = parameters.fields + spins @ parameters.couplings
    rows, parts, shares = [np.flatnonzero(counts == 0)], [spins[counts == 0]], [np.ones((counts == 0).sum())]
    for m in range(1, most + 1):
        those = np.flatnonzero(counts == m)
        if len(those):
            found, share = _all_completions(spins[those], gaps[those], effect[those], parameters.couplings, m)
            rows.append(np.repeat(those, 2**m))
            parts.append(found)
            shares.append(share.ravel())
    those = np.flatnonzero(counts > most)
    if len(those):
        from discrete_ed.ising.flips import gibbs_completions

        couplings = np.ascontiguousarray(parameters.couplings)
        found = gibbs_completions(
            spins[those], couplings, parameters.fields, SAMPLES, BURN, BETWEEN, np.uint64(seed + 1)
        )
        rows.append(np.repeat(those, SAMPLES))
        parts.append(found)
        shares.append(np.full(len(found), 1 / SAMPLES))
    source = np.concatenate(rows)
    order = np.argsort(source, kind="stable")
    source, share = source[order], np.concatenate(shares)[order]
    weights = share if data.weights is None else share * data.weights[source]
    copies = data.weights if data.copies is None and data.blocks is None else data.copies
    return replace(
        data,
        spins=np.concatenate(parts)[order],
        weights=weights,
        blocks=source if data.blocks is None else data.blocks[source],
        copies=None if copies is None else copies[source],
        source=source,
    )


def observed_share(spins: Array) -> Array:
    """The share of the rows in which both spins of a pair are observed, `(D, D)`."""
    there = np.abs(spins)
    return there.T @ there / len(spins)


def _enumerated(counts: Array) -> int:
    """The largest number of missing cells whose completions are enumerated."""
    for most in range(MANY, FEW, -1):
        few = counts[counts <= most]
        if (2.0**few).sum() + SAMPLES * (counts > most).sum() <= COMPLETIONS:
            return most
    return FEW


def _all_completions(spins: Array, gaps: Array, effect: Array, couplings: Array, m: int) -> tuple[Array, Array]:
    """All `2^m` completions of rows with `m` missing cells, `(R 2^m, D)`, and the probability of each, `(R, 2^m)`."""
    sites = np.nonzero(gaps)[1].reshape(-1, m)
    patterns = 2.0 * enumerate_states(m).double().numpy() - 1
    rows = np.arange(len(spins))[:, None]
    inside = couplings[sites[:, :, None], sites[:, None]]
    log_weight = effect[rows, sites] @ patterns.T + 0.5 * np.einsum("pa,rab,pb->rp", patterns, inside, patterns)
    found = np.repeat(spins[:, None], len(patterns), axis=1)
    found[rows[:, :, None], np.arange(len(patterns))[None, :, None], sites[:, None]] = patterns[None]
    return found.reshape(-1, spins.shape[1]), softmax(log_weight, axis=1)
