"""Estimates, permutation test and bootstrap against slow counterparts; calibration under equality; power."""

from functools import cache
from itertools import product
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from brute_force import random_graphs
from scipy.stats import kstest

from discrete_ed import graph_mmd
from discrete_ed.errors import InputError
from discrete_ed.graphs.citations import citeseer, ego_graphs, synthetic_citations
from discrete_ed.graphs.kernels import FeatureKernel
from discrete_ed.graphs.mmd import describe
from discrete_ed.graphs.power import flip_pairs, p_values
from discrete_ed.graphs.protocols import PROTOCOLS
from discrete_ed.metrics import two_sample
from discrete_ed.metrics.two_sample import (
    TwoSampleTest,
    joint_p_value,
    mean_test,
    merge,
    mmd2,
    two_sample_test,
    u_statistic,
    v_statistic,
)

STATISTICS = ["degree", "clustering", "orbit", "spectral"]
KERNEL = FeatureKernel("l2", 1.0)


def rows(count: int, seed: int, values: int = 3) -> np.ndarray:
    """Rows of small integers, so that many are equal."""
    return np.random.default_rng(seed).integers(values, size=(count, 3)).astype(float)


def slow_mmd2(x: np.ndarray, y: np.ndarray, kernel: FeatureKernel, unbiased: bool) -> float:
    def mean(a: np.ndarray, b: np.ndarray, within: bool) -> float:
        pairs = [(i, j) for i, j in product(range(len(a)), range(len(b))) if not (within and unbiased and i == j)]
        return sum(kernel(a[i][None], b[j][None]).item() for i, j in pairs) / len(pairs)

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize(("m", "n"), [(7, 7), (12, 5), (2, 9)])
@pytest.mark.parametrize("cells", [1, 40, 2**23])
def test_estimates_equal_double_loops(monkeypatch, unbiased, m, n, cells):
    monkeypatch.setattr(two_sample, "CELLS", cells)
    x, y = rows(m, 0), rows(n, 1)
    expected = slow_mmd2(x, y, KERNEL, unbiased)
    assert mmd2(x, y, KERNEL, unbiased=unbiased) == pytest.approx(expected, rel=0, abs=1e-14)
    assert two_sample_test(x, y, KERNEL, unbiased=unbiased, permutations=1).observed == pytest.approx(
        expected, rel=0, abs=1e-14
    )


def test_the_u_statistic_is_the_v_statistic_less_its_bias():
    x, y = rows(9, 0), rows(13, 1)
    off = [(one.sum() - len(a)) / (len(a) * (len(a) - 1)) for a in (x, y) for one in [KERNEL(a, a)]]
    bias = (1 - off[0]) / len(x) + (1 - off[1]) / len(y)
    assert mmd2(x, y, KERNEL) - mmd2(x, y, KERNEL, unbiased=True) == pytest.approx(bias, rel=0, abs=1e-14)


def test_the_u_statistic_expects_the_true_value_and_the_v_statistic_more():
    population = rows(27, 5)
    law = np.full(27, 1 / 27)
    other = law * np.linspace(0.5, 1.5, 27)
    other /= other.sum()
    truth = (law - other) @ KERNEL(population, population) @ (law - other)
    rng = np.random.default_rng(0)
    estimates = []
    for _ in range(1500):
        x, y = (population[rng.choice(27, size=6, p=p)] for p in (law, other))
        estimates.append([mmd2(x, y, KERNEL, unbiased=True), mmd2(x, y, KERNEL)])
    mean, error = np.mean(estimates, axis=0), np.std(estimates, axis=0) / 1500**0.5
    assert abs(mean[0] - truth) < 4 * error[0]
    assert mean[1] > truth + 10 * error[1]


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("cells", [1, 2**23])
def test_permuted_and_resampled_estimates_equal_double_loops(monkeypatch, unbiased, cells):
    monkeypatch.setattr(two_sample, "CELLS", cells)
    x, y = rows(6, 0), rows(4, 1)
    tested = two_sample_test(x, y, KERNEL, unbiased=unbiased, permutations=5, seed=3)
    rng, pooled = np.random.default_rng(3), np.concatenate([x, y])
    for value in tested.permuted:
        order = rng.permutation(10)
        expected = slow_mmd2(pooled[order[:6]], pooled[order[6:]], KERNEL, unbiased)
        assert value == pytest.approx(expected, rel=0, abs=1e-14)
    np.testing.assert_allclose(tested.resampled, slow_resamples(x, y, tested.observed, 5, rng), rtol=0, atol=1e-13)


def slow_resamples(
    x: np.ndarray, y: np.ndarray, observed: float, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """The bootstrap item by item: `observed + a L + Q`."""
    chosen = [rng.integers(len(items), size=len(items)) for items in (x, y) for _ in range(resamples)]
    both, m, n = np.concatenate([x, y]), len(x), len(y)
    gram = KERNEL(both, both)
    centre = np.zeros((m + n, m + n))
    for part in (slice(0, m), slice(m, m + n)):
        inner = gram[part, part]
        centre[part, part] = inner[~np.eye(len(inner), dtype=bool)].mean()
    linear, quadratic = np.zeros(resamples), np.zeros(resamples)
    weight = np.append(np.full(m, 1 / m), np.full(n, -1 / n))
    for k in range(resamples):
        times = [np.bincount(pick, minlength=size) for pick, size in ((chosen[k], m), (chosen[resamples + k], n))]
        change = np.append(times[0] / m, -times[1] / n) - weight
        for i, j in product(range(m + n), repeat=2):
            linear[k] += 2 * change[i] * weight[j] * gram[i, j]
            quadratic[k] += change[i] * change[j] * (gram[i, j] - centre[i, j]) * (i != j)
    shrink = max(0, 1 - 2 * quadratic.var() / linear.var()) ** 0.5
    assert shrink > 0
    return observed + shrink * linear + quadratic


@pytest.mark.parametrize("unbiased", [False, True])
def test_resamples_centre_on_the_score(unbiased):
    tested = two_sample_test(rows(30, 0), rows(20, 1, values=4), KERNEL, unbiased=unbiased, permutations=3000)
    error = tested.resampled.std() / 3000**0.5
    assert tested.resampled.mean() == pytest.approx(tested.observed, rel=0, abs=4 * error)


LAW = np.full(27, 1 / 27)
OTHERS = {"equal": LAW, "near": LAW * np.linspace(0.5, 1.5, 27), "far": np.arange(1, 28) / np.arange(1, 28).sum()}


@pytest.mark.thorough
@pytest.mark.parametrize("other", OTHERS)
def test_the_interval_covers_the_true_value_and_is_hardly_wider_than_it_must_be(other):
    population, law = rows(27, 5), OTHERS[other]
    truth = (LAW - law) @ KERNEL(population, population) @ (LAW - law)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        x, y = (population[rng.choice(27, size=60, p=p)] for p in (LAW, law))
        found.append(two_sample_test(x, y, KERNEL, unbiased=True, permutations=200))
    assert sum(one.interval[0] <= truth <= one.interval[1] for one in found) >= 89
    spread = np.mean([one.resampled.var() for one in found]) ** 0.5
    assert 0.9 < spread / np.std([one.observed for one in found]) < 1.35


def test_sets_that_differ_in_every_item_leave_nothing_to_chance():
    """Of equal graphs, and of graphs that are all unlike, every other draw scores the same."""
    unlike = lambda a, b: (a[:, :1] == b[:, :1].T).astype(float)  # noqa: E731
    x, y = np.arange(6.0)[:, None], np.arange(6.0, 10)[:, None]
    for resampled in (
        two_sample_test(x, y, unlike, unbiased=True).resampled,
        two_sample_test(np.ones((4, 2)), np.ones((7, 2)), KERNEL).resampled,
    ):
        np.testing.assert_allclose(resampled, 0, atol=1e-14)


def test_the_p_value_counts_ties_and_is_never_zero():
    assert TwoSampleTest(0.5, np.array([0.1, 0.5 - 1e-15, 0.9]), np.zeros(0)).p_value == 3 / 4
    assert TwoSampleTest(0.5, np.zeros(99), np.zeros(0)).p_value == 1 / 100
    assert two_sample_test(rows(8, 0), rows(8, 0), KERNEL).p_value == 1


def test_the_same_seed_deals_the_same_items_whatever_the_features():
    x, y = np.arange(12.0)[:, None], np.arange(12.0, 20)[:, None]
    flags = lambda a, b: (a == b.T).astype(float)  # noqa: E731
    first, again, other = (two_sample_test(x, y, KERNEL, permutations=20, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.permuted, again.permuted)
    assert (first.permuted != other.permuted).any()
    both = [two_sample_test(x, y, KERNEL, permutations=20), two_sample_test(x[::-1] ** 2, y**2, flags, permutations=20)]
    np.testing.assert_allclose(mean_test(both).permuted, (both[0].permuted + both[1].permuted) / 2)


def test_a_single_row_has_a_p_value_but_neither_u_statistic_nor_interval():
    tested = two_sample_test(rows(1, 0), rows(9, 1), KERNEL)
    assert 0 < tested.p_value <= 1
    assert tested.interval is None
    with pytest.raises(InputError, match="x, y: expected at least two rows in each set for a U-statistic, got 1 and 9"):
        mmd2(rows(1, 0), rows(9, 1), KERNEL, unbiased=True)


def negative(kernel: FeatureKernel, features: np.ndarray) -> int:
    """The number of negative eigenvalues of the Gram matrix of the distinct rows."""
    distinct, _ = merge(features, features)
    values = np.linalg.eigvalsh(kernel(distinct, distinct))
    return int((values < -1e-9 * len(values)).sum())


@cache
def egos(root: Path | None = None) -> list[nx.Graph]:
    return ego_graphs(synthetic_citations() if root is None else citeseer(root))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_gram_matrices_of_psd_are_positive_semi_definite(statistic):
    kernel = PROTOCOLS["psd"].kernels[statistic]
    assert kernel.positive_definite
    for graphs in (egos(), random_graphs(150, 14), [nx.gnp_random_graph(40, k / 60, seed=k) for k in range(60)]):
        assert negative(kernel, describe(graphs, "psd")[statistic]) == 0


def test_gram_matrices_on_citeseer(data_root):
    counts = {}
    for protocol, chosen in PROTOCOLS.items():
        description = describe(egos(data_root), protocol)
        counts[protocol] = [negative(kernel, description[name]) for name, kernel in chosen.kernels.items()]
    assert counts["psd"] == [0, 0, 0, 0]
    assert counts["edp"][0] > 5
    assert counts["edp"][2] == 0  # L2, Gaussian
    assert counts["gran"][0] > 5


def test_psd_compares_graphs_without_nodes_as_they_are():
    reference, others = [nx.cycle_graph(4), nx.complete_graph(4)], [nx.path_graph(6), nx.path_graph(3)]
    scores = [graph_mmd(reference, [*others, odd], "psd") for odd in (nx.null_graph(), nx.empty_graph(1))]
    assert all(scores[0][name] != scores[1][name] for name in ("degree", "clustering", "spectral"))
    assert all(not row.any() for row in (features[0] for features in describe([nx.null_graph()], "psd").values()))


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_p_values_are_uniform_under_equality(data_root, protocol):
    graphs = egos(data_root)
    for name, p in p_values(graphs, graphs, protocol, (40, 60), 40, 199).items():
        assert kstest(p, "uniform").pvalue > 0.01, name


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_flipped_pairs_are_found(data_root, protocol):
    graphs, rng = egos(data_root), np.random.default_rng(0)
    changed = [flip_pairs(graph, 0.2, rng) for graph in graphs]
    done = []
    found = p_values(graphs, changed, protocol, (100, 100), 5, 199, callback=lambda *count: done.append(count))
    assert done == [(k, 5) for k in range(1, 6)]
    for name, p in found.items():
        assert name == "clustering" or np.median(p) < 0.05, name


def test_one_p_value_of_several_statistics_is_the_rank_of_their_smallest():
    rng = np.random.default_rng(0)
    estimates = rng.integers(0, 30, size=(3, 40)) / 7  # with ties
    tests = [TwoSampleTest(row[0], row[1:], np.zeros(0)) for row in estimates]
    p = np.array([[np.mean(row >= value - 1e-12) for value in row] for row in estimates])
    smallest = p.min(axis=0)
    assert p[:, 0].tolist() == pytest.approx([one.p_value for one in tests])
    assert joint_p_value(tests) == pytest.approx(np.mean(smallest <= smallest[0]))
    assert joint_p_value(tests[:1]) == tests[0].p_value


def test_one_statistic_that_differs_is_enough():
    x, y = rows(40, 0), rows(40, 1)
    tests = [two_sample_test(x, y + shift, KERNEL, seed=0, permutations=199) for shift in (0.0, 5.0, 0.0)]
    assert joint_p_value(tests) < 0.02
    assert joint_p_value(tests[::2]) > 0.05


def test_the_statistics_are_formulas_of_sums_over_pairs():
    x, y = rows(8, 0), rows(5, 1)
    xx, xy, yy = (float(KERNEL(a, b).sum()) for a, b in ((x, x), (x, y), (y, y)))
    for formula, unbiased in ((v_statistic, False), (u_statistic, True)):
        assert formula(xx, xy, yy, 8, 5) == pytest.approx(slow_mmd2(x, y, KERNEL, unbiased), rel=0, abs=1e-14)
