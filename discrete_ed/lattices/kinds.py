"""The kinds of lattices by name: their cells, sites and bonds."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from discrete_ed.names import LatticeName

Bond = tuple[int, int, tuple[int, ...]]
"""site `a` of a cell, site `b` of another cell, and the step from the one cell to the other"""


@dataclass(frozen=True)
class Kind:
    """A Bravais lattice with a basis: lattice vectors, the sites of a cell, and the bonds that start in it."""

    vectors: tuple[tuple[float, ...], ...] = ()
    """lattice vectors as rows; none: the unit vectors of any dimension"""
    basis: tuple[tuple[float, ...], ...] = ()
    """positions of the sites of a cell; none: one site, at its corner"""
    steps: tuple[Bond, ...] = ()
    """bonds; none: one along each unit vector"""
    sides: int | None = None
    """the dimension of a lattice whose vectors are the unit vectors, if it has only one"""

    @property
    def dimension(self) -> int | None:
        """The number of directions; None if there may be any number."""
        return len(self.vectors) or self.sides

    @property
    def basis_size(self) -> int:
        """The number of sites of a cell."""
        return len(self.basis) or 1

    def bonds(self, dimension: int) -> list[Bond]:
        """The bonds that start in a cell."""
        return list(self.steps) or [(0, 0, tuple(row)) for row in np.eye(dimension, dtype=int).tolist()]

    def geometry(self, dimension: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lattice vectors, `(d, d)`, and the positions in a cell, `(b, d)`."""
        vectors = np.array(self.vectors) if self.vectors else np.eye(dimension)
        return vectors, np.array(self.basis) if self.basis else np.zeros((1, dimension))


_TRIANGLE = ((1.0, 0.0), (0.5, sqrt(3) / 2))

KINDS: dict[LatticeName, Kind] = {
    "hypercubic": Kind(),
    "chain": Kind(sides=1),
    "square": Kind(sides=2),
    "cubic": Kind(sides=3),
    "triangular": Kind(_TRIANGLE, steps=((0, 0, (1, 0)), (0, 0, (0, 1)), (0, 0, (1, -1)))),
    "honeycomb": Kind(
        ((sqrt(3), 0.0), (sqrt(3) / 2, 1.5)),
        ((0.0, 0.0), (0.0, 1.0)),
        ((0, 1, (0, 0)), (1, 0, (0, 1)), (1, 0, (-1, 1))),
    ),
    "kagome": Kind(
        ((2.0, 0.0), (1.0, sqrt(3))),
        ((0.0, 0.0), (1.0, 0.0), (0.5, sqrt(3) / 2)),
        ((0, 1, (0, 0)), (0, 2, (0, 0)), (1, 2, (0, 0)), (1, 0, (1, 0)), (2, 0, (0, 1)), (1, 2, (1, -1))),
    ),
    "bcc": Kind(
        tuple(tuple(row) for row in ((np.ones((3, 3)) - 2 * np.eye(3)) / sqrt(3)).tolist()),
        steps=((0, 0, (1, 0, 0)), (0, 0, (0, 1, 0)), (0, 0, (0, 0, 1)), (0, 0, (1, 1, 1))),
    ),
    "fcc": Kind(
        tuple(tuple(row) for row in ((np.ones((3, 3)) - np.eye(3)) / sqrt(2)).tolist()),
        steps=(
            *((0, 0, tuple(row)) for row in np.eye(3, dtype=int).tolist()),
            *((0, 0, step) for step in ((1, -1, 0), (1, 0, -1), (0, 1, -1))),
        ),
    ),
}
"""Every kind by its name; square has 4 neighbours, cubic 6, triangular 6, honeycomb 3, kagome 4, bcc 8, fcc 12."""
