"""Potts models: energies by brute force, the law of two states against Ising, known values on lattices."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log, sqrt

import networkx as nx
import numpy as np
import pytest
import torch
from place import DEVICE, FLOAT, rounding, seeded

from discrete_ed import (
    Exact,
    GibbsSweep,
    Groups,
    InputError,
    IsingEnergy,
    PottsEnergy,
    colour_classes,
    kernel_by_name,
    lattice,
    load_energy,
    local_for,
    log_z,
    sample,
    save_energy,
)
from discrete_ed.energies.couplings import edge_couplings

MIXED = Groups(((0, 5, 2), (1, 3)), bits=7)


def dense() -> PottsEnergy:
    energy = PottsEnergy(MIXED, torch.linspace(-1, 1, 7, dtype=FLOAT)).to(DEVICE, FLOAT)
    energy.pairs.data += torch.randn(7, 7, generator=seeded(3), dtype=FLOAT)
    return energy


def sparse(dtype: torch.dtype = FLOAT) -> PottsEnergy:
    return PottsEnergy.from_edges([(0, 1), (1, 2), (2, 0), (2, 3)], 3, [0.5, -1.0, 0.3, 0.8], [0.2, 0, -0.1]).to(dtype)


@pytest.mark.parametrize("make", [dense, sparse])
def test_energies_moves_and_fields_agree_with_sums(make):
    energy = make()
    x = energy.groups.states(FLOAT, DEVICE)
    j = energy.couplings.detach()
    assert torch.equal(j, j.T)
    assert not any(j[a, b] for group in energy.groups.members for a in group for b in group)
    wanted = torch.stack([-(row @ j @ row) / 2 - row @ energy.fields for row in x])
    assert torch.allclose(energy(x), wanted, atol=rounding(1e-12))
    moved = torch.stack([energy(energy.groups.neighbours(row[None])[0]) - energy(row) for row in x])
    assert torch.allclose(energy.move_delta(x), moved, atol=rounding(1e-12))
    flipped = (x.unsqueeze(1) - torch.eye(energy.bits, dtype=FLOAT)).abs()
    assert torch.allclose(energy.flip_delta(x), energy(flipped) - energy(x)[:, None], atol=rounding(1e-12))


def test_the_model_of_potts_counts_equal_neighbours():
    energy = sparse()
    x = energy.groups.states(FLOAT, DEVICE)
    s = energy.groups.decode(x)
    edges, couplings = [(0, 1), (1, 2), (2, 0), (2, 3)], [0.5, -1.0, 0.3, 0.8]
    wanted = -sum(c * (s[:, u] == s[:, v]).to(FLOAT) for (u, v), c in zip(edges, couplings, strict=True))
    wanted -= torch.tensor([0.2, 0, -0.1], dtype=FLOAT)[s].sum(1)
    assert torch.allclose(energy(x), wanted, atol=rounding(1e-6))


@pytest.mark.parametrize("make", [dense, sparse])
def test_it_is_saved_with_groups_and_pairs(make, tmp_path):
    energy = make()
    save_energy(tmp_path, energy)
    loaded = load_energy(tmp_path)
    x = energy.groups.states(FLOAT, DEVICE)
    assert loaded.groups == energy.groups
    assert torch.equal(loaded.to(DEVICE)(x), energy(x))


def transfer_log_z(q: int, columns: int, rows: int, k: float) -> float:
    """`log Z` of a torus by its transfer matrix over the states of a row."""
    states = np.array(list(np.ndindex(*[q] * columns)))
    inside = (states == np.roll(states, 1, axis=1)).sum(1)
    between = (states[:, None] == states).sum(-1)
    matrix = np.exp(k * (between + (inside[:, None] + inside) / 2))
    return float(np.log(np.trace(np.linalg.matrix_power(matrix, rows))))


@pytest.mark.parametrize(("q", "shape"), [(2, (3, 4)), (3, (3, 3))])
def test_log_z_on_a_torus_agrees_with_the_transfer_matrix(q, shape):
    k = log(1 + sqrt(q))
    energy = PottsEnergy.from_graph(lattice(shape), q, k).to(DEVICE, FLOAT)
    assert log_z(energy) == pytest.approx(transfer_log_z(q, *shape, k), abs=1e-5)  # couplings are in single precision


def test_two_states_are_an_ising_model():
    graph = lattice((3, 3))
    potts, spins = PottsEnergy.from_graph(graph, 2, 0.7), IsingEnergy.from_graph(graph, 0.35)
    assert log_z(potts) == pytest.approx(log_z(spins) + 18 * 0.35, abs=1e-5)


@pytest.mark.parametrize("q", [2, 3, 4, 5])
def test_the_transition_of_strips_lies_where_theory_says(q):
    """Correlation lengths of strips of two widths, in units of the width, cross at `K_c = ln(1 + √q)` nearly."""

    def scaled(width: int, k: float) -> float:
        states = np.array(list(np.ndindex(*[q] * width)))
        inside = (states == np.roll(states, 1, axis=1)).sum(1)
        between = (states[:, None] == states).sum(-1)
        top = np.sort(abs(np.linalg.eigvalsh(np.exp(k * (between + (inside[:, None] + inside) / 2)))))[::-1]
        return width * log(top[0] / top[1])

    critical = log(1 + sqrt(q))
    low, high = 0.9 * critical, 1.1 * critical
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (middle, high) if scaled(3, middle) < scaled(4, middle) else (low, middle)
    assert exp(abs(log((low + high) / 2 / critical))) - 1 < 0.03


@pytest.mark.thorough
@pytest.mark.many_steps
def test_sweeps_over_colour_classes_reach_the_exact_energy_at_the_transition(generator):
    q, side = 3, 3
    energy = PottsEnergy.from_graph(lattice(side), q, log(1 + sqrt(q)))
    kernel = kernel_by_name("auto", energy)
    assert isinstance(kernel, GibbsSweep)
    assert kernel.classes == colour_classes(energy)
    assert all(len(members) % q == 0 for members in kernel.classes)
    x = energy.groups.uniform(600, torch.zeros(1), generator=generator)
    x = sample(kernel, local_for(kernel, energy), x, 40, generator=generator)
    law = (-energy(energy.groups.states())).detach().softmax(0)
    wanted, seen = law @ energy(energy.groups.states()).detach(), energy(x).detach()
    assert abs(seen.mean() - wanted) < 4.5 * seen.std() / 600**0.5
    assert isinstance(local_for(kernel, energy), Exact)


def test_colour_classes_keep_variables_apart():
    energy = PottsEnergy.from_graph(lattice(4), 3)
    classes = colour_classes(energy)
    assert len(classes) == 2
    i, j, _ = energy.coupled_pairs()
    label = torch.zeros(energy.bits, dtype=torch.long)
    for number, members in enumerate(classes):
        label[list(members)] = number
    assert (label[i] != label[j]).all()
    assert all(len(set(label[list(group)].tolist())) == 1 for group in energy.groups.members)
    x = energy.groups.uniform(2, torch.zeros(1))
    with pytest.raises(InputError, match="parts of a group in two"):
        sample(GibbsSweep((tuple(range(47)), (47,))), Exact(energy), x, 1)
    with pytest.raises(InputError, match="got one between bits"):
        sample(GibbsSweep((tuple(range(48)),)), Exact(energy), x, 1)


def test_graphs_give_their_couplings():
    graph = nx.path_graph(3)
    nx.set_edge_attributes(graph, {(0, 1): 0.5, (1, 2): -2.0}, "coupling")
    energy = PottsEnergy.from_graph(graph, 2)
    x = energy.groups.encode(torch.tensor([[0, 0, 0], [0, 1, 1]]))
    assert energy(x).tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PottsEnergy.from_edges([(0, 1)], 1), "states: expected at least 2"),
        (lambda: PottsEnergy.from_edges([(0, 1)], 3, fields=[0.0, 1.0]), r"fields: expected shape \(3,\) or \(2, 3\)"),
        (lambda: PottsEnergy([3, 2]), r"groups: expected Groups, got list; Groups.one_hot\(\[3, 2\]\)"),
        (lambda: PottsEnergy(MIXED, torch.zeros(6)), r"fields: expected shape \(7,\)"),
        (lambda: PottsEnergy(MIXED, pairs=edge_couplings([(0, 5)], 1.0, 7)), "two values of one variable"),
    ],
)
def test_what_is_no_potts_model_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_pairs_of_a_lattice_are_those_of_its_edges():
    energy = PottsEnergy.from_graph(lattice(3), 4)
    i, j, value = energy.coupled_pairs()
    assert len(i) == 18 * 4
    assert (value == 1).all()
    assert torch.equal(i % 4, j % 4)
    assert all(a < b for a, b in pairwise(sorted(set(i.tolist()))))
