"""Lattices folded into words: 64 equal blocks lie on top of each other, a bit for each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from discrete_ed.samplers.interactions import Interactions, loops

Array = NDArray[Any]
BITS = 64


class Folded(NamedTuple):
    """A periodic lattice of spins with the same neighbours everywhere, in the words of `sweep_words`."""

    site: Array
    """the site of each bit of each word, `(W, 64)`"""
    inner: Array
    """the coordinates of each word within a block, `(d, W)`"""
    masks: Array
    """for each direction the bits of the blocks with each number, `(d, 64)`, padded with zeros"""
    classes: Array
    """where each class of words begins, and the end of the last"""
    neighbour: Array
    """`(degree, W)`"""
    turn: Array
    """`(degree, W)`"""
    turns: Array
    """steps of each turn, `(turns, steps, 3)`"""
    negative: Array
    """`(degree, W)`, or `(degree, 0)` if no coupling is negative"""

    def pack(self, bits: Array) -> Array:
        """Bits `(B, D)` to words `(B, W)`."""
        words = np.empty((len(bits), len(self.site)), np.uint64)
        loops("measured_words").collect(bits, self.site, words)
        return words

    def unpack(self, words: Array) -> Array:
        """Words `(B, W)` to bits `(B, D)`."""
        bits = np.empty((len(words), self.site.size), np.uint8)
        for row, y in zip(words, bits, strict=True):
            loops("measured_words").spread(row, self.site, y)
        return bits


def folded(model: Interactions, sizes: Array) -> Folded | None:
    """The model folded along its directions; None if couplings differ in strength, spins in fields or in their
    neighbours, or no 64 blocks of two or more cells in each direction that is cut make up the lattice.

    Args:
        sizes: cells in each direction and, last, sites in a cell.
    """
    shape, basis = [int(size) for size in sizes[:-1]], int(sizes[-1])
    blocks = _blocks(shape) if int(np.prod(shape)) * basis < 2**31 else None
    j, count = model.couplings, np.diff(model.couplings.indptr)
    if blocks is None or not model.has_one_strength or not len(j.data):
        return None
    if (count != count[0]).any() or (model.fields != model.fields[0]).any():
        return None
    inner = [size // number for size, number in zip(shape, blocks, strict=True)]
    # a site is numbered by (block, place) in each direction in turn, and in the cell
    divided = [number for pair in zip(blocks, inner, strict=True) for number in pair]
    sites = np.arange(int(np.prod(shape)) * basis, dtype=np.int32).reshape(*divided, basis)
    d = len(shape)
    site = sites.transpose(*range(1, 2 * d, 2), 2 * d, *range(0, 2 * d, 2)).reshape(-1, BITS)
    word, bit = np.empty(site.size, np.int32), np.empty(site.size, np.uint8)
    word[site], bit[site] = np.arange(len(site), dtype=np.int32)[:, None], np.arange(BITS, dtype=np.uint8)
    degree = int(count[0])
    j.sort_indices()  # as they are already, unless another hand made them
    near = j.indices.reshape(-1, degree)
    first = near[site[:, 0]]  # the neighbours of the first block give the words and the turns of all
    there, turn = word[first], bit[first]
    if (there == np.arange(len(site))[:, None]).any():
        return None  # a word would be its own neighbour
    shifted = _shifted(blocks)
    same = bool((model.values == model.values[0]).all())
    negative = np.full((len(site), degree), 2**64 - 1 if same and model.values[0] < 0 else 0, np.uint64)
    for k in range(BITS):
        expected, rows = site[there, shifted[turn, k]], near[site[:, k]]
        places = None if same else np.argsort(expected, 1)
        ordered = np.sort(expected, 1) if places is None else np.take_along_axis(expected, places, 1)
        if not np.array_equal(rows, ordered):
            return None  # no translation of the lattice
        if places is not None:
            value = j.data.reshape(-1, degree)[site[:, k]]
            np.put_along_axis(below := np.empty_like(negative, bool), places, value < 0, 1)
            negative |= below.astype(np.uint64) << np.uint64(k)
    start = np.arange(0, degree * len(site) + 1, degree)
    colour = loops("measured_loops").colours(start, there.ravel())
    order = np.argsort(colour, kind="stable")
    place = np.empty(len(order), np.uint32)
    place[order] = np.arange(len(order), dtype=np.uint32)
    classes = np.concatenate([[0], np.cumsum(np.bincount(colour))])
    parts = (place[there[order]], turn[order], negative[order])
    neighbour, turn, negative = (np.ascontiguousarray(part.T) for part in parts)
    negative = negative if negative.any() else negative[:, :0].copy()
    cells = np.unravel_index(site[order][:, 0] // basis, shape)
    within = np.stack([c % size for c, size in zip(cells, inner, strict=True)]).astype(np.int32)
    return Folded(site[order], within, _masks(blocks), classes, neighbour, turn, _turns(blocks), negative)


def _blocks(shape: list[int]) -> list[int] | None:
    """The number of blocks in each direction, 64 in all, each of them two cells or more where a direction is cut."""
    blocks = [1] * len(shape)
    while int(np.prod(blocks)) < BITS:
        free = [size // number if size % (2 * number) == 0 else 0 for size, number in zip(shape, blocks, strict=True)]
        longest = int(np.argmax(free))
        if free[longest] < 4:
            return None
        blocks[longest] *= 2
    return blocks


def _shifted(blocks: list[int]) -> Array:
    """`shifted[turn, k]`: the block that is `turn` blocks from block `k`, as both are numbered, `(64, 64)`."""
    coordinates = np.stack(np.unravel_index(np.arange(BITS), blocks), 1)
    moved = (coordinates[:, None] + coordinates) % blocks
    return np.ravel_multi_index(tuple(np.moveaxis(moved, -1, 0)), blocks).astype(np.int64)


def _masks(blocks: list[int]) -> Array:
    """For each direction and each number of a block in it the bits of these blocks, `(d, 64)`."""
    coordinates = np.stack(np.unravel_index(np.arange(BITS), blocks), 1)
    masks = np.zeros((len(blocks), BITS), np.uint64)
    for a, k in np.ndindex(*masks.shape):
        masks[a, k] = sum(1 << int(bit) for bit in np.flatnonzero(coordinates[:, a] == k))
    return masks


def _turns(blocks: list[int]) -> Array:
    """The steps of `turned` for each of the 64 turns; one that does nothing moves by 0."""
    d, index = len(blocks), np.arange(BITS)
    coordinates = np.stack(np.unravel_index(index, blocks), 1)
    turns = np.zeros((BITS, d, 3), np.uint64)
    turns[:, :, 2] = 2**64 - 1
    stride = [int(np.prod(blocks[a + 1 :])) for a in range(d)]
    for number in range(1, BITS):
        for a in range(d):
            by = int(coordinates[number, a])
            if by:
                stays = coordinates[:, a] < blocks[a] - by
                mask = sum(1 << int(k) for k in index[stays])
                turns[number, a] = (by * stride[a], (blocks[a] - by) * stride[a], mask)
    return turns
