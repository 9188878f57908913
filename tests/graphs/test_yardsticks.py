"""Yardsticks: random graphs, resampled training graphs, and the bias of the estimate."""

import networkx as nx
import numpy as np
import pytest

from discrete_ed.graphs import evaluate_graphs, graph_mmd, load_graph_data
from discrete_ed.graphs.mmd import describe
from discrete_ed.graphs.yardsticks import bias, erdos_renyi_like

STATISTICS = ["degree", "clustering", "orbit", "spectral"]


@pytest.fixture(scope="module")
def data():
    return load_graph_data("citation-egos")


def test_random_graphs_score_worse_than_resampled_training_graphs(data):
    result = evaluate_graphs(data.test, data.train[:200], data.train)
    for scores in [*result.statistics.values(), result.mean]:
        assert scores.erdos_renyi > scores.resampled + 3 * scores.resampled_sd


@pytest.mark.thorough
def test_random_graphs_as_generated_score_as_the_trivial_row_does(data):
    generated = erdos_renyi_like(data.train, 400, seed=1)
    scores = evaluate_graphs(data.test, generated, data.train).mean
    assert scores.mmd2 == pytest.approx(scores.erdos_renyi, rel=0.2)
    assert scores.mmd2 > 2 * scores.floor


@pytest.mark.thorough
def test_resampled_rows_have_as_many_graphs_as_were_generated(data):
    few, many = (evaluate_graphs(data.test, data.train[:n], data.train).mean for n in (5, 500))
    assert few.resampled > many.resampled
    assert few.resampled_sd > many.resampled_sd


@pytest.mark.thorough
def test_the_bias_is_what_a_perfect_generator_scores(data):
    """Samples from the reference's own law, few against few: on average all of their score is bias."""
    everything, rng = data.train, np.random.default_rng(0)
    scores, expected = [], []
    for _ in range(40):
        rows = rng.choice(len(everything), 40, replace=False)
        reference, generated = [everything[k] for k in rows[:30]], [everything[k] for k in rows[30:]]
        scores.append(list(graph_mmd(reference, generated).values()))
        found = bias(describe(reference), "edp", {"bias": (30, 10)})
        expected.append([found["bias"][name] for name in STATISTICS])
    error = np.std(scores, axis=0) / 40**0.5
    assert (np.abs(np.mean(scores, 0) - np.mean(expected, 0)) < 4.5 * error).all()


def test_erdos_renyi_like_keeps_nodes_and_edges():
    kinds = [nx.complete_graph(5), nx.star_graph(7), nx.empty_graph(3), nx.empty_graph(1), nx.null_graph()]
    made = erdos_renyi_like(kinds, 300)
    sizes = {(len(graph), graph.number_of_edges()) for graph in kinds}
    assert len(made) == 300
    assert {(len(graph), graph.number_of_edges()) for graph in made} == sizes
    stars = [graph for graph in made if len(graph) == 8]
    assert len({tuple(sorted(graph.edges)) for graph in stars}) > len(stars) / 2


def test_erdos_renyi_like_is_seeded(data):
    def edges(seed: int) -> list[list[tuple[int, int]]]:
        return [sorted(graph.edges) for graph in erdos_renyi_like(data.train, 20, seed=seed)]

    assert edges(3) == edges(3)
    assert edges(3) != edges(4)
