"""Resistances, components and cycles of graphs: as they are by definition, smooth, and blind to absent nodes."""

import json

import networkx as nx
import numpy as np
import pytest
import torch
from place import DEVICE, FLOAT, fixed, rounding

from discrete_ed import InputError, PairGraphEnergy, graphs_to_states, load_energy, save_energy
from discrete_ed.energies.resistances import FEATURES, SHIFTS, resistance_features
from discrete_ed.states import to_matrix

pytestmark = [pytest.mark.anywhere, pytest.mark.fast]

GRAPHS = {
    "path": nx.path_graph(6),
    "cycle with a tail": nx.lollipop_graph(4, 2),
    "two components": nx.disjoint_union(nx.cycle_graph(3), nx.path_graph(3)),
    "no edges": nx.empty_graph(5),
    "one node": nx.empty_graph(1),
    "random": nx.gnp_random_graph(7, 0.5, seed=1),
}


def weights(graph, nodes=7):
    """The edges and nodes of a graph as `resistance_features` takes them."""
    matrix = to_matrix(graphs_to_states([graph], nodes)).to(DEVICE, FLOAT)
    node = matrix.diagonal(dim1=-2, dim2=-1)
    return matrix - torch.diag_embed(node), node


def leaking(graph, shift):
    return nx.laplacian_matrix(graph).toarray() + shift * np.eye(len(graph))


def resistance(graph, shift, i, j):
    """The voltage between two nodes when a current of 1 runs from one to the other."""
    current = np.zeros(len(graph))
    current[i] += 1
    current[j] -= 1
    voltage = np.linalg.solve(leaking(graph, shift), current)
    return voltage[i] - voltage[j]


@pytest.mark.parametrize("name", GRAPHS)
def test_features_are_those_of_one_circuit_after_the_other(name):
    graph = GRAPHS[name]
    n = len(graph)
    features = resistance_features(*weights(graph))[0, :n, :n].expm1().double().cpu().unflatten(-1, (4, len(SHIFTS)))
    for place, shift in enumerate(SHIFTS):
        rest, leaks, components, cycles = features[..., place].unbind(-1)
        inverse = np.linalg.inv(leaking(graph, shift))
        for i in range(n):
            for j in range(n):
                cut = nx.Graph(graph)
                cut.remove_edges_from([(i, j)])
                expected = resistance(cut, shift, i, j)
                assert rest[i, j].item() == pytest.approx(expected, rel=rounding(1e-6, 1e-3), abs=rounding(1e-9, 1e-5))
        assert np.allclose(leaks.numpy(), n * shift * inverse, atol=rounding(1e-9, 1e-4))
        assert components.unique().numel() == cycles.unique().numel() == 1
        assert components[0, 0].item() == pytest.approx(shift * np.trace(inverse), abs=rounding(1e-9, 1e-4))
        expected = graph.number_of_edges() - n + shift * np.trace(inverse)
        assert cycles[0, 0].item() == pytest.approx(expected, abs=rounding(1e-9, 1e-4))


@pytest.mark.parametrize("name", GRAPHS)
def test_nearly_without_leaks_components_cycles_and_bridges_are_counted(name):
    graph = GRAPHS[name]
    n, components = len(graph), nx.number_connected_components(graph)
    features = resistance_features(*weights(graph))[0, :n, :n].expm1().cpu().unflatten(-1, (4, len(SHIFTS)))[..., 0]
    rest, leaks, found, cycles = features.unbind(-1)
    assert found[0, 0].item() == pytest.approx(components, abs=0.05)
    assert cycles[0, 0].item() == pytest.approx(graph.number_of_edges() - n + components, abs=0.05)
    bridges = {frozenset(edge) for edge in nx.bridges(graph)}
    for i, j in nx.non_edges(graph):
        assert (leaks[i, j] > 0.5) == nx.has_path(graph, i, j)
        assert (rest[i, j] > n) == (not nx.has_path(graph, i, j))
    for edge in graph.edges:
        assert (rest[edge] > n) == (frozenset(edge) in bridges)


def test_a_pair_without_its_own_edge_looks_as_with_it():
    """So that what a flip changes is not extrapolated from a steep curve."""
    graph = nx.gnp_random_graph(7, 0.4, seed=3)
    other = nx.Graph(graph)
    edge = next(iter(nx.bridges(graph)), None) or next(iter(graph.edges))
    other.remove_edge(*edge)
    first, second = (resistance_features(*weights(each))[0][edge][: len(SHIFTS)] for each in (graph, other))
    assert torch.allclose(first, second, rtol=rounding(1e-6, 1e-3))


def test_features_of_existing_nodes_do_not_depend_on_absent_ones_and_move_with_their_nodes():
    graph = GRAPHS["random"]
    alone = resistance_features(*weights(graph))
    a, node = weights(graph, 12)
    places = torch.randperm(12, generator=fixed(0), device="cpu").to(DEVICE)
    moved = resistance_features(a[:, places][:, :, places], node[:, places])
    back = places.argsort()[:7]
    assert torch.allclose(moved[:, back][:, :, back], alone, atol=rounding(1e-8, 1e-4))
    assert resistance_features(a, node).isfinite().all()


def test_gradients_are_those_of_finite_differences_at_graphs_and_between_them():
    pairs = torch.triu_indices(5, 5, 1, device="cpu")

    def features(bits):
        a = bits.new_zeros(len(bits), 5, 5).index_put((torch.arange(len(bits), device="cpu")[:, None], *pairs), bits)
        return resistance_features(a + a.mT, bits.new_ones(len(bits), 5))

    cycle, between = (
        weights(nx.cycle_graph(5), 5)[0].cpu().double()[0][tuple(pairs)],
        torch.linspace(0.1, 0.9, 10, device="cpu"),
    )
    bits = torch.stack([cycle, between.double()]).requires_grad_()
    assert torch.autograd.gradcheck(features, bits, eps=1e-7, rtol=1e-3, atol=1e-4)


def test_resistances_see_at_once_what_products_build_up_slowly():
    """Without layers: a long cycle with a path beside it has the degrees and short walks of a path with two cycles."""
    long = nx.disjoint_union(nx.cycle_graph(12), nx.path_graph(6))
    short = nx.disjoint_union(nx.cycle_graph(11), nx.path_graph(7))
    x = graphs_to_states([long, short]).to(DEVICE, FLOAT)
    for resistances in (False, True):
        energy = PairGraphEnergy(18, layers=0, walks=2, resistances=resistances).to(DEVICE, FLOAT)(x)
        assert (abs(energy[0] - energy[1]).item() > rounding(1e-9, 1e-5)) == resistances


def test_an_energy_without_resistances_is_saved_and_loaded_as_before(tmp_path):
    """Folders that were saved before there were such features have no argument of that name."""
    energy = PairGraphEnergy(4, width=4, layers=1)
    save_energy(tmp_path, energy)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["arguments"].pop("resistances") is False
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    x = graphs_to_states([nx.path_graph(3)], 4).float()
    assert torch.equal(load_energy(tmp_path)(x), energy(x))
    manifest["arguments"]["resistances"] = True
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="expected arguments and weights that fit PairGraphEnergy"):
        load_energy(tmp_path)


def test_the_number_of_features_is_as_said():
    assert resistance_features(*weights(nx.path_graph(3))).shape[-1] == FEATURES
