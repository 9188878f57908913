"""Generating graphs as a library function: where chains start, how they are cooled, what is traced and resumed."""

from __future__ import annotations

from typing import get_args

import networkx as nx
import pytest
import torch

from discrete_ed import Checkpoints, GraphEnergy, InputError, graphs_to_states
from discrete_ed.graphs import generation, graph_loss, graph_perturbation, sample_graphs
from discrete_ed.graphs.generation import initial_graphs, training_steps
from discrete_ed.losses import energy_discrepancy
from discrete_ed.names import PerturbationName
from discrete_ed.perturbations import Bernoulli, Block, Informed, NodeBlock

GRAPHS = [nx.path_graph(2), nx.cycle_graph(4), nx.complete_graph(6)]
STATES = graphs_to_states(GRAPHS)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def energy() -> GraphEnergy:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GraphEnergy(6, width=8, layers=1)


@pytest.mark.parametrize("start", ["density", "half"])
def test_initial_graphs_have_the_sizes_and_densities_of_training_graphs(energy, start):
    found = generation.states_to_graphs(initial_graphs(energy, STATES, 900, start=start, generator=seeded()))
    assert sorted(map(len, found)) == [2] * 300 + [4] * 300 + [6] * 300
    for graph in GRAPHS:
        density = sum(nx.density(one) for one in found if len(one) == len(graph)) / 300
        assert density == pytest.approx(nx.density(graph) if start == "density" else 0.5, abs=0.08)


def test_the_trace_is_that_of_the_sampled_graphs(energy):
    found = sample_graphs(energy, STATES, 20, steps=9, generator=seeded())
    assert found.states.shape == (20, STATES.shape[1])
    assert len(found.mean_energy) == len(found.acceptance) == 9
    assert found.mean_energy[-1] == pytest.approx(energy(found.states).mean().item(), abs=1e-4)
    assert all(0 <= share <= 1 for share in found.acceptance)
    assert {2, 4, 6} == set(map(len, found.graphs()))


@pytest.mark.parametrize("chains", [3, 7, 100])
def test_progress_is_counted_over_all_groups_of_chains(energy, chains):
    calls: list[tuple[int, int]] = []
    sample_graphs(
        energy, STATES, 7, steps=12, chains=chains, generator=seeded(), callback=lambda *call: calls.append(call)
    )
    total = 12 * -(-7 // chains)
    assert [made for made, _ in calls] == sorted(made for made, _ in calls)
    assert {made for made, _ in calls} == set(range(1, total + 1))
    assert {of for _, of in calls} == {total}


class Stopped(Exception):
    """Stands for kill -9."""


@pytest.mark.parametrize("stop", [1, 5, 16])
def test_stopped_and_continued_is_uninterrupted(energy, tmp_path, monkeypatch, stop):
    monkeypatch.setattr(generation, "SEGMENT", 2)
    settings = {"steps": 18, "chains": 4, "cold": 2.0}
    whole = sample_graphs(energy, STATES, 7, **settings, generator=seeded())

    def callback(made: int, total: int) -> None:
        if stop < made < total:
            raise Stopped

    g = seeded()
    with pytest.raises(Stopped):
        sample_graphs(
            energy,
            STATES,
            7,
            **settings,
            generator=g,
            callback=callback,
            checkpoints=Checkpoints(tmp_path, {"noise": g}),
        )
    g = seeded()
    calls: list[int] = []
    again = sample_graphs(
        energy,
        STATES,
        7,
        **settings,
        generator=g,
        callback=lambda made, _: calls.append(made),
        checkpoints=Checkpoints(tmp_path, {"noise": g}),
    )
    assert torch.equal(again.states, whole.states)
    assert (again.mean_energy, again.acceptance) == (whole.mean_energy, whole.acceptance)
    assert calls[-1] == 36
    assert len(set(calls)) < 36 or stop == 1  # what was done before is not done again


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "count: expected at least one graph, got 0"),
        ({"steps": -1}, "steps: expected at least 0, got -1"),
        ({"cold": 0.0}, "cold: expected a positive number, got 0.0"),
        ({"chains": 0}, "chains: expected at least 1, got 0"),
        ({"start": "elsewhere"}, "start: expected one of density, half, got 'elsewhere'"),
        ({"training_states": STATES[0]}, r"training_states: expected bits of shape \(G, D\), got"),
        ({"training_states": STATES[:0]}, r"training_states: expected bits of shape \(G, D\), got"),
    ],
)
def test_settings_out_of_range_are_refused(energy, settings, message):
    with pytest.raises(InputError, match=message):
        sample_graphs(energy, **{"training_states": STATES, "count": 3, "steps": 1, **settings})


def test_perturbations_by_name():
    kinds = {"bernoulli": Bernoulli, "informed": Informed, "block": Block, "node-block": NodeBlock}
    assert tuple(kinds) == get_args(PerturbationName)
    for name, kind in kinds.items():
        assert type(graph_perturbation(name)) is kind
    assert graph_perturbation("bernoulli", (2.0, 3.0)).flips == (2.0, 3.0)
    assert graph_perturbation("informed", (2.0, 3.0)).noise.flips == (2.0, 3.0)
    with pytest.raises(InputError, match="perturbation: expected one of bernoulli, informed, block, node-block"):
        graph_perturbation("other")


def test_the_loss_is_energy_discrepancy_and_blocks_ignore_negatives_and_w(energy):
    x = STATES.float()
    noise = graph_perturbation("bernoulli")
    loss = graph_loss(noise, negatives=3, w=0.5, generator=seeded())
    assert loss(energy, x).item() == energy_discrepancy(energy, x, noise, m=3, w=0.5, generator=seeded()).item()
    for name in ("block", "node-block"):
        losses = [
            graph_loss(graph_perturbation(name, flips), negatives=m, w=w, generator=seeded())(energy, x).item()
            for m, w, flips in ((1, 0.0, (1.0, 6.0)), (9, 2.0, (2.0, 2.0)))
        ]
        assert losses[0] == losses[1]


@pytest.mark.parametrize(("graphs", "steps"), [(1, 6), (333, 1998), (334, 2000), (10**6, 2000)])
def test_more_graphs_get_more_training_steps_up_to_a_limit(graphs, steps):
    assert training_steps(graphs) == steps


@pytest.mark.parametrize("start", ["density", "half"])
def test_initial_graphs_of_other_sizes_are_as_dense_as_the_training_graphs_nearest_in_size(energy, start):
    states = graphs_to_states([*GRAPHS, nx.empty_graph(4)])  # one graph of four nodes has density 2/3, the other 0
    settings = {"start": start, "nodes": [3, 6, 5], "generator": seeded()}
    found = generation.states_to_graphs(initial_graphs(energy, states, 1200, **settings))
    assert list(map(len, found)) == [3, 6, 5] * 400
    densities = {n: sum(nx.density(graph) for graph in found if len(graph) == n) / 400 for n in (3, 6, 5)}
    nearest = {3: (1 + 2 / 3 + 0) / 3, 6: 1.0, 5: (1 + 2 / 3 + 0) / 3}
    assert densities == pytest.approx(nearest if start == "density" else dict.fromkeys(nearest, 0.5), abs=0.06)


@pytest.mark.parametrize("nodes", [[], [0], [7], [3, -1]])
def test_impossible_numbers_of_nodes_are_refused(energy, nodes):
    with pytest.raises(InputError, match="nodes: expected numbers from 1 to 6, which the energy allows"):
        initial_graphs(energy, STATES, 4, nodes=nodes)
