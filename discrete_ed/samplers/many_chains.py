"""Sweeps of 64 chains in a word, the spins of a class together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.thresholds import pack, threshold, unpack

Layout = Callable[[Array], Array]


def many_words(
    model: Interactions, classes: Sequence[Sequence[int]]
) -> tuple[Callable[..., np.uint64], Layout, Layout] | None:
    """The loop `sweep_words` for many chains, and how their bits `(B, D)` go into its words `(W, D)` and back; None if
    spins differ in their fields or in their numbers of neighbours.

    Args:
        model: one whose couplings have one strength.
        classes: of spins that are resampled together, none of which are neighbours.
    """
    count, fields = np.diff(model.couplings.indptr), model.fields
    degree = int(count[0])
    if (count != degree).any() or (fields != fields[0]).any() or not degree:
        return None
    order = np.concatenate(classes).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum([len(each) for each in classes])])
    place = np.empty(len(order), np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    value = model.couplings.data.reshape(-1, degree)[order]
    neighbour = np.ascontiguousarray(place[model.couplings.indices.reshape(-1, degree)[order]].T)
    negative = np.ascontiguousarray(np.where(value < 0, np.uint64(2**64 - 1), np.uint64(0)).T)
    pull = abs(value.flat[0]) * (2 * np.arange(degree + 1) - degree)
    negative = negative if negative.any() else negative[:, :0].copy()
    turn, turns = np.zeros((degree, 0), np.uint8), np.zeros((1, 1, 3), np.uint64)
    arrays = (ends, neighbour, turn, turns, negative, threshold(pull + fields[0]))
    sweep = loops("word_loops").sweep_words

    def run(chains: Array, sweeps: int, counter: np.uint64) -> np.uint64:
        for words in chains:
            counter = sweep(words, *arrays, sweeps, np.uint64(counter))
        return counter

    def enter(bits: Array) -> Array:
        return np.ascontiguousarray(pack(bits)[order].T)

    def leave(words: Array) -> Array:
        return unpack(np.ascontiguousarray(words[:, place].T))

    return run, enter, leave
