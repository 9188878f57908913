"""The power of a protocol or a measure: how often it detects that graphs were changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import networkx as nx
import numpy as np

from discrete_ed.graphs.descriptors import AVERAGED, Description
from discrete_ed.graphs.measures import MEASURES, as_score, describe_sets, descriptors_of, p_value
from discrete_ed.graphs.mmd import describe
from discrete_ed.graphs.protocols import Protocol, get_protocol
from discrete_ed.graphs.yardsticks import select_rows
from discrete_ed.metrics.two_sample import joint_p_value, mean_test, two_sample_test


def flip_pairs(graph: nx.Graph, probability: float, rng: np.random.Generator) -> nx.Graph:
    """The graph after each pair of nodes was flipped, from edge to no edge or back, with this probability."""
    adjacency = nx.to_numpy_array(graph, dtype=bool)
    flips = np.triu(rng.random(adjacency.shape) < probability, 1)
    return nx.from_numpy_array(adjacency ^ flips ^ flips.T)


def p_values(
    graphs: Sequence[nx.Graph],
    changed: Sequence[nx.Graph],
    protocol: str,
    sizes: tuple[int, int],
    repeats: int,
    permutations: int,
    seed: int = 0,
    callback: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    """P-values of comparisons between disjoint random sets of graphs and of changed graphs.

    Args:
        graphs: the original graphs.
        changed: the same graphs, changed.
        protocol: name of the protocol.
        sizes: the number of graphs in the first set, taken from `graphs`, and in the second, taken from `changed`.
        repeats: the number of comparisons.
        permutations: permutations for each p-value.
        seed: seed of the sets and the permutations.
        callback: called after each comparison with the number of comparisons done and the total number.

    Returns:
        P-values `(repeats,)` for each statistic of the protocol, for `mean of 3` (degree, clustering and orbit), and
        for `all` statistics together.
    """
    chosen = get_protocol(protocol)
    described = describe(graphs, protocol), describe(changed, protocol)
    rng = np.random.default_rng(seed)
    found = []
    for done in range(1, repeats + 1):
        order, repeat_seed = rng.permutation(len(graphs)), int(rng.integers(2**32))
        rows = order[: sizes[0]], order[sizes[0] : sum(sizes)]
        found.append(_compared(chosen, described, rows, permutations, repeat_seed))
        if callback is not None:
            callback(done, repeats)
    return {name: np.array([p_values[name] for p_values in found]) for name in found[0]}


def _compared(
    protocol: Protocol,
    described: tuple[Description, Description],
    rows: tuple[np.ndarray, np.ndarray],
    permutations: int,
    seed: int,
) -> dict[str, float]:
    """The p-values of one comparison between selected rows of two sets of features."""
    first, second = described
    tests = {
        name: two_sample_test(
            first[name][rows[0]],
            second[name][rows[1]],
            kernel,
            unbiased=protocol.unbiased,
            permutations=permutations,
            seed=seed,
        )
        for name, kernel in protocol.kernels.items()
    }
    return {
        **{name: test.p_value for name, test in tests.items()},
        "mean of 3": mean_test([tests[name] for name in AVERAGED]).p_value,
        "all": joint_p_value(list(tests.values())),
    }


def measured_changes(
    graphs: Sequence[nx.Graph],
    changed: Sequence[nx.Graph],
    measure: str,
    sizes: tuple[int, int],
    repeats: int,
    permutations: int,
    seed: int = 0,
    callback: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Values and p-values of a measure in comparisons between disjoint random sets, `(repeats,)` each.

    The arguments are those of `p_values`; `measure` is a name among `MEASURES`, and `permutations` is for measures
    without a test of their own. Where the measure needs training graphs, all other original graphs are these.
    """
    chosen, names = MEASURES[measure], descriptors_of(measure)
    first, second = describe_sets(graphs, names), describe_sets(changed, names)
    rng = np.random.default_rng(seed)
    values, found = np.zeros(repeats), np.zeros(repeats)
    for done in range(repeats):
        order, repeat_seed = rng.permutation(len(graphs)), int(rng.integers(2**32))
        sets = (
            select_rows(first, order[: sizes[0]]),
            select_rows(second, order[sizes[0] : sum(sizes)]),
            select_rows(first, order[sum(sizes) :]) if chosen.needs_train else None,
        )
        result = as_score(chosen.score(*sets))
        values[done], found[done] = result.value, p_value(chosen, result, *sets, repeat_seed, permutations)
        if callback is not None:
            callback(done + 1, repeats)
    return values, found
