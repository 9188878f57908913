"""Exact sums over Ising models, by treewidth and by Gray code, against enumeration and transfer matrices."""

from __future__ import annotations

import math

import networkx as nx
import pytest
import torch
from place import seeded

from discrete_ed import (
    InputError,
    IsingEnergy,
    MLPEnergy,
    estimate_log_z,
    lattice,
    log_likelihood,
    log_z,
    torus_log_z,
)
from discrete_ed.likelihood.enumeration import enumerated_log_z
from discrete_ed.likelihood.sparse import gray_log_z, treewidth_log_z


def on(graph: nx.Graph, scale: float = 0.8) -> IsingEnergy:
    """An Ising model with random couplings on the edges of a graph, and random fields; float64."""
    g = seeded(7)
    couplings = torch.zeros(len(graph), len(graph), dtype=torch.float64)
    for u, v in nx.convert_node_labels_to_integers(graph).edges:
        couplings[u, v] = couplings[v, u] = scale * torch.randn((), generator=g, dtype=torch.float64)
    return IsingEnergy(couplings, torch.randn(len(graph), generator=g, dtype=torch.float64))


@pytest.mark.parametrize(
    "graph",
    [
        nx.random_labeled_tree(13, seed=1),
        nx.cycle_graph(12),
        nx.gnp_random_graph(13, 0.25, seed=2),
        nx.complete_graph(8),
        nx.empty_graph(5),
        nx.disjoint_union(nx.path_graph(4), nx.cycle_graph(5)),
    ],
)
def test_both_sums_are_those_of_all_states(graph):
    energy = on(graph)
    truth = enumerated_log_z(energy, len(graph))
    assert treewidth_log_z(energy) == pytest.approx(truth, abs=1e-10)
    assert gray_log_z(energy) == pytest.approx(truth, abs=1e-10)


def test_sparse_models_have_the_sums_of_dense_ones_and_need_no_matrix(monkeypatch):
    graph = nx.gnp_random_graph(14, 0.2, seed=3)
    small, path = IsingEnergy.from_graph(graph, 0.4, 0.1), IsingEnergy.from_graph(nx.path_graph(30), 0.3)
    dense = IsingEnergy(small.couplings.detach(), small.fields.detach())
    assert gray_log_z(small) == pytest.approx(gray_log_z(dense), abs=1e-10)
    monkeypatch.setattr(IsingEnergy, "couplings", property(lambda _: pytest.fail("a dense matrix was made")))
    assert treewidth_log_z(small) == pytest.approx(treewidth_log_z(dense), abs=1e-10)
    truth = 30 * math.log(2) + 29 * math.log(math.cosh(0.3))
    assert log_z(path) == pytest.approx(truth, abs=1e-5)
    assert estimate_log_z(path, torch.zeros(2, 30)).value == log_z(path)
    assert log_likelihood(path, torch.ones(2, 30)).mean == pytest.approx(29 * 0.3 - truth, abs=1e-5)


def test_a_torus_has_the_sum_of_its_transfer_matrices():
    energy = on(nx.grid_2d_graph(5, 6, periodic=True))
    assert treewidth_log_z(energy) == pytest.approx(torus_log_z(energy, (5, 6)), abs=1e-9)
    assert log_z(energy) == pytest.approx(torus_log_z(energy, (5, 6)), abs=1e-9)


def test_more_spins_are_eliminated_by_degree_and_lattices_that_are_too_wide_are_refused_at_once():
    """A torus of 64 × 64 takes a tenth of a second; a whole decomposition of it would take minutes."""
    strip = IsingEnergy.from_graph(lattice((4, 90), boundary=("open", "periodic")), 0.4)
    assert treewidth_log_z(strip) == pytest.approx(torus_log_z(strip, (4, 90)), abs=1e-8)
    with pytest.raises(InputError, match="bits: expected 0 to 20"):
        log_z(IsingEnergy.from_graph(lattice(64), 0.4))


def test_log_z_takes_the_sum_that_is_possible():
    dense = on(nx.complete_graph(22), 0.2)
    assert log_z(dense) == gray_log_z(dense)
    assert treewidth_log_z(dense) is None
    with pytest.raises(InputError, match="bits: expected 0 to 20"):
        log_z(on(nx.complete_graph(27)))
    with pytest.raises(InputError, match="at most 26"):
        gray_log_z(on(nx.complete_graph(27)))
    with pytest.raises(InputError, match="expected IsingEnergy"):
        treewidth_log_z(MLPEnergy(4, (3,)))


def test_strong_couplings_neither_overflow_nor_underflow():
    strong = IsingEnergy(torch.zeros(22, 22), torch.full((22,), 300.0))
    assert gray_log_z(strong) == pytest.approx(6600)
    chain = torch.diag(torch.full((199,), 400.0), 1)
    assert treewidth_log_z(IsingEnergy(chain + chain.T)) == pytest.approx(199 * 400 + math.log(2))
