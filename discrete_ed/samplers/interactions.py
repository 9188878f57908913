"""An Ising model as the compiled loops take it, and the modules of these loops."""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from discrete_ed.energies import IsingEnergy

Array = NDArray[Any]


class Interactions(NamedTuple):
    """The couplings and fields of an Ising model, times the inverse temperature, as the loops take them."""

    couplings: csr_array
    """`β J`, symmetric; if all couplings are equal, its `data` may be one number that all entries share."""
    fields: Array
    """`β h`, `(D,)`."""

    @classmethod
    def of(cls, energy: IsingEnergy, beta: float = 1.0) -> Interactions:
        """Those of an energy, dense or sparse."""
        return cls(energy.to_scipy(shared=True), energy.fields.detach().double().numpy()).at_beta(beta)

    def at_beta(self, beta: float) -> Interactions:
        """The same at `beta` times the inverse temperature."""
        if beta == 1:
            return self
        j, value = self.couplings, self.values * beta  # the places of the couplings are shared
        data = value if len(value) == j.nnz else np.broadcast_to(value[0], j.nnz)
        return Interactions(csr_array((data, j.indices, j.indptr), shape=j.shape), self.fields * beta)

    def local_fields(self, s: Array) -> Array:
        """`β (h_i + Σ_j J_ij s_j)` of spins `(B, D)`."""
        return np.ascontiguousarray((self.couplings @ s.T).T + self.fields)

    def energies(self, bits: Array) -> Array:
        """`β E` of bits `(B, D)`, uint8: `(B,)`."""
        j = self.couplings
        return loops("schedule_loops").energies(bits, j.indptr, j.indices, self.values, self.fields)

    @property
    def values(self) -> Array:
        """The values of the couplings, or the only one if all entries share it."""
        data: Array = self.couplings.data
        return data[:1].copy() if len(data) > 1 and data.strides == (0,) else data

    @property
    def degree(self) -> int:
        """The largest number of neighbours of a spin."""
        return int(np.diff(self.couplings.indptr).max(initial=0))

    @property
    def has_one_strength(self) -> bool:
        """Whether all couplings have the same magnitude."""
        value = self.values
        return not len(value) or bool(((value == value[0]) | (value == -value[0])).all())

    @property
    def is_uniform(self) -> bool:
        """Whether all spins have the same field and as many neighbours, by equal couplings."""
        value, count = self.values, np.diff(self.couplings.indptr)
        parts = (value, count, self.fields)
        return all(bool((part == part[:1]).all()) for part in parts)

    @property
    def rows(self) -> tuple[Array, Array, Array]:
        """The arrays of the sparse couplings: the start of each row, the neighbours, the values."""
        j = self.couplings
        return j.indptr.astype(np.int64), j.indices.astype(np.int64), np.ascontiguousarray(j.data)


@cache
def loops(name: str = "loops") -> Any:
    """A module of compiled loops; None, after a warning, if numba can't be imported or can't write its cache."""
    try:
        return importlib.import_module(f"discrete_ed.samplers.{name}")
    except (ImportError, RuntimeError) as error:
        warnings.warn(f"no compiled loops, chains of Ising models will be slow: {error}", RuntimeWarning, stacklevel=2)
        return None
