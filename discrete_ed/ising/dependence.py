"""Rows that depend on each other: tests, the length of blocks, and the number of rows in effect."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import poisson

from discrete_ed.ising.objectives import effects
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import Array, Parameters
from discrete_ed.ising.pseudo_likelihood import PseudoLikelihoodFit
from discrete_ed.ising.site_fits import LARGE

TESTED = 20_000
"""number of rows, from the first, that are tested for dependence"""
FEWEST = 30
"""smallest number of rows with which dependence is tested"""
LAGS = 5
"""distances up to which rows are compared"""
REFERENCES = 60
"""number of large distances that show how alike rows are by chance"""
DIFFERENT = 20
"""smallest number of different rows of which all may be called copies"""
LIMIT = 5.0
"""number of standard deviations above chance that counts as dependence"""
MANY = 1000.0
"""number of standard deviations above which the number itself says nothing"""
RARE = 1e-6
"""probability below which a number of equal rows counts as dependence"""
FORM = 10
"""mean number of rows that lack the same cells from which on they are exchanged with each other"""
COMPARED = 200
"""largest number of spins whose pairs have design effects of their own; of more, some give the common one"""
BLOCKS = 20
"""smallest number of blocks into which rows are divided if the length is found automatically"""


class Dependence(NamedTuple):
    """What was found about rows that depend on each other."""

    blocks: Array
    """the number of each row's block, `(N,)`"""
    finding: str
    """what was found, in words"""


def find_dependence(spins: Array) -> Dependence | None:
    """Blocks of rows that depend on each other, or None if the rows look independent.

    Neighbouring rows are compared with rows that are far apart, at least a quarter of the table: the mean product of
    all spins, the mean square of that product, which is that of all pairs, and the share of equal rows. Anything more
    than five standard deviations above the values at 60 large distances, or with a probability below 10⁻⁶, counts.
    Blocks are then twice as long as the integrated autocorrelation time of the spins, and at least 20.

    Equal rows far apart count as dependent if their multiplicities are such that independent rows of no law have them:
    if far fewer rows occur three times than the numbers `f₁`, `f₂` of those that occur once and twice demand, `f₃ ≥ 2
    f₂² / 3 f₁` (the moments of a mixture of Poisson laws are log-convex). Equal rows are then one block.

    Source of the autocorrelation time: Sokal 1997, Monte Carlo methods in statistical mechanics.
    """
    if len(spins) < FEWEST or not _vary(spins):
        return None
    first = spins[:TESTED]
    columns = np.arange(first.shape[1])
    if first.size > LARGE:  # a sample of the columns tells as much
        columns = np.random.default_rng(0).choice(columns, max(1, int(LARGE) // len(first)), replace=False)
    words = _neighbours(_standardised(first[:, columns]), same=row_patterns(first)[0], forms=_forms(first))
    if words:
        length = block_length_of(_standardised(spins))
        return Dependence(blocks_of_length(len(spins), length), f"{words}; rows in blocks of {length}")
    place, counts = row_patterns(spins)
    words = _multiplicities(counts)
    return Dependence(place, f"{words}; equal rows are one block") if words else None


def without_copies(spins: Array) -> tuple[Array, Array | None, int]:
    """The rows without their copies if every row occurs `K` times or a multiple of that.

    Fewer than 20 different rows may have such numbers by chance.

    Returns:
        The rows: in their order if each is followed by its copies, or the whole table by copies of itself; otherwise
        all different rows. The number of times that each remains, if it may be several; and `K`, 1 if nothing changed.
    """
    place, counts = row_patterns(spins)
    factor = int(np.gcd.reduce(counts))
    if factor == 1 or len(counts) < DIFFERENT:
        return spins, None, 1
    rows = len(spins) // factor
    for kept, again in ((spins[::factor], np.repeat), (spins[:rows], _tiled)):
        if np.array_equal(again(kept, factor, axis=0), spins):
            return kept, None, factor
    return spins[np.unique(place, return_index=True)[1]], counts / factor, factor


def energies_depend(energies: Array) -> bool:
    """Whether the energies of neighbouring rows, `(N,)`, are more alike than those of rows far apart."""
    if len(energies) < FEWEST or energies.std() < 1e-9:
        return False
    return bool(_neighbours(_standardised(energies[:TESTED, None]), "energies under the fitted model"))


def block_length_of(values: Array) -> int:
    """Twice the integrated autocorrelation time, at least 2 rows, and at most a twentieth of them; from `(N, K)`."""
    return int(np.clip(np.ceil(2 * autocorrelation_time(values)), 2, max(2, len(values) // BLOCKS)))


def blocks_of_length(rows: int, length: int) -> Array:
    """The number of each row's block, where `length` rows in sequence are a block; a short rest joins the last."""
    return np.minimum(np.arange(rows) // length, max(rows // length - 1, 0))


def autocorrelation_time(values: Array) -> float:
    """The integrated autocorrelation time `1 + 2 Σ_k ρ_k` in rows, from all columns `(N, K)` together.

    The sum ends at the first window of at least five times its value.
    """
    n = len(values)
    length = 2 ** int(np.ceil(np.log2(2 * n)))
    power = np.zeros(length // 2 + 1)
    for column in values.T:
        power += np.abs(np.fft.rfft(column - column.mean(), length)) ** 2
    correlation = np.fft.irfft(power, length)[:n]
    times = 2 * np.cumsum(correlation / max(correlation[0], 1e-300)) - 1
    window = np.flatnonzero(np.arange(n) >= 5 * times)
    return float(max(times[window[0]] if len(window) else times[n // 2], 1.0))


def design_effects(fit: PseudoLikelihoodFit, data: Observations) -> tuple[float, Array]:
    """How much more the derivatives in the couplings vary between blocks than they would between independent rows.

    For each pair `Σ_b (Σ_{n∈b} g_n − mean)² / Σ_n (g_n − mean)²`, where `g_n` is the derivative of the loss of row `n`
    in its coupling; and the same with sums over all pairs above and below. The rows count as `N` divided by the latter.

    Returns:
        The common design effect, at least the smallest that makes sense, and that of each pair relative to it, at least
        one, `(D, D)`.
    """
    s = fit.columns.spins
    slope = -2 * fit.opposite * s
    if len(s) > COMPARED:
        some = np.random.default_rng(0).choice(len(s), COMPARED, replace=False)
        s, slope = s[some], slope[some]
    weights = np.ones(s.shape[1]) if data.weights is None else data.weights
    blocks = np.zeros(0) if data.blocks is None else data.blocks
    order = np.argsort(blocks, kind="stable")
    edges = np.flatnonzero(np.diff(blocks[order])) + 1
    total = _pair_sums(slope * weights, s)
    size, squares, count = weights.sum(), np.zeros_like(total), len(edges) + 1
    for rows in np.split(order, edges):
        share = weights[rows].sum() / size
        squares += (_pair_sums(slope[:, rows] * weights[rows], s[:, rows]) - share * total) ** 2
    power = (slope**2) @ weights
    both = (slope * s * weights) @ (slope * s).T
    rows = power[:, None] + power[None] + 2 * both - total**2 / size
    upper = np.triu_indices(len(s), 1)
    squares *= count / (count - 1)
    common = float(squares[upper].sum() / max(rows[upper].sum(), 1e-300))
    common = max(common, 1e-12)
    ratio = np.where(rows > 1e-9, squares / np.maximum(rows, 1e-9) / common, 1.0)
    if len(s) < len(fit.columns.spins):
        return common, np.ones((len(fit.columns.spins),) * 2)
    return common, np.maximum(ratio, 1.0)


def energies(spins: Array, parameters: Parameters) -> Array:
    """`E(s)` of each row, `(N,)`."""
    half = Parameters(parameters.couplings / 2, parameters.fields)
    return np.concatenate([-(part * effect).sum(1) for part, effect in effects(spins, half)])


def deflated(data: Observations, design: float, factors: Array) -> Observations:
    """The same observations, each counting for less, so that together they count as many as there are in effect.

    Args:
        design, factors: the common design effect, and that of each pair, see `design_effects`.
    """
    weights = np.ones(len(data.spins)) if data.weights is None else data.weights
    return replace(data, weights=weights / max(design, 1.0), price_factors=factors)


def _pair_sums(slope: Array, spins: Array) -> Array:
    sums = slope @ spins.T
    return sums + sums.T


def _vary(spins: Array) -> bool:
    return bool((spins != spins[0]).any())


def _standardised(values: Array) -> Array:
    """Columns with mean 0 and, if they vary, variance 1."""
    centred = values - values.mean(0)
    return centred / np.maximum(centred.std(0), 1e-9)


def _forms(spins: Array) -> Array | None:
    """The number of the set of cells that each row lacks, `(N,)`, if rows lack few different sets, as where they are
    forms of a questionnaire; otherwise None."""
    if spins.all():
        return None
    form, counts = row_patterns(np.where(spins == 0, -1.0, 1.0))
    return form if len(spins) >= FORM * len(counts) else None


def _exchanged(forms: Array, rng: np.random.Generator) -> Array:
    """An order of the rows in which those that lack the same cells are exchanged at random."""
    order = np.empty(len(forms), int)
    order[np.argsort(forms, kind="stable")] = np.lexsort((rng.random(len(forms)), forms))
    return order


def _neighbours(x: Array, name: str = "spins", same: Array | None = None, forms: Array | None = None) -> str:
    """What neighbouring rows have in common beyond chance, in words; empty if nothing.

    Args:
        same: the number of each row's pattern, by which rows are compared as a whole; by default their values.
        forms: which rows lack the same cells. Such rows may follow each other, so that rows far apart are no measure
            of chance; neighbours after exchanges of such rows are.
    """
    same = np.unique(x, axis=0, return_inverse=True)[1].ravel() if same is None else same
    n, lags = len(x), range(1, LAGS + 1)
    far = np.unique(np.linspace(n // 4, 3 * n // 4, REFERENCES).astype(int))
    near = np.array([_likeness(x, same, lag) for lag in lags])
    if forms is None:
        chance = np.array([[_likeness(x, same, lag)] for lag in far.tolist()])
    else:  # which forms are compared depends on the distance
        orders = (_exchanged(forms, rng) for rng in np.random.default_rng(0).spawn(len(far)))
        chance = np.array([[_likeness(x[order], same[order], lag) for lag in lags] for order in orders])
    compared = [(f"{name} of neighbouring rows", 0)]
    compared += [("pairs of spins of neighbouring rows", 1)] if name == "spins" else []
    for words, kind in compared:
        for terms in (1, LAGS):
            values = chance[:, :terms, kind].mean(1)
            fewer = terms / chance[:, :terms].shape[1]  # each distance alone is as noisy as one that is far
            noise, excess = values.std() / np.sqrt(fewer), near[:terms, kind].mean() - values.mean()
            if excess > LIMIT * (1 + 20 / n) * noise * np.sqrt(1 + fewer / len(far)):
                deviations = excess / max(noise, 1e-300)
                many = f"{deviations:.0f}" if deviations < MANY else f"more than {MANY:.0f}"
                return f"{words} are correlated ({many} standard deviations)"
    equal, by_chance = near[0, 2], chance[:, 0, 2]
    expected = (by_chance.sum() + 1) / len(far)
    noise = max(np.sqrt(expected), by_chance.std())
    if equal > expected + LIMIT * noise and poisson.sf(equal - 1, expected) < RARE and name == "spins":
        return f"{equal:.0f} neighbouring rows are equal, where {expected:.0f} would be by chance"
    return ""


def _likeness(x: Array, same: Array, lag: int) -> tuple[float, float, float]:
    """Mean product, mean squared product, and number of equal rows at a distance, around the end."""
    other = np.roll(x, lag, axis=0)
    product = np.einsum("nd,nd->n", x, other) / x.shape[1]
    return product.mean(), (product**2).mean(), float((same == np.roll(same, lag)).sum())


def row_patterns(spins: Array) -> tuple[Array, Array]:
    """The number of each row's pattern, `(N,)`, and how often each occurs; a missing cell is not a spin down."""
    cells = np.hstack([spins > 0, spins < 0]) if not spins.all() else spins > 0
    _, place, counts = np.unique(np.packbits(cells, axis=1), axis=0, return_inverse=True, return_counts=True)
    return place.ravel(), counts


def _tiled(rows: Array, times: int, axis: int) -> Array:
    return np.concatenate([rows] * times, axis)


def _multiplicities(counts: Array) -> str:
    """What is wrong with the numbers of times that rows occur, in words; empty if nothing."""
    once, twice, thrice = ((counts == k).sum() for k in (1, 2, 3))
    surely_twice, surely_once = twice - 3 * np.sqrt(twice), once + 3 * np.sqrt(once) + 3  # by three deviations
    least = 2 * max(surely_twice, 0) ** 2 / (3 * surely_once)
    if poisson.cdf(thrice, least) < RARE:
        return f"{twice} rows occur twice and {thrice} three times, which independent rows would hardly do"
    return ""
