from dataclasses import replace
from itertools import product
from math import exp

import networkx as nx
import numpy as np
import pytest
from brute_force import orbit_counts, random_graphs
from scipy.stats import wasserstein_distance

from discrete_ed.errors import InputError
from discrete_ed.graphs import graph_mmd, load_graph_data
from discrete_ed.graphs.descriptors import clustering_histograms, spectral_histograms
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.mmd import describe
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.graphs.statistics import GraphSet
from discrete_ed.metrics.two_sample import mmd2

STATISTICS = ["degree", "clustering", "orbit", "spectral"]
SIGMA = {"degree": 1.0, "clustering": 0.1, "orbit": 30.0, "spectral": 1.0}
UNIT = {"degree": 1.0, "clustering": 0.01, "spectral": 1.0}  # the distance of neighbouring bins, for EMD
NEAR = {"rel": 0, "abs": 1e-9}


def slow_features(graph: nx.Graph) -> dict[str, np.ndarray]:
    """The histograms of one graph, by networkx and numpy."""
    eigenvalues = np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray()).clip(0, 2)
    return {
        "degree": np.array(nx.degree_histogram(graph)) / len(graph),
        "clustering": np.histogram(list(nx.clustering(graph).values()), bins=100, range=(0, 1))[0] / len(graph),
        "orbit": orbit_counts(graph).sum(axis=0) / len(graph),
        "spectral": np.histogram(eigenvalues, bins=200, range=(-1e-5, 2))[0] / len(graph),
    }


def slow_clean(graphs: list[nx.Graph], protocol: str) -> list[nx.Graph]:
    if protocol == "gran":
        return [graph for graph in graphs if len(graph) > 0]
    cleaned = [graph.subgraph([node for node, degree in graph.degree if degree > 0]) for graph in graphs]
    return [graph if len(graph) > 0 else nx.empty_graph(1) for graph in cleaned]


def slow_distance(p: np.ndarray, q: np.ndarray, protocol: str, statistic: str) -> float:
    width = max(len(p), len(q))
    p, q = (np.pad(row, (0, width - len(row))) for row in (p, q))
    if protocol == "gran":
        return sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    if statistic == "orbit":
        return sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) ** 0.5
    return UNIT[statistic] * wasserstein_distance(range(width), range(width), p, q)


def slow_mmd(reference: list[nx.Graph], generated: list[nx.Graph], protocol: str, statistic: str) -> float:
    x, y = (
        [slow_features(graph)[statistic] for graph in slow_clean(graphs, protocol)] for graphs in (reference, generated)
    )

    def mean(a: list[np.ndarray], b: list[np.ndarray]) -> float:
        distances = [slow_distance(p, q, protocol, statistic) for p, q in product(a, b)]
        return sum(exp(-(d**2) / (2 * SIGMA[statistic] ** 2)) for d in distances) / len(distances)

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", ["edp", "gran"])
@pytest.mark.parametrize("seed", range(4))
def test_equals_double_loops_on_random_sets(protocol, seed):
    reference, generated = random_graphs(9, 10, seed), [*random_graphs(6, 8, seed + 100), nx.path_graph(3)]
    scores = graph_mmd(reference, generated, protocol)
    assert list(scores) == STATISTICS
    for statistic in STATISTICS:
        assert scores[statistic] == pytest.approx(slow_mmd(reference, generated, protocol, statistic), **NEAR)


@pytest.mark.parametrize("protocol", ["edp", "gran"])
@pytest.mark.parametrize(
    "odd",
    [
        nx.empty_graph(1),
        nx.empty_graph(4),
        nx.disjoint_union(nx.star_graph(3), nx.empty_graph(2)),
        nx.disjoint_union(nx.complete_graph(4), nx.complete_graph(2)),
        nx.complete_graph(9),
    ],
    ids=["one node", "no edges", "isolated nodes", "disconnected", "complete"],
)
def test_equals_double_loops_on_odd_graphs(protocol, odd):
    reference = [nx.cycle_graph(4), nx.complete_graph(4), nx.path_graph(6)]
    for statistic, score in graph_mmd(reference, [odd, nx.path_graph(6)], protocol).items():
        assert score == pytest.approx(slow_mmd(reference, [odd, nx.path_graph(6)], protocol, statistic), **NEAR)


def test_null_graph_is_one_node_in_edp_and_dropped_in_gran():
    reference, others = [nx.cycle_graph(4), nx.complete_graph(4)], [nx.path_graph(6)]
    with_null, with_node = [*others, nx.null_graph()], [*others, nx.empty_graph(1)]
    assert graph_mmd(reference, with_null, "edp") == graph_mmd(reference, with_node, "edp")
    assert graph_mmd(reference, with_null, "gran") == graph_mmd(reference, others, "gran")
    assert graph_mmd(reference, with_null, "gran") != graph_mmd(reference, with_node, "gran")
    with pytest.raises(InputError, match="none with a node"):
        graph_mmd(reference, [nx.null_graph()], "gran")


def test_isolated_nodes_count_in_gran_only():
    clique, with_isolated = nx.complete_graph(4), nx.disjoint_union(nx.complete_graph(4), nx.empty_graph(2))
    assert set(graph_mmd([clique], [with_isolated], "edp").values()) == {0}
    assert all(score > 0 for score in graph_mmd([clique], [with_isolated], "gran").values())


def test_largest_eigenvalue_of_bipartite_graphs_falls_in_the_last_bin():
    bipartite = [nx.complete_bipartite_graph(m, n) for m in range(1, 6) for n in range(1, 9)]
    laplacians = [nx.normalized_laplacian_matrix(graph).toarray() for graph in bipartite]
    assert max(np.linalg.eigvalsh(laplacian).max() for laplacian in laplacians) > 2
    histograms = spectral_histograms(GraphSet.of(bipartite))
    np.testing.assert_allclose(histograms[:, -1], [1 / len(graph) for graph in bipartite])
    np.testing.assert_allclose(histograms.sum(axis=1), 1)


def test_clustering_seven_tenths_falls_in_bin_69_as_in_numpy():
    hub = nx.star_graph(5)
    hub.add_edges_from([(1, 2), (1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (3, 4)])  # 7 of the 10 among its neighbours
    assert nx.clustering(hub, 0) == 0.7
    (histogram,) = clustering_histograms(GraphSet.of([hub]))
    np.testing.assert_array_equal(6 * histogram, np.histogram(list(nx.clustering(hub).values()), 100, (0, 1))[0])
    assert histogram[69] > 0
    assert histogram[70] == 0


def test_every_clustering_coefficient_falls_where_numpy_puts_it():
    values = {}  # a hub of degree d with t edges among its neighbours has 2 t / (d (d - 1))
    for d in range(2, 14):
        pairs = [(u, v) for u in range(1, d + 1) for v in range(1, u)]
        for t in range(len(pairs) + 1):
            graph = nx.star_graph(d)
            graph.add_edges_from(pairs[:t])
            values.setdefault(nx.clustering(graph, 0), graph)
    for graph, histogram in zip(
        values.values(), clustering_histograms(GraphSet.of(list(values.values()))), strict=True
    ):
        expected = np.histogram(list(nx.clustering(graph).values()), 100, (0, 1))[0] / len(graph)
        np.testing.assert_array_equal(histogram, expected)


KERNELS = {
    "emd": FeatureKernel("emd", 0.5, bin_width=0.1),
    "cramer": FeatureKernel("cramer", 0.5, bin_width=0.1),
    "tv": FeatureKernel("tv", 0.1),
    "l2": FeatureKernel("l2", 3.0),
    "log": FeatureKernel("log", 2.0),
}


def test_kernels_are_functions_of_the_distance_between_two_rows():
    x, y = np.array([0.5, 0.25, 0.25]), np.array([0.0, 0.0, 1.0])
    distances = {
        "emd": 0.1 * (0.5 + 0.75),
        "cramer": np.sqrt(0.1 * (0.5**2 + 0.75**2)),
        "tv": 0.75,
        "l2": np.sqrt(0.5**2 + 0.25**2 + 0.75**2),
        "log": np.sqrt(np.log(1.5) ** 2 + np.log(1.25) ** 2 + np.log(2 / 1.25) ** 2),
    }
    for name, kernel in KERNELS.items():
        z = distances[name] / kernel.sigma
        assert kernel(x[None], y[None]).item() == pytest.approx(np.exp(-(z**2) / 2)), name
        assert replace(kernel, shape="laplacian")(x[None], y[None]).item() == pytest.approx(np.exp(-z)), name


@pytest.mark.parametrize("shape", ["gaussian", "laplacian"])
@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_says_whether_it_is_positive_definite(name, shape):
    kernel = replace(KERNELS[name], shape=shape, sigma=1.0, bin_width=1.0)
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.dirichlet(np.full(12, 0.2), 150), np.eye(12)])
    least = min(np.linalg.eigvalsh(replace(kernel, sigma=sigma)(rows, rows))[0] for sigma in (0.3, 1.0, 3.0))
    assert kernel.positive_definite == (least > -1e-9)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_merging_equal_rows_changes_nothing(kernel):
    rng = np.random.default_rng(0)
    x, y = rng.integers(2, size=(40, 3)).astype(float), rng.integers(2, size=(25, 3)).astype(float)
    assert len(np.unique(x, axis=0)) < len(x)
    direct = kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()
    assert mmd2(x, y, kernel) == pytest.approx(direct, rel=0, abs=1e-14)


def test_shorter_rows_are_padded_with_zeros():
    kernel, rng = FeatureKernel("l2", 1.0), np.random.default_rng(0)
    x, y = rng.random((4, 3)), rng.random((5, 6))
    padded = np.concatenate([x, np.zeros((4, 3))], axis=1)
    assert mmd2(x, y, kernel) == pytest.approx(mmd2(padded, y, kernel), rel=0, abs=1e-15)
    assert mmd2(y, x, kernel) == pytest.approx(mmd2(y, padded, kernel), rel=0, abs=1e-15)


@pytest.mark.parametrize("protocol", ["edp", "gran"])
def test_repeating_a_set_changes_nothing(protocol):
    x, y = random_graphs(8, 9, seed=1), random_graphs(8, 9, seed=2)
    assert graph_mmd(x * 3, y, protocol) == pytest.approx(graph_mmd(x, y, protocol), rel=0, abs=1e-13)


@pytest.mark.parametrize("protocol", ["edp", "gran"])
def test_symmetric_and_zero_on_identical_sets(protocol):
    x, y = random_graphs(12, 9, seed=1), random_graphs(8, 9, seed=2)
    assert graph_mmd(x, y, protocol) == pytest.approx(graph_mmd(y, x, protocol), rel=0, abs=1e-14)
    assert all(abs(score) > 1e-4 for score in graph_mmd(x, y, protocol).values())
    assert set(graph_mmd(x, x[::-1], protocol).values()) == {0}


def test_statistics_do_not_depend_on_node_names():
    x = random_graphs(6, 9)
    renamed = [nx.convert_node_labels_to_integers(graph) for graph in x]
    assert set(graph_mmd(x, renamed).values()) == {0}


@pytest.mark.parametrize("protocol", ["edp", "gran"])
def test_histograms_sum_to_one(protocol):
    description = describe([graph for graph in random_graphs(30, 12) if len(graph)], protocol)
    for statistic in ("degree", "clustering", "spectral"):
        np.testing.assert_allclose(description[statistic].sum(axis=1), 1)


def looped() -> nx.Graph:
    graph = nx.path_graph(3)
    graph.add_edge(1, 1)
    return graph


def weighted() -> nx.Graph:
    graph = nx.path_graph(3)
    graph[0][1]["weight"] = 0.5
    return graph


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([], "at least one graph"),
        ([nx.path_graph(2), nx.path_graph(2, create_using=nx.DiGraph)], r"\[1\]: expected an undirected graph"),
        ([nx.path_graph(2, create_using=nx.MultiGraph)], r"\[0\]: .*multigraph"),
        ([looped()], "self-loop.* at node 1"),
        ([weighted()], r"weight 0\.5 on edge \(0, 1\)"),
        ([np.eye(2)], "networkx Graph, got ndarray"),
    ],
    ids=["empty", "directed", "multigraph", "self-loop", "weighted", "no graph"],
)
def test_unusable_sets_are_refused_in_either_place(protocol, graphs, message):
    with pytest.raises(InputError, match=message):
        graph_mmd(graphs, [nx.path_graph(2)], protocol)
    with pytest.raises(InputError, match=message):
        graph_mmd([nx.path_graph(2)], graphs, protocol)


def test_unknown_protocol_lists_those_there_are():
    with pytest.raises(InputError, match=r"edp, gran, psd.*'other'"):
        graph_mmd([nx.path_graph(2)], [nx.path_graph(2)], "other")


@pytest.mark.parametrize(
    ("protocol", "floor"), [("edp", ["0.0142", "0.0273", "0.0044"]), ("gran", ["0.0037", "0.0227", "0.0047"])]
)
def test_ego_small_floor_is_as_published_code_has_it(data_root, protocol, floor):
    data = load_graph_data("ego-small", data_root)
    scores = graph_mmd(data.test, data.train, protocol)
    assert [f"{scores[name]:.4f}" for name in ("degree", "clustering", "orbit")] == floor
