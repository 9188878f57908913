"""Spins in words: folded lattices have the bonds of the lattice, and sweeps of words the law of single spins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from discrete_ed import IsingEnergy, kaufman, lattice, plus_minus_couplings, simulate
from discrete_ed.lattices import diluted
from discrete_ed.lattices.measuring import Measured
from discrete_ed.samplers.folding import BITS, folded
from discrete_ed.samplers.interactions import Interactions, loops
from discrete_ed.samplers.thresholds import threshold

pytest.importorskip("numba")

SQUARE, BLOCKS, CUBE = lattice(16), lattice((128, 3)), lattice((8, 8, 12))
HONEYCOMB, TRIANGLES = lattice((16, 16), kind="honeycomb"), lattice(16, kind="triangular")
J1_J2 = lattice(32, offsets=[(1, 0), (0, 1), (1, 1), (1, -1)])
FOLDED = {
    "square": (IsingEnergy.from_graph(SQUARE, 0.7, 0.2), SQUARE),
    "±J": (IsingEnergy.from_graph(SQUARE, plus_minus_couplings(SQUARE)), SQUARE),
    "blocks along one side": (IsingEnergy.from_graph(BLOCKS, -0.5), BLOCKS),
    "cubic, ±J, a field": (IsingEnergy.from_graph(CUBE, plus_minus_couplings(CUBE, seed=4), -0.3), CUBE),
    "honeycomb": (IsingEnergy.from_graph(HONEYCOMB, 1.0), HONEYCOMB),
    "triangular": (IsingEnergy.from_graph(TRIANGLES, -1.0, 0.1), TRIANGLES),
    "two kinds of neighbours": (IsingEnergy.from_graph(J1_J2, 0.5), J1_J2),
}


def sizes_of(graph):
    return np.array([*graph.shape, graph.sites // int(np.prod(graph.shape))])


@pytest.mark.parametrize("name", FOLDED)
def test_what_is_measured_of_words_is_what_the_last_state_has(name):
    energy, graph = FOLDED[name]
    model = Measured(energy, 1.7, update="sweeps", sizes=tuple(sizes_of(graph)))
    words = folded(model.unit, model.sizes)
    assert words is not None
    start = model.start(2, 0)
    assert (words.unpack(words.pack(start)) == start).all()
    bits, series, counter = model.run(start, 20, 5)
    last = torch.from_numpy(bits).float()
    assert np.allclose(series[-1, :, 0], energy(last).detach().numpy(), rtol=1e-5)
    structure = np.empty((2, 2 + len(graph.shape)))
    loops("measured_loops").describe_all(bits, model.sizes, model.sublattice, model.plan, structure)
    assert np.allclose(series[-1, :, 1:], structure[:, 1:])
    assert (series[-1] != series[-2]).any()
    assert (model.run(bits, 20, counter)[1] != series).any()


@pytest.mark.parametrize("name", FOLDED)
def test_a_word_is_resampled_given_its_neighbours(name):
    """One sweep of many chains from one state: spins have the probabilities that their fields give at their turn, in
    every class, and those of a class are independent."""
    energy, graph = FOLDED[name]
    model, chains = Interactions.of(energy), 2000
    words = folded(model, sizes_of(graph))
    beta = 0.6
    start = np.random.default_rng(1).integers(0, 2, (1, graph.sites), np.uint8)
    degree, strength = len(words.neighbour), abs(model.couplings.data[0])
    table = threshold(beta * (strength * (2 * np.arange(degree + 1) - degree) + model.fields[0]))
    x = np.repeat(words.pack(start), chains, 0)
    run, counter = loops("word_loops").sweep_words, np.uint64(7)
    for row in x:
        counter = run(row, *words[3:], table, 1, np.uint64(counter))
    bits = words.unpack(x)
    for k, (begin, end) in enumerate(pairwise(words.classes)):
        sites = words.site[begin:end].ravel()
        before = bits.copy()
        unchanged = words.site[
            begin:
        ].ravel()  # what this class saw: earlier classes after the sweep, later ones before
        before[:, unchanged] = start[:, unchanged]
        p = 1 / (1 + np.exp(-2 * beta * model.local_fields(2.0 * before - 1)[:, sites]))
        variance = p * (1 - p)
        z = (bits[:, sites] - p).sum(0) / np.sqrt(variance.sum(0))
        assert abs(z).max() < 5.5, k
        assert abs(z.std() - 1) < 4.5 / (2 * len(z)) ** 0.5, k
        together = (bits[:, sites] - p).sum(1) / np.sqrt(variance.sum(1))  # spins of a class are independent
        assert abs(together.std() - 1) < 4.5 / (2 * chains) ** 0.5, k


def test_spins_that_tie_in_the_first_rounds_are_decided_by_the_other_bits_of_their_thresholds():
    """One spin in a thousand, whose error no other test would see; and what each round compares with."""
    run, rng = loops("word_loops"), np.random.default_rng(2)
    shares = np.array([0.25, 0.0, 0.9])
    table = (rng.integers(0, 2**run.ROUNDS, 3).astype(np.uint64) << np.uint64(64 - run.ROUNDS)) + (
        shares * 2.0 ** (64 - run.ROUNDS)
    ).astype(np.uint64)
    kind = rng.integers(0, 3, (200, 64))
    count = np.packbits(kind == np.arange(3)[:, None, None], axis=2, bitorder="little").view(np.uint64)[..., 0]
    wanted = rng.integers(0, 2, (200, 64))  # the others keep what they have
    undecided = np.packbits(wanted, axis=1, bitorder="little").view(np.uint64)[:, 0]
    mean = np.zeros((200, 64))
    for seed in range(50):
        below = np.zeros(200, np.uint64)
        run.decide(below, undecided, np.empty(200, np.int64), count, table, np.uint64(seed << 40), np.uint64(200))
        mean += np.unpackbits(below.view(np.uint8).reshape(200, 8), axis=1, bitorder="little") / 50
    assert (mean[wanted == 0] == 0).all()
    for n, share in enumerate(shares):
        chosen = mean[(kind == n) & (wanted == 1)]
        assert abs(chosen.mean() - share) <= 4.5 * (share * (1 - share) / chosen.size / 50) ** 0.5
    for table in (threshold(np.linspace(-2, 2, 5)), threshold(np.linspace(-1, 2, 9)), threshold(np.zeros(2))):
        rows, opposite = run.rounds.py_func(table)
        for r, (three, other) in enumerate(zip(rows, opposite, strict=True)):
            having = np.flatnonzero((table >> np.uint64(63 - r)) & np.uint64(1) != other & np.uint64(1))
            assert set(having) == set(three) - {len(table)} or (len(having) > 3 and three[0] == len(table) + 1)


def test_long_chains_of_words_have_the_exact_energy():
    graph = lattice(16)
    for at in simulate(IsingEnergy.from_graph(graph), [2.3, 3.0], graph=graph, update="sweeps", measurements=3000):
        found, exact = at.estimates(), kaufman(16, 16, at.temperature)
        assert abs(found["energy"].value - exact.energy) < 4.5 * found["energy"].error
        assert abs(found["specific_heat"].value - exact.specific_heat) < 4.5 * found["specific_heat"].error


def test_models_without_blocks_are_not_folded():
    random = lattice(16, periodic=True)
    uneven = np.ones(random.number_of_edges())
    uneven[0] = 0.5
    thin = diluted(lattice(16), edges=0.9, seed=1)
    cases = {
        "an odd side": (lattice((15, 15)), 1.0, 0.0),
        "blocks of one cell": (lattice(8), 1.0, 0.0),
        "two strengths": (random, uneven, 0.0),
        "fields that differ": (random, 1.0, np.linspace(0, 1, 256)),
        "steps longer than a block": (lattice((64, 16), offsets=[(4, 0), (0, 2)]), 1.0, 0.0),
    }
    for graph, coupling, field in cases.values():
        assert folded(Interactions.of(IsingEnergy.from_graph(graph, coupling, field)), sizes_of(graph)) is None
    assert folded(Interactions.of(IsingEnergy.from_graph(thin)), np.array([16, 16, 1])) is None
    assert BITS == 64
