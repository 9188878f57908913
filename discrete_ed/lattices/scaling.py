"""Finite-size scaling: crossings of the Binder cumulant, the critical temperature, and exponents, with errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.lattices.collapse import DEGREE, Collapse
from discrete_ed.lattices.observables import Estimate

Array = NDArray[np.float64]

CORRECTION_EXPONENTS = {2: 1.75, 3: 0.83}
"""by the number of dimensions, the exponent `ω` with which the Binder cumulant of Ising models comes to its limit"""
RESAMPLES = 400
"""number of resampled curves from which errors come"""
CORRELATION = 0.9
"""of the errors of `U₄` with those of `⟨|m|⟩` (.88 to .95) and `⟨m²⟩` (.82 to .9) of one run, near `T_c`"""
FEWEST = 5
"""temperatures around the crossing that are kept, where polynomials don't fit a wider range"""
MISFIT = 1e-3
"""probability of so large a misfit by chance, below which polynomials don't fit"""


@dataclass(frozen=True)
class Scaling:
    """The critical point from the Binder cumulants of several sizes.

    >>> from discrete_ed import Estimate
    >>> Scaling({}, Estimate(2.27, 0.01), Estimate(0.61, 0.01), {}).critical_temperature.value
    2.27
    """

    crossings: dict[tuple[int, int], Estimate]
    """temperature at which the cumulants of two sizes agree"""
    critical_temperature: Estimate
    """`T_c`, where the cumulants of all sizes cross, apart from the correction"""
    binder: Estimate
    """`U₄` at `T_c`, without the correction"""
    exponents: dict[str, Estimate]
    """`1/ν`, `β/ν` and `γ/ν`, from the ratios of two sizes (the smallest and the largest) at `T_c`"""
    correction: Estimate | None = None
    """what is added to `U₄` at `T_c` for the smallest size; None if it wasn't fitted"""


def scale(
    temperatures: Sequence[float],
    curves: Mapping[int, Mapping[str, Sequence[Estimate]]],
    *,
    correction: float | None = None,
    seed: int = 0,
) -> Scaling:
    """Where the Binder cumulants of several sizes cross, and the exponents there.

    All cumulants are fitted together, weighted by their errors, by one polynomial `f` of degree 4, with a slope `a_L`
    for each size, and from three sizes on, if `correction` is given, with a correction to scaling of amplitude `c`:

        U_L(T) = f(a_L (T − T_c)) + c (L/L_min)^−ω

    Without it, small sizes shift `T_c`: two sizes cross about `L^(−ω−1/ν)` away from it. While the fit is bad, the
    temperatures farthest from `T_c` are left out, and then the smallest size. At `T_c`, with polynomials through the
    other curves,

        1/ν = ln(a_L' / a_L) / ln(L'/L),   β/ν = −ln(m_L' / m_L) / ln(L'/L),   γ/ν = ln(χ_L' / χ_L) / ln(L'/L)

    with the smallest and the largest size, `m = ⟨|m|⟩` and `χ = N ⟨m²⟩/T`. Errors are the standard deviations
    over curves that are resampled within their errors, which count as larger where the fit is worse than they allow;
    `U₄`, `⟨|m|⟩` and `⟨m²⟩` of one run err together, with a correlation of .9.

    Args:
        temperatures: at least 4, around the critical one.
        curves: for each size `L` the quantities `binder`, `abs_magnetisation` and `square_magnetisation` at all
            temperatures.
        correction: `ω`; of models in the Ising universality class 7/4 in two dimensions and .83 in three.

    Raises:
        InputError: fewer than 2 sizes or 4 temperatures; a number that isn't finite; curves of the largest sizes that
            don't cross in the range, or that bend too much between the temperatures to be fitted.

    Source: Binder 1981, Zeitschrift für Physik B 43, 119–140; `ω` from Salas and Sokal 2000, Journal of Statistical
    Physics 98, 551–588, and Pelissetto and Vicari 2002, Physics Reports 368, 549–727.

    >>> from discrete_ed import Estimate
    >>> def curve(size, law):
    ...     return [Estimate(law((t - 2) * size), 1e-3) for t in (1.9, 1.95, 2.05, 2.1)]
    >>> laws = {"binder": lambda x: 0.6 - 0.1 * x, "abs_magnetisation": lambda x: 1 - 0.1 * x}
    >>> laws["square_magnetisation"] = laws["abs_magnetisation"]
    >>> curves = {size: {name: curve(size, law) for name, law in laws.items()} for size in (4, 8)}
    >>> round(scale([1.9, 1.95, 2.05, 2.1], curves).critical_temperature.value, 3)
    2.0
    """
    sizes, t = sorted(curves), np.asarray(temperatures, float)
    if len(sizes) < 2 or len(t) < 4:
        raise InputError(f"size: expected at least 2 sizes and 4 temperatures, got {len(sizes)} and {len(t)}")
    order = np.argsort(t)
    t, known = t[order], {n: _arrays(curves, sizes, n, order) for n in curves[sizes[0]]}
    for name, values in known.items():
        if not np.isfinite(values).all():
            raise InputError(f"curves: expected finite values and errors, got NaN or an infinite one in {name}")
    last = f"sizes {sizes[-2]} and {sizes[-1]}"
    nowhere = InputError(
        f"temperatures: expected a range in which the Binder cumulants of {last} cross, got {t.min():g} to "
        f"{t.max():g}; take more draws, or temperatures around T_c"
    )
    start = _start(t, known["binder"][0])
    if start is None:
        raise nowhere
    for first, kept in _choices(t, len(sizes), start):
        omega = correction if len(sizes) - first > 2 else None
        fit = Collapse(t[kept], sizes[first:], known["binder"][:, first:, kept], omega, start)
        if fit.chance > MISFIT:
            break
    else:
        raise InputError(
            f"temperatures: expected ones so close to {start:.4g} that the Binder cumulants of {last} can be fitted by "
            f"polynomials, got {t[kept][0]:g} to {t[kept][-1]:g} around it; take a narrower range"
        )
    sizes, known = sizes[first:], {name: values[:, first:, kept] for name, values in known.items()}
    t = t[kept]
    noise = _noise(np.random.default_rng([seed, 0]), known["binder"]) * fit.excess
    found = fit.resampled(noise)
    critical = found["critical"]
    if not ((critical >= t[0]) & (critical <= t[-1])).mean() > 0.9:
        raise nowhere
    other = _noise(np.random.default_rng([seed, 1]), known["binder"]) * fit.excess
    other = CORRELATION * noise + np.sqrt(1 - CORRELATION**2) * other
    fits = {name: _fits(t, values, noise if name == "binder" else other) for name, values in known.items()}
    x = _unit(critical, t)

    def log_ratio(values: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(values[-1] / values[0]) / np.log(sizes[-1] / sizes[0])

    def at_critical(name: str) -> Array:
        return np.stack([_polynomials(fits[name][k], x) for k in range(len(sizes))])

    exponents = {
        "1/ν": log_ratio(found["slopes"]),
        "β/ν": -log_ratio(at_critical("abs_magnetisation")),
        "γ/ν": log_ratio(at_critical("square_magnetisation")),
    }
    middle, width = (t[0] + t[-1]) / 2, (t[-1] - t[0]) / 2
    near = float(_unit(critical[:1], t)[0])
    crossings = {}
    for a, b in combinations(range(len(sizes)), 2):
        pairs = zip(fits["binder"][a], fits["binder"][b], strict=True)
        values = middle + width * np.array([_crossing(low, high, near) for low, high in pairs])
        if np.isfinite(values).mean() > 0.9 and np.isfinite(values[0]):
            crossings[sizes[a], sizes[b]] = _estimate(values)
    return Scaling(
        crossings,
        _estimate(critical),
        _estimate(found["binder"]),
        {name: _estimate(values) for name, values in exponents.items()},
        None if omega is None else _estimate(found["correction"]),
    )


def _choices(t: Array, sizes: int, start: float) -> Iterator[tuple[int, slice]]:
    """The first size and the temperatures to fit, from all of them to the two largest sizes and a few temperatures
    around the start."""
    for first in range(sizes - 1):
        low, high = 0, len(t)
        yield first, slice(low, high)
        while high - low > FEWEST:
            low, high = (low + 1, high) if start - t[low] > t[high - 1] - start else (low, high - 1)
            yield first, slice(low, high)


def _arrays(
    curves: Mapping[int, Mapping[str, Sequence[Estimate]]], sizes: list[int], name: str, order: NDArray[np.intp]
) -> Array:
    """Values and errors of a quantity, `(2, L, T)`."""
    pairs = np.array([[(each.value, each.error) for each in curves[size][name]] for size in sizes])
    return np.moveaxis(pairs, -1, 0)[:, :, order]


def _start(t: Array, binder: Array) -> float | None:
    """Where the cumulants of the two largest sizes, `(L, T)`, first cross between neighbouring temperatures, the
    steepest crossing if there are several; None if there is none."""
    apart = binder[-1] - binder[-2]
    rise = np.abs(np.diff(apart)) * (np.sign(apart[1:]) != np.sign(apart[:-1]))
    if not rise.any():
        return None
    k = int(rise.argmax())
    return float(t[k] + (t[k + 1] - t[k]) * apart[k] / (apart[k] - apart[k + 1]))


def _noise(rng: np.random.Generator, curves: Array) -> Array:
    """Normal noise `(n + 1, L, T)` for `n` resampled curves, and first none, for the curve itself."""
    shape = curves.shape[1:]
    return np.concatenate([np.zeros((1, *shape)), rng.standard_normal((RESAMPLES, *shape))])


def _unit(x: Array, t: Array) -> Array:
    """Temperatures in units of the range, from −1 to 1."""
    return np.asarray((x - (t[0] + t[-1]) / 2) / ((t[-1] - t[0]) / 2))


def _fits(t: Array, curves: Array, noise: Array) -> list[Array]:
    """For each size the coefficients `(n, degree + 1)` of polynomials through the curves, `(2, L, T)`, with noise."""
    x, degree = _unit(t, t), min(DEGREE, max(2, len(t) - 2))
    fits = []
    for k, (value, error) in enumerate(zip(*curves, strict=True)):
        weight = 1 / np.maximum(error, 1e-4 * np.ptp(value) + 1e-12)
        fits.append(np.polyfit(x, (value + error * noise[:, k]).T, degree, w=weight).T)
    return fits


def _polynomials(coefficients: Array, x: Array) -> Array:
    """Polynomials, each with its row of coefficients, each at its place."""
    return np.asarray((coefficients * x[:, None] ** np.arange(coefficients.shape[1])[::-1]).sum(1))


def _crossing(small: Array, large: Array, near: float) -> float:
    """The root of the difference of two polynomials in [−1, 1] that is nearest to a place; NaN if there is none."""
    roots = np.roots(small - large)
    real = roots.real[(abs(roots.imag) < 1e-9) & (abs(roots.real) <= 1)]
    return float(real[abs(real - near).argmin()]) if len(real) else np.nan


def _estimate(values: Array) -> Estimate:
    """The value of the curves themselves, and the spread of the resampled ones."""
    known = values[1:][np.isfinite(values[1:])]
    return Estimate(float(values[0]), float(known.std()) if len(known) > 1 else np.nan)
