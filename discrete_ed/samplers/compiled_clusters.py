"""The arrays with which compiled loops flip clusters of an Ising model without frustration."""

from __future__ import annotations

from functools import partial

import numpy as np

from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.thresholds import threshold_of_probability

Run = partial[tuple[Array, Array, np.uint64]]


def swendsen_wang(model: Interactions, beta: float = 1.0) -> Run:
    """The loop of Swendsen–Wang at `beta` times the inverse temperature: `(bits, steps, counter)` to `(bits, moved,
    counter)`."""
    j = model.couplings  # the lower triangle is taken without the copies that scipy would make of a large one
    row = np.repeat(np.arange(j.shape[0], dtype=np.int32), np.diff(j.indptr))
    lower = j.indices < row
    start = np.zeros(j.shape[0] + 1, np.int64)
    np.cumsum(np.bincount(row[lower], minlength=j.shape[0]), out=start[1:])
    del row
    value = j.data[:1] if len(j.data) and (j.data == j.data[0]).all() else j.data[lower]
    (held,) = model.fields.nonzero()
    field = beta * model.fields[held]
    arrays = (
        start,
        j.indices[lower].astype(np.uint32),
        *_bonds(beta * value),
        held.astype(np.uint32),
        (field > 0).astype(np.uint8),
        _bonds(field)[1],
    )
    return partial(_run_clusters, arrays)


def wolff(model: Interactions) -> Run:
    """The loop of Wolff, as above."""
    return partial(_run_wolff, wolff_arrays(model))


def wolff_arrays(model: Interactions, beta: float = 1.0) -> tuple[Array, ...]:
    """The neighbours of each spin with the signs and the bond probabilities of their couplings, and of the fields."""
    j = model.couplings
    up = (model.fields > 0).astype(np.uint8)
    return j.indptr, j.indices, *_bonds(beta * j.data), up, _bonds(beta * model.fields)[1]


def _bonds(coupling: Array) -> tuple[Array, Array]:
    """Where the coupling is negative, and the probability `1 − exp(−2 |coupling|)` of a bond in units of 2^-64."""
    p = np.abs(coupling)
    p *= -2
    np.expm1(p, out=p)
    return (coupling < 0).astype(np.uint8), threshold_of_probability(np.negative(p, out=p))


def _run_clusters(
    arrays: tuple[Array, ...], bits: Array, steps: int, counter: np.uint64
) -> tuple[Array, Array, np.uint64]:
    bits = bits.copy()
    moved, counter = loops("cluster_loops").clusters(bits, *arrays, steps, counter)
    return bits, moved, counter


def _run_wolff(
    arrays: tuple[Array, ...], bits: Array, steps: int, counter: np.uint64
) -> tuple[Array, Array, np.uint64]:
    bits = bits.copy()
    moved, _, counter = loops("cluster_loops").wolff(bits, *arrays, steps, counter)
    return bits, moved, counter
