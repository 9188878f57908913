"""Errors of averages over time series of Markov chains: autocorrelation, blocking, the jackknife, thermalisation.

A series has the shape `(draw,)`, or `(draw, chain)` for several chains of one law. Times are in draws.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from discrete_ed.errors import InputError

Array = NDArray[np.float64]

WINDOW = 6.0
"""number of autocorrelation times after which the sum over autocorrelations stops"""
FEW = 50  # draws below which an array of many more chains may be one with its axes swapped
BLOCKS = 64
"""number of blocks of the jackknife"""
DISAGREEMENT = 1e-3  # probability of means of chains that differ by chance, below which `τ` is from their spread


@dataclass(frozen=True)
class Autocorrelation:
    """The integrated autocorrelation time `τ = ½ + Σ_t ρ(t)` of a series."""

    time: float
    """`τ` in draws; ½ for independent draws"""
    error: float
    """standard error of `τ`"""
    window: int
    """the lag at which the sum stops; the length of a chain where `τ` is from the spread of the chains"""
    draws: int
    """number of draws of all chains"""

    @property
    def ess(self) -> float:
        """The number of independent draws that the series is worth, `N / (2τ)`, and at most `N`.

        Draws that alternate around the mean tell more than independent ones, `τ < ½`; this gain is not counted, so
        that errors from it are never too small.
        """
        return self.draws / max(1.0, 2 * self.time)


def autocorrelation_time(series: ArrayLike, *, window: float = WINDOW) -> Autocorrelation:
    """The integrated autocorrelation time `τ = ½ + Σ_{t=1..W} ρ(t)` with the smallest `W >= window · τ(W)`.

    The variance of a mean is `2τ/N` times that of a draw. Autocovariances are averages over the chains, around their
    common mean. A mode that is slower than a chain is long, or so weak that the window ends before it is seen, shows
    in the means of the chains: where they differ by more than `τ` explains (by chance once in a thousand times), `τ` is
    the one that their spread tells, `½ n Var(means) / Var(draws)` for chains of `n` draws.

    Args:
        series: `(draw,)` or `(draw, chain)`, at least 4 draws.
        window: length of the window in units of `τ`.

    Returns:
        `τ` with its error `τ √((4W + 2)/N)`. Of a constant series `τ` is ½. Of draws that alternate it is less than
        ½, but never below `½ / log10(N)`, since a sum over autocorrelations of changing sign isn't known better.

    Raises:
        InputError: fewer than 4 draws, or a number that isn't finite.

    Source: Madras and Sokal 1988, Journal of Statistical Physics 50, 109–186; Wolff 2004, Computer Physics
    Communications 156, 143–153; the lower bound from Vehtari, Gelman and others 2021, Bayesian Analysis 16, 667–718.

    >>> independent = np.random.default_rng(0).standard_normal(10_000)
    >>> 0.4 < autocorrelation_time(independent).time < 0.6
    True
    """
    x = _series(series)
    draws, chains = x.shape
    scale = max(1.0, float((x**2).mean()))
    x = x - x.mean()
    size = 1 << (2 * draws - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(x, size, axis=0)) ** 2
    covariance = np.fft.irfft(spectrum.sum(1), size)[:draws] / (chains * np.arange(draws, 0, -1))
    if not covariance[0] > 1e-14 * scale:
        return Autocorrelation(0.5, 0.0, 0, x.size)
    tau = 0.5 + np.concatenate([[0.0], np.cumsum(covariance[1:] / covariance[0])])
    far = np.flatnonzero(np.arange(draws) >= window * tau)
    stop = int(far[0]) if len(far) else draws - 1
    time = max(float(tau[stop]), 0.5 / max(1.0, float(np.log10(x.size))))
    time *= 1 + (2 * stop + 1) / x.size  # the common mean takes away this share of all covariances
    if chains > 1:
        spread = 0.5 * draws * float(x.mean(0).var(ddof=1)) / float(covariance[0])
        if chdtrc(chains - 1, (chains - 1) * spread / time) < DISAGREEMENT:
            return Autocorrelation(spread, spread * (2 / (chains - 1)) ** 0.5, draws, x.size)
    return Autocorrelation(time, time * float(np.sqrt((4 * stop + 2) / x.size)), stop, x.size)


def blocking_error(series: ArrayLike) -> float:
    """The standard error of the mean by blocking: from blocks that are long enough to be independent.

    Blocks are doubled, and the first length `b` with `b³ > 2N (s_b/s_1)⁴` is taken, where `s_b` is the error from
    blocks of that length.

    Raises:
        InputError: fewer than 4 draws, or a number that isn't finite.

    Source: Flyvbjerg and Petersen 1989, Journal of Chemical Physics 91, 461–466; the length from Lee, Doll and others
    2011, Physical Review E 83, 066706.

    >>> independent = np.random.default_rng(0).standard_normal(10_000)
    >>> 0.009 < blocking_error(independent) < 0.012
    True
    """
    x = _series(series)
    total, block, first, error = x.size, 1, 0.0, 0.0
    while len(x) >= 4:
        error = float(x.std(ddof=1) / np.sqrt(x.size))
        first = first or error
        if block**3 > 2 * total * (error / first) ** 4 if first else True:
            break
        x = x[: len(x) // 2 * 2].reshape(len(x) // 2, 2, -1).mean(1)
        block *= 2
    return error


def jackknife(
    function: Callable[[Array], float | Array], columns: ArrayLike, *, blocks: int = BLOCKS
) -> tuple[Array, Array]:
    """A function of means, and its standard error, from leaving out one block of draws after the other.

    Blocks of consecutive draws absorb autocorrelation if they are many times longer than `τ`. Slower modes show only
    between independent chains, so the error is the larger one of those from leaving out blocks and from leaving out
    whole chains. The bias of first order is removed: `n f(all) − (n − 1) mean_b f(all but b)`.

    Args:
        function: takes the means of the columns, `(..., K)`, and returns values `(...)`; it is called with the means
            of all draws, `(K,)`, and with those without each block, `(n, K)`.
        columns: `(draw, K)` or `(draw, chain, K)`.
        blocks: the number of blocks of all chains together; each chain has the same number, at least 2 and at most one
            for each draw.

    Returns:
        The value and its error.

    Raises:
        InputError: fewer than 4 draws.

    Source: Quenouille 1956, Biometrika 43, 353–360; Tukey 1958.

    >>> x = np.random.default_rng(0).standard_normal((10_000, 1))
    >>> value, error = jackknife(lambda mean: mean[..., 0] ** 2, x)
    >>> bool(abs(value) < 4 * error + 1e-3)
    True
    """
    x = np.asarray(columns, float)
    x = x[:, None] if x.ndim == 2 else x
    draws, chains, _ = x.shape
    if draws < 4:
        raise InputError(f"columns: expected at least 4 draws, got {draws}")
    each = min(max(2, round(blocks / chains)), draws)
    length = draws // each
    x = x[draws - each * length :]  # the oldest draws that fill no block
    sums = x.reshape(each, length, chains, -1).sum(1)
    whole, without = _leaving_out(function, sums.reshape(each * chains, -1), length)
    error = _spread_of(without)
    if chains > 1:
        error = np.fmax(error, _spread_of(_leaving_out(function, sums.sum(0), each * length)[1]))
    count = each * chains
    return count * whole - (count - 1) * without.mean(0), error


def _leaving_out(function: Callable[[Array], float | Array], sums: Array, length: int) -> tuple[Array, Array]:
    """The function of the means of all parts, whose sums over `length` draws are `(n, K)`, and without each part."""
    total, count = sums.sum(0), len(sums)
    whole = np.asarray(function(total / (count * length)))
    return whole, np.asarray(function((total - sums) / ((count - 1) * length)))


def _spread_of(without: Array) -> Array:
    """The error of the jackknife from the values without each part, `(n, ...)`."""
    count = len(without)
    return np.sqrt((count - 1) / count * ((without - without.mean(0)) ** 2).sum(0))


def thermalisation(series: ArrayLike) -> int:
    """The number of draws to drop at the start, by the rule MSER: those whose removal makes the mean most certain.

    It is the `d`, at most half of the draws, that makes `Σ_{t>=d} (x_t − mean)² / (N − d)²` smallest, where `x` is the
    mean over the chains in batches of 5 draws. A `d` near one half means that the series is too short to tell.

    Raises:
        InputError: fewer than 4 draws, or a number that isn't finite.

    Source: White 1997, Simulation 69, 323–334; batches from White, Cobb and Spratt 2000.

    >>> rng = np.random.default_rng(0)
    >>> series = rng.standard_normal(2000) + 10 * np.exp(-np.arange(2000) / 30)
    >>> 80 < thermalisation(series) < 400
    True
    """
    x = _series(series).mean(1)
    batch = 5 if len(x) >= 50 else 1
    x = x[: len(x) // batch * batch].reshape(-1, batch).mean(1)
    x = x - x[len(x) // 2 :].mean()
    count = np.arange(len(x), 0, -1)
    sums, squares = x[::-1].cumsum()[::-1], (x**2)[::-1].cumsum()[::-1]
    rule = (squares - sums**2 / count) / count**2
    return int(rule[: len(x) // 2 + 1].argmin()) * batch


def warn_of_swapped_axes(series: Array) -> None:
    """Warn of a series `(draw, chain)` that looks like `(chain, draw)`: few draws, of far more chains."""
    if series.ndim == 2 and len(series) < FEW and series.shape[1] > 10 * len(series):
        draws, chains = series.shape
        warnings.warn(
            f"series: the shape is (draw, chain), so this one has {draws} draws of {chains} chains; transpose it if it "
            f"has {chains} draws of {draws} chains",
            RuntimeWarning,
            stacklevel=3,
        )


def _series(series: ArrayLike) -> Array:
    if np.iscomplexobj(series):
        raise InputError("series: expected real numbers, got complex ones")
    x = np.asarray(series, float)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or len(x) < 4:
        raise InputError(f"series: expected (draw,) or (draw, chain) with at least 4 draws, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise InputError("series: expected finite numbers, got NaN or an infinite one")
    warn_of_swapped_axes(x)
    return x
