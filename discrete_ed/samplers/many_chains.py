"""Sweeps of 64 chains in a word, the spins of a class together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from discrete_ed.samplers.interactions import Array, Interactions, loops
from discrete_ed.samplers.thresholds import pack, threshold, unpack


class ManyWords(NamedTuple):
    """Many chains `(B, D)` in words `(W, D)` of 64 of them, whose spins lie in the order of the classes."""

    order: Array
    """the spins, class after class"""
    place: Array
    """the place of each spin in that order"""
    arrays: tuple[Array, ...]
    """those of `sweep_words` before its thresholds"""
    field: Array
    """the field on a spin, by the number of its neighbours that favour spin up"""

    def enter(self, bits: Array) -> Array:
        """Bits `(B, D)` to words."""
        return np.ascontiguousarray(pack(bits)[self.order].T)

    def leave(self, words: Array) -> Array:
        """Words to bits; more rows than there are chains, if these don't fill the last word."""
        return unpack(np.ascontiguousarray(words[:, self.place].T))

    def run(self, chains: Array, sweeps: int, counter: np.uint64) -> np.uint64:
        """Sweeps of words, which are changed; the next value of the counter."""
        sweep, table = loops("word_loops").sweep_words, threshold(self.field)
        for words in chains:
            counter = sweep(words, *self.arrays, table, sweeps, np.uint64(counter))
        return counter

    def anneal(self, bits: Array, betas: Array, counter: np.uint64) -> tuple[Array, np.uint64]:
        """A sweep at each inverse temperature: bits, and the next value of the counter."""
        chains = self.enter(bits)
        for words in chains:
            counter = loops("schedule_loops").anneal_words(words, *self.arrays, self.field, betas, np.uint64(counter))
        return self.leave(chains)[: len(bits)], counter


def many_words(model: Interactions, classes: Sequence[Sequence[int]]) -> ManyWords | None:
    """How `sweep_words` takes many chains of a model; None if spins differ in their fields or in their numbers of
    neighbours.

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
    field = abs(value.flat[0]) * (2 * np.arange(degree + 1) - degree) + fields[0]
    negative = negative if negative.any() else negative[:, :0].copy()
    turn, turns = np.zeros((degree, 0), np.uint8), np.zeros((1, 1, 3), np.uint64)
    return ManyWords(order, place, (ends, neighbour, turn, turns, negative), field)
