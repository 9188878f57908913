"""Quantities between the temperatures of a simulation, from all its series at once."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.lattices.observables import Estimate, Series, quantities_of
from discrete_ed.metrics.time_series import autocorrelation_time

FEW = 50.0  # effective draws at a temperature below which a warning is given


def reweight(series: Sequence[Series], temperatures: Sequence[float]) -> list[dict[str, Estimate]]:
    """Every quantity of a series at other temperatures, by multi-histogram reweighting (MBAR, in pymbar).

    All series weigh in at every temperature: `⟨A⟩_β = Σ_n A_n w_n(β)`, with `w_n(β) ∝ exp(−β E_n) / Σ_k N_k exp(f_k −
    β_k E_n)` and the free energies `f_k` that make this consistent at the simulated temperatures. Draws are thinned to
    independent ones, `2τ` apart, where `τ` is the larger of the autocorrelation times of the energy and of `|m|`.
    Errors are those of MBAR, for functions of means to first order.

    Args:
        series: of one model at different temperatures, each in thermal equilibrium.
        temperatures: between the lowest and the highest of the series, in the units of the energy (k_B = 1).

    Returns:
        For each temperature what `estimates` gives for a series.

    Raises:
        InputError: pymbar, which is optional, is not installed; fewer than two series, series of different models or
            with different measurements, a temperature outside their range.

    Warns:
        RuntimeWarning: fewer than 50 draws weigh in at a temperature: the simulated ones lie too far apart.

    Source: Ferrenberg and Swendsen 1989, Physical Review Letters 63, 1195–1198; Shirts and Chodera 2008, Journal of
    Chemical Physics 129, 124105.

    >>> from discrete_ed import IsingEnergy, lattice, reweight, simulate
    >>> runs = simulate(IsingEnergy.from_graph(lattice(4)), [2.0, 2.5], measurements=400)
    >>> between = reweight([run.series for run in runs], [2.2])  # doctest: +SKIP
    """
    mbar_of = _mbar()
    if len(series) < 2:
        raise InputError(f"series: expected at least two, got {len(series)}")
    columns = [each.columns() for each in series]
    kinds = {
        (each.sites, each.in_field, each.staggered_in_field, each.wave_number, part.shape[-1])
        for each, part in zip(series, columns, strict=True)
    }
    known = sorted(each.temperature for each in series)
    if len(kinds) > 1 or len(set(known)) < len(known):
        raise InputError(
            "series: expected those of one model with the same measurements, at different temperatures, got sites "
            f"{sorted({each.sites for each in series})} at T = {known}"
        )
    outside = [t for t in temperatures if not known[0] <= t <= known[-1]]
    if outside or not len(temperatures):
        raise InputError(f"temperatures: expected some between {known[0]:g} and {known[-1]:g}, got {outside}")
    thinned = [_independent(each, part) for each, part in zip(series, columns, strict=True)]
    draws = np.concatenate(thinned)
    energy = draws[:, 0] * series[0].sites
    mbar = mbar_of(np.array([energy / each.temperature for each in series]), np.array([len(each) for each in thinned]))
    return [_at(mbar, draws, energy, replace(series[0], temperature=float(t))) for t in temperatures]


def _mbar() -> Any:
    """The class of pymbar, which announces itself by log records that aren't about the data."""
    level = logging.getLogger().manager.disable
    logging.disable(logging.WARNING)
    try:
        from pymbar import MBAR
    except ImportError:
        raise InputError("reweight: expected pymbar to be installed (pip install pymbar)") from None
    finally:
        logging.disable(level)
    return MBAR


def _independent(series: Series, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draws of all chains that are `2τ` apart, `(N, K)`."""
    times = [autocorrelation_time(part).time for part in (series.energy, np.abs(series.magnetisation))]
    apart = max(1, math.ceil(2 * max(times)))
    return columns[::apart].reshape(-1, columns.shape[-1])


def _at(mbar: Any, samples: NDArray[np.float64], energy: NDArray[np.float64], series: Series) -> dict[str, Estimate]:
    reduced = energy / series.temperature
    log_weight = mbar.f_k[:, None] - mbar.u_kn
    mixture = np.logaddexp.reduce(log_weight + np.log(mbar.N_k)[:, None], 0)
    weight = np.exp(-reduced - mixture - np.max(-reduced - mixture))
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    if effective < FEW:
        warnings.warn(
            f"reweight: only {effective:.0f} independent draws weigh in at T = {series.temperature:g}: simulate at "
            "temperatures that lie closer",
            RuntimeWarning,
            stacklevel=3,
        )
    weight /= weight.sum()
    mean, chosen = weight @ samples, quantities_of(series)
    step = 1e-3 * np.sqrt(weight @ (samples - mean) ** 2) + 1e-12
    value = np.array([quantity.function(mean, series) for quantity in chosen.values()])
    slope = np.array(
        [
            (quantity.function(mean + np.diag(step), series) - quantity.function(mean - np.diag(step), series))
            for quantity in chosen.values()
        ]
    )
    # MBAR's error of the mean of the linear part of each quantity
    parts = np.nan_to_num(slope / (2 * step)) @ (samples - mean).T
    error = np.atleast_1d(mbar.compute_multiple_expectations(parts, reduced)["sigma"])
    return {name: Estimate(float(v), float(e)) for name, v, e in zip(chosen, value, error, strict=True)}
