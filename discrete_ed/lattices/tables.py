"""The large tables of a model that do not depend on its temperature, made once for all temperatures and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from discrete_ed.energies import IsingEnergy
from discrete_ed.samplers.compiled import MOST_TABLED
from discrete_ed.samplers.compiled_clusters import Pairs, lower_pairs
from discrete_ed.samplers.folding import Folded, folded
from discrete_ed.samplers.interactions import Interactions, loops
from discrete_ed.samplers.thresholds import fields_by_state

Array = NDArray[Any]


class ByState(NamedTuple):
    """Where `sweep_each` finds the neighbours of each spin, and the field for every state that these can have."""

    order: Array
    """the spins in the order of a sweep, by colour classes"""
    places: dict[str, Array]
    """the arrays of `sweep_each` before its thresholds; empty if the tables would be too large"""
    field: Array
    """the field of each of the entries to which the places lead, at β = 1"""


class Tables:
    """The tables of one model, each made when it is first asked for.

    Args:
        unit: the model at temperature 1.
        sizes: cells in each direction and, last, sites in a cell.
    """

    def __init__(self, unit: Interactions, sizes: Array) -> None:
        self.unit, self.sizes = unit, sizes
        self._lock, self._made = threading.Lock(), dict[str, Any]()

    @classmethod
    def of(cls, energy: IsingEnergy, sizes: tuple[int, ...] | None) -> Tables:
        """Those of an energy; without sizes it is on no lattice."""
        return cls(Interactions.of(energy), np.array(sizes or (energy.bits, 1), np.int64))

    def folded(self) -> Folded | None:
        """The model in words, if its lattice can be folded."""
        return self._once("folded", lambda: folded(self.unit, self.sizes))

    def pairs(self) -> Pairs:
        """The pairs of clusters."""
        return self._once("pairs", lambda: lower_pairs(self.unit))

    def by_state(self, most: int) -> ByState:
        """The tables of sweeps, with at most so many entries."""
        return self._once(f"by state, {most}", lambda: _by_state(self.unit, most))

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]


def _by_state(unit: Interactions, most: int) -> ByState:
    colour = loops("measured_loops").colours(unit.couplings.indptr, unit.couplings.indices)
    order, degree = np.argsort(colour, kind="stable"), unit.degree
    del colour
    if degree <= MOST_TABLED or (degree <= 12 and unit.is_uniform):
        places, field = fields_by_state(unit, order, degree)
        if field.size <= most:
            return ByState(places["order"], places, field.ravel())
    return ByState(order, {}, np.empty(0))
