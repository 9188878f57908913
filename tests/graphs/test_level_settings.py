"""Settings of chains over noise levels by held-out graphs, and chains from two starts compared."""

import networkx as nx
import pytest
import torch

from discrete_ed import GraphEnergy, InputError, NoiseConditionalEnergy, graphs_to_states
from discrete_ed.graphs import denoising, level_settings
from discrete_ed.graphs.denoising import denoise_graphs
from discrete_ed.graphs.generation import GeneratedGraphs
from discrete_ed.graphs.level_settings import LevelSettings, choose_settings, ladder
from discrete_ed.graphs.mixing import compare_starts, compare_states
from discrete_ed.samplers.levels import chain_over_levels

TRIANGLES = [nx.cycle_graph(3) for _ in range(20)]
PATHS = [nx.path_graph(3) for _ in range(20)]
MIXED = graphs_to_states(TRIANGLES[:10] + PATHS[:10])


@pytest.fixture(scope="module")
def energy():
    torch.manual_seed(0)
    return NoiseConditionalEnergy(GraphEnergy(3, width=8, layers=1, noise_levels=True), count=4)


def test_sets_of_one_law_pass_and_others_do_not(energy):
    assert compare_states(energy, MIXED, MIXED.flip(0)).p_value == 1
    apart = compare_states(energy, graphs_to_states(TRIANGLES), graphs_to_states(PATHS))
    assert apart.p_value < 0.01
    assert apart.mmd2 > 0.1
    with pytest.raises(InputError, match="at least two graphs in each, got 1 and 20"):
        compare_states(energy, MIXED[:1], MIXED)


def test_the_energy_alone_can_tell_sets_apart(energy):
    """Graphs of one statistic each, but labelled so that a planted energy differs: the statistics see no difference."""

    class Labelled(NoiseConditionalEnergy):
        def forward(self, x, t=0.0):
            del t
            return 5 * x[..., 1]

    planted = Labelled(GraphEnergy(3, width=8, layers=1, noise_levels=True), count=4)
    first, second = torch.tensor([[1.0, 1, 0, 1, 1, 1]] * 20), torch.tensor([[1.0, 0, 1, 1, 1, 1]] * 20)
    assert compare_states(energy, first, second).p_value == 1
    assert compare_states(planted, first, second).p_value < 0.01


@pytest.mark.parametrize(
    ("from_data", "agree", "words"),
    [(MIXED.flip(0), True, "end alike: mean energies"), (graphs_to_states(PATHS), False, "do not end alike: mean en")],
)
def test_two_starts_agree_or_the_sentence_says_what_to_do(energy, from_data, agree, words):
    found = compare_starts(energy, MIXED if agree else graphs_to_states(TRIANGLES), from_data)
    assert found.agree == agree
    assert words in found.sentence()
    assert ("pass more noise levels" in found.sentence().lower()) != agree
    assert found.to_dict()["graphs"] == [20, 20]
    assert found.energy[1] == pytest.approx(energy(from_data.float()).mean().item(), rel=1e-5)
    assert compare_starts(energy, MIXED[:1], MIXED) is None


class Edges(NoiseConditionalEnergy):
    """An energy that only counts edges."""

    def forward(self, x, t=0.0):
        del t
        return x[..., [1, 2, 4]].sum(-1)


@pytest.mark.parametrize(
    ("generated", "above"),
    [
        (TRIANGLES, True),  # one more edge each than paths
        (PATHS, False),
        (PATHS[:-1] + TRIANGLES[:1], False),  # higher, but not clearly
        ([nx.empty_graph(3)] * 20, False),  # lower
    ],
)
def test_two_starts_that_stop_short_alike_are_noticed_by_the_energies_of_real_graphs(generated, above):
    counted = Edges(GraphEnergy(3, width=8, layers=1, noise_levels=True), count=4)
    states, real = graphs_to_states(generated), graphs_to_states(PATHS)
    found = compare_starts(counted, states, states, real=real)
    assert found.agree
    assert found.above == found.to_dict()["above"] == above
    assert ("Take more steps at the end" in found.sentence()) == above
    assert (found.real_energy, found.real_energy_error, found.real_energy_deviation) == (2, 0, 0)
    spread = graphs_to_states([nx.empty_graph(3)] * 10 + TRIANGLES * 5)
    assert not compare_starts(counted, states, states, real=spread).above  # by less than half of their deviation
    assert not compare_starts(counted, states, states).above


QUICK, SLOW, SLOWEST = (LevelSettings(levels, 0, 1, 0) for levels in (1, 2, 4))


@pytest.mark.parametrize(
    ("arrives", "chosen", "tried", "words"),
    [
        ([QUICK, SLOW, SLOWEST], QUICK, 1, "quickest settings tried whose graphs could not be told"),
        ([SLOWEST], SLOWEST, 3, "quickest settings tried whose graphs could not be told"),
        ([], SLOW, 3, "The graphs of all settings could be told"),
    ],
)
def test_the_quickest_settings_that_pass_are_chosen(energy, monkeypatch, arrives, chosen, tried, words):
    near = graphs_to_states(TRIANGLES[:14] + PATHS[:6])

    def planted(*_, levels, candidates, steps, last_steps, **__):
        settings = LevelSettings(levels, candidates, steps, last_steps)
        states = MIXED if settings in arrives else graphs_to_states(TRIANGLES)
        return GeneratedGraphs(near if settings == SLOW and not arrives else states, (0.0,), (0.5,), (1.0,))

    monkeypatch.setattr(level_settings, "denoise_graphs", planted)
    monkeypatch.setattr(level_settings, "LEVEL", 0.05 if arrives else 1.1)
    held_out = TRIANGLES[:10] + PATHS[:10]
    found = choose_settings(energy, MIXED, held_out, tried=[QUICK, SLOW, SLOWEST])
    assert "20 held-out and 20 training graphs" in found.reason()
    assert found.settings == chosen
    assert len(found.trials) == tried
    assert words in found.reason()
    assert found.to_dict()["held_out_energy"] == pytest.approx(energy(MIXED.float()).mean().item(), rel=1e-5)


@pytest.mark.parametrize(("pieces", "chosen"), [(1, QUICK), (3, SLOW)])
def test_settings_that_leave_graphs_in_pieces_do_not_pass_where_few_graphs_are_held_out(
    energy, monkeypatch, pieces, chosen
):
    broken = [nx.Graph([(0, 1)]) for _ in range(pieces)]
    for graph in broken:
        graph.add_node(2)

    def planted(*_, levels, **__):
        graphs = PATHS * 5 if levels > QUICK.levels else PATHS * 5 + broken  # 1 or 3 in a hundred
        return GeneratedGraphs(graphs_to_states(graphs), (0.0,), (0.5,), (1.0,))

    monkeypatch.setattr(level_settings, "denoise_graphs", planted)
    found = choose_settings(energy, graphs_to_states(PATHS), PATHS[:4], tried=[QUICK, SLOW])
    assert found.settings == chosen
    assert found.trials[0].p_value >= 0.05
    assert found.trials[0].connected == pytest.approx(100 / (100 + pieces))
    assert "as often connected as training graphs (" in found.reason()


def test_training_graphs_notice_what_a_few_held_out_graphs_do_not(energy, monkeypatch):
    def planted(*_, levels, **__):
        return GeneratedGraphs(
            graphs_to_states(TRIANGLES * 3) if levels == QUICK.levels else MIXED, (0.0,), (0.5,), (1.0,)
        )

    monkeypatch.setattr(level_settings, "denoise_graphs", planted)
    held_out = [TRIANGLES[0], PATHS[0]]
    assert compare_states(energy, graphs_to_states(held_out), graphs_to_states(TRIANGLES * 3)).p_value >= 0.05
    assert choose_settings(energy, MIXED, held_out, tried=[QUICK, SLOW]).settings == SLOW


def test_without_held_out_graphs_the_slowest_settings_are_taken_and_said(energy):
    found = choose_settings(energy, MIXED, [])
    assert found.settings == ladder(4)[-1] == LevelSettings(4, 0, 4, 60)
    assert ladder(4, learned=True)[-1] == LevelSettings(4, 8, 0, 300)
    assert "no graphs were held out" in found.reason()
    with pytest.raises(InputError, match="tried: expected at least one"):
        choose_settings(energy, MIXED, TRIANGLES, tried=[])


@pytest.mark.parametrize(("levels", "passed"), [(None, 2), (1, 1), (2, 1)])
def test_chains_from_data_start_half_way_at_blurred_graphs_and_keep_their_nodes(energy, levels, passed, monkeypatch):
    states = graphs_to_states([nx.path_graph(2), nx.path_graph(3)], 3)
    progress = []
    starts = []

    def spied(energy, x, passed, **named):
        starts.append((x.clone(), passed[0]))
        return chain_over_levels(energy, x, passed, **named)

    monkeypatch.setattr(denoising, "chain_over_levels", spied)
    made = denoise_graphs(
        energy, states, 6, levels=levels, from_data=True, callback=lambda done, total: progress.append((done, total))
    )
    at_level, total = 1 + 8 + 4, passed * (1 + 8 + 4) + 20
    assert progress == [
        (done, total) for done in [*range(at_level, total - 19, at_level), *range(total - 19, total + 1)]
    ]
    ((x, level),) = starts
    assert level == 2
    assert len(x) == 6
    assert sorted(map(len, made.graphs())) == [2, 2, 2, 3, 3, 3]
    with pytest.raises(InputError, match="nodes: expected none with from_data"):
        denoise_graphs(energy, states, 6, from_data=True, nodes=[2])
