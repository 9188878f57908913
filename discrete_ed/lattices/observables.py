"""What is measured on lattices: numbers of states, and quantities that are functions of their means, with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.metrics.time_series import BLOCKS, autocorrelation_time, jackknife, warn_of_swapped_axes
from discrete_ed.states import check_states, to_spins

Array = NDArray[np.float64]
LEAST_WAVE = 1e-9  # of ⟨|Σ_i s_i exp(i k r_i)|²⟩, below which it is the rounding of a sum that is zero


@dataclass(frozen=True)
class Series:
    """Measurements of chains at one temperature, one after each draw; arrays are `(draw, chain)`.

    Raises:
        InputError: arrays of different shapes, complex numbers or ones that aren't finite, a magnetisation outside
            [−1, 1], fewer than one site, a temperature that isn't positive.

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
    """`T`"""
    wave: Array | None = None
    """`|m_k|² = |Σ_i s_i exp(i k r_i) / N|²`, averaged over the smallest wave vectors of the lattice"""
    wave_number: float | None = None
    """`|k|` of these wave vectors"""
    in_field: bool = False
    """whether fields act on the spins, so that `⟨m⟩` is not zero and `⟨m²⟩` is no measure of fluctuations"""

    def __post_init__(self) -> None:
        parts = [np.asarray(part) for part in (self.energy, self.magnetisation, self.wave) if part is not None]
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
        if not 0 < self.temperature < np.inf:
            raise InputError(f"temperature: expected a positive number, got {self.temperature}")
        warn_of_swapped_axes(parts[0])

    def columns(self) -> Array:
        """The numbers whose means the quantities are functions of, `(draw, chain, 6)`: `e, e², m, |m|, m², m⁴`, and a
        seventh, `|m_k|²`, where it was measured."""
        e, m = (np.atleast_2d(np.asarray(part, float).T).T for part in (self.energy, self.magnetisation))
        parts = [e, e**2, m, np.abs(m), m**2, m**4]
        if self.wave is not None:
            parts.append(np.atleast_2d(np.asarray(self.wave, float).T).T)
        return np.stack(parts, -1)


@dataclass(frozen=True)
class Quantity:
    """A quantity in thermal equilibrium, as a function of means."""

    label: str
    """name in words, with its formula"""
    symbol: str
    """symbol on axes and in tables"""
    function: Callable[[Array, Series], Array]
    """takes means `(..., K)` of the columns of a series, and the series for `N` and `T`"""
    needs_wave: bool = False
    """whether it needs the amplitude of the smallest wave"""
    without_field: bool = False
    """whether it means something only where no field acts, since it takes `⟨m⟩` to be zero"""


def _correlation_length(mean: Array, series: Series) -> Array:
    assert series.wave_number is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = mean[..., 4] / mean[..., 6] - 1
        # a single flipped spin makes |Σ_i s_i exp(i k r_i)|² about 4, so what is far below is rounding
        known = (ratio > 0) & (mean[..., 6] * float(series.sites) ** 2 > LEAST_WAVE)
        return np.sqrt(np.where(known, ratio, np.nan)) / (2 * np.sin(series.wave_number / 2))


def _binder(mean: Array, _: Series) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - mean[..., 5] / (3 * mean[..., 4] ** 2)


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
        "susceptibility N (⟨m²⟩ − ⟨|m|⟩²) / T",
        "χ",
        lambda mean, s: s.sites * (mean[..., 4] - mean[..., 3] ** 2) / s.temperature,
    ),
    "square_magnetisation": Quantity(
        "N ⟨m²⟩ / T, the susceptibility above T_c",
        "N⟨m²⟩/T",
        lambda mean, s: s.sites * mean[..., 4] / s.temperature,
        without_field=True,
    ),
    "binder": Quantity("Binder cumulant 1 − ⟨m⁴⟩ / (3 ⟨m²⟩²)", "U₄", _binder),
    "correlation_length": Quantity(
        "second-moment correlation length √(⟨m²⟩/⟨|m_k|²⟩ − 1) / (2 sin k/2); a length of fluctuations only above T_c",
        "ξ",
        _correlation_length,
        needs_wave=True,
        without_field=True,
    ),
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
    is left, as in frozen states. In a field, it and `N ⟨m²⟩ / T` are left out.

    Any time series will do, also one that another program measured: `Series(e, m, sites=N, temperature=T)`.

    Raises:
        InputError: fewer than 4 draws.

    >>> rng = np.random.default_rng(0)
    >>> coins = Series(np.zeros((1000, 2)), rng.normal(0, 0.1, (1000, 2)), sites=100, temperature=1.0)
    >>> abs(estimates(coins)["binder"].value) < 0.2
    True
    """
    columns = series.columns()
    chosen = {
        name: q
        for name, q in QUANTITIES.items()
        if (series.wave is not None or not q.needs_wave) and not (series.in_field and q.without_field)
    }
    value, error = jackknife(
        lambda mean: np.stack([q.function(mean, series) for q in chosen.values()], -1), columns, blocks=blocks
    )
    return {
        name: Estimate(float(v), float(e))
        for name, v, e in zip(chosen, np.atleast_1d(value), np.atleast_1d(error), strict=True)
    }


def autocorrelation_of(series: Series) -> dict[str, tuple[float, float]]:
    """Integrated autocorrelation time, in draws, and effective sample size of the energy and of `|m|`."""
    found = {
        "energy": autocorrelation_time(series.energy),
        "abs_magnetisation": autocorrelation_time(np.abs(series.magnetisation)),
    }
    return {name: (each.time, each.ess) for name, each in found.items()}


def magnetisation(x: Tensor) -> Tensor:
    """`m = Σ_i s_i / N` of states of bits `(..., D)`: `(...)`.

    >>> magnetisation(torch.tensor([[1.0, 1.0, 1.0, 0.0]]))
    tensor([0.5000])
    """
    check_states(x)
    return to_spins(x).mean(-1)


def overlap(x: Tensor, y: Tensor, edges: ArrayLike | None = None) -> Tensor:
    """The overlap `q = Σ_i s_i s'_i / N` of two replicas `(..., D)`; with edges `(E, 2)` the link overlap, the mean of
    `s_i s_j s'_i s'_j` over the edges.

    Raises:
        InputError: states of different shapes, or that aren't bits; edges that aren't pairs of their sites.

    >>> x = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    >>> overlap(x, 1 - x), overlap(x, 1 - x, [(0, 1), (1, 2)])
    (tensor([-1.]), tensor([1.]))
    """
    for name, part in (("x", x), ("y", y)):
        check_states(part, name=name)
    if x.shape != y.shape:
        raise InputError(f"y: expected states of shape {tuple(x.shape)}, as of x, got {tuple(y.shape)}")
    product = to_spins(x) * to_spins(y)
    if edges is None:
        return product.mean(-1)
    pairs = np.asarray(edges)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer) or not len(pairs):
        raise InputError(f"edges: expected pairs of site numbers (E, 2), got shape {pairs.shape} of {pairs.dtype}")
    if pairs.min() < 0 or pairs.max() >= x.shape[-1]:
        raise InputError(
            f"edges: expected sites from 0 to {x.shape[-1] - 1}, got numbers from {pairs.min()} to {pairs.max()}"
        )
    ends = torch.as_tensor(pairs, dtype=torch.long, device=x.device)
    return (product[..., ends[:, 0]] * product[..., ends[:, 1]]).mean(-1)
