"""How often a protocol notices that graphs were changed."""

from __future__ import annotations

import networkx as nx
import numpy as np
from tqdm import tqdm

from discrete_ed.graphs.descriptors import DESCRIPTORS
from discrete_ed.graphs.evaluation import AVERAGED
from discrete_ed.graphs.mmd import PROTOCOLS, describe
from discrete_ed.metrics.two_sample import TwoSampleTest, two_sample_test


def flipped(graph: nx.Graph, share: float, rng: np.random.Generator) -> nx.Graph:
    """The graph with each pair of nodes flipped with this probability."""
    adjacency = nx.to_numpy_array(graph, dtype=bool)
    flips = np.triu(rng.random(adjacency.shape) < share, 1)
    return nx.from_numpy_array(adjacency ^ flips ^ flips.T)


def p_values(
    graphs: list[nx.Graph],
    changed: list[nx.Graph],
    protocol: str,
    sizes: tuple[int, int],
    repeats: int,
    draws: int,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """P-values `(repeats,)` of random disjoint sets, the first of `graphs`, the second of `changed` ones."""
    first, second = describe(graphs, protocol), describe(changed, protocol)
    rng, chosen = np.random.default_rng(seed), PROTOCOLS[protocol]
    values: dict[str, list[float]] = {name: [] for name in (*DESCRIPTORS, "mean of 3", "all 4")}
    for _ in tqdm(range(repeats), desc=protocol, leave=False):
        order, deal = rng.permutation(len(graphs)), int(rng.integers(2**32))
        x, y = order[: sizes[0]], order[sizes[0] : sum(sizes)]
        drawn = {
            name: two_sample_test(
                first[name][x], second[name][y], kernel, unbiased=chosen.unbiased, draws=draws, seed=deal
            )
            for name, kernel in chosen.kernels.items()
        }
        for name, one in drawn.items():
            values[name].append(one.p_value)
        values["mean of 3"].append(TwoSampleTest.mean([drawn[name] for name in AVERAGED]).p_value)
        values["all 4"].append(TwoSampleTest.any(list(drawn.values())))
    return {name: np.array(p) for name, p in values.items()}
