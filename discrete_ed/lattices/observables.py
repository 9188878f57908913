"""What is measured on lattices: numbers of states, and quantities that are functions of their means, with errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.metrics.time_series import BLOCKS, autocorrelation_time, jackknife
from discrete_ed.states import check_states, to_spins

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Measurements of chains at one temperature, one after each draw; arrays are `(draw, chain)`.

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


def _correlation_length(mean: Array, series: Series) -> Array:
    assert series.wave_number is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = mean[..., 4] / mean[..., 6] - 1
        return np.sqrt(np.maximum(ratio, 0)) / (2 * np.sin(series.wave_number / 2))


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
        "N ⟨m²⟩ / T, the susceptibility above T_c", "N⟨m²⟩/T", lambda mean, s: s.sites * mean[..., 4] / s.temperature
    ),
    "binder": Quantity("Binder cumulant 1 − ⟨m⁴⟩ / (3 ⟨m²⟩²)", "U₄", _binder),
    "correlation_length": Quantity(
        "second-moment correlation length √(⟨m²⟩/⟨|m_k|²⟩ − 1) / (2 sin k/2); a length of fluctuations only above T_c",
        "ξ",
        _correlation_length,
        needs_wave=True,
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
    """Every quantity of `QUANTITIES` with its error by the jackknife over blocks of draws.

    Any time series will do, also one that another program measured: `Series(e, m, sites=N, temperature=T)`.

    Raises:
        InputError: fewer than 4 draws, arrays of different shapes, or a number that isn't finite.

    >>> rng = np.random.default_rng(0)
    >>> coins = Series(np.zeros((1000, 2)), rng.normal(0, 0.1, (1000, 2)), sites=100, temperature=1.0)
    >>> abs(estimates(coins)["binder"].value) < 0.2
    True
    """
    shapes = {np.shape(part) for part in (series.energy, series.magnetisation, series.wave) if part is not None}
    if len(shapes) != 1:
        raise InputError(f"series: expected measurements of one shape, got {sorted(shapes)}")
    columns = series.columns()
    if not np.isfinite(columns).all():
        raise InputError("series: expected finite numbers, got NaN or an infinite one")
    chosen = {name: q for name, q in QUANTITIES.items() if series.wave is not None or not q.needs_wave}
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
        InputError: states of different shapes, or that aren't bits.

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
    ends = torch.as_tensor(np.asarray(edges), dtype=torch.long, device=x.device)
    return (product[..., ends[:, 0]] * product[..., ends[:, 1]]).mean(-1)
