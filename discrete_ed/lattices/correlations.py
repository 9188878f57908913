"""The correlation function of a simulation, with its errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.lattices.observables import Series
from discrete_ed.metrics.time_series import BLOCKS, jackknife


@dataclass(frozen=True)
class Correlations:
    """`G(r) = ⟨s_i s_j⟩` of sites that lie `r` cells apart along the directions of a lattice.

    >>> Correlations(np.array([1]), np.array([0.5]), np.array([0.01])).value
    array([0.5])
    """

    cells: NDArray[np.int64]
    """`r = 1, 2, …` up to half of the lattice, `(R,)`"""
    value: NDArray[np.float64]
    """`G(r)`, `(R,)`; the square of the magnetisation is not subtracted"""
    error: NDArray[np.float64]
    """standard errors, `(R,)`"""


def correlations_of(series: Series, *, blocks: int = BLOCKS) -> Correlations:
    """The correlation function of a series in which correlations were measured, with errors by the jackknife.

    Raises:
        InputError: correlations weren't measured; fewer than 4 draws.

    >>> from discrete_ed import IsingEnergy, lattice, simulate
    >>> graph = lattice(4)
    >>> (hot,) = simulate(IsingEnergy.from_graph(graph), [9.0], graph=graph, measure=["correlations"], measurements=99)
    >>> correlations_of(hot.series).cells
    array([1, 2])
    """
    if series.correlations is None:
        raise InputError('series: expected one with correlations (measure=["correlations"]), got none')
    value, error = jackknife(lambda mean: mean, series.correlations, blocks=blocks)
    return Correlations(np.arange(1, len(value) + 1), value, error)
