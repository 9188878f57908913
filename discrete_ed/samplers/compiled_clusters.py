"""The arrays with which compiled loops flip clusters of an Ising model without frustration."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.sparse import triu

from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.thresholds import threshold_of_probability


def swendsen_wang(
    model: Interactions,
) -> partial[tuple[Array, Array, np.uint64]]:
    """The loop of Swendsen–Wang: `(bits, steps, counter)` to `(bits, moved, counter)`."""
    pairs = triu(model.couplings, 1)
    (held,) = model.fields.nonzero()
    field = model.fields[held]
    arrays = (
        *(part.astype(np.int32, copy=False).view(np.uint32) for part in (pairs.row, pairs.col)),
        *_bonds(pairs.data),
        held.astype(np.uint32),
        (field > 0).astype(np.uint8),
        _bonds(field)[1],
    )
    return partial(_run_clusters, arrays)


def wolff(model: Interactions) -> partial[tuple[Array, Array, np.uint64]]:
    """The loop of Wolff, as above."""
    return partial(_run_wolff, wolff_arrays(model))


def wolff_arrays(model: Interactions) -> tuple[Array, ...]:
    """The neighbours of each spin with the signs and the bond probabilities of their couplings, and of the fields."""
    j = model.couplings
    return j.indptr, j.indices, *_bonds(j.data), (model.fields > 0).astype(np.uint8), _bonds(model.fields)[1]


def _bonds(coupling: Array) -> tuple[Array, Array]:
    """Where the coupling is negative, and the probability `1 − exp(−2 |coupling|)` of a bond in units of 2^-64."""
    return (coupling < 0).astype(np.uint8), threshold_of_probability(-np.expm1(-2 * abs(coupling)))


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
