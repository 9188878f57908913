"""Further measures: their formulas by hand, their yardsticks and p-values, and how to add one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest

from discrete_ed.errors import InputError
from discrete_ed.graphs import evaluate_graphs, graph_mmd, write_graphs
from discrete_ed.graphs.classifier import classifier_score, logistic_regression
from discrete_ed.graphs.embedding_distances import frechet_distance, permutations, permuted_rbf_mmd2, rbf_mmd2
from discrete_ed.graphs.embeddings import _gin_weights, gin_features, wavelet_filters, wavelet_histograms
from discrete_ed.graphs.measures import MEASURES, Measure, Score, describe_sets, permutation_p_value
from discrete_ed.graphs.power import flip_pairs, measured_changes
from discrete_ed.graphs.ratio import average_ratio, ratio_test
from discrete_ed.graphs.statistics import GraphSet
from discrete_ed.jobs import graph_tables
from discrete_ed.jobs.cli import run_job

GRAPHS = [nx.gnp_random_graph(8 + k % 5, 0.35, seed=k) for k in range(60)]
DENSER = [nx.gnp_random_graph(8 + k % 5, 0.6, seed=100 + k) for k in range(20)]
REFERENCE, TRAIN, SAME = GRAPHS[:20], GRAPHS[20:40], GRAPHS[40:]


def test_random_networks_graph_by_graph():
    found = gin_features(GraphSet.of(GRAPHS[:4]), initialisations=2)
    assert found.shape == (4, 140)
    for seed, block in ((42, found[:, :70]), (43, found[:, 70:])):
        for graph, row in zip(GRAPHS[:4], block, strict=True):
            around = nx.to_numpy_array(graph) + np.eye(len(graph))
            h, sums = 2 * nx.to_numpy_array(graph).sum(axis=1, keepdims=True), []
            for (w1, b1), (w2, b2) in _gin_weights(seed):
                np.testing.assert_allclose(w2 @ w2.T, np.eye(35), atol=1e-5)
                hidden = np.maximum((around @ h @ w1.T + b1) / np.sqrt(1 + 1e-5), 0)
                h = np.maximum((hidden @ w2.T + b2) / (1 + 1e-5), 0)
                sums.append(h.sum(axis=0))
            np.testing.assert_allclose(np.concatenate(sums), row, rtol=1e-9)


def test_wavelets_are_rows_of_the_filtered_laplacian():
    graphs = [nx.path_graph(5), nx.null_graph(), GRAPHS[3]]
    found = wavelet_histograms(GraphSet.of(graphs))
    top = wavelet_filters(np.arange(0, 2, 0.01)).max()
    for graph, row in zip(graphs, found, strict=True):
        if not len(graph):
            assert not row.any()
            continue
        values, vectors = np.linalg.eigh(nx.normalized_laplacian_matrix(graph).toarray())
        norms = [((vectors * g @ vectors.T) ** 2).sum(axis=1) for g in wavelet_filters(values.clip(0, 2))]
        counts = np.concatenate([np.histogram(norm, 100, (0, top))[0] for norm in norms])
        np.testing.assert_allclose(row, counts / counts.sum(), atol=2.01 / counts.sum())  # one node at a bin's edge
    x = np.linspace(0, 2, 401)
    assert np.abs(np.diff(wavelet_filters(x), axis=1)).max() < 0.4  # no jumps
    assert wavelet_filters(np.array([0.0, 2.0]))[:, 0].tolist() == pytest.approx([top] + [0] * 11, abs=1e-4)


def test_rbf_mmd_by_loops():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(1, 2, size=(5, 3))
    u, v = (x - x.mean(0)) / x.std(0), (y - x.mean(0)) / x.std(0)
    square = np.mean([((a - b) ** 2).sum() for a in u for b in v])

    def mean(first, second, b):
        return np.mean([np.exp(-((p - q) ** 2).sum() / (2 * b**2 * square)) for p in first for q in second])

    bandwidths = (0.01, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    assert rbf_mmd2(x, y) == pytest.approx(max(mean(u, u, b) + mean(v, v, b) - 2 * mean(u, v, b) for b in bandwidths))
    firsts = permutations(7, 5, seed=0, count=3)
    found = permuted_rbf_mmd2(x, y, firsts)
    both = np.concatenate([x, y])
    for value, first in zip(found, [np.repeat([1, 0], [7, 5]), *firsts], strict=True):
        again = permuted_rbf_mmd2(both[first == 1], both[first == 0], np.zeros((0, 12)))
        assert value == pytest.approx(again[0], rel=1e-9)


def test_frechet_distance_of_gaussians_in_closed_form():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 2))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False)).T)  # covariance 1
    spread = np.sqrt(399 / 400)
    y = x * [2.0, 3.0] + [1.0, 0.0]
    assert frechet_distance(x, y) == pytest.approx((1 + 1 + 4) / spread**2, rel=1e-9)
    from scipy.linalg import sqrtm

    a, b = rng.normal(size=(30, 4)), rng.normal(size=(25, 4)) @ rng.normal(size=(4, 4))
    u, v = (a - a.mean(0)) / a.std(0), (b - a.mean(0)) / a.std(0)
    c, d = np.cov(u, rowvar=False), np.cov(v, rowvar=False)
    expected = ((u.mean(0) - v.mean(0)) ** 2).sum() + np.trace(c + d - 2 * sqrtm(c @ d).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_the_average_ratio_is_that_of_the_scores_of_protocol_gran():
    names = ("degree", "clustering", "orbit", "spectral", "wavelet")
    sets = [describe_sets(graphs, names) for graphs in (REFERENCE, [*DENSER, nx.null_graph()], TRAIN)]
    found = average_ratio(*sets)
    score, floor = graph_mmd(REFERENCE, [*DENSER, nx.null_graph()], "gran"), graph_mmd(REFERENCE, TRAIN, "gran")
    assert {*found} == {name for name in names if floor.get(name, 1) > 1e-8}
    for name in {*score} & {*found}:
        assert found[name] == pytest.approx(score[name] / floor[name], rel=1e-9)
    assert len(found) >= 4
    assert ratio_test(*sets, seed=0) < 0.01
    trees = [describe_sets([nx.star_graph(k), nx.path_graph(k)], names) for k in (4, 5, 6)]
    assert "clustering" not in average_ratio(*trees)  # no tree has a triangle
    with pytest.raises(InputError, match="train: expected training graphs that differ"):
        average_ratio(sets[0], sets[1], sets[0])


class Coin:
    """A classifier that knows nothing, or everything of the first feature."""

    def __init__(self, sure: float = 0.5) -> None:
        self.sure = sure

    def fit(self, x, y):
        self.sign = np.sign(x[y == 1, 0].mean() - x[y == 0, 0].mean())

    def predict_proba(self, x):
        p = np.where(self.sign * x[:, 0] > 0, self.sure, 1 - self.sure)
        return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("sure", [0.5, 0.75, 0.99])
def test_the_classifier_score_by_hand(sure):
    pytest.importorskip("sklearn")
    reference, generated = {"apart": np.arange(10.0, 30)[:, None]}, {"apart": -np.arange(10.0, 26)[:, None]}
    found = classifier_score(reference, generated, lambda: Coin(sure))
    assert found.value == pytest.approx(np.sqrt(1 + np.log2(sure)), abs=1e-4)
    assert found.descriptor == "apart"
    assert (found.p_value == 1) if sure == 0.5 else (found.p_value < 0.01)


def test_the_classifier_chooses_the_descriptor_that_tells_and_finds_nothing_where_nothing_is():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(60, 5)) for _ in range(4)]
    told = classifier_score({"noise": noise[0], "shift": noise[1] + 3}, {"noise": noise[2], "shift": noise[3]})
    assert told.descriptor == "shift"
    assert told.value == told.by_descriptor["shift"] > 0.8
    assert told.p_value == 0.001
    equal = classifier_score({"noise": noise[0]}, {"noise": noise[1]})
    assert equal.value < 0.3
    assert equal.p_value > 0.05


@pytest.fixture(scope="module")
def evaluation():
    pytest.importorskip("sklearn")
    names = [name for name in MEASURES if name != "classifier-tabpfn"]
    return evaluate_graphs(REFERENCE[:16], DENSER[:16], TRAIN[:16], measures=names)


@pytest.mark.thorough
def test_every_measure_stands_between_its_floor_and_random_graphs(evaluation):
    assert list(evaluation.measures) == [name for name in MEASURES if name != "classifier-tabpfn"]
    written = evaluation.to_dict()["measures"]
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    for name, found in evaluation.measures.items():
        assert found.value > found.floor
        assert found.p_value <= 0.05
        assert found.resampled_sd >= 0
        assert written[name]["value"] == found.value
    assert evaluation.measures["average-ratio"].floor == pytest.approx(1)
    assert next(iter(evaluation.measures["classifier"].parts.values())) == evaluation.measures["classifier"].value
    x, y = (describe_sets(graphs, ["gin"])["gin"][:, :70] for graphs in (REFERENCE[:16], DENSER[:16]))
    ten_times = {"gin": np.tile(x, 10)}, {"gin": np.tile(y, 10)}, None
    assert MEASURES["gin-mmd"].score(*ten_times) == pytest.approx(rbf_mmd2(x, y))


@pytest.mark.thorough
def test_measures_stand_in_tables(evaluation):
    header, *rows = graph_tables.measure_table(evaluation)
    assert [row[0] for row in rows] == list(evaluation.measures)
    assert all(len(row) == len(header) for row in rows)
    text = graph_tables.summary(evaluation)
    assert f"{evaluation.measures['gin-mmd'].value:.4f}" in text
    header, mine, *_ = graph_tables.comparison({"mine": evaluation})
    assert mine[header.index("gin-frechet")] == f"{evaluation.measures['gin-frechet'].value:.4f}"


def test_p_values_of_equal_and_changed_graphs():
    rng = np.random.default_rng(0)
    changed = [flip_pairs(graph, 0.9, rng) for graph in GRAPHS]
    values, equal = measured_changes(GRAPHS, GRAPHS, "gin-mmd", (20, 20), repeats=20, permutations=19)
    more, apart = measured_changes(GRAPHS, changed, "gin-mmd", (20, 20), repeats=5, permutations=19)
    assert 0.2 < equal.mean() < 0.8
    assert apart.mean() < 0.1
    assert more.mean() > values.mean()


def mean_degree_gap(reference, generated, train):  # noqa: ARG001
    means = [(x["degree"] @ np.arange(x["degree"].shape[1])).mean() for x in (reference, generated)]
    return abs(means[0] - means[1])


def test_permutations_give_each_measure_a_p_value():
    measure = Measure(mean_degree_gap, descriptors=("degree",))
    reference, same, denser = (describe_sets(graphs, ["degree"]) for graphs in (REFERENCE, SAME, DENSER))
    assert permutation_p_value(measure, reference, denser, None, seed=0) == 0.01
    assert permutation_p_value(measure, reference, same, None, seed=0) > 0.05


def gap(reference, generated, train):  # noqa: ARG001
    return Score(0.25, {"gap": 0.5}, p_value=0.125)


def test_a_measure_is_one_function_that_appears_everywhere(monkeypatch, tmp_path, capsys):
    """How to add a measure; the command line offers those of the package by name."""
    monkeypatch.setitem(MEASURES, "gin-mmd", Measure(gap, descriptors=("degree",)))
    monkeypatch.chdir(tmp_path)
    write_graphs("test.g6", REFERENCE)
    write_graphs("mine.g6", SAME)
    run_job("evaluate", ["test.g6", "mine.g6", "--measures", "gin-mmd", "--json", "a.json"])
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("gin-mmd"))
    assert line.split() == ["gin-mmd", "0.2500", "0.2500", "0.2500", "0.125", "gap", "0.5"]
    assert json.loads(Path("a.json").read_text())["measures"]["gin-mmd"]["parts"] == {"gap": 0.5}


@pytest.mark.parametrize(
    ("names", "train", "message"),
    [
        (["green"], None, "measures: expected names among average-ratio, .*, got 'green'"),
        (["average-ratio"], None, "train: expected training graphs for the measure average-ratio, got none"),
        (["classifier"], TRAIN[:3], "train: expected at least 8 graphs for the measure classifier, got 3"),
        (["gin-frechet"], TRAIN[:1], "train: expected at least 2 graphs for the measure gin-frechet, got 1"),
    ],
)
def test_measures_that_cannot_be_computed_are_refused(names, train, message):
    with pytest.raises(InputError, match=message):
        evaluate_graphs(REFERENCE, SAME, train, measures=names)


@pytest.mark.parametrize(("name", "module"), [("classifier", "sklearn.linear_model"), ("classifier-tabpfn", "tabpfn")])
def test_a_missing_package_is_named(monkeypatch, name, module):
    pytest.importorskip("sklearn")
    monkeypatch.setitem(sys.modules, module, None)
    features = describe_sets(REFERENCE, ["degree", "clustering", "orbit", "spectral", "gin"])
    with pytest.raises(InputError, match=r"measures: expected .* to be installed \(pip install"):
        MEASURES[name].score(features, features, None)


class StandIn:
    """In the place of TabPFN, whose weights are not at hand: a class with its interface."""

    offline = False

    def __init__(self) -> None:
        self.model = logistic_regression()

    def fit(self, X: np.ndarray, y: np.ndarray) -> StandIn:
        if self.offline:
            raise RuntimeError("no connection to the\nmodel hub")
        self.model.fit(X, y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(X).astype(np.float32)


def test_tabpfn_is_used_by_its_interface(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setitem(sys.modules, "tabpfn", SimpleNamespace(TabPFNClassifier=StandIn))
    sets = [describe_sets(graphs, ["degree", "gin"]) for graphs in (REFERENCE, DENSER)]
    found, same = (MEASURES[name].score(*sets, None) for name in ("classifier-tabpfn", "classifier"))
    assert found.value == pytest.approx(same.value, abs=1e-5)
    assert found.value > 0.5
    monkeypatch.setattr(StandIn, "offline", True)
    with pytest.raises(InputError, match=r"measures: expected TabPFN to load .* but no connection to the model hub; "):
        MEASURES["classifier-tabpfn"].score(*sets, None)
