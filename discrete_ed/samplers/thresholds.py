"""The tables by which sweeps choose spins, and the layouts of bits that the sweeps use."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from discrete_ed.samplers.interactions import Array, Interactions


def _transposed(bits: Array) -> Array:
    return np.ascontiguousarray(bits.T)


def pack(bits: Array) -> Array:
    """Bits `(B, D)` to words `(D, W)` that hold 64 chains each; the last word may be padded with zeros."""
    padded = np.pad(bits, ((0, -len(bits) % 64), (0, 0)))
    return np.packbits(_transposed(padded), axis=1).view(np.uint64)


def unpack(words: Array) -> Array:
    return _transposed(np.unpackbits(words.view(np.uint8), axis=1))


def threshold(field: Array) -> Array:
    """`p(s = 1) = σ(2 f)` in units of 2^-64."""
    return threshold_of_probability(expit(2 * field))


def threshold_of_probability(p: Array) -> Array:
    """A probability in units of 2^-64, to be compared with a random word."""
    sure = p >= 1 - 2.0**-53
    return np.where(sure, np.uint64(2**64 - 1), (np.where(sure, 0, p) * 2.0**64).astype(np.uint64))


def thresholds_by_count(model: Interactions, degree: int) -> dict[str, Array]:
    """Thresholds by the number of neighbours that favour spin up, if all couplings have the same magnitude."""
    places, field = fields_by_count(model, degree)
    return {**dict(zip(("start", "neighbour", "negative", "row"), places, strict=True)), "threshold": threshold(field)}


def fields_by_count(model: Interactions, degree: int) -> tuple[tuple[Array, ...], Array]:
    """Where `sweep_packed` finds the neighbours, the signs and the row of each bit, and the table: the field on a bit
    of each kind, by the number of neighbours that favour spin up, `(kinds, degree + 1)`."""
    start, neighbour, value = model.rows
    pull = abs(value).max(initial=0) * (2 * np.arange(degree + 1) - np.diff(start)[:, None])
    kinds, row = np.unique(model.fields[:, None] + pull, axis=0, return_inverse=True)
    negative = np.where(value < 0, np.uint64(2**64 - 1), np.uint64(0))
    return (start, neighbour, negative, row.ravel()), kinds


def thresholds_by_state(model: Interactions, order: Array, degree: int) -> dict[str, Any]:
    """Thresholds by the states of the neighbours, in the order of a sweep; bits of one kind share them."""
    places, field = fields_by_state(model, order, degree)
    return {**places, "threshold": threshold(field).ravel()}


def fields_by_state(model: Interactions, order: Array, degree: int) -> tuple[dict[str, Any], Array]:
    """Where `sweep_each` finds the neighbours of each bit and its row of a table, and the table: the field on a bit of
    each kind, for all states of its neighbours, `(kinds, 2^degree)`."""
    start, column, value = model.couplings.indptr, model.couplings.indices, model.couplings.data
    bits, width = len(model.fields), max(degree, 1)
    if len(column) == bits * width:  # all bits have as many neighbours
        neighbour, coupling = column.reshape(bits, width), value.reshape(bits, width)
    else:
        bit = np.repeat(np.arange(bits), np.diff(start))
        place = np.arange(len(column)) - start[bit]
        neighbour = np.repeat(np.arange(bits)[:, None], width, 1)  # padded with the bit itself, whose coupling is zero
        coupling = np.zeros((bits, width))
        neighbour[bit, place], coupling[bit, place] = column, value
    columns = [model.fields, *coupling.T]
    row: Array
    uniform = all((part == part[0]).all() for part in columns)  # perhaps a large model, whose rows are not listed twice
    if uniform:
        kinds, row = np.array([[part[0] for part in columns]]), np.zeros(bits, np.uint32)
    else:
        kinds, row = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    spins = 2.0 * (np.arange(2**width) >> np.arange(width)[:, None] & 1) - 1
    field = kinds[:, :1] + kinds[:, 1:] @ spins
    if not uniform:
        row = (row.ravel()[order] * np.uint32(field.shape[1])).astype(np.uint32 if field.size < 2**32 else np.uint64)
    return {
        "order": order.astype(np.uint32),
        "neighbours": tuple(part[order].astype(np.uint32) for part in neighbour.T),
        "row": row,
    }, field
