import json

import networkx as nx
import numpy as np
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import evaluate_graphs, graph_mmd, load_graph_data
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.yardsticks import erdos_renyi_like
from discrete_ed.metrics.two_sample import two_sample_test

STATISTICS = ["degree", "clustering", "orbit", "spectral"]


@pytest.fixture(scope="module")
def data():
    return load_graph_data("citation-egos")


@pytest.mark.parametrize("protocol", ["edp", "gran", "psd"])
def test_scores_with_training_graphs(data, protocol):
    generated = data.train[:50]
    result = evaluate_graphs(data.test, generated, data.train, protocol=protocol)
    written = result.to_dict()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    biases = [] if protocol == "psd" else ["bias", "floor_bias"]
    rows = ["mmd2", "floor", "resampled", "resampled_sd", *biases, "erdos_renyi", "mmd2_u", "p_value", "interval"]
    assert result.protocol == protocol
    assert (result.reference_graphs, result.generated_graphs, result.train_graphs) == (200, 50, 705)
    assert list(result.statistics) == STATISTICS
    assert all(list(scores) == rows for scores in [*written["statistics"].values(), written["mean"]])
    assert set(written) == {
        "protocol", "reference_graphs", "generated_graphs", "train_graphs",
        "statistics", "p_value", "mean", "measures", "novel", "novel_reference", "unique", "connected",
        "valid_property", "valid_pieces", "valid", "valid_reference", "valid_train",
        "vun_property", "vun", "vun_reference", "vun_train", "undecided", "cleaned",
    }  # fmt: skip
    direct, floor = graph_mmd(data.test, generated, protocol), graph_mmd(data.test, data.train, protocol)
    for name, scores in result.statistics.items():
        assert scores.mmd2 == pytest.approx(direct[name], rel=1e-12)
        assert scores.floor == pytest.approx(floor[name], rel=1e-12)
    unbiased = graph_mmd(data.test, generated, protocol, unbiased=True)
    assert {name: scores.mmd2_u for name, scores in result.statistics.items()} == unbiased
    assert result.mean.mmd2_u == pytest.approx(np.mean([unbiased[name] for name in STATISTICS[:3]]), rel=1e-12)
    for scores in [*result.statistics.values(), result.mean] if biases else []:
        assert scores.bias / scores.floor_bias == pytest.approx((1 / 200 + 1 / 50) / (1 / 200 + 1 / 705))
    assert 0.001 <= result.p_value <= 1
    for scores in [*result.statistics.values(), result.mean]:
        assert 0.001 <= scores.p_value <= 1
        assert scores.interval[0] < scores.interval[1]


def test_scores_without_training_graphs(data):
    result = evaluate_graphs(data.test, data.train[:30])
    written = result.to_dict()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    rows = ["mmd2", "floor", "bias", "floor_bias", "erdos_renyi", "mmd2_u", "p_value", "interval"]
    assert all(list(scores) == rows for scores in [*written["statistics"].values(), written["mean"]])
    assert result.train_graphs is None
    assert result.shares.novel is None
    assert result.shares.novel_reference is None
    for scores in result.statistics.values():
        assert 0 < scores.floor < scores.erdos_renyi
        assert scores.bias / scores.floor_bias == pytest.approx((1 / 200 + 1 / 30) / (1 / 100 + 1 / 100))
    assert (result.shares.vun_property, result.shares.vun, result.shares.vun_reference) == (None, None, None)


def test_mean_is_that_of_degree_clustering_and_orbit(data):
    result = evaluate_graphs(data.test, data.train[:30], data.train)
    for row in ("mmd2", "floor", "resampled", "erdos_renyi"):
        three = [getattr(result.statistics[name], row) for name in ("degree", "clustering", "orbit")]
        assert getattr(result.mean, row) == pytest.approx(np.mean(three), rel=1e-12)


ODD = [nx.null_graph(), nx.empty_graph(1), nx.empty_graph(3), nx.disjoint_union(nx.path_graph(2), nx.empty_graph(1))]


@pytest.mark.parametrize(
    ("protocol", "changes"),
    [("edp", {"lost_isolated_nodes": 1, "became_one_node": 2}), ("gran", {"dropped_without_nodes": 1}), ("psd", {})],
)
def test_cleaned_counts_the_graphs_that_change_by_set(protocol, changes):
    paths = [nx.path_graph(n) for n in (3, 4, 5, 6)]
    result = evaluate_graphs(paths, [*paths, *ODD], protocol=protocol)
    assert result.cleaned == {"reference": dict.fromkeys(changes, 0), "generated": changes}
    assert result.generated_graphs == 8
    assert set(evaluate_graphs(paths, paths, ODD[1:], protocol=protocol).cleaned) == {
        "reference", "generated", "train",
    }  # fmt: skip


@pytest.mark.thorough
def test_seeds_are_reproducible_and_differ(data):
    reference, generated, train = data.test[:40], data.train[:40], data.train[40:100]
    for learned in (train, None):
        first, again, other = (evaluate_graphs(reference, generated, learned, seed=seed) for seed in (0, 0, 1))
        assert first == again
        for row in (
            first.to_dict()["mean"].keys()
            - {"mmd2", "mmd2_u", "bias", "floor_bias"}
            - ({"floor"} if learned else set())
        ):
            assert getattr(first.mean, row) != getattr(other.mean, row)
        assert first.mean.mmd2 == other.mean.mmd2


@pytest.mark.thorough
@pytest.mark.parametrize("learned", [True, False])
def test_any_phases_may_be_known_already(data, learned):
    sets = data.test[:20], data.train[:15], data.train[15:40] if learned else None
    names: list[str] = []
    known: dict[str, dict] = {}

    def keep(name, phase):
        names.append(name)
        return known.setdefault(name, phase())

    whole = evaluate_graphs(*sets, valid="planar", phase_cache=keep)
    assert whole == evaluate_graphs(*sets, valid="planar")
    assert len(set(names)) == len(names) == len(known)
    for start in (0, 1):
        some = names[start::2]
        resumed = evaluate_graphs(
            *sets, valid="planar", phase_cache=lambda name, phase, some=some: known[name] if name in some else phase()
        )
        assert resumed == whole


def test_progress_is_reported_as_each_phase_begins_and_ends_and_changes_nothing(data, capsys):
    for train in (data.train[:9], None):
        seen, names = [], []

        def keep(name, phase, names=names):
            names.append(name)
            return phase()

        sets = data.test[:9], data.train[:9], train
        followed = evaluate_graphs(*sets, callback=lambda *event, seen=seen: seen.append(event), phase_cache=keep)
        assert followed == evaluate_graphs(*sets)
        total = len(names)
        assert seen == [(name, done + k, total) for done, name in enumerate(names) for k in (0, 1)]
    assert capsys.readouterr() == ("", "")


def test_one_reference_graph_needs_training_graphs():
    one, paths = [nx.path_graph(4)], [nx.path_graph(n) for n in (3, 4, 5)]
    with pytest.raises(InputError, match="reference: expected at least two graphs"):
        evaluate_graphs(one, paths)
    assert evaluate_graphs(one, paths, train=paths).reference_graphs == 1


def test_single_graphs_have_no_u_statistic():
    one, paths = [nx.path_graph(4)], [nx.path_graph(n) for n in (3, 4, 5)]
    result = evaluate_graphs(paths, one)
    assert (result.mean.mmd2_u, result.mean.interval) == (None, None)
    for name, sets in {
        "reference": (one, paths, paths),
        "generated": (paths, one, paths),
        "train": (paths, paths, one),
    }.items():
        with pytest.raises(InputError, match=f"{name}: expected at least two graphs for a U-statistic"):
            evaluate_graphs(*sets, protocol="psd")
    with pytest.raises(InputError, match="reference: expected at least four graphs to split"):
        evaluate_graphs(paths, paths, protocol="psd")
    with pytest.raises(InputError, match="at least two rows in each set for a U-statistic, got 1 and 3"):
        graph_mmd(one, paths, "psd")


@pytest.mark.thorough
def test_a_worse_generator_has_the_smaller_p_value(data):
    good, bad = data.train[:60], erdos_renyi_like(data.train, 60)
    for protocol in PROTOCOLS:
        p = [evaluate_graphs(data.test, made, protocol=protocol).mean.p_value for made in (good, bad)]
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
