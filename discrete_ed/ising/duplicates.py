"""Equal rows: whether there are more of them than independent rows of the fitted model would have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.energies.local import Exact
from discrete_ed.ising.dependence import energies, row_patterns
from discrete_ed.ising.estimators import ConfiguredEstimator
from discrete_ed.ising.objectives import enumerated
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Array, Parameters
from discrete_ed.ising.penalties import Free, Refit
from discrete_ed.ising.selection import PRICES
from discrete_ed.names import SMALL_BITS
from discrete_ed.samplers import GibbsSweep, sample

MOST_ROWS, MOST_CELLS = 2000, 200_000
"""largest number of rows, and of their cells, that are compared with samples of the model"""
SWEEPS = 30
"""sweeps of single spins from each row"""
LIMIT = 5.0
"""number of standard deviations above chance that counts as an excess"""
REPEATED = 0.05
"""share of the rows with counts above which those that repeat a pattern are pointed out"""
ALIKE = 0.95
"""correlation with another column from which on a column hardly differs from it"""
SURE, TIMES = 12.0, 4.0
"""the same for pairs of equal rows that are unlikely, and how many times as many as expected they must be: a model that
misses some pairs expects too few"""


def equal_row_warnings(
    estimator: ConfiguredEstimator, data: Observations, parameters: Parameters, *, is_lasso: bool
) -> list[str]:
    """A warning of equal rows. Independent rows of a shrunk model are too seldom equal, so a model without shrinkage
    judges. Where L1 was chosen, none describes ordered states well: neither one with all pairs free, nor one with the
    pairs that are worth their price. Then only an excess beyond doubt, or beyond both of them, alarms.

    Args:
        data: observations, whose weights, if there are any, are counts.
        parameters: the estimate without shrinkage.
    """
    seed = estimator.seed
    spins = data.spins if data.weights is None else _counted(data.spins, data.weights, seed)
    if _counts(spins)[0] == len(spins) or columns_hardly_differ(spins):
        return []
    if not is_lasso:
        said = duplicate_warnings(spins, parameters, seed)
        return said or unlikely_repeats(spins, parameters, seed)
    plain = replace(estimator, name="single-site")
    free, refitted = (penalty.estimate(plain, data) for penalty in (Free(), Refit(PRICES[-1])))
    if said := duplicate_warnings(spins, free, seed, rough=True):
        return said
    return unlikely_repeats(spins, free, seed) and unlikely_repeats(spins, refitted, seed)


def count_warnings(data: Observations, said: Sequence[str]) -> list[str]:
    """A warning if whole weights may be none of counts: rows repeat patterns, each of which counts would have once, or
    the rows that they stand for are too often equal.

    Args:
        said: what `equal_row_warnings` says.
    """
    rows, repeated = len(data.spins), len(data.spins) - _counts(data.spins)[0]
    if data.size <= rows or not (said or repeated > REPEATED * rows):
        return []
    why = "" if said else f", though {repeated} of the {rows} rows repeat the pattern of another one"
    return [
        f"the weights are whole numbers, and are read as counts of equal rows{why}: {rows} rows count as "
        f"{data.size:.0f}; if each row is one observation, divide the weights by their mean"
    ]


def duplicate_warnings(spins: Array, parameters: Parameters, seed: int, rough: bool = False) -> list[str]:
    """A warning if complete rows are equal more often than independent rows of the fitted model.

    The number `K` of different rows is compared with what the model makes likely: `Σ_x 1 − (1 − p(x))^N`, by
    enumeration up to 16 spins; otherwise with the number after 30 Gibbs sweeps from each of at most 2,000 rows, which
    leave independent rows of the model what they are. The variance of `K` is at most the expected number of rows that
    occur once, since `e^{−λ} (1 − e^{−λ}) ≤ λ e^{−λ}` for the Poisson number of each pattern. For a rough model
    `K` must also be below half of what it makes likely, or below a third of it where both were counted after sweeps.
    """
    d = spins.shape[1]
    spins = spins if d <= SMALL_BITS else _some(spins, seed)
    rows = len(spins)
    share = 1.0 if not rough else 0.5 if d <= SMALL_BITS else 1 / 3
    different, once = _counts(spins)
    if different == rows:
        return []
    if d <= SMALL_BITS:
        law = enumerated(parameters).law
        absent = np.exp(rows * np.log1p(-np.minimum(law, 1 - 1e-15)))
        expected, variance = float((1 - absent).sum()), float((rows * law * absent / (1 - law + 1e-15)).sum())
    else:
        expected, once_after = _counts(_swept(spins, parameters, seed))
        variance = once + once_after
    if expected - different <= LIMIT * np.sqrt(variance + 1) or different >= share * expected:
        return []
    return [
        f"equal rows are more frequent than the fitted model makes likely: {different} of {rows} rows differ, where "
        f"{expected:.0f} would; either rows repeat each other (name what belongs together as blocks), or the model "
        "does not describe the data (see the goodness of fit)"
    ]


def _counted(spins: Array, counts: Array, seed: int) -> Array:
    """About 2,000 of the rows that counts stand for, or all of them, each with the same probability."""
    share = min(1.0, MOST_ROWS / counts.sum())
    chosen = np.random.default_rng(seed).binomial(counts.astype(np.int64), share)
    return np.repeat(spins, chosen, axis=0)


def _some(spins: Array, seed: int) -> Array:
    """At most 2,000 rows, and fewer of many spins."""
    rows = min(len(spins), MOST_ROWS, max(MOST_CELLS // spins.shape[1], 2))
    return spins if rows == len(spins) else spins[np.random.default_rng(seed).choice(len(spins), rows, replace=False)]


def _swept(spins: Array, parameters: Parameters, seed: int) -> Array:
    """The rows after 30 Gibbs sweeps, as spins."""
    energy = IsingEnergy(torch.from_numpy(parameters.couplings), torch.from_numpy(parameters.fields))
    start = torch.from_numpy((spins > 0).astype(np.float64))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        moved = sample(GibbsSweep(), Exact(energy), start, SWEEPS, generator=generator)
    return np.asarray(2 * moved.numpy() - 1)


def unlikely_repeats(spins: Array, parameters: Parameters, seed: int) -> list[str]:
    """A warning if rows that the model makes unlikely are equal to others far more often than it explains.

    Rows that are likely are equal in independent rows too; those that are hardly expected once say more. Up to 16 spins
    these are the patterns with `λ = N p < 1`, of which `Σ λ² / 2` pairs are expected. Otherwise they are the rows above
    the median energy of the rows after 30 Gibbs sweeps, as in `duplicate_warnings`, whose pairs are counted likewise.
    """
    rows, d = spins.shape
    if d > SMALL_BITS:
        spins = _some(spins, seed)
        moved = _swept(spins, parameters, seed)
        after = energies(moved, parameters)
        least = float(np.median(after))
        expected = _pairs(moved[after >= least])
        observed = _pairs(spins[energies(spins, parameters) >= least])
        variance = 2 * expected
    else:
        often = rows * enumerated(parameters).law
        variance = expected = float((often[often < 1] ** 2).sum() / 2)
        place = (spins > 0) @ (1 << np.arange(d)[::-1])
        observed = _pairs(spins[often[place] < 1])
    if observed - expected <= SURE * np.sqrt(variance + 1) or observed <= TIMES * expected:
        return []
    return [
        f"rows that the fitted model makes unlikely form {observed:.0f} pairs of equal ones, where it explains "
        f"{expected:.0f}: either rows repeat each other (name what belongs together as blocks), or the model does not "
        "describe the data (see the goodness of fit)"
    ]


def columns_hardly_differ(spins: Array) -> bool:
    """Whether most columns correlate by more than .95 with another one, with any sign.

    Of spins that are frozen like this fitted models make the wrong rows unlikely, so that equal rows say nothing.
    """
    varied = spins[:, spins.std(0) > 0].astype(float)
    if varied.shape[1] < 2:
        return True
    correlations = np.abs(np.corrcoef(varied.T))
    np.fill_diagonal(correlations, 0)
    return bool(np.median(correlations.max(0)) > ALIKE)


def _pairs(rows: Array) -> float:
    """The number of pairs of equal rows."""
    counts = row_patterns(rows)[1] if len(rows) else np.zeros(0)
    return float((counts * (counts - 1) / 2).sum())


def _counts(rows: Array) -> tuple[int, int]:
    """The number of different rows, and of those that occur once."""
    _, counts = np.unique(np.packbits(rows > 0, axis=1), axis=0, return_counts=True)
    return len(counts), int((counts == 1).sum())
