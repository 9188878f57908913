"""Estimates without the bias of a penalty: one step of Newton's method in the regression of each spin on all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from discrete_ed.ising.objectives import log_logistic
from discrete_ed.ising.observations import Observations
from discrete_ed.ising.parameters import PRIOR_SD, Array, Parameters
from discrete_ed.ising.table_checks import constant_columns

LEVERAGE = 0.95
"""largest leverage of a row by which its residual is divided"""
NUMBERS = 3e8
"""largest samples × spins² for which influences are held in memory"""


class Debiased(NamedTuple):
    """Couplings and fields without the bias of a penalty, and their standard errors."""

    couplings: Array
    """`(D, D)`."""
    errors: Array
    """`(D, D)`."""
    fields: Array
    """`(D,)`."""
    field_errors: Array
    """`(D,)`."""


def debiased_couplings(data: Observations, penalised: Parameters, *, with_fields: bool) -> Debiased | None:
    """The de-sparsified estimate of all couplings and fields, and its standard errors.

    In the regression of each spin, `b = β − H⁻¹ g(β)` at the penalised estimate `β`, with the gradient `g` and the
    curvature `H` of the loss without the penalty. The coupling of a pair is the mean of those in the regressions of its
    two spins. Row `n` influences it by `H⁻¹ x_n r_n / (1 − l_n)`, where `r` is the residual and `l` the leverage:
    without that factor errors are too small, since a fit of many couplings comes close to its rows (MacKinnon and White
    1985, Journal of Econometrics 29, 305–325). Variances are at least half of those of a true model, `diag H⁻¹` with
    the same correlation of the two regressions: this matters where rows hardly vary, so that the data set no limit to a
    coupling.

    Returns:
        None where there are fewer than two rows for each spin, rows depend on each other, or the arrays would be too
        large.

    Source: van de Geer, Bühlmann, Ritov and Dezeure 2014, Annals of Statistics 42, 1166–1202.
    """
    n, d = data.spins.shape
    if not _can_regress(data):
        return None
    found, least, raw = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, d))
    fields, field_errors = np.zeros(d), np.zeros(d)
    influence = np.zeros((d, d, n), np.float32)
    for i, each in enumerate(_regressions(data, penalised, with_fields)):
        others = np.delete(np.arange(d), i)
        found[i, others] = each.values[: d - 1]
        least[i, others] = each.least[: d - 1]
        influence[i, others] = each.influence[: d - 1]
        if with_fields:
            fields[i], field_errors[i] = each.field
        raw[i] = (influence[i].astype(float) ** 2).sum(1)
    both = np.array([(influence[i] * influence[:, i]).sum(1, dtype=float) for i in range(d)])
    together = both / np.sqrt(np.maximum(raw * raw.T, 1e-300))
    variance = (raw + raw.T + 2 * both) / 4
    lower = (least + least.T + 2 * together * np.sqrt(least * least.T)) / 4
    errors = np.sqrt(np.maximum(variance, lower / 2))
    return Debiased((found + found.T) / 2, errors, fields, field_errors)


def debiased_fields(data: Observations, estimate: Parameters, errors: Array) -> tuple[Array, Array] | None:
    """The fields of the same regressions, `(D,)`, and their standard errors: all pairs are free, so that these count
    the couplings that the estimate leaves out. None as there.

    A constant column acts as a field, so it is left out of the regressions and keeps its estimate.

    Args:
        errors: standard errors of the fields of the estimate, `(D,)`.
    """
    varies = ~constant_columns(data.spins)
    part = replace(data, spins=data.spins[:, varies])
    if not _can_regress(part):
        return None
    constant = estimate.couplings[:, ~varies] @ data.spins[0, ~varies]
    among = Parameters(estimate.couplings[np.ix_(varies, varies)], (estimate.fields + constant)[varies])
    fields, widths = estimate.fields.copy(), errors.copy()
    for i, each in zip(np.flatnonzero(varies), _regressions(part, among, with_fields=True), strict=True):
        fields[i], widths[i] = each.field
    return fields, widths


class _Regression(NamedTuple):
    """One step of Newton's method in the regression of a spin on all others."""

    values: Array
    """its couplings in the order of the other spins and, if it is free, its field, `(K,)`"""
    least: Array
    """their variances if the model is true, `(K,)`"""
    influence: Array
    """what each row adds to them, `(K, N)`"""

    @property
    def field(self) -> tuple[float, float]:
        """The field and its standard error."""
        return self.values[-1], np.sqrt(max((self.influence[-1] ** 2).sum(), self.least[-1] / 2))


def _can_regress(data: Observations) -> bool:
    rows, spins = data.spins.shape
    return data.size >= 2 * spins and data.blocks is None and rows * spins * spins <= NUMBERS


def _regressions(data: Observations, penalised: Parameters, with_fields: bool) -> Iterator[_Regression]:
    """The regression of each spin, see `debiased_couplings`."""
    spins = data.spins.astype(float)
    n, d = spins.shape
    weights = np.ones(n) if data.weights is None else data.weights
    _, first, second = log_logistic(spins * (penalised.fields + spins @ penalised.couplings))
    slope = first * spins
    for i in range(d):
        others = np.delete(np.arange(d), i)
        x, start = spins[:, others], penalised.couplings[i, others]
        if with_fields:
            x, start = np.hstack([x, np.ones((n, 1))]), np.append(start, penalised.fields[i])
        heavy = x * weights[:, None]
        inverse = np.linalg.inv((heavy.T * second[:, i]) @ x + np.eye(len(start)) / PRIOR_SD**2)
        step = inverse @ (heavy.T @ slope[:, i] + start / PRIOR_SD**2)
        moved = x @ inverse
        leverage = np.minimum((moved * x).sum(1) * second[:, i], LEVERAGE)
        influence = (moved * (slope[:, i] * np.sqrt(weights) / (1 - leverage))[:, None]).T
        yield _Regression(start - step, inverse.diagonal(), influence)
