"""Lattices and interaction graphs, known models on them, and samples by every method."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch

from discrete_ed import InputError, IsingEnergy, lattice, moments, sample_ising
from discrete_ed.graphs.interactions import interaction_graph
from discrete_ed.lattices import known_graph, known_lattice, known_random_graph


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_lattices_have_their_sites_and_bonds():
    assert lattice(3, 3).number_of_edges() == 81
    assert lattice(5, 1).number_of_edges() == 5
    assert lattice(5, 1, periodic=False).number_of_edges() == 4
    assert lattice(2).number_of_edges() == 4
    assert sorted(lattice(4).neighbors(0)) == [1, 3, 4, 12]
    with pytest.raises(InputError, match="side"):
        lattice(1)


def test_a_graph_file_gives_the_interactions(tmp_path):
    nx.write_graph6(nx.cycle_graph(7), tmp_path / "ring.g6", header=False)
    assert interaction_graph(tmp_path / "ring.g6").number_of_edges() == 7
    (tmp_path / "two.g6").write_text("C~\nC~\n")
    with pytest.raises(InputError, match="one graph"):
        interaction_graph(tmp_path / "two.g6")


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (0, {}, "count: expected at least 1, got 0"),
        (-1, {}, "count: expected at least 1, got -1"),
        (2.5, {}, "count: expected a whole number"),
        (5, {"sweeps": 0}, "sweeps: expected at least 1"),
        (5, {"chains": 0}, "chains: expected at least 1"),
    ],
)
def test_numbers_of_samples_are_whole_and_positive(count, options, message):
    with pytest.raises(InputError, match=message):
        sample_ising(IsingEnergy(4), count, **options)


def check(energy: IsingEnergy, x: torch.Tensor) -> None:
    wanted = moments(energy)
    seen = x.double().T @ x.double() / len(x)
    error = (wanted.pairs * (1 - wanted.pairs) / len(x)).sqrt()
    assert ((seen - wanted.pairs).abs() < 4.5 * error + 1e-9).all()


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("energy", "arguments", "method"),
    [
        (IsingEnergy.from_graph(lattice(4), 0.3), {"torus": (4, 4)}, "transfer matrices"),
        (IsingEnergy.from_graph(lattice(4, periodic=False), -0.4, 0.2), {"torus": (4, 4)}, "transfer matrices"),
        (IsingEnergy.from_graph(nx.cycle_graph(7), 0.5, 0.1), {}, "enumeration"),
        (IsingEnergy.from_graph(nx.cycle_graph(18), 0.6), {}, "clusters"),
        (IsingEnergy.from_graph(nx.complete_graph(17), -0.1, 0.2), {}, "tempering"),
        (IsingEnergy.from_graph(nx.cycle_graph(9), 0.5), {"sweeps": 50}, "50 sweeps of single spins"),
    ],
)
def test_samples_have_the_moments_of_the_model(energy, arguments, method, monkeypatch):
    monkeypatch.setattr("discrete_ed.lattices.sampling.SWEEPS", 40)
    monkeypatch.setattr("discrete_ed.lattices.sampling.CHAINS", 500)
    steps = []
    found = sample_ising(
        energy, 3000, generator=generator(), callback=lambda step, total: steps.append((step, total)), **arguments
    )
    assert method in found.method
    assert found.costly == ("tempering" in method)
    assert found.states.shape == (3000, len(energy.fields))
    check(energy, found.states)
    total = 50 if "sweeps" in arguments else 0 if found.method.startswith("exact") else len(steps)
    assert steps == [(step, total) for step in range(1, total + 1)]


def test_known_models_have_one_coupling_and_one_field_or_those_of_their_graph():
    known = known_lattice(3, periodic=False, sigma=0.2, field=0.1)
    assert (known.label, known.sigma, known.field, known.torus) == ("3x3", 0.2, 0.1, (3, 3))
    assert np.allclose(np.unique(known.parameters.couplings), [0, 0.4])  # physics: twice the published coupling
    assert np.allclose(known.parameters.fields, 0.1)
    assert known_lattice(5, 1, sigma=0.2).torus == (5, 1)
    assert known_lattice(3, 3, sigma=0.2).torus is None
    assert known_lattice(11, sigma=0.2).torus is None
    assert known.sample(7, generator=generator()).method == "exact, by transfer matrices"
    random = known_random_graph(30, 3.0, sigma=-0.1, seed=1)
    edges = np.triu(random.parameters.couplings)
    assert 25 < (edges != 0).sum() < 65
    assert np.allclose(edges[edges != 0], -0.2)
    again = known_random_graph(30, 3.0, sigma=-0.1, seed=1)
    assert np.array_equal(random.parameters.couplings, again.parameters.couplings)


@pytest.mark.parametrize(("coupling", "field"), [(True, False), (False, True), (False, False)])
def test_couplings_and_fields_of_a_graph_stand_in_place_of_one_number(coupling, field):
    graph = nx.path_graph(3)
    if coupling:
        nx.set_edge_attributes(graph, {(0, 1): 0.5, (1, 2): -0.3}, "coupling")
    if field:
        nx.set_node_attributes(graph, {0: 0.1, 1: 0.2, 2: 0.3}, "field")
    known = known_graph(graph, "path", sigma=0.2, field=0.0)
    assert known.sigma == (None if coupling else 0.2)
    assert known.field == (None if field else 0.0)
    assert known.torus is None
    between = known.parameters.couplings[[0, 1], [1, 2]]
    assert np.allclose(between, [0.5, -0.3] if coupling else [0.4, 0.4])
    assert np.allclose(known.parameters.fields, [0.1, 0.2, 0.3] if field else 0)
