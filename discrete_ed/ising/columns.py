"""The columns of observations as the fits take them: numbers, or bits where the table is large."""

from __future__ import annotations

from typing import Any

import numpy as np

from discrete_ed.ising.observations import Observations
from discrete_ed.ising.packed_columns import PackedColumns
from discrete_ed.ising.packed_fit import fields_alone
from discrete_ed.ising.parameters import PRIOR_SD, Array, Support
from discrete_ed.ising.pseudo_likelihood import SpinColumns
from discrete_ed.ising.site_fits import Columns, refit


def columns_of(data: Observations) -> Columns[Any]:
    """The columns of observations: packed if the spins are int8, which marks a large table, see `is_compact`."""
    if data.spins.dtype == np.int8:
        return PackedColumns.of(data.spins, data.weights)
    return SpinColumns.of(data)


def fields_given_couplings(data: Observations, couplings: Array) -> tuple[Array, Array]:
    """The fields that fit the samples best for given couplings, and their standard errors."""
    columns = columns_of(data)
    if isinstance(columns, PackedColumns):
        return fields_alone(columns, couplings)
    offset = couplings @ data.spins.T
    fit = refit(SpinColumns.of(data, offset), Support.no_pairs(with_fields=True))
    errors = 1 / np.sqrt([curvature.item() + 1 / PRIOR_SD**2 for curvature in fit.curvatures])
    return fit.parameters.fields, errors
