"""Energies of graphs: invariant under permutations, blind to absent nodes, and not blind to structure."""

import networkx as nx
import pytest
import torch
from place import DEVICE, FLOAT, fixed, rounding

from discrete_ed import GraphEnergy, InputError, PairGraphEnergy, graphs_to_states
from discrete_ed.energies import dense_graphs
from discrete_ed.energies.dense_graphs import DenseGraphEnergy
from discrete_ed.energies.triangles import to_square, to_triangle
from discrete_ed.states import from_matrix, to_matrix

pytestmark = pytest.mark.anywhere

KINDS = {
    "messages": lambda nodes, **sizes: GraphEnergy(nodes, **sizes),
    "pairs": lambda nodes, **sizes: PairGraphEnergy(nodes, **sizes),
    "pairs without walks": lambda nodes, **sizes: PairGraphEnergy(nodes, walks=0, **sizes),
    "pairs with resistances": lambda nodes, **sizes: PairGraphEnergy(nodes, resistances=True, **sizes),
    "pairs with cliques": lambda nodes, **sizes: PairGraphEnergy(nodes, cliques=True, **sizes),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def states(graphs, nodes):
    return graphs_to_states(graphs, nodes).to(DEVICE, FLOAT)


@each_kind
@pytest.mark.many_steps
def test_the_energy_does_not_change_when_nodes_are_relabelled(kind):
    energy = KINDS[kind](9, width=16, layers=3).to(DEVICE, FLOAT)
    for seed in range(20):
        original = states([nx.gnp_random_graph(3 + seed % 7, 0.4, seed=seed)], 9)
        # Any of the nine places, not only the first n: absent nodes may lie between.
        places = torch.randperm(9, generator=fixed(seed), device="cpu").to(DEVICE)
        moved = from_matrix(to_matrix(original)[:, places][:, :, places])
        exact = 1e-12 if "resistances" not in kind else 1e-9  # near a bridge, 1 − R is as small as a leak
        assert energy(moved).item() == pytest.approx(energy(original).item(), abs=rounding(exact))


@each_kind
def test_the_energy_tells_graphs_apart(kind):
    energy = KINDS[kind](6, width=16, layers=3).to(DEVICE, FLOAT)
    graphs = [nx.path_graph(6), nx.star_graph(5), nx.cycle_graph(6), nx.complete_graph(6), nx.path_graph(5)]
    assert energy(states(graphs, 6)).unique().numel() == len(graphs)


REGULAR = {
    "prism and K33": (nx.circular_ladder_graph(3), nx.complete_bipartite_graph(3, 3)),
    "cycles": (nx.cycle_graph(10), nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(5))),
}


@pytest.mark.parametrize("pair", REGULAR)
@pytest.mark.parametrize("walks", [0, 8])
def test_pair_features_see_what_sums_over_neighbours_do_not(pair, walks):
    """Both graphs of a pair are regular; those of the second agree in all that GraphEnergy counts."""
    x = states(REGULAR[pair], 12)
    pairs = PairGraphEnergy(12, width=16, layers=3, walks=walks).to(DEVICE, FLOAT)(x)
    assert (pairs[0] - pairs[1]).abs() > (1e-3 if walks else rounding(1e-9, -1.0))  # products alone see it faintly
    if pair == "cycles":
        messages = GraphEnergy(12, width=16, layers=3).to(DEVICE, FLOAT)(x)
        assert messages[0].item() == pytest.approx(messages[1].item(), abs=rounding(1e-12))


@each_kind
@pytest.mark.many_steps
def test_the_energy_of_a_graph_in_a_mixed_batch_is_that_of_the_graph_alone(kind):
    energy = KINDS[kind](12, width=8, layers=2).to(DEVICE, FLOAT)
    x = states([nx.gnp_random_graph(k % 13, 0.4, seed=k) for k in range(400)], 12)
    together = energy(x)
    alone = torch.cat([energy(row.unsqueeze(0)) for row in x[::7]])
    assert torch.allclose(together[::7], alone, atol=rounding(1e-12))
    assert torch.autograd.grad(together.sum(), energy.embed[0].weight)[0].isfinite().all()


@pytest.mark.many_steps
def test_what_is_predicted_of_a_graph_in_a_mixed_batch_is_what_is_predicted_of_it_alone():
    energy = PairGraphEnergy(12, width=8, layers=2, noise_levels=True, denoiser=True).to(DEVICE, FLOAT)
    x = states([nx.gnp_random_graph(2 + k % 11, 0.4, seed=k) for k in range(200)], 12)
    x = torch.cat([x, from_matrix(to_matrix(x).flip(-1, -2))])  # absent nodes come first
    level = torch.linspace(0.1, 0.9, len(x), dtype=FLOAT, device=DEVICE)
    free, together = energy.free(x), energy.predict(x, level)
    for row in range(0, len(x), 37):
        alone = energy.predict(x[row : row + 1], level[row : row + 1])[0]
        assert torch.allclose(together[row][free[row]], alone[free[row]], atol=rounding(1e-12))


def test_gradients_of_pair_features_are_those_of_finite_differences():
    energy = PairGraphEnergy(5, width=4, layers=2).to("cpu", torch.float64)
    x = graphs_to_states([nx.cycle_graph(4), nx.path_graph(5)], 5).double()
    free = energy.free(x)
    edges = x[free].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda bits: energy(x.masked_scatter(free, bits)), edges)


def test_features_of_pairs_and_of_cells_become_each_other():
    pairs = torch.randn(
        2, 6, 3, dtype=torch.float64, device="cpu", generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    cells = to_square(pairs, 3)
    assert torch.equal(cells, cells.transpose(1, 2))
    assert torch.equal(to_triangle(cells), pairs)
    assert torch.autograd.gradcheck(lambda pairs: to_triangle(to_square(pairs, 3).square()).sin(), pairs)
    assert torch.autograd.gradcheck(lambda pairs: to_square(pairs, 3).square(), pairs)


@each_kind
def test_edge_bits_of_absent_nodes_have_no_effect_and_are_frozen(kind):
    energy = KINDS[kind](4, width=8, layers=2).to(DEVICE)
    x = graphs_to_states([nx.path_graph(3)], 4).to(DEVICE).float()
    y = x.clone()
    y[0, 3] = 1  # an edge between node 0 and the absent node 3
    assert torch.equal(energy(x), energy(y))
    #                                    00     01    02    03     11     12    13     22     23     33
    assert energy.free(x)[0].tolist() == [False, True, True, False, False, True, False, False, False, False]


@each_kind
def test_a_graph_state_of_another_size_is_refused(kind):
    with pytest.raises(InputError, match="expected 10 bits, a graph over at most 4 nodes"):
        KINDS[kind](4).to(DEVICE)(torch.zeros(2, 6))
    with pytest.raises(InputError, match="max_nodes: expected at least 1, got 0"):
        KINDS[kind](0)


def test_an_energy_of_graphs_without_its_formula_says_so():
    energy = DenseGraphEnergy(3, noise_levels=False)
    with pytest.raises(NotImplementedError, match="DenseGraphEnergy must define dense"):
        energy(torch.ones(1, 6))
    with pytest.raises(NotImplementedError, match="DenseGraphEnergy must define memory"):
        energy.memory(torch.tensor(3), with_gradient_of_states=True)


def test_graphs_that_are_evaluated_in_parts_have_the_same_energies_and_gradients(monkeypatch):
    graphs = [nx.gnp_random_graph(3 + seed % 6, 0.5, seed=seed) for seed in range(20)]
    energy = PairGraphEnergy(8, width=4, layers=1).to(DEVICE, FLOAT)
    found = []
    for block in (2**24, 4 * 8 * 36 * 3, 1):  # all of a group at once, three of the largest, one after the other
        monkeypatch.setattr(dense_graphs, "LARGEST_BLOCK", block)
        parts = []
        dense = energy.dense
        monkeypatch.setattr(energy, "dense", lambda m, t, dense=dense, parts=parts: parts.append(len(m)) or dense(m, t))
        x = states(graphs, 8).requires_grad_()
        values = energy(x)
        found.append((values.detach(), *torch.autograd.grad(values.sum(), [x, *energy.factors.parameters()]), parts))
        monkeypatch.undo()
    (*whole, all_at_once), (*threes, in_threes), (*single, one_by_one) = found
    assert max(all_at_once) > 3 >= max(in_threes)
    assert one_by_one == 20 * [1]
    for other in (threes, single):
        for a, b in zip(whole, other, strict=True):
            assert torch.allclose(a, b, atol=rounding(1e-10, 1e-4))
