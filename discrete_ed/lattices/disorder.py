"""Disorder by seed: random couplings of edges, dilution, and random fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError, check_seed
from discrete_ed.lattices.builders import Lattice

Array = NDArray[np.float64]


def plus_minus_couplings(graph: Lattice, *, positive: float = 0.5, strength: float = 1.0, seed: int = 0) -> Array:
    """A coupling for each edge, `+J` with probability `positive` and `−J` otherwise, `(E,)`: the ±J model.

    Raises:
        InputError: a probability outside [0, 1], or a strength that isn't finite.

    >>> from discrete_ed import lattice
    >>> sorted(set(plus_minus_couplings(lattice(4)).tolist()))
    [-1.0, 1.0]
    """
    _probability(positive, "positive")
    _finite(strength, "strength")
    ups = np.random.default_rng(check_seed(seed)).random(graph.number_of_edges()) < positive
    return np.where(ups, strength, -strength)


def gaussian_couplings(graph: Lattice, *, mean: float = 0.0, deviation: float = 1.0, seed: int = 0) -> Array:
    """A coupling for each edge from a normal law, `(E,)`: the Edwards–Anderson model.

    Raises:
        InputError: a mean or a standard deviation that isn't finite, or a negative one.

    >>> from discrete_ed import lattice
    >>> gaussian_couplings(lattice(4)).shape
    (32,)
    """
    _finite(mean, "mean")
    _not_negative(deviation, "deviation")
    return mean + deviation * np.random.default_rng(check_seed(seed)).standard_normal(graph.number_of_edges())


def diluted(graph: Lattice, *, edges: float = 1.0, sites: float = 1.0, seed: int = 0) -> Lattice:
    """The lattice with each edge, and each site, kept with the given probability.

    An edge is lost with either of its sites. Removed sites stay as isolated spins, so that the numbers of the sites do
    not change.

    Raises:
        InputError: a probability outside [0, 1].

    >>> from discrete_ed import lattice
    >>> 400 < diluted(lattice(20), edges=0.6).number_of_edges() < 560
    True
    """
    _probability(edges, "edges")
    _probability(sites, "sites")
    rng = np.random.default_rng(check_seed(seed))
    kept = rng.random(graph.number_of_edges()) < edges
    there = rng.random(graph.sites) < sites
    kept &= there[graph.edges].all(1)
    return replace(graph, edges=graph.edges[kept], edge_kinds=graph.edge_kinds[kept])


def random_fields(graph: Lattice, *, deviation: float = 1.0, binary: bool = False, seed: int = 0) -> Array:
    """A field for each site, `(D,)`, from a normal law or, if `binary`, `±deviation` with probability ½ each.

    Raises:
        InputError: a standard deviation that is negative or not finite.

    >>> from discrete_ed import lattice
    >>> random_fields(lattice(4), deviation=0.5, binary=True).std() > 0
    np.True_
    """
    _not_negative(deviation, "deviation")
    rng = np.random.default_rng(check_seed(seed))
    signs = np.where(rng.random(graph.sites) < 0.5, 1.0, -1.0) if binary else rng.standard_normal(graph.sites)
    return deviation * signs


DISORDER: dict[str, Callable[[Lattice, float, int], Array]] = {
    "none": lambda graph, strength, _: np.full(graph.number_of_edges(), strength),
    "plus-minus": lambda graph, strength, seed: plus_minus_couplings(graph, strength=strength, seed=seed),
    "gaussian": lambda graph, strength, seed: gaussian_couplings(graph, deviation=abs(strength), seed=seed),
}
"""Couplings `(E,)` by the name of their disorder, from a lattice, their strength and a seed; the job `simulate` offers
them."""


def _probability(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name}: expected a probability in [0, 1], got {value}")


def _finite(value: float, name: str) -> None:
    if not np.isfinite(value):
        raise InputError(f"{name}: expected a finite number, got {value}")


def _not_negative(value: float, name: str) -> None:
    if not 0 <= value < np.inf:
        raise InputError(f"{name}: expected a finite number of at least 0, got {value}")
