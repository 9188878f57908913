"""Lattices: sites, bonds, boundaries, offsets and disorder."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from discrete_ed import InputError, IsingEnergy, diluted, gaussian_couplings, lattice, plus_minus_couplings
from discrete_ed.lattices import random_fields
from discrete_ed.lattices.kinds import KINDS

COORDINATION = {"chain": 2, "square": 4, "cubic": 6, "triangular": 6, "honeycomb": 3, "kagome": 4, "bcc": 8, "fcc": 12}


def test_every_kind_has_a_coordination_number_here():
    assert set(COORDINATION) == set(KINDS) - {"hypercubic"}


@pytest.mark.parametrize(("kind", "neighbours"), COORDINATION.items())
def test_bonds_join_nearest_neighbours(kind, neighbours):
    """Of an open lattice: all pairs at distance 1, which is the smallest; of a periodic one: as many for every site."""
    around = lattice(4, kind=kind)
    assert set(np.bincount(around.edges.ravel(), minlength=around.sites)) == {neighbours}
    cut = lattice(4, kind=kind, boundary="open")
    place = cut.positions()
    distance = np.linalg.norm(place[:, None] - place, axis=-1)
    near = np.argwhere(np.triu(np.isclose(distance, 1), 1))
    assert near.tolist() == cut.edges.tolist()
    assert distance[distance > 0].min() == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "edges"),
    [
        ({"shape": (3, 5)}, 30),
        ({"shape": (3, 5), "boundary": ("open", "periodic")}, 25),
        ({"shape": 3, "dimension": 4}, 324),
        ({"shape": 2}, 4),  # a single bond where textbooks count two
        ({"shape": (2, 3)}, 9),
        ({"shape": (1, 5)}, 5),  # no bond of a site with itself
        ({"shape": 5, "offsets": [(1, 0), (0, 1), (1, 1)]}, 75),
        ({"shape": 5, "offsets": [[(1, 0), (0, 1)], [(1, 1), (1, -1)], [(2, 0), (0, 2)]]}, 150),
    ],
)
def test_shapes_boundaries_and_offsets(arguments, edges):
    found = lattice(**arguments)
    assert found.number_of_edges() == edges
    assert len({tuple(edge) for edge in found.edges.tolist()}) == edges
    assert (found.edges[:, 0] < found.edges[:, 1]).all()


def test_hypercubic_lattices_are_those_of_networkx():
    wanted = nx.convert_node_labels_to_integers(nx.grid_graph([5, 4, 3], periodic=True), ordering="sorted")
    assert nx.utils.graphs_equal(lattice((3, 4, 5)).to_networkx(), wanted)


def test_offsets_with_their_numbers_give_several_couplings():
    found = lattice(4, offsets=[[(1, 0), (0, 1)], [(1, 1), (1, -1)]])
    energy = IsingEnergy.from_graph(found, np.array([1.0, -0.5])[found.edge_kinds])
    assert energy.couplings[0, 1] == 1
    assert energy.couplings[0, 5] == -0.5
    assert energy.couplings[0, 2] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": 0}, "sides of at least 1"),
        ({"shape": 1}, "one of them at least 2"),
        ({"shape": -3}, "sides of at least 1"),
        ({"shape": 4, "kind": "penrose"}, "kind: expected one of hypercubic, .* got 'penrose'"),
        ({"shape": (4, 4, 4), "kind": "kagome"}, "expected 2 sizes, got 3"),
        ({"shape": (4, 4), "dimension": 3}, "dimension: expected 2"),
        ({"shape": 4, "boundary": "closed"}, "boundary: expected 'periodic' or 'open'"),
        ({"shape": 4, "boundary": ("open",) * 3}, "boundary: .* each of 2 directions"),
        ({"shape": 4, "boundary": "open", "periodic": True}, "only one of boundary and periodic"),
        ({"shape": 4, "offsets": [(1, 0), (-1, 0)]}, r"each step once, .* got \(-1, 0\) twice"),
        ({"shape": 4, "offsets": [(0, 0)]}, "lead to another cell"),
        ({"shape": 4, "offsets": []}, "at least one step"),
        ({"shape": 4, "offsets": [(4, 0)]}, r"lead to another cell, got \(4, 0\)"),
        ({"shape": 3.5}, "shape: expected whole numbers of cells, got 3.5"),
        ({"shape": (2.5, 3)}, "shape: expected whole numbers of cells"),
        ({"shape": True}, "shape: expected whole numbers of cells, got True"),
        ({"shape": (4, True)}, "shape: expected whole numbers of cells"),
        ({"shape": 4, "dimension": 2.5}, "dimension: expected a whole number, got 2.5"),
        ({"shape": 4, "offsets": [(0.5, 0)]}, r"offsets: expected steps of whole numbers .*, got \(0.5, 0\)"),
        ({"shape": 4, "offsets": [(1, 0.5)]}, "offsets: expected steps of whole numbers"),
        ({"shape": 4, "offsets": [[(1, 0), 3]]}, "offsets: expected steps of whole numbers"),
        ({"shape": 4, "offsets": [5]}, "offsets: expected steps of whole numbers"),
        ({"shape": 4, "offsets": 5}, "offsets: expected steps such as"),
        ({"shape": 4, "offsets": [(1, 0)], "kind": "square"}, "no kind of lattice beside them"),
        ({"shape": 3, "offsets": [[(1, 0)], [(2, 0)]]}, "no edge has two kinds"),
        ({"shape": 100_000, "dimension": 4}, "fits into memory"),
    ],
)
def test_lattices_that_do_not_exist_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        lattice(**arguments)


def test_steps_may_be_numbers_of_numpy():
    steps = [tuple(row) for row in np.array([[1, 0], [0, 1]])]
    assert (lattice(4, offsets=steps).edges == lattice(4).edges).all()


def test_disorder_has_its_law_and_its_seed():
    graph = lattice(100)
    signs = plus_minus_couplings(graph, positive=0.3, strength=2.0, seed=1)
    assert set(signs.tolist()) == {-2, 2}
    assert (signs > 0).mean() == pytest.approx(0.3, abs=0.015)
    assert (signs == plus_minus_couplings(graph, positive=0.3, strength=2.0, seed=1)).all()
    assert (signs != plus_minus_couplings(graph, positive=0.3, strength=2.0, seed=2)).any()
    normal = gaussian_couplings(graph, mean=1.0, deviation=0.5)
    assert (normal.mean(), normal.std()) == pytest.approx((1, 0.5), abs=0.02)
    assert len(diluted(graph, edges=0.6).edges) / 20_000 == pytest.approx(0.6, abs=0.02)
    assert len(diluted(graph, sites=0.6).edges) / 20_000 == pytest.approx(0.36, abs=0.02)
    assert random_fields(graph, deviation=0.3).std() == pytest.approx(0.3, abs=0.01)
    assert set(random_fields(graph, deviation=0.3, binary=True).tolist()) == {-0.3, 0.3}
    for bad in ({"positive": 1.5}, {"strength": float("nan")}, {"seed": -1}):
        with pytest.raises(InputError, match=next(iter(bad))):
            plus_minus_couplings(graph, **bad)
    for call, name in ((gaussian_couplings, "deviation"), (random_fields, "deviation"), (diluted, "edges")):
        with pytest.raises(InputError, match=name):
            call(graph, **{name: -1.0})
