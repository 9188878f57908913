"""One Ising energy, dense or sparse: the same numbers from every source, and refusals of what would be guessed."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from place import DEVICE, FLOAT, all_states, fixed, normal, seeded

from discrete_ed import (
    Exact,
    Gibbs,
    InputError,
    IsingEnergy,
    ais,
    anneal,
    colour_classes,
    energy_discrepancy,
    lattice,
    load_energy,
    log_z,
    moments,
    perfect_sample,
    sample,
    save_energy,
)
from discrete_ed.energies import couplings as reading
from discrete_ed.perturbations import Bernoulli
from discrete_ed.runtime import memory
from discrete_ed.samplers.interactions import Interactions

J = torch.tensor([[0.0, 0.5, 0.0, -1.0], [0.5, 0.0, 2.0, 0.0], [0.0, 2.0, 0.0, 0.25], [-1.0, 0.0, 0.25, 0.0]])
H = torch.tensor([0.5, -0.25, 0.0, 1.0])
DENSE = IsingEnergy(J, H)
GRAPH = DENSE.to_networkx()
WEIGHTED = nx.Graph()
WEIGHTED.add_nodes_from(GRAPH.nodes(data=True))
WEIGHTED.add_weighted_edges_from(GRAPH.edges(data="coupling"))
SPARSE = {
    "torch coo": lambda: IsingEnergy(J.to_sparse(), H),
    "torch csr": lambda: IsingEnergy(J.to_sparse_csr(), H),
    "scipy csr": lambda: IsingEnergy(sp.csr_array(J.numpy()), H),
    "scipy coo, fields as a list": lambda: IsingEnergy(sp.coo_matrix(J.numpy()), H.tolist()),
    "edges": lambda: IsingEnergy.from_edges([(3, 0), (0, 1), (2, 1), (2, 3)], [-1.0, 0.5, 2.0, 0.25], H.numpy()),
    "edges as a tensor": lambda: IsingEnergy.from_edges(
        torch.tensor([[0, 1], [0, 3], [1, 2], [2, 3]]), torch.tensor([0.5, -1, 2, 0.25]), H
    ),
    "coupling of networkx": lambda: IsingEnergy.from_graph(GRAPH),
    "weight of networkx": lambda: IsingEnergy.from_graph(WEIGHTED),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("source", SPARSE)
def test_every_source_gives_the_energy_of_the_dense_matrix(source, tmp_path):
    energy, states = SPARSE[source](), all_states(4).cpu().float()
    assert energy.is_sparse
    assert not DENSE.is_sparse
    save_energy(tmp_path, energy)
    for same in (energy, load_energy(tmp_path), IsingEnergy.from_graph(energy.to_networkx())):
        assert same.is_sparse
        assert torch.equal(same.couplings, J)
        assert torch.allclose(same(states), DENSE(states))
        assert torch.allclose(same.flip_delta(states), DENSE.flip_delta(states))
        assert torch.equal(same(states.view(2, 8, 4)).flatten(), same(states))
    assert (energy.to_scipy().toarray() == J.numpy()).all()
    assert [part.tolist() for part in energy.coupled_pairs()] == [part.tolist() for part in DENSE.coupled_pairs()]
    assert log_z(energy) == pytest.approx(log_z(DENSE))
    assert torch.allclose(moments(energy).pairs, moments(DENSE).pairs)
    assert energy.flip_delta(states[:0]).shape == (0, 4)


def test_binary_quadratic_models_are_read_and_written_sparsely():
    pytest.importorskip("dimod")
    again = IsingEnergy.from_bqm(SPARSE["edges"]().to_bqm())
    assert again.is_sparse
    assert torch.equal(again.couplings, J)
    assert torch.equal(again.fields, H)
    with pytest.raises(InputError, match=r"bqm: expected a dimod\.BinaryQuadraticModel, got dict"):
        IsingEnergy.from_bqm({})


def test_a_dense_matrix_of_numpy_is_dense_and_a_model_without_edges_is_sparse(tmp_path):
    assert not IsingEnergy(J.numpy()).is_sparse
    assert IsingEnergy(J.double().numpy().astype(np.float64)).fields.dtype == torch.float32
    empty = IsingEnergy.from_edges([], spins=3)
    save_energy(tmp_path, empty)
    assert load_energy(tmp_path).is_sparse
    assert load_energy(tmp_path)(torch.ones(2, 3)).tolist() == [0, 0]


@pytest.mark.anywhere
def test_sparse_couplings_are_learned_like_dense_ones():
    x = (normal(fixed(0), 40, 4) > 0).to(FLOAT)
    values = []
    for couplings in (J.cpu().to_sparse(), J.cpu()):
        energy = IsingEnergy(couplings, H.cpu()).to(DEVICE, FLOAT)
        value = energy_discrepancy(energy, x, Bernoulli(0.2), m=4, generator=seeded(1))
        value.backward()
        slope = energy.pairs.grad if energy.is_sparse else energy.pairs.grad[tuple(energy_ends())]
        values.append((value.item(), slope.tolist(), energy.fields.grad.tolist()))
    assert values[0][0] == pytest.approx(values[1][0], rel=1e-5)
    assert values[0][1] == pytest.approx(values[1][1], rel=1e-4, abs=1e-6)
    assert values[0][2] == pytest.approx(values[1][2], rel=1e-4, abs=1e-6)


def energy_ends() -> torch.Tensor:
    return torch.tensor([[0, 0, 1, 2], [1, 3, 2, 3]])


@pytest.mark.thorough
def test_samplers_treat_both_alike():
    """The same seed gives the same bits, since both are one model to the compiled loops."""
    x = torch.zeros(8, 4)
    ferro = J.abs()
    for run in (
        lambda energy, g: sample(Gibbs(), Exact(energy), x, 50, generator=g),
        lambda energy, g: anneal(Gibbs(), Exact(energy), x, [0.1, 0.5, 1.0], generator=g),
        lambda energy, g: perfect_sample(IsingEnergy(ferro.to_sparse() if energy.is_sparse else ferro), 5, generator=g),
    ):
        sparse, dense = (run(e, torch.Generator().manual_seed(3)) for e in (IsingEnergy(J.to_sparse(), H), DENSE))
        assert torch.equal(sparse, dense)
    assert colour_classes(IsingEnergy(J.to_sparse())) == colour_classes(DENSE) == ((0, 2), (1, 3))
    g = torch.Generator().manual_seed(0)
    bracket = ais(Gibbs(), Exact(IsingEnergy(J.to_sparse(), H)), x, x, [0, 0.5, 1.0], width=99, generator=g)
    assert np.isfinite([bracket.lower, bracket.upper]).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_spins_in_place_of_bits_are_refused(sparse):
    """At s = (−1, 1, 1) a wrong reading as bits gives another energy without a word."""
    energy = IsingEnergy(J.to_sparse(), H) if sparse else DENSE
    spins = torch.tensor([[-1.0, 1, 1, -1]])
    for evaluate in (energy, energy.flip_delta):
        with pytest.raises(InputError, match=r"x: expected bits, zeros and ones, got -1 \(spins s are states as"):
            evaluate(spins)
    right = -0.5 * (spins @ J * spins).sum() - (spins @ H).sum()
    assert energy((spins + 1) / 2).item() == pytest.approx(right.item())


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(3), r"shape \(\.\.\., 4\), got \(3,\)"),
        (torch.ones(4, dtype=torch.bool), "dtype torch.bool"),
        (torch.ones(4, dtype=torch.float16), r"got dtype torch.float16; call x.to\(torch.float32\)"),
        (np.ones((1, 4)), "got dtype float64"),
    ],
    ids=["width", "bool", "half", "numpy"],
)
def test_states_of_another_width_or_type_are_refused(sparse, x, message):
    energy = IsingEnergy(J.to_sparse(), H) if sparse else DENSE
    for evaluate in (energy, energy.flip_delta):
        with pytest.raises(InputError, match=message):
            evaluate(x)


def test_matrices_are_no_graphs_and_numbers_of_spins_are_not_negative():
    for matrix in (J.numpy(), sp.csr_array(J.numpy()), J):
        with pytest.raises(InputError, match=r"expected a networkx graph or a lattice, got .*; IsingEnergy\(matrix\)"):
            IsingEnergy.from_graph(matrix)
    with pytest.raises(InputError, match="couplings: expected at least 0, got -1"):
        IsingEnergy(-1)


def graph_of(*edges, **nodes) -> nx.Graph:
    graph = nx.Graph()
    graph.add_edges_from(edges)
    graph.add_nodes_from((node, data) for node, data in nodes.items())
    return graph


NAN = float("nan")
REFUSED = {
    "asymmetric": (lambda: IsingEnergy(sp.csr_array(np.triu(J.numpy()))), r"symmetric .* take A \+ A\.T"),
    "asymmetric dense": (lambda: IsingEnergy(J.numpy() + np.eye(4, k=1)), "symmetric"),
    "diagonal": (lambda: IsingEnergy(sp.eye_array(3)), "zero diagonal"),
    "NaN": (lambda: IsingEnergy(torch.tensor([[0, NAN], [NAN, 0]])), "couplings: expected finite numbers, got nan"),
    "NaN, sparse": (lambda: IsingEnergy.from_edges([(0, 1)], NAN), "couplings: expected finite numbers, got nan"),
    "infinite field": (lambda: IsingEnergy.from_edges([(0, 1)], 1.0, float("inf")), "fields: expected finite"),
    "not square": (lambda: IsingEnergy(sp.csr_array(np.zeros((2, 3)))), r"shape \(D, D\), got \(2, 3\)"),
    "twice": (
        lambda: IsingEnergy.from_edges([(0, 1), (1, 2), (1, 0)]),
        r"every edge once, got the edge \(0, 1\) twice",
    ),
    "twice in a sparse matrix": (
        lambda: IsingEnergy(sp.coo_array((np.ones(4), ([0, 0, 1, 1], [1, 1, 0, 0])), shape=(2, 2))),
        "every edge once",
    ),
    "to itself": (lambda: IsingEnergy.from_edges([(1, 1)]), "no edge from a spin to itself"),
    "outside": (lambda: IsingEnergy.from_edges([(0, 5)], spins=3), r"spins from 0 to 2, got the edge \(0, 5\)"),
    "negative": (lambda: IsingEnergy.from_edges([(0, -1)]), "spins from 0"),
    "not pairs": (lambda: IsingEnergy.from_edges([0, 1, 2]), r"pairs of spin numbers \(E, 2\)"),
    "couplings of another number": (lambda: IsingEnergy.from_edges([(0, 1)], [1.0, 2.0]), "one for each of 1 edges"),
    "text": (lambda: IsingEnergy.from_edges([(0, 1)], ["a"]), "couplings: expected real numbers"),
    "weight against coupling": (
        lambda: IsingEnergy.from_graph(graph_of((0, 1, {"weight": 1.0, "coupling": 2.0}))),
        "coupling 2 and weight 1; remove one",
    ),
    "weight against the argument": (
        lambda: IsingEnergy.from_graph(graph_of((0, 1, {"weight": 1.0})), 0.4),
        "coupling = 0.4 is given, got weight 1",
    ),
    "weight on some edges only": (
        lambda: IsingEnergy.from_graph(graph_of((0, 1, {"weight": 1.0}), (1, 2, {}))),
        r"on all edges or on none, got none at \(1, 2\)",
    ),
    "several couplings of a networkx graph": (
        lambda: IsingEnergy.from_graph(graph_of((0, 1, {"weight": 1.0}), (1, 2, {"weight": 2.0})), [1.0, 2.0]),
        "coupling: expected one number for a networkx graph, got list",
    ),
    "another name": (lambda: IsingEnergy.from_graph(graph_of((0, 1, {"J": -2.0}))), "got 'J' at .* would be ignored"),
    "weight that is text": (lambda: IsingEnergy.from_graph(graph_of((0, 1, {"weight": "2"}))), "a number as 'weight'"),
    "field of another name": (lambda: IsingEnergy.from_graph(graph_of(a={"h": 1.0})), "attribute 'field', got 'h'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_guessed_or_ignored_is_refused(case):
    build, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize("couplings", [0.3, [0.3, -0.3, 0.2, 0.1, 1.0]], ids=["equal", "different"])
def test_the_matrix_of_scipy_may_share_one_number(couplings):
    energy = IsingEnergy.from_edges([(3, 1), (0, 2), (1, 2), (0, 4), (3, 4)], couplings)
    whole, shared = energy.to_scipy(), energy.to_scipy(shared=True)
    assert whole.has_canonical_format
    assert (whole.toarray() == energy.couplings.detach().double().numpy()).all()
    assert (shared.toarray() == whole.toarray()).all()
    assert (shared.data.strides == (0,)) == isinstance(couplings, float)
    whole.data *= 2  # its own numbers
    model, half = Interactions.of(energy), Interactions.of(energy, 0.5)
    spins = np.array([[1.0, -1, -1, 1, 1]])
    for each, beta in ((model, 1.0), (half, 0.5)):
        assert np.allclose(each.local_fields(spins), beta / 2 * spins @ whole.toarray())
        assert np.allclose(each.rows[2], beta / 2 * whole.data)
        assert np.allclose(each.energies((spins > 0).astype(np.uint8)), -beta / 4 * (spins @ whole @ spins.T)[0])


def test_weights_that_agree_or_stand_alone_are_read():
    mixed = graph_of((0, 1, {"coupling": -2.0}), (1, 2, {"coupling": 0.5}), (2, 3, {}))
    assert IsingEnergy.from_graph(mixed, 1.0).couplings[[0, 1, 2], [1, 2, 3]].tolist() == [-2, 0.5, 1]
    assert IsingEnergy.from_graph(graph_of((0, 1, {"weight": 0.5, "coupling": 0.5})), 0.4).couplings[0, 1] == 0.5


def test_large_lattices_take_memory_for_their_edges_and_dense_matrices_are_refused_before_they_are_made(monkeypatch):
    energy = IsingEnergy.from_graph(lattice(256), 0.44)  # a matrix of 65,536 × 65,536 numbers would take 17 GB
    assert sum(part.numel() for part in energy.state_dict().values()) <= 7 * energy.bits
    x = torch.zeros(1, energy.bits)
    assert energy(x).item() == pytest.approx(-0.44 * 2 * 65536, rel=1e-5)
    assert torch.allclose(energy.flip_delta(x), torch.tensor(8 * 0.44))
    monkeypatch.setattr(memory, "available_bytes", lambda _: 20e9)  # enough for one, not for the copy it is made with
    for dense in (lambda: energy.couplings, lambda: IsingEnergy(65_536)):
        with pytest.raises(InputError, match=r"fits into memory, got one of 34\.4 GB where 20\.0 GB .*from_edges"):
            dense()


@pytest.mark.parametrize(
    "ends",
    [torch.tensor([[0], [9]]), torch.tensor([[1], [0]]), torch.tensor([[-1], [1]])],
    ids=["outside", "swapped", "negative"],
)
def test_a_file_with_pairs_that_do_not_exist_is_refused(ends, tmp_path):
    energy = IsingEnergy.from_edges([(0, 1)])
    energy.ends = ends.int()
    save_folder = tmp_path / "model"
    with pytest.warns(RuntimeWarning, match="pairs i < j"):
        save_energy(save_folder, energy)
    with pytest.raises(InputError, match="pairs i < j of spins from 0 to 1"):
        load_energy(save_folder)
    assert reading.MOST_SPINS < 2**31
