"""Finite-size scaling: crossings of the Binder cumulant, the critical temperature, and exponents, with errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.lattices.observables import Estimate

Array = NDArray[np.float64]

RESAMPLES = 400
"""number of resampled curves from which errors come"""
DEGREE = 3
"""degree of the polynomials through the curves"""


@dataclass(frozen=True)
class Scaling:
    """The critical point from crossings of the Binder cumulant of several sizes.

    >>> from discrete_ed import Estimate
    >>> Scaling({}, Estimate(2.27, 0.01), Estimate(0.61, 0.01), {}).critical_temperature.value
    2.27
    """

    crossings: dict[tuple[int, int], Estimate]
    """temperature at which the cumulants of two sizes agree"""
    critical_temperature: Estimate
    """`T_c`, the mean of the crossings, weighted by the inverse squares of their errors"""
    binder: Estimate
    """`U₄` at the crossing of the two largest sizes"""
    exponents: dict[str, Estimate]
    """`1/ν`, `β/ν` and `γ/ν`, from the ratios of two sizes (the smallest and the largest) at `T_c`"""


def scale(
    temperatures: Sequence[float], curves: Mapping[int, Mapping[str, Sequence[Estimate]]], *, seed: int = 0
) -> Scaling:
    """Where the Binder cumulants of several sizes cross, and the exponents there.

    A polynomial of degree 3 is fitted to each curve, weighted by its errors. With `L < L'`, `U_L(T) = U_L'(T)` at
    the crossing, and at `T_c`

        1/ν = ln(U'_L' / U'_L) / ln(L'/L),   β/ν = −ln(m_L' / m_L) / ln(L'/L),   γ/ν = ln(χ_L' / χ_L) / ln(L'/L)

    with `m = ⟨|m|⟩` and `χ = N ⟨m²⟩/T`. Errors are the standard deviations over curves that are resampled within their
    errors. Corrections to scaling are not fitted, so small sizes shift `T_c`.

    Args:
        temperatures: at least 4, around the critical one.
        curves: for each size `L` the quantities `binder`, `abs_magnetisation` and `square_magnetisation` at all
            temperatures.

    Raises:
        InputError: fewer than 2 sizes or 4 temperatures; curves of the largest sizes that don't cross in the range.

    Source: Binder 1981, Zeitschrift für Physik B 43, 119–140.

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
    rng = np.random.default_rng(seed)
    middle, width = t.mean(), np.ptp(t) / 2
    fits = {
        name: {size: _fits((t - middle) / width, curves[size][name], rng) for size in sizes}
        for name in ("binder", "abs_magnetisation", "square_magnetisation")
    }
    found = {
        pair: middle
        + width * np.array([_crossing(a, b) for a, b in zip(*(fits["binder"][s] for s in pair), strict=True)])
        for pair in combinations(sizes, 2)
    }
    last = sizes[-2], sizes[-1]
    if not np.isfinite(found[last]).mean() > 0.9:
        raise InputError(
            f"temperatures: expected a range in which the Binder cumulants of sizes {last[0]} and {last[1]} cross, got "
            f"{t.min():g} to {t.max():g}; take more draws, or temperatures around T_c"
        )
    crossings = {pair: _estimate(values) for pair, values in found.items() if np.isfinite(values).mean() > 0.9}
    weights = {pair: each.error**-2 for pair, each in crossings.items()}
    total = sum(weights.values())
    critical = np.nansum([weights[pair] / total * found[pair] for pair in crossings], 0)
    x = (critical - middle) / width
    small, large = sizes[0], sizes[-1]

    def log_ratio(name: str, *, slope: bool = False) -> Array:
        values = [
            np.array([np.polyval(np.polyder(c) if slope else c, at) for c, at in zip(fits[name][size], x, strict=True)])
            for size in (small, large)
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(values[1] / values[0]) / np.log(large / small)

    exponents = {
        "1/ν": log_ratio("binder", slope=True),
        "β/ν": -log_ratio("abs_magnetisation"),
        "γ/ν": log_ratio("square_magnetisation"),
    }
    u = np.array(
        [np.polyval(c, at) for c, at in zip(fits["binder"][large], (found[last] - middle) / width, strict=True)]
    )
    return Scaling(crossings, _estimate(critical), _estimate(u), {name: _estimate(v) for name, v in exponents.items()})


def _fits(x: Array, curve: Sequence[Estimate], rng: np.random.Generator) -> list[Array]:
    """Polynomials through a curve: first that of the values themselves, then those of resampled values."""
    value, error = np.array([each.value for each in curve]), np.array([each.error for each in curve])
    weight = 1 / np.maximum(error, 1e-4 * np.ptp(value) + 1e-12)
    degree = min(DEGREE, len(x) - 1)
    noise = np.concatenate([np.zeros((1, len(x))), rng.standard_normal((RESAMPLES, len(x)))])
    return [np.polyfit(x, value + error * row, degree, w=weight) for row in noise]


def _crossing(small: Array, large: Array) -> float:
    """The root of the difference of two polynomials in [−1, 1] that is nearest to the middle; NaN if there is none."""
    roots = np.roots(small - large)
    real = roots.real[(abs(roots.imag) < 1e-9) & (abs(roots.real) <= 1)]
    return float(real[abs(real).argmin()]) if len(real) else np.nan


def _estimate(values: Array) -> Estimate:
    """The value of the curves themselves, and the spread of the resampled ones."""
    known = values[1:][np.isfinite(values[1:])]
    return Estimate(float(values[0]), float(known.std()) if len(known) > 1 else np.nan)
