"""Cliques at each pair of nodes: counted as by hand, smooth, and blind to absent nodes and to the pair's own bit."""

from itertools import combinations

import networkx as nx
import pytest
import torch
from place import DEVICE, FLOAT, fixed, rounding

from discrete_ed import PairGraphEnergy, graphs_to_states
from discrete_ed.energies.cliques import FEATURES, clique_features
from discrete_ed.energies.triangles import triangle_places
from discrete_ed.states import to_matrix

pytestmark = [pytest.mark.anywhere, pytest.mark.fast]

GRAPHS = {
    "complete": nx.complete_graph(6),
    "octahedron": nx.octahedral_graph(),
    "no edges": nx.empty_graph(3),
    "one node": nx.empty_graph(1),
    "random": nx.gnp_random_graph(7, 0.6, seed=1),
}


def weights(graph, nodes=7):
    matrix = to_matrix(graphs_to_states([graph], nodes)).to(DEVICE, FLOAT)
    return matrix - torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1))


def counts(matrix):
    """The features of a batch without their logarithms, `(B, n, n, 2)`."""
    return clique_features(matrix).expm1()[:, triangle_places(matrix.shape[-1], matrix.device).cells]


@pytest.mark.parametrize("name", GRAPHS)
def test_triangles_and_cliques_are_those_that_are_found_one_by_one(name):
    graph = GRAPHS[name]
    found = counts(weights(graph))[0]
    assert found.shape[-1] == FEATURES
    for i, j in combinations(graph, 2):
        common = set(graph[i]) & set(graph[j])
        assert found[i, j, 0].item() == pytest.approx(len(common), abs=rounding(1e-9, 1e-4))
        among = sum(graph.has_edge(*pair) for pair in combinations(common, 2))
        assert found[i, j, 1].item() == pytest.approx(among, abs=rounding(1e-9, 1e-4))
    cliques = sum(len(clique) == 4 for clique in nx.enumerate_all_cliques(graph))
    at_edges = sum(found[i, j, 1].item() for i, j in graph.edges)
    assert at_edges == pytest.approx(6 * cliques, abs=rounding(1e-9, 1e-3))  # each has six edges


def test_a_pair_without_its_own_edge_looks_as_with_it():
    first = weights(GRAPHS["random"])
    second = first.clone()
    second[:, 2, 5] = second[:, 5, 2] = 1 - first[:, 2, 5]
    assert torch.equal(counts(first)[0, 2, 5], counts(second)[0, 2, 5])


def test_features_do_not_depend_on_absent_nodes_and_move_with_their_nodes():
    graph = GRAPHS["random"]
    places = torch.randperm(12, generator=fixed(0), device="cpu").to(DEVICE)
    moved = counts(weights(graph, 12)[:, places][:, :, places])
    back = places.argsort()[:7]
    assert torch.allclose(moved[:, back][:, :, back], counts(weights(graph)), atol=rounding(1e-9, 1e-4))


def test_gradients_are_those_of_finite_differences_at_graphs_and_between_them():
    pairs = torch.triu_indices(5, 5, 1, device="cpu")

    def features(bits):
        a = bits.new_zeros(len(bits), 5, 5).index_put((torch.arange(len(bits), device="cpu")[:, None], *pairs), bits)
        return clique_features(a + a.mT)

    wheel = weights(nx.wheel_graph(5), 5)[0].cpu().double()[tuple(pairs)]
    bits = torch.stack([wheel, torch.linspace(0.1, 0.9, 10, device="cpu").double()]).requires_grad_()
    assert torch.autograd.gradcheck(features, bits)


def test_cliques_are_what_products_of_pairs_cannot_see():
    """The rook's graph of the 4 × 4 board has cliques of four nodes, and Shrikhande's graph has none; both are strongly
    regular with the same parameters, so that the 2-dimensional folklore test can't tell them apart."""
    rook = nx.convert_node_labels_to_integers(nx.line_graph(nx.complete_bipartite_graph(4, 4)))
    steps = [(0, 1), (1, 0), (1, 1)]
    shrikhande = nx.Graph(
        (4 * i + j, 4 * ((i + a) % 4) + (j + b) % 4) for i in range(4) for j in range(4) for a, b in steps
    )
    x = graphs_to_states([rook, shrikhande]).to(DEVICE, FLOAT)
    for cliques in (False, True):
        energy = PairGraphEnergy(16, resistances=True, cliques=cliques).to(DEVICE, FLOAT)(x)
        assert (abs(energy[0] - energy[1]).item() > rounding(1e-6, 1e-3)) == cliques
