"""The arrays with which compiled loops flip clusters of an Ising model without frustration."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.thresholds import threshold_of_probability

Run = partial[tuple[Array, Array, np.uint64]]


class Pairs(NamedTuple):
    """The coupled pairs and the fields of a model, as loops over clusters take them."""

    start: Array
    """where the pairs of each spin begin, and the end of the last"""
    other: Array
    """the other spin of each pair"""
    coupling: Array
    """the coupling of each pair, or one number if all are equal"""
    held: Array
    """the spins in fields that aren't zero"""
    field: Array
    """their fields"""


def lower_pairs(model: Interactions) -> Pairs:
    """Each pair once, with the spin of the higher number."""
    j = model.couplings  # the lower triangle is taken without the copies that scipy would make of a large one
    row = np.repeat(np.arange(j.shape[0], dtype=np.int32), np.diff(j.indptr))
    lower = j.indices < row
    start = np.zeros(j.shape[0] + 1, np.int64)
    np.cumsum(np.bincount(row[lower], minlength=j.shape[0]), out=start[1:])
    del row
    value = model.values
    value = value[:1] if len(value) and (value == value[0]).all() else value[lower]
    (held,) = model.fields.nonzero()
    return Pairs(start, j.indices[lower].astype(np.uint32), value, held.astype(np.uint32), model.fields[held])


def cluster_arrays(pairs: Pairs, beta: float) -> tuple[Array, ...]:
    """The pairs with the signs and the bond probabilities of their couplings, and those of the fields, for
    `clusters`."""
    start, other, coupling, held, field = pairs
    return start, other, *_bonds(beta * coupling), held, (field > 0).astype(np.uint8), _bonds(beta * field)[1]


def wolff_arrays(model: Interactions, beta: float = 1.0) -> tuple[Array, ...]:
    """The neighbours of each spin with the signs and the bond probabilities of their couplings, and of the fields."""
    j = model.couplings
    up = (model.fields > 0).astype(np.uint8)
    return j.indptr, j.indices, *_bonds(beta * j.data), up, _bonds(beta * model.fields)[1]


def swendsen_wang(model: Interactions, beta: float = 1.0) -> Run:
    """The loop of Swendsen–Wang at `beta` times the inverse temperature: `(bits, steps, counter)` to `(bits, moved,
    counter)`."""
    return partial(_run_clusters, cluster_arrays(lower_pairs(model), beta))


def wolff(model: Interactions) -> Run:
    """The loop of Wolff, as above."""
    return partial(_run_wolff, wolff_arrays(model))


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
