import json
import os
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
from brute_force import random_graphs
from tqdm import tqdm

from discrete_ed.errors import InputError
from discrete_ed.graphs import evaluate_graphs, evaluation, graph_mmd, load_graph_data
from discrete_ed.graphs.evaluation import erdos_renyi_like
from discrete_ed.graphs.mmd import PROTOCOLS, describe
from discrete_ed.metrics.two_sample import two_sample_test

STATISTICS = ["degree", "clustering", "orbit", "spectral"]


@pytest.fixture(scope="module")
def data():
    return load_graph_data("citation-egos")


@pytest.mark.parametrize("protocol", ["edp", "gran", "psd"])
def test_scores_with_training_graphs(data, protocol):
    generated = data.train[:50]
    result = evaluate_graphs(data.test, generated, data.train, protocol=protocol)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    biases = [] if protocol == "psd" else ["bias", "floor_bias"]
    rows = ["mmd2", "floor", "resampled", "resampled_sd", *biases, "erdos_renyi", "mmd2_u", "p_value", "interval"]
    assert result["protocol"] == protocol
    assert (result["reference_graphs"], result["generated_graphs"], result["train_graphs"]) == (200, 50, 705)
    assert list(result["statistics"]) == STATISTICS
    assert all(list(scores) == rows for scores in [*result["statistics"].values(), result["mean"]])
    assert set(result) == {
        "protocol", "reference_graphs", "generated_graphs", "train_graphs",
        "statistics", "p_value", "mean", "novel", "novel_reference", "unique", "connected",
        "valid_property", "valid", "valid_reference", "vun_property", "vun", "vun_reference", "cleaned",
    }  # fmt: skip
    direct, floor = graph_mmd(data.test, generated, protocol), graph_mmd(data.test, data.train, protocol)
    for name, scores in result["statistics"].items():
        assert scores["mmd2"] == pytest.approx(direct[name], rel=1e-12)
        assert scores["floor"] == pytest.approx(floor[name], rel=1e-12)
    unbiased = graph_mmd(data.test, generated, protocol, unbiased=True)
    assert {name: scores["mmd2_u"] for name, scores in result["statistics"].items()} == unbiased
    assert result["mean"]["mmd2_u"] == pytest.approx(np.mean([unbiased[name] for name in STATISTICS[:3]]), rel=1e-12)
    for scores in [*result["statistics"].values(), result["mean"]] if biases else []:
        assert scores["bias"] / scores["floor_bias"] == pytest.approx((1 / 200 + 1 / 50) / (1 / 200 + 1 / 705))
    assert 0.001 <= result["p_value"] <= 1
    for scores in [*result["statistics"].values(), result["mean"]]:
        assert 0.001 <= scores["p_value"] <= 1
        assert scores["interval"][0] < scores["interval"][1]


def test_scores_without_training_graphs(data):
    result = evaluate_graphs(data.test, data.train[:30])
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    rows = ["mmd2", "floor", "bias", "floor_bias", "erdos_renyi", "mmd2_u", "p_value", "interval"]
    assert all(list(scores) == rows for scores in [*result["statistics"].values(), result["mean"]])
    assert result["train_graphs"] is None
    assert result["novel"] is None
    assert result["novel_reference"] is None
    for scores in result["statistics"].values():
        assert 0 < scores["floor"] < scores["erdos_renyi"]
        assert scores["bias"] / scores["floor_bias"] == pytest.approx((1 / 200 + 1 / 30) / (1 / 100 + 1 / 100))
    assert (result["vun_property"], result["vun"], result["vun_reference"]) == (None, None, None)


def test_mean_is_that_of_degree_clustering_and_orbit(data):
    result = evaluate_graphs(data.test, data.train[:30], data.train)
    for row in ("mmd2", "floor", "resampled", "erdos_renyi"):
        three = [result["statistics"][name][row] for name in ("degree", "clustering", "orbit")]
        assert result["mean"][row] == pytest.approx(np.mean(three), rel=1e-12)


def test_copies_of_training_graphs_are_not_novel(data):
    result = evaluate_graphs(data.test, data.train, data.train)
    assert result["novel"] == 0
    assert 0 < result["novel_reference"] < 1
    assert result["mean"]["mmd2"] == pytest.approx(result["mean"]["floor"], rel=1e-12)
    assert result["connected"] == 1


def test_copies_of_reference_graphs_score_zero_and_are_as_novel(data):
    result = evaluate_graphs(data.test, data.test, data.train)
    assert result["mean"]["mmd2"] == 0
    assert result["novel"] == result["novel_reference"]


def test_novel_unique_and_connected_by_hand():
    train, reference = [nx.path_graph(4), nx.star_graph(3)], [nx.cycle_graph(4), nx.path_graph(4)]
    generated = [nx.path_graph(4), nx.cycle_graph(4), nx.cycle_graph(4), nx.empty_graph(4), nx.null_graph()]
    result = evaluate_graphs(reference, generated, train)
    assert result["novel"] == 4 / 5
    assert result["novel_reference"] == 1 / 2
    assert result["unique"] == 4 / 5
    assert result["connected"] == 3 / 5


def counted_by_search(graphs, train, is_valid):
    """The fraction of `graphs` that are valid and isomorphic to none of `train` and no earlier one; graph by graph."""
    counted = 0
    for k, graph in enumerate(graphs):
        seen = any(nx.is_isomorphic(graph, other) for other in [*train, *graphs[:k]])
        counted += is_valid(graph) and not seen
    return counted / len(graphs)


@pytest.mark.parametrize(
    ("connected", "valid", "counted"),
    [
        (True, None, "connected"),
        (False, None, None),
        (True, "bipartite", "bipartite"),
        (False, "tree", "tree"),
        (False, "connected", "connected"),
    ],
)
def test_valid_unique_and_novel_graphs_are_those_of_a_search(connected, valid, counted):
    """Of the reference graphs some are among the generated ones, which takes nothing from the novelty of these."""
    some = random_graphs(120, largest=5)
    whole = [graph for graph in some if len(graph) and nx.is_connected(graph)]
    rest = [graph for graph in some if len(graph) and not nx.is_connected(graph)]
    train = whole[:5]
    reference = sorted(whole[3:20], key=lambda graph: any(nx.is_isomorphic(graph, one) for one in train))
    generated = [*some[::-1], *train, *reference]
    if not connected:
        reference = [*reference, rest[0]]  # one is enough
    result = evaluate_graphs(reference, generated, train, valid=valid)
    is_valid = {
        None: lambda _: True,
        "bipartite": nx.is_bipartite,
        "connected": lambda graph: len(graph) > 0 and nx.is_connected(graph),
        "tree": lambda graph: len(graph) > 0 and nx.is_tree(graph),
    }
    assert result["vun_property"] == counted
    assert result["vun"] == counted_by_search(generated, train, is_valid[counted])
    assert result["vun_reference"] == counted_by_search(reference, train, is_valid[counted])
    assert 0 < result["vun"] < min(result["novel"], result["unique"])


ODD = [nx.null_graph(), nx.empty_graph(1), nx.empty_graph(3), nx.disjoint_union(nx.path_graph(2), nx.empty_graph(1))]


@pytest.mark.parametrize(
    ("protocol", "changes"),
    [("edp", {"lost_isolated_nodes": 1, "became_one_node": 2}), ("gran", {"dropped_without_nodes": 1}), ("psd", {})],
)
def test_cleaned_counts_the_graphs_that_change_by_set(protocol, changes):
    paths = [nx.path_graph(n) for n in (3, 4, 5, 6)]
    result = evaluate_graphs(paths, [*paths, *ODD], protocol=protocol)
    assert result["cleaned"] == {"reference": dict.fromkeys(changes, 0), "generated": changes}
    assert result["generated_graphs"] == 8
    assert set(evaluate_graphs(paths, paths, ODD[1:], protocol=protocol)["cleaned"]) == {
        "reference", "generated", "train",
    }  # fmt: skip


def test_validity_by_a_named_property():
    paths = [nx.path_graph(n) for n in (3, 4, 5, 6)]
    result = evaluate_graphs(paths, [nx.cycle_graph(3), nx.path_graph(3)], valid="tree")
    assert (result["valid_property"], result["valid"], result["valid_reference"]) == ("tree", 0.5, 1.0)
    with pytest.raises(InputError, match="valid: expected one of connected, planar, tree, bipartite, got 'green'"):
        evaluate_graphs(paths, paths, valid="green")


def test_random_graphs_score_worse_than_resampled_training_graphs(data):
    result = evaluate_graphs(data.test, data.train[:200], data.train)
    for scores in [*result["statistics"].values(), result["mean"]]:
        assert scores["erdos_renyi"] > scores["resampled"] + 3 * scores["resampled_sd"]


def test_random_graphs_as_generated_score_as_the_trivial_row_does(data):
    generated = erdos_renyi_like(data.train, 400, seed=1)
    scores = evaluate_graphs(data.test, generated, data.train)["mean"]
    assert scores["mmd2"] == pytest.approx(scores["erdos_renyi"], rel=0.2)
    assert scores["mmd2"] > 2 * scores["floor"]


def test_resampled_rows_have_as_many_graphs_as_were_generated(data):
    few, many = (evaluate_graphs(data.test, data.train[:n], data.train)["mean"] for n in (5, 500))
    assert few["resampled"] > many["resampled"]
    assert few["resampled_sd"] > many["resampled_sd"]


def test_seeds_are_reproducible_and_differ(data):
    reference, generated, train = data.test[:40], data.train[:40], data.train[40:100]
    for learned in (train, None):
        first, again, other = (evaluate_graphs(reference, generated, learned, seed=seed) for seed in (0, 0, 1))
        assert first == again
        for row in first["mean"].keys() - {"mmd2", "mmd2_u", "bias", "floor_bias"} - ({"floor"} if learned else set()):
            assert first["mean"][row] != other["mean"][row]
        assert first["mean"]["mmd2"] == other["mean"]["mmd2"]


def test_the_bias_is_what_a_perfect_generator_scores(data):
    """TwoSampleTest from the reference's own law, few against few: on average all of their score is bias."""
    everything, rng = data.train, np.random.default_rng(0)
    scores, biases = [], []
    for _ in range(40):
        rows = rng.choice(len(everything), 40, replace=False)
        reference, generated = [everything[k] for k in rows[:30]], [everything[k] for k in rows[30:]]
        scores.append(list(graph_mmd(reference, generated).values()))
        found = evaluation._bias(describe(reference), "edp", {"bias": (30, 10)})
        biases.append([found["bias"][name] for name in STATISTICS])
    error = np.std(scores, axis=0) / 40**0.5
    assert (np.abs(np.mean(scores, 0) - np.mean(biases, 0)) < 4.5 * error).all()


@pytest.mark.parametrize("learned", [True, False])
def test_any_phases_may_be_known_already(data, learned):
    sets = data.test[:20], data.train[:15], data.train[15:40] if learned else None
    names: list[str] = []
    known: dict[str, dict] = {}

    def keep(name, phase):
        names.append(name)
        return known.setdefault(name, phase())

    whole = evaluate_graphs(*sets, valid="planar", once=keep)
    assert whole == evaluate_graphs(*sets, valid="planar")
    assert len(set(names)) == len(names) == len(known)
    for start in (0, 1):
        some = names[start::2]
        resumed = evaluate_graphs(
            *sets, valid="planar", once=lambda name, phase, some=some: known[name] if name in some else phase()
        )
        assert resumed == whole


def test_the_bar_can_be_switched_off_from_outside():
    code = (
        "from discrete_ed.graphs.evaluation import *; p = [nx.path_graph(3)] * 2; evaluate_graphs(p, p, progress=True)"
    )
    usual = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    for environment in (usual, {**usual, "TQDM_DISABLE": "1"}):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ("score" in done.stderr) == (environment is usual)


def test_progress_changes_nothing_and_stays_off_stdout(data, capsys, monkeypatch):
    class Bar(tqdm):
        def close(self):
            assert self.disable or self.n == self.total
            super().close()

    monkeypatch.setattr(evaluation, "tqdm", Bar)
    for train in (data.train[:9], None):
        quiet, shown = (evaluate_graphs(data.test[:9], data.train[:9], train, progress=p) for p in (False, True))
        assert quiet == shown
    assert capsys.readouterr().out == ""


def test_one_reference_graph_needs_training_graphs():
    one, paths = [nx.path_graph(4)], [nx.path_graph(n) for n in (3, 4, 5)]
    with pytest.raises(InputError, match="reference: expected at least two graphs"):
        evaluate_graphs(one, paths)
    assert evaluate_graphs(one, paths, train=paths)["reference_graphs"] == 1


def test_single_graphs_have_no_u_statistic():
    one, paths = [nx.path_graph(4)], [nx.path_graph(n) for n in (3, 4, 5)]
    result = evaluate_graphs(paths, one)
    assert (result["mean"]["mmd2_u"], result["mean"]["interval"]) == (None, None)
    for name, sets in {
        "reference": (one, paths, paths),
        "generated": (paths, one, paths),
        "train": (paths, paths, one),
    }.items():
        with pytest.raises(InputError, match=f"{name}: expected at least two graphs for a U-statistic"):
            evaluate_graphs(*sets, protocol="psd")
    with pytest.raises(InputError, match="reference: expected at least four graphs to split"):
        evaluate_graphs(paths, paths, protocol="psd")
    with pytest.raises(InputError, match="at least two in each set for a U-statistic, got 1 and 3"):
        graph_mmd(one, paths, "psd")


def test_a_worse_generator_has_the_smaller_p_value(data):
    good, bad = data.train[:60], erdos_renyi_like(data.train, 60)
    for protocol in PROTOCOLS:
        p = [evaluate_graphs(data.test, made, protocol=protocol)["mean"]["p_value"] for made in (good, bad)]
        assert p[0] > 0.05
        assert p[1] < 0.01


def test_one_reference_graph_beside_a_dropped_one_needs_training_graphs():
    paths = [nx.path_graph(n) for n in (3, 4, 5)]
    with pytest.raises(InputError, match="at least two graphs"):
        evaluate_graphs([nx.null_graph(), nx.path_graph(4)], paths, protocol="gran")


@pytest.mark.parametrize("name", ["reference", "generated", "train"])
@pytest.mark.parametrize("bad", [[], [nx.path_graph(2, create_using=nx.DiGraph)], [nx.Graph([(0, 0)])]])
def test_unusable_sets_are_refused_by_name(name, bad):
    sets = {key: [nx.path_graph(n) for n in (3, 4, 5)] for key in ("reference", "generated", "train")}
    with pytest.raises(InputError, match=f"^{name}"):
        evaluate_graphs(**{**sets, name: bad})


def test_unknown_protocol_is_refused():
    with pytest.raises(InputError, match="edp, gran"):
        evaluate_graphs([nx.path_graph(3)] * 2, [nx.path_graph(3)], protocol="other")


@pytest.mark.parametrize(
    ("seed", "told"),
    [(-1, "at least 0, got -1"), (2**32, "less than 2³², got 4294967296"), (0.5, "a whole number, got 0.5")],
)
def test_seeds_that_some_source_of_randomness_refuses_are_refused(seed, told):
    paths = [nx.path_graph(n) for n in (3, 4, 5)]
    for take in (
        lambda: evaluate_graphs(paths, paths, seed=seed),
        lambda: erdos_renyi_like(paths, 3, seed=seed),
        lambda: two_sample_test(np.eye(3), np.eye(3), PROTOCOLS["psd"].kernels["degree"], seed=seed),
    ):
        with pytest.raises(InputError, match=f"^seed: expected {told}$"):
            take()
    with pytest.raises(InputError, match=f"^split_seed: expected {told}$"):
        load_graph_data("community-small", split_seed=seed)


def test_seeds_of_numpy_are_seeds():
    paths = [nx.path_graph(n) for n in (3, 4, 5)]
    assert evaluate_graphs(paths, paths, seed=np.int64(3)) == evaluate_graphs(paths, paths, seed=3)


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
