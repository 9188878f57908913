"""What is measured on lattices: numbers of states, and quantities that are functions of their means, with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError, check_temperature
from discrete_ed.metrics.time_series import BLOCKS, autocorrelation_time, jackknife, warn_of_swapped_axes

Array = NDArray[np.float64]
LONG_BLOCKS = 16  # blocks of the jackknife for overlaps
LEAST_WAVE = 1e-9  # of ⟨|Σ_i s_i exp(i k r_i)|²⟩, below which it is the rounding of a sum that is zero


@dataclass(frozen=True)
class Series:
    """Measurements of chains at one temperature, one after each draw; arrays are `(draw, chain)`.

    Raises:
        InputError: arrays of different shapes, complex numbers or ones that aren't finite, a magnetisation outside
            [−1, 1], fewer than one site, a temperature below 1e-100 or above 1e100.

    >>> s = Series(np.full((8, 1), -2.0), np.ones((8, 1)), sites=16, temperature=2.0)
    >>> s.columns().shape
    (8, 1, 6)
    """

    energy: Array
    """energy for each site, `E / N`"""
    magnetisation: Array
    """`m = Σ_i s_i / N`"""
    sites: int
    """number of sites `N`"""
    temperature: float
    """`T`, in the units of the energy (k_B = 1)"""
    wave: Array | None = None
    """`|m_k|² = |Σ_i s_i exp(i k r_i) / N|²`, averaged over the smallest wave vectors of the lattice"""
    wave_number: float | None = None
    """`|k|` of these wave vectors"""
    in_field: bool = False
    """whether fields, constant or random ones, act on the spins, so that `⟨m⟩` is not zero: fluctuations are then those
    about `⟨m⟩`"""
    staggered_in_field: bool = False
    """whether the fields, with the couplings, favour one order of the sublattices over its reverse, as random fields
    do, so that `⟨m_s⟩` is not zero"""
    sublattices: Array | None = None
    """mean spin of each of two or three sublattices, `(draw, chain, q)`"""
    correlations: Array | None = None
    """mean of `s_i s_j` at 1, 2, … cells along the directions of the lattice, `(draw, chain, R)`"""

    def __post_init__(self) -> None:
        parts = [np.asarray(part) for part in (self.energy, self.magnetisation, self.wave) if part is not None]
        more = [np.asarray(part) for part in (self.sublattices, self.correlations) if part is not None]
        if any(part.shape[:-1] != parts[0].shape for part in more):
            raise InputError(f"series: expected sublattices and correlations of shape (draw, chain, K), with the "
                             f"{parts[0].shape} of the energy first, got {[part.shape for part in more]}")  # fmt: skip
        parts += [part[..., k] for part in more for k in range(part.shape[-1])]
        if any(np.iscomplexobj(part) for part in parts):
            raise InputError("series: expected real numbers, got complex ones")
        if len({part.shape for part in parts}) != 1:
            raise InputError(
                f"series: expected measurements of one shape, got {sorted({part.shape for part in parts})}"
            )
        if not all(np.isfinite(part).all() for part in parts):
            raise InputError("series: expected finite numbers, got NaN or an infinite one")
        if parts[1].size and abs(parts[1]).max() > 1 + 1e-6:  # what float32 rounds
            raise InputError(
                f"magnetisation: expected that of a site, from −1 to 1, got {abs(parts[1]).max():g} (divide totals by "
                "the number of sites, the energy too)"
            )
        if not self.sites >= 1:
            raise InputError(f"sites: expected at least 1, got {self.sites}")
        check_temperature(self.temperature, "temperature")
        warn_of_swapped_axes(parts[0])

    def columns(self) -> Array:
        """The numbers whose means the quantities are functions of, `(draw, chain, 6)`: `e, e², m, |m|, m², m⁴`, and a
        seventh, `|m_k|²`, where it was measured; the last three are `|m_s|, m_s², m_s⁴` where sublattices were."""
        e, m = (np.atleast_2d(np.asarray(part, float).T).T for part in (self.energy, self.magnetisation))
        parts = [e, e**2, m, np.abs(m), m**2, m**4]
        if self.wave is not None:
            parts.append(np.atleast_2d(np.asarray(self.wave, float).T).T)
        if self.sublattices is not None:
            order = np.atleast_2d(self.staggered().T).T
            parts += [order, order**2, order**4]
        return np.stack(parts, -1)

    def staggered(self) -> Array:
        """`|m_s| = ½ |Σ_c exp(2πi c/q) m_c|` of the mean spins `m_c` of `q` sublattices, `(draw, chain)`: 1 where they
        are ordered against each other.

        Raises:
            InputError: sublattices weren't measured.
        """
        if self.sublattices is None:
            raise InputError("series: expected sublattices to have been measured, got none")
        count = np.shape(self.sublattices)[-1]
        return np.abs(self.sublattices @ np.exp(2j * np.pi * np.arange(count) / count)) / 2


@dataclass(frozen=True)
class Quantity:
    """A quantity in thermal equilibrium, as a function of means."""

    label: str
    """name in words, with its formula"""
    symbol: str
    """symbol on axes and in tables"""
    function: Callable[[Array, Any], Array]
    """takes means `(..., K)` of the columns of a series, and the series for `N` and `T`"""
    needs: Literal["", "wave", "sublattices", "overlaps"] = ""
    """what must have been measured besides energy and magnetisation; of overlaps, the means are those of `Overlaps`"""
    zero: Literal["", "magnetisation", "staggered_magnetisation", "overlap"] = ""
    """the mean that it takes to be zero: with a field that favours one of its signs it means nothing"""


def _correlation_length(mean: Array, series: Series) -> Array:
    assert series.wave_number is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = mean[..., 4] / mean[..., 6] - 1
        # a single flipped spin makes |Σ_i s_i exp(i k r_i)|² about 4, so what is far below is rounding
        known = (ratio > 0) & (mean[..., 6] * float(series.sites) ** 2 > LEAST_WAVE)
        return np.sqrt(np.where(known, ratio, np.nan)) / (2 * np.sin(series.wave_number / 2))


def _susceptibility(mean: Array, series: Series) -> Array:
    centre = mean[..., 2] if series.in_field else mean[..., 3]
    return series.sites * (mean[..., 4] - centre**2) / series.temperature


def susceptibility_formula(in_field: bool) -> str:
    """What `susceptibility` is with a field and without one."""
    return "N (⟨m²⟩ − ⟨m⟩²) / T" if in_field else "N (⟨m²⟩ − ⟨|m|⟩²) / T"


def _binder(square: Array, fourth: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - fourth / (3 * square**2)


QUANTITIES: dict[str, Quantity] = {
    "energy": Quantity("energy of a site, ⟨E⟩/N", "e", lambda mean, _: mean[..., 0]),
    "specific_heat": Quantity(
        "specific heat, N (⟨e²⟩ − ⟨e⟩²) / T²",
        "C",
        lambda mean, s: s.sites * (mean[..., 1] - mean[..., 0] ** 2) / s.temperature**2,
    ),
    "magnetisation": Quantity("magnetisation ⟨m⟩", "⟨m⟩", lambda mean, _: mean[..., 2]),
    "abs_magnetisation": Quantity("mean size of the magnetisation, ⟨|m|⟩", "⟨|m|⟩", lambda mean, _: mean[..., 3]),
    "susceptibility": Quantity(
        f"susceptibility {susceptibility_formula(False)}, with a field {susceptibility_formula(True)}",
        "χ",
        _susceptibility,
    ),
    "square_magnetisation": Quantity(
        "N ⟨m²⟩ / T, the susceptibility above T_c",
        "N⟨m²⟩/T",
        lambda mean, s: s.sites * mean[..., 4] / s.temperature,
        zero="magnetisation",
    ),
    "binder": Quantity(
        "Binder cumulant 1 − ⟨m⁴⟩ / (3 ⟨m²⟩²)",
        "U₄",
        lambda mean, _: _binder(mean[..., 4], mean[..., 5]),
        zero="magnetisation",
    ),
    "correlation_length": Quantity(
        "second-moment correlation length √(⟨m²⟩/⟨|m_k|²⟩ − 1) / (2 sin k/2); a length of fluctuations only above T_c",
        "ξ",
        _correlation_length,
        needs="wave",
        zero="magnetisation",
    ),
    "staggered_magnetisation": Quantity(
        "mean size of the order of the sublattices, ⟨|m_s|⟩", "⟨|m_s|⟩", lambda mean, _: mean[..., -3], "sublattices"
    ),
    "staggered_susceptibility": Quantity(
        "staggered susceptibility N (⟨m_s²⟩ − ⟨|m_s|⟩²) / T",
        "χ_s",
        lambda mean, s: s.sites * (mean[..., -2] - mean[..., -3] ** 2) / s.temperature,
        "sublattices",
        "staggered_magnetisation",
    ),
    "square_staggered_magnetisation": Quantity(
        "N ⟨m_s²⟩ / T, the staggered susceptibility above T_c",
        "N⟨m_s²⟩/T",
        lambda mean, s: s.sites * mean[..., -2] / s.temperature,
        "sublattices",
        "staggered_magnetisation",
    ),
    "staggered_binder": Quantity(
        "Binder cumulant of the sublattices, 1 − ⟨m_s⁴⟩ / (3 ⟨m_s²⟩²)",
        "U₄ˢ",
        lambda mean, _: _binder(mean[..., -2], mean[..., -1]),
        "sublattices",
        "staggered_magnetisation",
    ),
    "abs_overlap": Quantity("mean size of the overlap, ⟨|q|⟩", "⟨|q|⟩", lambda mean, _: mean[..., 0], "overlaps"),
    "spin_glass_susceptibility": Quantity(
        "spin-glass susceptibility N ⟨q²⟩", "N⟨q²⟩", lambda mean, s: s.sites * mean[..., 1], "overlaps", "overlap"
    ),
    "overlap_binder": Quantity(
        "Binder cumulant of the overlap, 1 − ⟨q⁴⟩ / (3 ⟨q²⟩²)",
        "U₄(q)",
        lambda mean, _: _binder(mean[..., 1], mean[..., 2]),
        "overlaps",
        "overlap",
    ),
    "link_overlap": Quantity("link overlap ⟨q_l⟩", "⟨q_l⟩", lambda mean, _: mean[..., 3], "overlaps"),
}
"""Every quantity by its name; reports and tables iterate over it."""


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    >>> Estimate(2.0, 0.1).error
    0.1
    """

    value: float
    error: float


def estimates(series: Series, *, blocks: int = BLOCKS) -> dict[str, Estimate]:
    """Every quantity of `QUANTITIES` that the series has, with its error by the jackknife over blocks of draws.

    The correlation length is NaN where `⟨m²⟩ <= ⟨|m_k|²⟩` within the errors, as in antiferromagnets, and where no wave
    is left, as in frozen states.

    Without a field, the susceptibility is `N (⟨m²⟩ − ⟨|m|⟩²) / T`. With one, constant or random, say
    `Series(…, in_field=True)`: it is then the response `∂⟨m⟩/∂h = N (⟨m²⟩ − ⟨m⟩²) / T`, and what takes `⟨m⟩` to be zero
    is left out: the correlation length, `N ⟨m²⟩ / T` and the Binder cumulant.

    Any time series will do, also one that another program measured: `Series(e, m, sites=N, temperature=T)`.

    Raises:
        InputError: fewer than 4 draws.

    >>> rng = np.random.default_rng(0)
    >>> coins = Series(np.zeros((1000, 2)), rng.normal(0, 0.1, (1000, 2)), sites=100, temperature=1.0)
    >>> abs(estimates(coins)["binder"].value) < 0.2
    True
    """
    columns = series.columns()
    return _estimates(quantities_of(series), columns, series, blocks)


def quantities_of(series: Series) -> dict[str, Quantity]:
    """The entries of `QUANTITIES` that a series has."""
    measured = {"", *(name for name in ("wave", "sublattices") if getattr(series, name) is not None)}
    nonzero = {"magnetisation": series.in_field, "staggered_magnetisation": series.staggered_in_field}
    return {name: q for name, q in QUANTITIES.items() if q.needs in measured and not nonzero.get(q.zero)}


def _estimates(chosen: dict[str, Quantity], columns: Array, of: Any, blocks: int) -> dict[str, Estimate]:
    value, error = jackknife(
        lambda mean: np.stack([q.function(mean, of) for q in chosen.values()], -1), columns, blocks=blocks
    )
    return {
        name: Estimate(float(v), float(e))
        for name, v, e in zip(chosen, np.atleast_1d(value), np.atleast_1d(error), strict=True)
    }


@dataclass(frozen=True)
class Overlaps:
    """Overlaps of pairs of replicas at one temperature, one after each draw; arrays are `(draw, pair)`.

    Raises:
        InputError: arrays of different shapes, or numbers outside [−1, 1].

    >>> Overlaps(np.ones((8, 1)), np.ones((8, 1)), sites=16).estimates()["link_overlap"].value
    1.0
    """

    overlap: Array
    """`q = Σ_i s_i s'_i / N`"""
    link: Array
    """link overlap, the mean of `s_i s_j s'_i s'_j` over the edges"""
    sites: int
    """number of sites `N`"""
    in_field: bool = False
    """whether fields act on the spins, so that `⟨q⟩` is not zero; `N ⟨q²⟩` and the Binder cumulant are then left out"""

    def __post_init__(self) -> None:
        if np.shape(self.overlap) != np.shape(self.link):
            raise InputError(f"link: expected shape {np.shape(self.overlap)}, as of overlap, got {np.shape(self.link)}")
        for name in ("overlap", "link"):
            part = np.asarray(getattr(self, name))
            if part.size and not abs(part).max() <= 1 + 1e-6:
                raise InputError(f"{name}: expected numbers from −1 to 1, got {abs(part).max():g}")

    def estimates(self, *, blocks: int = LONG_BLOCKS) -> dict[str, Estimate]:
        """Every quantity of `QUANTITIES` that needs overlaps, with its error by the jackknife over blocks of draws.

        The blocks are few and long, since overlaps of glasses change slowly when valleys do, which hardly shows in
        their autocorrelation.

        Raises:
            InputError: fewer than 4 draws.
        """
        q, link = (np.atleast_2d(np.asarray(part, float).T).T for part in (self.overlap, self.link))
        chosen = {
            name: each
            for name, each in QUANTITIES.items()
            if each.needs == "overlaps" and not (self.in_field and each.zero)
        }
        return _estimates(chosen, np.stack([np.abs(q), q**2, q**4, link], -1), self, blocks)


def autocorrelation_of(series: Series, overlaps: Overlaps | None = None) -> dict[str, tuple[float, float]]:
    """Integrated autocorrelation time, in draws, and effective sample size of the energy, of `|m|`, and of `|q|`."""
    found = {"energy": series.energy, "abs_magnetisation": np.abs(series.magnetisation)}
    found |= {} if overlaps is None else {"abs_overlap": np.abs(overlaps.overlap)}
    times = {name: autocorrelation_time(values) for name, values in found.items()}
    return {name: (each.time, each.ess) for name, each in times.items()}
