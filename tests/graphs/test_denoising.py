"""Graphs sampled over noise levels."""

import networkx as nx
import pytest
import torch

from discrete_ed import GraphEnergy, InputError, NoiseConditionalEnergy, graphs_to_states
from discrete_ed.graphs.denoising import denoise_graphs
from discrete_ed.runtime.checkpoints import Checkpoints


@pytest.fixture(scope="module")
def states():
    return graphs_to_states([nx.path_graph(3), nx.cycle_graph(4), nx.path_graph(2)])


@pytest.fixture(scope="module")
def energy():
    torch.manual_seed(0)
    return NoiseConditionalEnergy(GraphEnergy(4, width=8, layers=1, noise_levels=True), count=4)


def generator():
    return torch.Generator().manual_seed(1)


def test_graphs_have_the_node_counts_of_training_graphs_and_every_level_is_recorded(energy, states):
    progress = []
    made = denoise_graphs(
        energy, states, 7, chains=3, generator=generator(), callback=lambda done, total: progress.append((done, total))
    )
    sizes = sorted(len(graph) for graph in made.graphs())
    assert len(sizes) == 7
    assert set(sizes) == {2, 3, 4}
    # of 3 groups of chains, each with 4 levels of 13 evaluations, and 20 at the end
    assert [done for done, _ in progress[:5]] == [13, 26, 39, 52, 53]
    assert len(progress) == 3 * (4 + 20)
    assert progress[-1] == (3 * 72, 3 * 72)
    assert len(made.mean_energy) == len(made.acceptance) == 4
    assert all(0 < share <= 1 for share in made.acceptance)
    assert made.mean_energy[-1] == pytest.approx(energy(made.states.float()).mean().item(), rel=1e-4)


class Stopped(Exception):
    """Stands for kill -9."""


@pytest.mark.thorough
@pytest.mark.parametrize("after", [13, 26, 60, 72, 98])
def test_stopped_and_resumed_is_uninterrupted_to_the_bit(energy, states, tmp_path, after):
    def sample(callback=None):
        g = generator()
        checkpoints = Checkpoints(tmp_path, {"noise": g})
        return denoise_graphs(
            energy, states, 6, chains=3, generator=g, callback=callback, checkpoints=checkpoints if callback else None
        )

    def stop(done, total):
        assert total == 2 * (4 * 13 + 20)  # of two groups of chains, with four levels and the steps at the end
        if done == after:
            raise Stopped

    whole = sample()
    with pytest.raises(Stopped):
        sample(stop)
    resumed = sample(lambda done, _: done)
    assert torch.equal(whole.states, resumed.states)
    assert whole.mean_energy == resumed.mean_energy
    assert whole.acceptance == resumed.acceptance


def test_settings_out_of_range_are_refused(energy, states):
    with pytest.raises(InputError, match="chains: expected at least 1, got 0"):
        denoise_graphs(energy, states, 2, chains=0)
    with pytest.raises(InputError, match="candidates: expected at least 0, got -1"):
        denoise_graphs(energy, states, 2, candidates=-1)
    with pytest.raises(InputError, match="energy: expected a NoiseConditionalEnergy, got GraphEnergy"):
        denoise_graphs(GraphEnergy(4), states, 2)
